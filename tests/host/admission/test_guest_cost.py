from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.host.admission.guest_cost import (
    CostRecords,
    GuestKind,
    Life,
    assumed_cost,
    learnt_cost,
)
from tests.support.fake_kernel import MIB

KIND = GuestKind("standin", 512, 2, "tcg", "clone")
LIFE = Life(seconds=2.0, wanted=0.5, memory=120 * MIB)


def lives(count: int, life: Life = LIFE) -> list[Life]:
    return [life] * count


def test_an_unknown_guest_wants_half_of_its_cpus_and_all_its_memory() -> None:
    cost = assumed_cost(KIND)
    assert (cost.cores, cost.seen) == (1.0, 0)
    assert cost.memory > 512 * MIB


def test_few_guests_are_not_believed() -> None:
    assert learnt_cost(KIND, lives(9)).seen == 0
    assert learnt_cost(KIND, lives(10)).cores == pytest.approx(0.25)


def test_long_lives_count_more() -> None:
    seen = [*lives(9), Life(seconds=82.0, wanted=82.0, memory=MIB)]
    cost = learnt_cost(KIND, seen)
    assert cost.cores == pytest.approx((9 * 0.5 + 82) / 100)
    assert cost.memory == 120 * MIB


def test_what_was_recorded_is_read_again(tmp_path: Path) -> None:
    records = CostRecords(tmp_path / "new")
    for _ in range(12):
        records.add(KIND, LIFE)
    cost = CostRecords(tmp_path / "new").cost(KIND)
    assert (cost.cores, cost.memory, cost.seen) == (0.25, 120 * MIB, 12)


@pytest.mark.parametrize(
    "change",
    [{"memory_mib": 1024}, {"vcpus": 1}, {"accelerator": "kvm"}, {"start": "cold"}, {"image": "i"}],
)
def test_whatever_else_is_started_otherwise_starts_afresh(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    records, other = CostRecords(tmp_path), replace(KIND, **change)
    for _ in range(12):
        records.add(KIND, LIFE)
    assert records.cost(other) == assumed_cost(other)
    for _ in range(12):
        records.add(other, replace(LIFE, wanted=1.0))
    assert records.cost(KIND).cores == pytest.approx(0.25)
    assert records.cost(other).cores == pytest.approx(0.5)


def test_only_recent_guests_are_remembered(tmp_path: Path) -> None:
    records = CostRecords(tmp_path)
    early = replace(LIFE, memory=400 * MIB)
    for life in [early, *lives(199)]:
        records.add(KIND, life)
    assert records.cost(KIND).memory == 400 * MIB
    records.add(KIND, LIFE)
    assert records.cost(KIND) == learnt_cost(KIND, lives(200))


def test_the_file_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("powerdown.host.admission.guest_cost._KEPT", 12)
    monkeypatch.setattr("powerdown.host.admission.guest_cost._FULL", 600)
    records = CostRecords(tmp_path)
    for _ in range(100):
        records.add(KIND, LIFE)
    (file,) = tmp_path.glob("*.jsonl")
    assert file.stat().st_size <= 600
    assert records.cost(KIND).seen == 12
    assert '"image": "standin"' in file.read_text()


numbers = st.none() | st.integers() | st.floats() | st.text(max_size=5)
lines = st.binary(max_size=60) | st.lists(numbers, max_size=4).map(
    lambda row: json.dumps(row).encode()
)


@given(lines)
def test_garbage_is_passed_over(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    records = CostRecords(tmp_path_factory.mktemp("costs"))
    records.add(KIND, LIFE)
    (file,) = records._directory.glob("*.jsonl")
    file.write_bytes(garbage + b"\n" + file.read_bytes())
    assert LIFE in records._read(KIND)
    records.add(KIND, LIFE)
    assert records._read(KIND)[-1] == LIFE
    assert all(life.seconds > 0 and life.wanted >= 0 for life in records._read(KIND))


@pytest.mark.parametrize(
    "life",
    [
        replace(LIFE, seconds=0.0),
        replace(LIFE, seconds=float("nan")),
        replace(LIFE, wanted=-1.0),
        replace(LIFE, wanted=float("inf")),
        replace(LIFE, memory=0),
    ],
)
def test_incredible_lives_are_not_recorded(tmp_path: Path, life: Life) -> None:
    CostRecords(tmp_path).add(KIND, life)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    records = CostRecords(tmp_path / "file" / "costs")
    records.add(KIND, LIFE)
    assert records.cost(KIND) == assumed_cost(KIND)


def test_several_workers_lose_nothing(tmp_path: Path) -> None:
    def add_many(_: int) -> None:
        for _ in range(20):
            CostRecords(tmp_path).add(KIND, LIFE)

    # Each call locks the file anew, so that threads exclude each other as processes do.
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_many, range(4)))
    assert CostRecords(tmp_path).cost(KIND).seen == 80
    assert not [file for file in tmp_path.iterdir() if file.suffix not in (".jsonl", ".lock")]
