from __future__ import annotations

import pytest

from powerdown.core.errors import ControlChannelError
from powerdown.guest.channels.channel import CommandResult


def test_a_command_that_succeeded_is_its_own_check() -> None:
    result = CommandResult("ver", 0, "Microsoft Windows", "")
    assert result.checked() is result


@pytest.mark.parametrize(
    ("output", "error_output", "said"),
    [("out", "err", "err"), ("out\n", "", "out"), ("", " \n", "nothing"), ("x" * 9999, "", "xxx")],
)
def test_a_command_that_failed_is_an_error_that_quotes_it(
    output: str, error_output: str, said: str
) -> None:
    with pytest.raises(ControlChannelError, match="exit code 5") as caught:
        CommandResult("del x", 5, output, error_output).checked()
    assert said in str(caught.value)
    assert "'del x'" in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_long_command_is_quoted_in_part() -> None:
    with pytest.raises(ControlChannelError, match="6000 characters") as caught:
        CommandResult("x" * 6000, 1, "", "").checked()
    assert len(str(caught.value)) < 1000
