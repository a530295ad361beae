"""The lingerer agrees to the end of the session, and takes its time over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.core.deadline import now
from powerdown.guest.probe_programs import LINGERER, compile_probe
from tests.guest.wine.oracle import expand
from tests.guest.wine.session import STEP_SECONDS, WINE_MARKS, Wine, Witness
from tests.support.wine_types import OpenApplication

pytestmark = WINE_MARKS

ERROR_INVALID_PARAMETER = 87  # winerror.h


def test_it_is_as_slow_to_end_as_it_is_told(
    wine: Wine, witness: Witness, open_application: OpenApplication
) -> None:
    lingerer = open_application(LINGERER, "2500")
    (action,) = lingerer.behaviour["end_session"]
    seconds = int(expand(action["wait_ms"], lingerer.arguments)) / 1000
    assert witness("responds", lingerer.title) == [1]

    began = now()
    end = wine.start("wineboot", "-e")  # WM_QUERYENDSESSION, then WM_ENDSESSION
    try:
        # Its window takes no other message meanwhile.
        while witness("responds", lingerer.title) == [1]:
            assert now() - began < STEP_SECONDS, "it takes no time over WM_ENDSESSION"
        assert lingerer.runs
        assert end.wait(STEP_SECONDS) == 0, "it declares that it agrees"
    finally:
        end.kill()
        end.wait(STEP_SECONDS)
    lingerer.process.wait(STEP_SECONDS)
    assert now() - began >= seconds


def test_a_refused_shutdown_does_not_keep_it(
    witness: Witness, open_application: OpenApplication
) -> None:
    lingerer = open_application(LINGERER, f"{STEP_SECONDS * 2000:.0f}")
    assert witness("refused-end", lingerer.title) == [1], "it declares that it agrees"
    assert witness("responds", lingerer.title) == [1]


@pytest.mark.parametrize("arguments", [[], ["1", "2"], ["soon"], ["-1"]], ids=str)
def test_without_a_time_it_does_not_start(wine: Wine, compiled: Path, arguments: list[str]) -> None:
    program = wine.install(compile_probe(LINGERER, compiled))
    code, _ = wine.result(program, *arguments)
    assert code == ERROR_INVALID_PARAMETER
