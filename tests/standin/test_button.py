import os
import struct
import threading

from hypothesis import given
from hypothesis import strategies as st
from standin.button import KEY_POWER, ButtonReader, changes, open_devices


def event(kind, code, value):
    return struct.pack("@llHHi", 0, 0, kind, code, value)


PRESS = event(1, KEY_POWER, 1)
RELEASE = event(1, KEY_POWER, 0)
SYNC = event(0, 0, 0)


def test_repeats_and_other_events_do_not_count():
    data = PRESS + SYNC + RELEASE + SYNC + event(1, KEY_POWER, 2) + event(1, 30, 1) + event(2, 0, 1)
    assert changes(data) == [(KEY_POWER, True), (KEY_POWER, False), (30, True)]


@given(st.binary(max_size=200))
def test_any_bytes(data):
    assert len(changes(data)) <= len(data) // len(SYNC)


def test_presses_queued_before_the_reader_starts_are_handed_on():
    reading, writing = os.pipe2(os.O_NONBLOCK)
    os.write(writing, PRESS + SYNC + RELEASE + SYNC)
    seen: list[object] = []
    arrived = threading.Event()
    reader = ButtonReader(
        [reading],
        lambda: seen.append("power"),
        lambda code, pressed: (seen.append((code, pressed)), pressed or arrived.set()),  # type: ignore[arg-type]
        seen.append,
    )
    reader.start()
    os.write(writing, event(1, 30, 1) + event(1, 30, 0))
    assert arrived.wait(10)
    assert seen == ["power", (30, True), (30, False)]
    os.close(writing)


def test_a_press_that_goes_wrong_does_not_deafen_the_machine():
    reading, writing = os.pipe2(os.O_NONBLOCK)
    calls = []
    second = threading.Event()

    def press():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("bug")
        second.set()

    lines = []
    ButtonReader([reading], press, lambda code, pressed: None, lines.append).start()
    os.write(writing, PRESS + PRESS)
    assert second.wait(10)
    assert lines == ["power button: RuntimeError: bug"]
    os.close(writing)


def test_opening_devices(tmp_path):
    assert open_devices(str(tmp_path / "none")) == []
    for name in ("event0", "event1", "mouse0"):
        (tmp_path / name).write_bytes(b"")
    opened = open_devices(str(tmp_path))
    assert len(opened) == 2
    for fd in opened:
        os.close(fd)
