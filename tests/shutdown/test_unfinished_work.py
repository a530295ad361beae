from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.core.errors import ControlChannelError
from powerdown.guest.windows import Windows
from powerdown.shutdown import unfinished_work
from powerdown.shutdown.unfinished_work import UpdateState
from tests.support.fake_machine import ScriptedChannel


@pytest.mark.parametrize(
    ("state", "replaced", "finished", "interrupted"),
    [
        ("installed", 20, True, False),
        ("installing", 7, False, True),
        ("installing", 0, False, False),
        ("installing", 20, False, False),
        ("installed", 19, False, False),
        (None, 0, False, False),
    ],
)
def test_only_a_mix_under_way_is_an_interrupted_update(
    state: str | None, replaced: int, finished: bool, interrupted: bool
) -> None:
    update = UpdateState(state, replaced)
    assert (update.finished, update.interrupted) == (finished, interrupted)


def test_the_update_is_read_component_by_component() -> None:
    listed = "component-1.txt\ncomponent-2.txt\n"
    windows = Windows(ScriptedChannel({"dir /b": listed, "type": "installing\n"}))
    assert unfinished_work.update(windows) == UpdateState("installing", 2)


def test_an_update_that_never_began_is_said_so() -> None:
    assert unfinished_work.update(Windows(ScriptedChannel({}))) == UpdateState(None, 0)


def test_a_program_that_does_not_start_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "powerdown-document.exe"
    program.write_bytes(b"MZ" + bytes(9000))
    monkeypatch.setattr("powerdown.guest.windows.COMMAND_SECONDS", 0.05)
    channel = ScriptedChannel({"if not": "", "del": "", "echo": "", "certutil": "", "schtasks": ""})
    with pytest.raises(ControlChannelError, match="autologon"):
        unfinished_work.begin(Windows(channel), program, program)
    lines = [command for command in channel.commands if command.startswith("echo ")]
    assert len(lines) == 3
    assert all(len(line) < 8191 for line in lines)
