"""Scenarios on tiny real guests, for tests of what runs scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from powerdown.host.host import Host
from powerdown.machine.accelerator import Accelerator, AcceleratorKind
from powerdown.machine.hypervisor import QemuHypervisor
from powerdown.scenario.scenario import Scenario
from tests.support.boot_sector import boot_image

LABORATORY = Host(
    QemuHypervisor(Accelerator(AcceleratorKind.TCG, "never KVM here")), Path("/nowhere")
)

Open = Callable[[bytes], Scenario]


@contextmanager
def boot_sector_scenarios(tmp_path: Path) -> Iterator[Open]:
    """Opens a scenario on guests of one boot sector; all are closed when the block ends."""
    opened: list[Scenario] = []

    def of(code: bytes) -> Scenario:
        image = boot_image(tmp_path, code)
        budgets = replace(image.budgets, reaction=0.2, shutdown_soft=0.5, shutdown_hard=0.5)
        artifacts = tmp_path / "artifacts"
        opened.append(Scenario(LABORATORY, replace(image, budgets=budgets), "title", artifacts))
        return opened[-1]

    yield of
    for one in opened:
        one.close()
