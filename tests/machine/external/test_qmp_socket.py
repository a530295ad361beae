"""Reaching the QMP socket of a QEMU of somebody else's, or not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.machine.external import qmp_socket
from powerdown.machine.external.qmp_socket import QmpAddress, connect_qmp, is_refused

SECONDS = 0.3


class Peer:
    """Listens on a UNIX socket and says one thing to everybody."""

    def __init__(self, path: Path, said: bytes | None, *, hang_up: bool) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._said, self._hang_up = said, hang_up
        self._open: list[socket.socket] = []
        if said is not None:
            threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
            connection.sendall(self._said or b"")
        except OSError:
            return
        if self._hang_up:
            connection.close()
        else:
            self._open.append(connection)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "q.sock"


@pytest.fixture
def peer(path: Path, request: pytest.FixtureRequest) -> Iterator[Peer]:
    said, hang_up = request.param
    made = Peer(path, said, hang_up=hang_up)
    yield made
    made.close()


def failure(path: Path) -> str:
    began = now()
    with pytest.raises(MachineError) as error:
        connect_qmp(QmpAddress(path), Deadline.after(SECONDS)).close()
    assert now() - began < SECONDS + 5
    return str(error.value)


@pytest.mark.parametrize("peer", [(b'{"QMP": {"version": {}}}\r\n', False)], indirect=True)
def test_a_greeting_is_left_for_the_reader(peer: Peer, path: Path) -> None:
    connection = connect_qmp(QmpAddress(path), Deadline.after(10))
    assert connection.recv(1000).startswith(b'{"QMP"')
    connection.close()


@pytest.mark.parametrize("peer", [(None, False)], indirect=True)
def test_one_whom_another_client_has_says_nothing(peer: Peer, path: Path) -> None:
    told = failure(path)
    assert "another client is connected" in told
    assert "--domain" in told
    assert "-qmp" in told
    # The queue of those who wait is full by now.
    waiting = [_waits(path) for _ in range(3)]
    assert "already waiting there" in failure(path) or "another client is connected" in failure(
        path
    )
    for one in waiting:
        one.close()


def _waits(path: Path) -> socket.socket:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.setblocking(False)
    one.connect_ex(str(path))
    return one


@pytest.mark.parametrize(
    ("peer", "told"),
    [
        ((b"QEMU 7.2.0 monitor - type 'help' for more information\r\n(qemu) ", False), "HMP"),
        ((b"SSH-2.0-OpenSSH_9.2\r\n", False), "does not speak QMP"),
        ((b"\xff\xfb\x01\xff\xfb\x03", False), "does not speak QMP"),
        ((b"[]\n", False), "does not speak QMP"),
        ((b'{"return": {}}\n', False), "does not speak QMP"),
        ((b"", True), "closed the connection"),
    ],
    indirect=["peer"],
)
def test_what_is_no_qmp_is_told(peer: Peer, path: Path, told: str) -> None:
    assert told in failure(path)


def test_no_such_socket(path: Path) -> None:
    assert "No such file" in failure(path)


def test_no_socket_at_all(path: Path) -> None:
    path.write_text("a disk image, perhaps")
    assert "it is not a socket" in failure(path)


def test_a_socket_left_behind(path: Path) -> None:
    Peer(path, None, hang_up=False).close()
    assert "nothing listens" in failure(path)
    assert is_refused(QmpAddress(path), Deadline.after(SECONDS))


def test_a_path_too_long_for_a_socket(path: Path) -> None:
    assert "could not connect to QMP" in failure(path.parent / ("x" * 200))


def test_no_permission(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(address: QmpAddress, deadline: Deadline) -> socket.socket:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(qmp_socket, "_connect", forbidden)
    assert "as the user that runs QEMU" in failure(path)
    assert not is_refused(QmpAddress(path), Deadline.after(SECONDS))


def test_a_port_where_nobody_listens() -> None:
    # Port 9 (discard) of loopback.
    with pytest.raises(MachineError, match=r"127\.0\.0\.1:9: Connection refused"):
        connect_qmp(QmpAddress.parse("127.0.0.1:9"), Deadline.after(SECONDS))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/run/q.sock", QmpAddress(Path("/run/q.sock"))),
        ("q.sock", QmpAddress(Path("q.sock"))),
        ("localhost:4444", QmpAddress(None, "localhost", 4444)),
        ("[::1]:4444", QmpAddress(None, "::1", 4444)),
        ("./a:1", QmpAddress(Path("a:1"))),
        ("a:b", QmpAddress(Path("a:b"))),
    ],
)
def test_addresses(text: str, address: QmpAddress) -> None:
    assert QmpAddress.parse(text) == address


def test_a_file_of_that_name_counts_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vm:1").touch()
    assert QmpAddress.parse("vm:1") == QmpAddress(Path("vm:1"))


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = QmpAddress.parse(text)
    except ValueError:
        return
    assert (address.path is None) != (address.host is None)
    if address.path is None:
        assert QmpAddress.parse(str(address)) == address
