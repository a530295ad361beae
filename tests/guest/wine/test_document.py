"""The document is saved when the session ends, and in no other case."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from powerdown.guest.probe_programs import DOCUMENT
from tests.guest.wine.application import Application
from tests.guest.wine.oracle import writes
from tests.guest.wine.session import STEP_SECONDS, WINE_MARKS, Wine, Witness
from tests.support.wine_types import OpenApplication

pytestmark = WINE_MARKS


@dataclass(frozen=True)
class OpenDocument:
    application: Application
    saved: list[tuple[str, str, int]]


@pytest.fixture
def document(open_application: OpenApplication, place: str) -> OpenDocument:
    arguments = [place + "\\Ünsaved work\\report.txt", 'Grüße, 世界: "one" & two']
    application = open_application(DOCUMENT, *arguments)
    return OpenDocument(application, writes(application.behaviour["end_session"], arguments))


def test_the_document_is_saved_when_the_session_ends(wine: Wine, document: OpenDocument) -> None:
    assert document.application.runs
    assert [wine.read(path) for path, _, _ in document.saved] == [None]

    wine.run("wineboot", "-e")  # WM_QUERYENDSESSION, then WM_ENDSESSION

    document.application.process.wait(STEP_SECONDS)
    for path, text, _ in document.saved:
        assert wine.read(path) == text


def test_a_refused_shutdown_does_not_save_the_document(
    wine: Wine, witness: Witness, document: OpenDocument
) -> None:
    assert witness("refused-end", document.application.title) == [1], "it declares that it agrees"
    assert document.application.runs
    assert [wine.read(path) for path, _, _ in document.saved] == [None]


@pytest.mark.parametrize("way", ["the program is killed", "power is cut"])
def test_the_document_is_lost_when(wine: Wine, document: OpenDocument, way: str) -> None:
    if way == "power is cut":
        wine.power_cut()
    else:
        document.application.process.kill()
    # Its status says nothing: Wine ends a program that has lost its wineserver with 0 at times.
    document.application.process.wait(STEP_SECONDS)
    assert [wine.read(path) for path, _, _ in document.saved] == [None]
