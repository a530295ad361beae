"""The relay between a connection that breaks and one that does not."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from powerdown.machine.relay import Relay

SECONDS = 10.0


@pytest.fixture
def ends() -> Iterator[tuple[Relay, socket.socket]]:
    """A relay, and the peer outside."""
    outside, peer = socket.socketpair()
    relay = Relay(outside)
    peer.settimeout(SECONDS)
    relay.end.settimeout(SECONDS)
    yield relay, peer
    relay.close()
    relay.close()
    relay.end.close()
    peer.close()


def received(end: socket.socket) -> bytes:
    """Everything up to the end of file."""
    return b"".join(iter(lambda: end.recv(4096), b""))


def test_both_ways(ends: tuple[Relay, socket.socket]) -> None:
    relay, peer = ends
    relay.end.sendall(b"question")
    assert peer.recv(100) == b"question"
    peer.sendall(b"answer")
    assert relay.end.recv(100) == b"answer"


def test_last_words_arrive_whatever_is_written_meanwhile(
    ends: tuple[Relay, socket.socket],
) -> None:
    relay, peer = ends
    peer.sendall(b"last words" * 1000)
    peer.shutdown(socket.SHUT_RDWR)
    peer.close()
    for _ in range(1000):
        # More than any buffer holds: nobody would take it.
        relay.end.sendall(b"x" * 1000)
    assert received(relay.end) == b"last words" * 1000
    relay.end.sendall(b"nobody minds")


def test_last_words_arrive_after_a_reset(ends: tuple[Relay, socket.socket]) -> None:
    relay, peer = ends
    relay.end.sendall(b"never read")
    peer.sendall(b"last words")
    # Closed with something unread: the other side is told "connection reset" (unix(7)).
    peer.close()
    assert received(relay.end) == b"last words"


def test_descriptors_go_along_with_their_bytes(ends: tuple[Relay, socket.socket]) -> None:
    relay, peer = ends
    reader, writer = os.pipe()
    socket.send_fds(relay.end, [b" "], [writer])
    os.close(writer)
    said, descriptors, _, _ = socket.recv_fds(peer, 10, 4)
    assert said == b" "
    (given,) = descriptors
    os.write(given, b"through")
    os.close(given)
    # Nobody else holds it open: the relay has closed its own.
    assert os.read(reader, 100) == b"through"
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_the_peer_sees_the_end_of_the_user(ends: tuple[Relay, socket.socket]) -> None:
    relay, peer = ends
    relay.end.sendall(b"bye")
    relay.end.close()
    assert received(peer) == b"bye"


def test_nothing_is_left_running() -> None:
    outside, peer = socket.socketpair()
    relay = Relay(outside)
    relay.close()
    relay.end.close()
    peer.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("relay-") and t.is_alive()]
