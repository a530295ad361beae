import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin.keyboard import (
    ALT_F4,
    ENTER,
    ESC,
    KEY_ENTER,
    KEY_ESC,
    KEY_F4,
    KEY_KEYPAD_ENTER,
    KEY_LEFT_ALT,
    KEY_RIGHT_ALT,
    KEY_RIGHT_CTRL,
    KEY_SCROLL_LOCK,
    Keyboard,
)


class Desk:
    """A keyboard and what came of it."""

    def __init__(self):
        self.presses = 0
        self.chords = []
        self.crashes = 0
        self.keyboard = Keyboard(self._press, self.chords.append, self._crash)

    def _press(self):
        self.presses += 1

    def _crash(self):
        self.crashes += 1

    def hold(self, *codes):
        for code in codes:
            self.keyboard.key(code, True)

    def release(self, *codes):
        for code in codes:
            self.keyboard.key(code, False)

    def tap(self, *codes):
        for code in codes:
            self.hold(code)
            self.release(code)


@pytest.fixture
def desk():
    return Desk()


def test_single_keys(desk):
    desk.tap(KEY_ESC, KEY_ENTER, KEY_KEYPAD_ENTER, 30)
    assert desk.chords == [ESC, ENTER, ENTER]
    assert desk.presses == 4


@pytest.mark.parametrize("alt", [KEY_LEFT_ALT, KEY_RIGHT_ALT])
def test_alt_f4(desk, alt):
    desk.tap(KEY_F4)
    desk.hold(alt)
    desk.tap(KEY_F4)
    desk.release(alt)
    desk.tap(KEY_F4)
    assert desk.chords == [ALT_F4]


def test_other_keys_with_alt_are_other_chords(desk):
    desk.hold(KEY_LEFT_ALT)
    desk.tap(KEY_ESC, KEY_ENTER)
    assert desk.chords == []


def test_right_ctrl_and_scroll_lock_twice(desk):
    desk.tap(KEY_SCROLL_LOCK, KEY_SCROLL_LOCK)
    desk.hold(KEY_RIGHT_CTRL)
    desk.tap(KEY_SCROLL_LOCK)
    assert desk.crashes == 0
    desk.tap(KEY_SCROLL_LOCK)
    assert desk.crashes == 1


@pytest.mark.parametrize("between", [lambda d: d.release(KEY_RIGHT_CTRL), lambda d: d.tap(30)])
def test_what_breaks_the_sequence(desk, between):
    desk.hold(KEY_RIGHT_CTRL)
    desk.tap(KEY_SCROLL_LOCK)
    between(desk)
    desk.hold(KEY_RIGHT_CTRL)
    desk.tap(KEY_SCROLL_LOCK)
    assert desk.crashes == 0


@given(st.lists(st.tuples(st.integers(0, 120), st.booleans())))
def test_every_press_counts_as_input(keys):
    desk = Desk()
    for code, pressed in keys:
        desk.keyboard.key(code, pressed)
    assert desk.presses == sum(pressed for _, pressed in keys)
    assert len(desk.chords) + desk.crashes <= desk.presses
