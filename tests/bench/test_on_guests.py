"""Benchmarks on a guest of one boot sector: that they measure, not what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.figures import Figures
from bench.growth import measure_growth, memory_growth_rows
from bench.memory import measure_clones, measure_cold, memory_rows
from bench.site import Site, open_site
from bench.starts import measure_starts, start_rows
from bench.verdicts import measure_verdicts, verdict_rows
from powerdown.core.errors import MachineError
from powerdown.host.host import Host
from powerdown.host.snapshots.template_store import TemplateStore
from powerdown.images.image import DiskBus, Image
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from powerdown.machine.hypervisor import QemuHypervisor
from tests.support.boot_sector import OBEDIENT, boot_image

TCG = Accelerator(AcceleratorKind.TCG, "never KVM in the harness's own tests")

pytestmark = pytest.mark.guest


def quiet(line: str) -> None:
    """Nobody looks on."""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(QemuHypervisor(TCG), tmp_path / "cache")


@pytest.fixture
def image(tmp_path: Path) -> Image:
    made = boot_image(tmp_path, OBEDIENT)
    # It spins while it waits for the button, and so never comes to rest.
    return replace(made, budgets=replace(made.budgets, boot=4))


@pytest.fixture
def site(host: Host, image: Image) -> Iterator[Site]:
    with open_site(host, image, keep_templates=False) as opened:
        yield opened


def test_starts_verdicts_and_memory(site: Site) -> None:
    figures = Figures()
    measure_starts(site, figures, rounds=2, cold_rounds=1, say=quiet)
    assert [figures.count(f"start/{name}") for name in ("floor", "clone", "cold")] == [2, 2, 1]
    # The first of its kind has nothing ready for it.
    assert figures.count("start/prepared") == 1
    assert all(0 < figures.median(f"start/{name}") < 10 for name in ("floor", "clone", "cold"))
    clone = figures.values("start/clone")[0]
    parts = [figures.values(f"start/clone/{part}")[0] for part in ("up", "restored", "answered")]
    assert sum(parts) == pytest.approx(clone)
    assert len(start_rows(figures)) == 8

    measure_verdicts(site, figures, rounds=1, say=quiet)
    assert 0 < figures.median("verdict/delay") < 1000
    assert len(verdict_rows(figures)) == 5

    measure_clones(site, figures, "memory", (1, 2))
    measure_cold(site, figures, "memory")
    assert figures.median("memory/second-clone") > 0
    assert figures.median("memory/clones/2") > figures.median("memory/clones/1")
    assert any("second clone" in row.what for row in memory_rows(figures))


def test_growth_leaves_no_templates_of_other_sizes(host: Host, image: Image) -> None:
    figures = Figures()
    measure_growth(host, image, (32, 64), figures, rounds=1, cold_rounds=0, say=quiet)
    rows = memory_growth_rows(figures, (32, 64))
    assert {row.what for row in rows} >= {"32 MiB: clone ready", "64 MiB: clone ready"}
    store = TemplateStore(host.cache)
    (left,) = store.known_names()
    kept = store.named(left)
    assert kept is not None
    assert kept.memory_mib == 32
    assert store.remove(left)


def test_an_image_without_template_is_no_subject(host: Host, image: Image) -> None:
    cold_only = replace(image, disk=replace(image.disk, bus=DiskBus.NVME))
    with (
        pytest.raises(MachineError, match="non-migratable"),
        open_site(host, cold_only, keep_templates=False),
    ):
        pass
