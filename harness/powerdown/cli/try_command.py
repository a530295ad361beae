"""``powerdown try``: boot an image, press its power button and explain the result."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from pathlib import Path

from powerdown.cli.exit_status import ExitStatus, exit_status_help, verdict_status
from powerdown.cli.output import echo
from powerdown.core.errors import CredentialsRejected
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.diagnosis.verdict import Verdict
from powerdown.disk.post_mortem_reader import PostMortemReader
from powerdown.host.host import Host
from powerdown.images.definition import load
from powerdown.images.image import Image
from powerdown.machine.run_directory import RunDirectory
from powerdown.report.verdict_json import verdict_to_json
from powerdown.report.verdict_text import verdict_text
from powerdown.shutdown.qemu_end import with_qemu_end
from powerdown.shutdown.soft_shutdown import press_power_button

_EXIT_STATUS = {
    ExitStatus.SUCCESS: "the guest powered off",
    ExitStatus.FAILURE: "it did not",
    ExitStatus.INCONCLUSIVE: "inconclusive",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = exit_status_help(_EXIT_STATUS)
    parser.add_argument("definition", type=Path, help="image definition (TOML)")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    parser.set_defaults(run=run_try)


def run_try(options: argparse.Namespace) -> int:
    """Boot, press and print the verdict; the exit status.

    :raise PowerdownError: the image cannot be booted, or its power button not be pressed.
    """
    verdict = _try(load(options.definition))
    if options.json:
        echo(json.dumps(verdict_to_json(verdict), indent=2))
    else:
        echo(verdict_text(verdict))
    return verdict_status(verdict)


def _try(image: Image) -> Verdict:
    host = Host.of_this_host()
    with RunDirectory("disks") as disks, host.boot(image, disks.path) as guest:
        try:
            guest.wait_until_ready()
        except CredentialsRejected as error:
            # The guest answers and its power button is armed: it can be pressed, but not queried.
            echo(f"powerdown: {error} Going on from outside only.", sys.stderr)
        with closing(PostMortemReader()) as post_mortem:
            obs = press_power_button(guest.machine, guest.windows, is_conclusive=is_conclusive)
            obs = with_qemu_end(obs, guest.machine)
            return diagnose(post_mortem.examine(obs, guest.machine))
