"""Chords as the events that QEMU gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.keys import press_chord


class Keyboard:
    def __init__(self) -> None:
        self.moves: list[str] = []

    def execute(self, command: str, arguments: Mapping[str, Any], deadline: Deadline) -> object:
        assert command == "input-send-event"
        for event in arguments["events"]:
            assert (event["type"], event["data"]["key"]["type"]) == ("key", "qcode")
            key = event["data"]["key"]["data"]
            if key == "zorro":
                raise MachineError("run QMP command input-send-event", "it is no key", "")
            self.moves.append(f"{'+' if event['data']['down'] else '-'}{key}")
        return {}


def moves(*chord: str) -> list[str]:
    keyboard = Keyboard()
    press_chord(keyboard, chord, Deadline.after(1))  # type: ignore[arg-type]
    return keyboard.moves


def test_keys_are_held_together() -> None:
    assert moves("alt", "f4") == ["+alt", "+f4", "-f4", "-alt"]


def test_a_key_named_again_is_pressed_again_while_the_others_are_held() -> None:
    assert moves("ctrl_r", "scroll_lock", "scroll_lock") == [
        "+ctrl_r",
        "+scroll_lock",
        "-scroll_lock",
        "+scroll_lock",
        "-scroll_lock",
        "-ctrl_r",
    ]


def test_no_key_stays_down_when_one_is_refused() -> None:
    keyboard = Keyboard()
    with pytest.raises(MachineError, match="no key"):
        press_chord(keyboard, ("alt", "zorro"), Deadline.after(1))  # type: ignore[arg-type]
    assert keyboard.moves == ["+alt", "-alt"]


@pytest.mark.parametrize("chord", [(), ("a", "b", "c", "d", "e")])
def test_more_than_a_keyboard_holds(chord: tuple[str, ...]) -> None:
    with pytest.raises(MachineError, match="one to 4 keys"):
        moves(*chord)
