from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import DeadlineExpired, PowerdownError

seconds = st.floats(min_value=0.001, max_value=1e6)


@given(seconds, seconds)
def test_at_most_never_extends(allowed: float, nearer: float) -> None:
    deadline = Deadline.after(allowed)
    assert deadline.at_most(nearer).at <= deadline.at
    assert deadline.at_most(nearer).remaining <= nearer


def test_a_passed_deadline_has_nothing_remaining() -> None:
    deadline = Deadline(at=now() - 5, allowed=3)
    assert deadline.expired
    assert deadline.remaining == 0.0


def test_expiry_says_what_was_awaited_and_seen() -> None:
    error = Deadline.after(2.5).expire("a sign of life", "silence", "Wake it.")
    assert str(error) == "could not see a sign of life within 2.5 s: silence. Wake it."
    with pytest.raises(PowerdownError):
        raise error
    assert isinstance(error, DeadlineExpired)
