"""The ``powerdown`` command: look at one image without pytest, or at what can be tested."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from powerdown.cli import diagnose_options, history_command, inspect_command
from powerdown.cli.diagnose_command import diagnose_guest
from powerdown.cli.exit_status import verdict_status
from powerdown.cli.output import BROKEN_STDOUT_STATUS, BrokenStdout, configure_stdout, echo
from powerdown.cli.scenarios_command import scenarios_to_json, scenarios_to_text
from powerdown.cli.templates_command import (
    listed_templates,
    prune_templates,
    templates_to_json,
    templates_to_text,
)
from powerdown.core.errors import CredentialsRejected, PowerdownError
from powerdown.core.files import cache_directory
from powerdown.diagnosis.diagnose import diagnose, is_conclusive
from powerdown.diagnosis.verdict import Verdict
from powerdown.disk.post_mortem_reader import PostMortemReader
from powerdown.faults.catalogue import CATALOGUE
from powerdown.host.host import Host
from powerdown.host.snapshots.template_store import TemplateStore
from powerdown.images.definition import Definition, load, read
from powerdown.images.image import Image
from powerdown.machine.run_directory import RunDirectory
from powerdown.report.verdict_json import verdict_to_json
from powerdown.report.verdict_text import verdict_text
from powerdown.shutdown.qemu_end import with_qemu_end
from powerdown.shutdown.soft_shutdown import press_power_button

EXIT_STATUS = """\
exit status:
  0  listed or pruned, the definition is sound, or the guest powered off
  1  it did not
  2  nothing could be said: bad input, missing tool, host fault
  3  inconclusive
  130  interrupted
  141  nobody reads what is printed any more
diagnose, inspect and history: 0, 1 and 3 are told by their own --help"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = _parser().parse_args(arguments)
    configure_stdout()
    try:
        return _status(options)
    except BrokenStdout:
        return BROKEN_STDOUT_STATUS


def _status(options: argparse.Namespace) -> int:
    try:
        if options.action == "scenarios":
            echo(_scenarios(as_json=options.json))
            return 0
        if options.action == "templates":
            echo(_templates(options))
            return 0
        if options.action == "diagnose":
            return diagnose_guest(diagnose_options.read_options(options))
        if options.action == "inspect":
            return inspect_command.run_inspect(options)
        if options.action == "history":
            return history_command.run_history(options)
        if options.action == "check":
            echo(_describe(read(options.definition)))
            return 0
        verdict = _try(load(options.definition))
        told = json.dumps(verdict_to_json(verdict), indent=2)
        echo(told if options.json else verdict_text(verdict))
        return verdict_status(verdict)
    except BrokenStdout:
        raise
    except PowerdownError as error:
        echo(f"powerdown: {error}", sys.stderr)
        return 2
    except KeyboardInterrupt:
        # A guest of our own is gone by now, another's goes on. What a shell makes of SIGINT: 128
        # and its number.
        echo("powerdown: interrupted", sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="powerdown",
        description="Does a Windows image shut down when its host asks, and if not, why not?",
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser(
        "check", help="validate an image definition; runs and changes nothing"
    )
    attempt = actions.add_parser("try", help="boot the image, press the power button, say why")
    attempt.add_argument("--json", action="store_true", help="print the verdict as JSON")
    for action in (check, attempt):
        action.add_argument("definition", type=Path, help="image definition (TOML)")
    running = actions.add_parser(
        "diagnose",
        help="look at a guest that runs already: would it shut down, and if not, why not",
        description="Look at a guest that runs already, without touching it: would it shut down\n"
        "when its power button is pressed, and if not, why not? With --press, press and watch.",
        epilog=diagnose_options.EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    diagnose_options.add_options(running)
    resting = actions.add_parser(
        "inspect",
        help="look at a disk without booting it: which settings threaten a soft shutdown",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inspect_command.add_options(resting)
    past = actions.add_parser(
        "history",
        help="tell from a disk or its System log how each session of a guest began and ended",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    history_command.add_options(past)
    listing = actions.add_parser(
        "scenarios", help="list the failures that can be provoked: how, what then, which remedy"
    )
    listing.add_argument("--json", action="store_true", help="print them as JSON")
    templates = actions.add_parser("templates", help="saved guests that runs are cloned from")
    about_templates = templates.add_subparsers(dest="what", required=True)
    there = about_templates.add_parser("list", help="list them")
    there.add_argument("--json", action="store_true", help="print them as JSON")
    prune = about_templates.add_parser("prune", help="remove those that would not be used again")
    prune.add_argument("--all", action="store_true", help="remove all that no run uses just now")
    return parser


def _scenarios(*, as_json: bool) -> str:
    if as_json:
        return json.dumps(scenarios_to_json(CATALOGUE), indent=2)
    return scenarios_to_text(CATALOGUE, shutil.get_terminal_size().columns)


def _templates(options: argparse.Namespace) -> str:
    store = TemplateStore(cache_directory())
    if options.what == "prune":
        return "\n".join(prune_templates(store, everything=options.all))
    templates = listed_templates(store)
    if options.json:
        return json.dumps(templates_to_json(templates), indent=2)
    return templates_to_text(templates)


def _try(image: Image) -> Verdict:
    """Boot ``image``, press when it is ready, and diagnose."""
    host = Host.of_this_host()
    with RunDirectory("disks") as disks, host.boot(image, disks.path) as guest:
        try:
            guest.wait_until_ready()
        except CredentialsRejected as error:
            # It answers and its button is armed: it can be pressed, only not asked.
            echo(f"powerdown: {error} Going on from outside only.", sys.stderr)
        with closing(PostMortemReader()) as post_mortem:
            obs = press_power_button(guest.machine, guest.windows, is_conclusive=is_conclusive)
            obs = with_qemu_end(obs, guest.machine)
            return diagnose(post_mortem.examine(obs, guest.machine))


def _describe(definition: Definition) -> str:
    image = definition.described
    disk = f"{image.disk.path} ({image.disk.format}, {image.disk.bus})"
    if definition.build is not None:
        disk = (
            f"built by {definition.build} when first needed ({image.disk.format}, "
            f"{image.disk.bus}); not built and not checked now"
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
