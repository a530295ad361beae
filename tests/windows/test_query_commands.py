"""Every command line that only looks, run once by the guest that models Windows."""

from __future__ import annotations

import pytest

from powerdown.guest.windows import Windows
from powerdown.windows import query_commands
from powerdown.windows.command_parts import MAX_LINE, join_parts, new_marker
from powerdown.windows.query_commands import LAST_STARTS, baseline_parts, sample_parts

BASELINE_PARTS = baseline_parts()
COMMANDS = {
    **{part.name: part.command for part in (*BASELINE_PARTS, *sample_parts(3))},
    "last_starts": LAST_STARTS,
}
MAY_FAIL = {
    "settings": "the last setting may be absent",
    "markers": "the last mark may be absent",
    "profiles": "the last profile may lack one of the keys",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_guest_understands(name: str, windows: Windows) -> None:
    result = windows.run(COMMANDS[name])
    said = result.output + result.error_output
    assert result.exit_code == 0 or name in MAY_FAIL, said
    assert "is not recognized" not in said
    assert "stand-in guest" not in said, "the stand-in says it does not model this"


def test_no_command_is_left_out() -> None:
    lines = [
        value
        for name, value in vars(query_commands).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("_")
    ]
    assert set(lines) <= set(COMMANDS.values())


def test_a_line_is_not_longer_than_cmd_takes() -> None:
    for parts in (BASELINE_PARTS, sample_parts(2**64 - 1)):
        assert len(join_parts(parts, new_marker())) < MAX_LINE


def test_a_variable_of_a_loop_pairs_with_no_other_per_cent_sign() -> None:
    """cmd.exe takes what lies between two signs for a variable's name, where there is one."""
    line = join_parts(BASELINE_PARTS, new_marker())
    before, loop = line.split("for /f", 1)
    assert before.count("%") % 2 == 0
    assert loop.count("%") == loop.count("%u")
