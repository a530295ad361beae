from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.host.admission.guest_cost import GuestCost
from powerdown.host.admission.workers import memory_reserve, workers
from tests.support.fake_kernel import GIB, MIB, ScriptedHost

CLONE = GuestCost(0.31, 120 * MIB, 112)
UNKNOWN = GuestCost(1.0, 704 * MIB, 0)


def test_the_line_says_what_follows_from_what() -> None:
    host = ScriptedHost(2, free=int(21.3 * GIB))
    told = str(workers(host, [CLONE]))
    assert told == (
        "6 workers: 2 cores, a guest wants 0.31 of one on average (112 guests seen); "
        "21.3 GiB free, a guest costs 0.12 GiB"
    )


def test_unknown_guests_get_a_core_each() -> None:
    found = workers(ScriptedHost(2), [UNKNOWN])
    assert found.count == 2
    assert "none seen yet" in found.why


def test_big_guests_are_limited_by_their_cpus() -> None:
    assert workers(ScriptedHost(8), [GuestCost(4.0, GIB, 0)]).count == 2


def test_memory_decides_where_it_is_short() -> None:
    host = ScriptedHost(16, free=4 * GIB, total=8 * GIB)
    assert workers(host, [UNKNOWN]).count == 4
    assert workers(host, [UNKNOWN], shared=2 * GIB).count == 1


def test_images_are_met_equally_often_and_the_biggest_must_fit() -> None:
    host = ScriptedHost(4, free=64 * GIB)
    busy = GuestCost(1.0, 100 * MIB, 50)
    assert workers(host, [busy, GuestCost(0.2, GIB, 50)]).count == 7
    assert "costs 1.00 GiB" in workers(host, [busy, GuestCost(0.2, GIB, 50)]).why


def test_not_more_than_there_is_to_do() -> None:
    found = workers(ScriptedHost(64), [CLONE], limit=3)
    assert found.count == 3
    assert "to do" in found.why
    assert workers(ScriptedHost(64), [CLONE], limit=0).count == 1


def test_a_host_without_room_still_gets_one() -> None:
    host = ScriptedHost(0.25, free=0, total=GIB)
    assert str(workers(host, [UNKNOWN])).startswith("1 worker: 0.25 cores")
    assert workers(ScriptedHost(1), []).count == 1


costs = st.lists(
    st.builds(GuestCost, st.floats(0, 64), st.integers(0, 64 * GIB), st.integers(0, 200)),
    min_size=1,
    max_size=3,
)
cores = st.floats(0.1, 256)
memory = st.integers(0, 1024 * GIB)


@given(costs, cores, memory, st.none() | st.integers(0, 50))
def test_always_at_least_one_and_within_the_limit(
    costs: list[GuestCost], cores: float, free: int, limit: int | None
) -> None:
    count = workers(ScriptedHost(cores, free, 1024 * GIB), costs, limit=limit).count
    assert count >= 1
    assert limit is None or count <= max(1, limit)


@given(costs, cores, memory, cores, memory)
def test_more_of_everything_never_means_fewer(
    costs: list[GuestCost], cores: float, free: int, more_cores: float, more: int
) -> None:
    small = workers(ScriptedHost(cores, free, 2048 * GIB), costs)
    big = workers(ScriptedHost(cores + more_cores, free + more, 2048 * GIB), costs)
    assert big.count >= small.count


@given(costs, cores, memory)
def test_guests_and_reserve_fit_into_memory(
    costs: list[GuestCost], cores: float, free: int
) -> None:
    total = 1024 * GIB
    count = workers(ScriptedHost(cores, free, total), costs).count
    needed = count * max(cost.memory for cost in costs)
    assert count == 1 or needed + memory_reserve(total) <= free


@pytest.mark.parametrize("total", [GIB // 4, GIB, 24 * GIB, 512 * GIB])
def test_the_host_keeps_something(total: int) -> None:
    assert 0 < memory_reserve(total) <= total // 4
