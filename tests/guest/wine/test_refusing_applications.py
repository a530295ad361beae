"""Applications that do not let the session end: what each does when Wine really asks it.

``wineboot -e`` broadcasts WM_QUERYENDSESSION and WM_ENDSESSION as Windows does, and ends with 1
when a program refuses. An agreeing one, for comparison: ``test_document.py``.
"""

from __future__ import annotations

import re
import subprocess

import pytest

from powerdown.guest.probe_programs import HANGER, HIDDEN, REASONED, REFUSER, ProbeProgram
from tests.guest.wine.oracle import expand
from tests.guest.wine.session import STEP_SECONDS, WINE_MARKS, Wine, Witness
from tests.support.wine_types import OpenApplication

pytestmark = WINE_MARKS

REASON = 'Writing a CD: "Grüße" & 50% left'
WATCHED_SECONDS = 2.0
"""Ten times what an agreeing program takes."""


@pytest.mark.parametrize(
    ("program", "arguments"),
    [(REFUSER, []), (REASONED, [REASON]), (HIDDEN, [])],
    ids=["refuser", "reasoned", "hidden"],
)
def test_it_refuses_and_goes_on(
    wine: Wine,
    witness: Witness,
    open_application: OpenApplication,
    program: ProbeProgram,
    arguments: list[str],
) -> None:
    application = open_application(program, *arguments)
    assert application.behaviour["query_end_session"] == "refuse"

    for _ in range(2):  # It does so as often as it is asked.
        assert wine.result("wineboot", "-e") == (1, "")
        assert application.runs
    assert witness("responds", application.title) == [1]
    window, thread, visible = witness("window", application.title)
    assert [window, thread, visible] == application.window, "it is the same window as before"
    assert bool(visible) == application.behaviour["window"]["visible"]


def test_its_reason_is_given_to_windows(wine: Wine, open_application: OpenApplication) -> None:
    """Seen as the call itself: Wine's ShutdownBlockReasonCreate keeps nothing to ask for."""
    call = "user32.ShutdownBlockReasonCreate"
    with wine.relayed(call):
        application = open_application(REASONED, REASON, debug="+relay")

    # 0150:Call user32.ShutdownBlockReasonCreate(0015006e,003819ac L"text") ret=140001150
    calls = re.findall(
        rf'^([0-9a-f]+):Call {call}\(([0-9a-f]+),[0-9a-f]+ L"(.*)"\) ret=',
        application.log(),
        re.MULTILINE,
    )
    assert len(calls) == 1
    thread, window, text = calls[0]
    # Windows takes it from no thread but the window's own.
    assert [int(window, 16), int(thread, 16)] == application.window[:2]
    text = re.sub(r"\\([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)
    declared = expand(application.behaviour["block_reason"], application.arguments)
    assert text.replace('\\"', '"') == declared


def test_it_hangs_only_when_it_is_asked(
    wine: Wine, witness: Witness, open_application: OpenApplication
) -> None:
    hanger = open_application(HANGER)
    assert hanger.behaviour["query_end_session"] == "hang"
    assert witness("responds", hanger.title) == [1]

    end = wine.start("wineboot", "-e")
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            end.wait(WATCHED_SECONDS)
        assert hanger.runs
        assert witness("responds", hanger.title) == [0]
        hanger.kill()
        end.wait(STEP_SECONDS)  # Nothing else held it.
    finally:
        end.kill()
        end.wait(STEP_SECONDS)
