from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from powerdown.cli import main as cli_main
from powerdown.cli.facts_command import facts_to_json, facts_to_text
from powerdown.windows.facts import logon_facts
from powerdown.windows.facts.all_facts import ALL_FACTS
from powerdown.windows.facts.fact import FactStatus
from tests.support.paths import REPOSITORY

DOCUMENT = Path(REPOSITORY, "docs", "windows-facts.md")
ONE = """\
Logon and display

  no-logon-press: unconfirmed
    With ShutdownWithoutLogon 0, a press at the logon screen is discarded.
    sources   qcloud-documents 213/2917
    used by   no-logon-shutdown, rule "no logon"
    set up    Set ShutdownWithoutLogon to 0, turn automatic logon off, and set the button to shut
              down.
    do        Start to the logon screen, light it with a key, and press the button; repeat with 1.
    shown by  The guest stays up without a 1074 with 0, and powers off with 1.

1 fact: 1 unconfirmed
"""
UNCONFIRMED = [fact.id for fact in ALL_FACTS if fact.status is FactStatus.UNCONFIRMED]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli_main.main(["facts", *arguments]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


def test_all_facts_are_listed_with_their_status(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys)
    for fact in ALL_FACTS:
        assert f"\n  {fact.id}: {fact.status}\n" in text
    assert text.splitlines()[-1].startswith(f"{len(ALL_FACTS)} facts: ")


def test_one_fact_is_shown_with_all_that_is_known_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert printed(capsys, "no-logon-press") == ONE


def test_an_id_may_be_given_as_it_is_cited(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "fact:no-logon-press") == printed(capsys, "no-logon-press")


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal_or_100_columns(width: int) -> None:
    lines = facts_to_text(ALL_FACTS, width).splitlines()
    longest_word = max(len(word) for line in lines for word in line.split())
    assert max(map(len, lines)) <= max(min(max(width, 60), 100), longest_word + 14)


def test_only_what_no_source_confirms(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--unconfirmed")
    assert text.count(": unconfirmed\n") == len(UNCONFIRMED)
    assert ": documented" not in text
    # Each says how it could be settled.
    assert text.count("    shown by  ") == len(UNCONFIRMED)
    assert text.splitlines()[-1] == f"{len(UNCONFIRMED)} facts: {len(UNCONFIRMED)} unconfirmed"


def test_a_confirmed_fact_is_not_among_the_unconfirmed(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--unconfirmed", "no-logon-policy") == "no facts\n"


def test_json_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(printed(capsys, "--json"))
    assert [each["id"] for each in listed] == [fact.id for fact in ALL_FACTS]
    fields = ["id", "claim", "status", "builds", "sources", "experiment", "used_by"]
    assert all(list(each) == fields for each in listed)
    [one] = json.loads(printed(capsys, "--json", "no-logon-press"))
    assert one["claim"] == logon_facts.NO_LOGON_PRESS.claim
    assert one["status"] == "unconfirmed"
    assert one["builds"] == []
    assert one["experiment"]["shows"].startswith("The guest stays up")
    assert one["used_by"]["rules"] == ["no logon"]
    assert one["used_by"]["faults"][0].startswith("no-logon-shutdown/")
    assert one["used_by"]["settings"] == []


def test_json_of_the_unconfirmed(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(printed(capsys, "--json", "--unconfirmed"))
    assert [each["id"] for each in listed] == UNCONFIRMED


def test_builds_of_a_measured_fact_are_numbers() -> None:
    measured = replace(
        logon_facts.NO_LOGON_PRESS, status=FactStatus.MEASURED, builds=(17763, 20348)
    )
    [shown] = facts_to_json([measured])
    assert (shown["status"], shown["builds"]) == ("measured", [17763, 20348])


def test_markdown_is_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--markdown") == DOCUMENT.read_text()


@pytest.mark.parametrize("selection", ["--unconfirmed", "no-logon-press"])
def test_the_page_has_all_facts(selection: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_main.main(["facts", "--markdown", selection]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "--markdown" in output.err


def test_an_unknown_id_is_one_line_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli_main.main(["facts", "nologon-press"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "'nologon-press'" in output.err
    assert 'Did you mean "no-logon-press"?' in output.err


def test_help_explains_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli_main.main(["facts", "--help"])
    text = capsys.readouterr().out
    for expected in ("--unconfirmed", "--json", "--markdown", "0    listed"):
        assert expected in text
