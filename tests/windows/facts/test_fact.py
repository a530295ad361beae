from __future__ import annotations

import pytest

from powerdown.windows.facts.fact import Fact, Status


@pytest.mark.parametrize(
    ("status", "settled"),
    [
        (Status.DOCUMENTED, True),
        (Status.SEEN, True),
        (Status.MEASURED, True),
        (Status.REPORTED, False),
        (Status.UNCONFIRMED, False),
    ],
)
def test_what_may_be_relied_on_without_measuring(status: Status, settled: bool) -> None:
    assert status.settled is settled


def test_a_measured_fact_names_its_builds() -> None:
    fact = Fact("a-press", "A press counts.", Status.MEASURED, ("runs",), builds=(17763, 20348))
    assert fact.standing == "measured on build 17763, 20348"


def test_other_facts_show_their_status_alone() -> None:
    assert Fact("a-press", "A press counts.", Status.SEEN, ("logs",)).standing == (
        "seen in real artefacts"
    )
