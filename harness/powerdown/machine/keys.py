"""Keys pressed on the guest's keyboard by the host."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from powerdown.core.deadline import Deadline
from powerdown.core.errors import MachineError
from powerdown.machine.qmp import Qmp

_MOST_KEYS = 4
"""QEMU's PS/2 keyboard holds 16 bytes that the guest has not read (qemu:hw/input/ps2.c) and drops
the rest; a key takes at most two to press and two to release."""


def press_chord(qmp: Qmp, chord: Sequence[str], deadline: Deadline) -> None:
    """Press keys in this order, hold them together and release them in the opposite order.

    A key named again is released and pressed again while the others are held: ``("ctrl_r",
    "scroll_lock", "scroll_lock")`` is right Ctrl held and Scroll Lock pressed twice.

    :param chord: one to four names of QEMU's ``QKeyCode`` (qapi/ui.json): ``"alt"``, ``"f4"``.
    :raise MachineError: QEMU has ended or does not know a key.
    """
    if not 1 <= len(chord) <= _MOST_KEYS:
        raise MachineError(
            f"press {'+'.join(chord) or 'no key'}",
            f"{len(chord)} keys were given",
            f"Press one to {_MOST_KEYS} keys at a time.",
        )
    held: list[str] = []
    try:
        for key in chord:
            if key in held:
                _move(qmp, key, deadline, down=False)
                held.remove(key)
            _move(qmp, key, deadline, down=True)
            held.append(key)
    finally:
        for key in reversed(held):
            # The first error is reported; if QEMU has ended, no key is held.
            with contextlib.suppress(MachineError):
                _move(qmp, key, deadline, down=False)


def _move(qmp: Qmp, key: str, deadline: Deadline, *, down: bool) -> None:
    pressed = {"down": down, "key": {"type": "qcode", "data": key}}
    qmp.execute("input-send-event", {"events": [{"type": "key", "data": pressed}]}, deadline)
