from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from powerdown.core.deadline import Deadline
from powerdown.machine.events import EventStream, named
from powerdown.shutdown.control_watch import ControlWatch
from powerdown.shutdown.observation import CONTROL_BACK, CONTROL_CLOSED

PATIENCE = 10.0


class Port:
    """A listening port whose connections the test closes."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.accepted: list[socket.socket] = []
        self.address: tuple[str, int] = self.listener.getsockname()[:2]

    def accept(self) -> socket.socket:
        connection = self.listener.accept()[0]
        connection.settimeout(PATIENCE)
        self.accepted.append(connection)
        return connection

    def close(self) -> None:
        for thing in (self.listener, *self.accepted):
            thing.close()


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port()
    yield port
    port.close()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """It ends by itself soon after the watch was left, however busy it was."""
    yield
    deadline = Deadline.after(PATIENCE)
    for thread in threading.enumerate():
        if thread.name == "control-watch":
            thread.join(deadline.remaining)
            assert not thread.is_alive()


def names(events: EventStream) -> list[str]:
    return [event.name for event in events.since()]


def wait_for(events: EventStream, name: str, count: int = 1) -> None:
    deadline = Deadline.after(PATIENCE)
    at = 0.0
    for _ in range(count):
        found = events.wait(named(name), deadline, since=at)
        assert found is not None, f"no {name}: {names(events)}"
        at = found.at + 1e-9


def yes(deadline: Deadline) -> bool:
    return True


def no(deadline: Deadline) -> bool:
    return False


def test_an_idle_close_of_a_port_that_still_answers(port: Port) -> None:
    events = EventStream()
    with ControlWatch(port.address, yes, events):
        port.accept().close()
        wait_for(events, CONTROL_BACK)
        # It watches again.
        port.accept().close()
        wait_for(events, CONTROL_BACK, 2)
        port.accept()
    assert names(events) == [CONTROL_CLOSED, CONTROL_BACK] * 2


@pytest.mark.parametrize("answers", [yes, no])
def test_a_port_that_is_gone(port: Port, answers: Callable[[Deadline], bool]) -> None:
    events = EventStream()
    with ControlWatch(port.address, answers, events) as watch:
        connection = port.accept()
        if answers is yes:
            # It answered a request and was gone for the next connection.
            port.listener.close()
        connection.close()
        watch._thread.join(PATIENCE)
        assert not watch._thread.is_alive()
    assert names(events) == [CONTROL_CLOSED]


def test_a_reset_is_a_close_too(port: Port) -> None:
    events = EventStream()
    with ControlWatch(port.address, no, events):
        connection = port.accept()
        # Linger of 0 s: closing sends RST (socket(7)).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
        wait_for(events, CONTROL_CLOSED)
    assert names(events) == [CONTROL_CLOSED]


def test_nothing_that_listened_is_nothing_lost(port: Port) -> None:
    port.listener.close()
    events = EventStream()
    with ControlWatch(port.address, yes, events):
        pass
    assert names(events) == []


def test_leaving_is_no_loss_and_closes_the_connection(port: Port) -> None:
    events = EventStream()
    with ControlWatch(port.address, yes, events):
        connection = port.accept()
        connection.sendall(b"a guest may talk before it is asked")
    assert connection.recv(1) == b""
    assert names(events) == []


def test_leaving_while_it_asks_records_no_return(port: Port) -> None:
    events, asked, leaving = EventStream(), threading.Event(), threading.Event()

    def slow(deadline: Deadline) -> bool:
        asked.set()
        return leaving.wait(PATIENCE)

    with ControlWatch(port.address, slow, events) as watch:
        port.accept().close()
        assert asked.wait(PATIENCE)
        # Let go once the watch is told to stop.
        threading.Thread(target=lambda: (watch._stopped.wait(PATIENCE), leaving.set())).start()
    assert names(events) == [CONTROL_CLOSED]
    assert port.accept().recv(1) == b"", "the connection made meanwhile is closed"


def test_a_guest_that_closes_for_ever_does_not_fill_the_record(port: Port) -> None:
    events = EventStream()
    with ControlWatch(port.address, yes, events) as watch:
        while watch._thread.is_alive() and len(names(events)) < 1000:
            port.listener.settimeout(0.5)
            try:
                port.accept().close()
            except TimeoutError:
                break
        watch._thread.join(PATIENCE)
        assert not watch._thread.is_alive()
    assert names(events)[-1] == CONTROL_BACK, "a port that came back is not lost"
    assert len(names(events)) <= 200
