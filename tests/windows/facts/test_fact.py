from __future__ import annotations

import pytest

from powerdown.windows.facts.fact import Fact, FactStatus


@pytest.mark.parametrize(
    ("status", "settled"),
    [
        (FactStatus.DOCUMENTED, True),
        (FactStatus.SEEN, True),
        (FactStatus.MEASURED, True),
        (FactStatus.REPORTED, False),
        (FactStatus.UNCONFIRMED, False),
    ],
)
def test_what_may_be_relied_on_without_measuring(status: FactStatus, settled: bool) -> None:
    assert status.settled is settled


def test_a_measured_fact_names_its_builds() -> None:
    fact = Fact("a-press", "A press counts.", FactStatus.MEASURED, ("runs",), builds=(17763, 20348))
    assert fact.standing == "measured on build 17763, 20348"


def test_other_facts_show_their_status_alone() -> None:
    assert Fact("a-press", "A press counts.", FactStatus.SEEN, ("logs",)).standing == (
        "seen in real artefacts"
    )
