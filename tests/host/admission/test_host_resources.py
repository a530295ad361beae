from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import HostError
from powerdown.host.admission.host_resources import CpuReading, HostResources, free_cores
from tests.support.fake_kernel import GIB, FakeProc


def group(root: Path, name: str, **files: str) -> None:
    (root / name).mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (root / name / file.replace("_", ".", 1)).write_text(text)


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    proc = FakeProc(tmp_path / "proc")
    proc.cpus(100, 200, 400)
    proc.memory(8 * GIB, 6 * GIB)
    return proc


@pytest.fixture
def cgroups(tmp_path: Path) -> Path:
    return tmp_path / "cgroups"


def host(proc: FakeProc, cgroups: Path, cpus: tuple[int, ...] = (0, 2)) -> HostResources:
    return HostResources(proc.path, cgroups, frozenset(cpus))


def test_only_the_cpus_we_may_use_count(proc: FakeProc, cgroups: Path) -> None:
    ours = host(proc, cgroups)
    assert ours.cores() == 2
    # 100 and 400 ticks, as many again for a disk.
    assert ours.read_cpu().idle == pytest.approx(1000 / os.sysconf("SC_CLK_TCK"))


def test_cpus_that_are_not_counted_pass_for_idle(proc: FakeProc, cgroups: Path) -> None:
    proc.cpus(0, 0, 0)
    ours = host(proc, cgroups)
    first, second = ours.read_cpu(), ours.read_cpu()
    assert free_cores(first, second) > 0


def test_the_tightest_quota_above_us_holds(proc: FakeProc, cgroups: Path) -> None:
    proc.control_group("ci/job")
    group(cgroups, "ci/job", cpu_max="150000 100000\n", cpu_stat="usage_usec 7000000\n")
    group(cgroups, "ci", cpu_max="50000 100000\n", cpu_stat="nr 1\nusage_usec 9000000\n")
    group(cgroups, "", cpu_max="max 100000\n")
    ours = host(proc, cgroups)
    assert ours.cores() == 0.5
    assert ours.read_cpu().quotas == ((1.5, 7.0), (0.5, 9.0))


def test_memory_is_what_group_and_host_have_left(proc: FakeProc, cgroups: Path) -> None:
    proc.control_group("job")
    assert host(proc, cgroups).free_memory() == 6 * GIB
    group(cgroups, "job", memory_max=f"{4 * GIB}\n", memory_current=f"{3 * GIB}\n")
    assert host(proc, cgroups).free_memory() == GIB
    group(cgroups, "job", memory_stat=f"anon 1\ninactive_file {GIB}\n")
    assert host(proc, cgroups).free_memory() == 2 * GIB
    assert host(proc, cgroups).total_memory() == 4 * GIB


def test_garbage_in_a_group_is_no_limit(proc: FakeProc, cgroups: Path) -> None:
    group(cgroups, "", cpu_max="few", memory_max="max\n", memory_current="?")
    assert host(proc, cgroups).cores() == 2
    assert host(proc, cgroups).free_memory() == 6 * GIB


def test_a_kernel_that_tells_nothing_is_an_error(tmp_path: Path) -> None:
    silent = HostResources(tmp_path / "nowhere", tmp_path, frozenset({0}))
    with pytest.raises(HostError, match="meminfo"):
        silent.free_memory()
    with pytest.raises(HostError, match="stat"):
        silent.read_cpu()


def test_free_is_what_was_idle_or_ours_within_the_quota() -> None:
    before = CpuReading(10.0, 5.0, 1.0, ((1.5, 3.0),))
    after = CpuReading(12.0, 8.0, 1.5, ((1.5, 5.0),))
    # Idle 1.5 cores, of the quota 0.5 left; the harness itself used 0.25.
    assert free_cores(before, after) == pytest.approx(0.75)
    assert free_cores(after, after) == 0.0


seconds = st.floats(0, 1e6)


@given(st.tuples(seconds, seconds, seconds), st.tuples(seconds, seconds, seconds))
def test_free_is_never_negative(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> None:
    # Idle time has been seen to go back.
    assert free_cores(CpuReading(*first), CpuReading(*second)) >= 0


def test_this_host_is_understood() -> None:
    this = HostResources()
    assert 0 < this.cores() <= (os.cpu_count() or 1)
    assert 0 < this.free_memory() <= this.total_memory()
    assert this.read_cpu().idle > 0
