"""``powerdown check``: is an image definition valid, and what does it define?

Nothing is run and nothing is changed: a disk that is missing is not built.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from powerdown.cli.exit_status import ExitStatus, exit_status_help
from powerdown.cli.output import echo
from powerdown.images.definition import Definition, read

_EXIT_STATUS = {ExitStatus.SUCCESS: "the definition is valid"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = exit_status_help(_EXIT_STATUS)
    parser.add_argument("definition", type=Path, help="image definition (TOML)")
    parser.set_defaults(run=run_check)


def run_check(options: argparse.Namespace) -> int:
    """Print what the definition defines; the exit status.

    :raise PowerdownError: the definition is not valid.
    """
    echo(_describe(read(options.definition)))
    return ExitStatus.SUCCESS


def _describe(definition: Definition) -> str:
    image = definition.described
    disk = f"{image.disk.path} ({image.disk.format}, {image.disk.bus})"
    if definition.build is not None:
        disk = (
            f"built by {definition.build} when first needed ({image.disk.format}, "
            f"{image.disk.bus}); not built or checked now"
        )
    control = image.control.transport
    return (
        f"{image.name}: {image.description}\n"
        f"  disk     {disk}\n"
        f"  machine  {image.machine}, {image.firmware}, {image.vcpus} vCPU, "
        f"{image.memory_mib} MiB, {image.nic}\n"
        f"  control  {control}\n"
        f"  budgets  boot {image.budgets.boot:g} s, reaction {image.budgets.reaction:g} s, "
        f"shutdown {image.budgets.shutdown_soft:g} s, at most {image.budgets.shutdown_hard:g} s"
    )
