"""The ``powerdown`` command: its parser, and what every command has in common.

Each command has a module of its own, which adds its options and runs it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import NamedTuple

from powerdown.cli import (
    check_command,
    diagnose_command,
    facts_command,
    history_command,
    inspect_command,
    scenarios_command,
    settings_command,
    templates_command,
    try_command,
)
from powerdown.cli.exit_status import ExitStatus
from powerdown.cli.output import (
    BrokenStdout,
    configure_stdout,
    echo,
    print_help_by_default,
    sentence,
)
from powerdown.core.errors import PowerdownError


class _Command(NamedTuple):
    name: str
    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    """Adds the options, and the function to run as the default of ``run``."""


_COMMANDS = (
    _Command(
        "check",
        "validate an image definition; runs and changes nothing",
        check_command.add_options,
    ),
    _Command(
        "try",
        "boot an image, press its power button and explain the result",
        try_command.add_options,
    ),
    _Command(
        "diagnose",
        "examine a running guest: would it shut down when asked, and if not, why?",
        diagnose_command.add_options,
    ),
    _Command(
        "inspect",
        "examine a disk without booting it: which settings endanger a soft shutdown?",
        inspect_command.add_options,
    ),
    _Command(
        "history",
        "show how each session of a guest began and ended, from its disk or System log",
        history_command.add_options,
    ),
    _Command(
        "scenarios",
        "list the failures that can be provoked, each with its remedy",
        scenarios_command.add_options,
    ),
    _Command(
        "facts",
        "list what is assumed of Windows, who says so, and how to settle the rest",
        facts_command.add_options,
    ),
    _Command(
        "settings",
        "list the settings of Windows that bear on a shutdown, where they are, and the remedies",
        settings_command.add_options,
    ),
    _Command(
        "templates",
        "list or remove the saved guest states that runs start from",
        templates_command.add_options,
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    :param arguments: without the program's name; those of this process if not given.
    :return: the exit status.
    """
    options = _parser().parse_args(arguments)
    configure_stdout()
    try:
        return _run(options)
    except BrokenStdout:
        return ExitStatus.BROKEN_STDOUT


def _run(options: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except BrokenStdout:
        raise
    except PowerdownError as error:
        echo(f"powerdown: {error}", sys.stderr)
        return ExitStatus.ERROR
    except KeyboardInterrupt:
        # A guest that this command started is gone by now; one that it found goes on running.
        echo("powerdown: interrupted", sys.stderr)
        return ExitStatus.INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="powerdown",
        description="Does a Windows guest shut down when its host asks, and if not, why not?",
        epilog="'powerdown COMMAND --help' describes a command and its exit status.",
    )
    parser.add_argument(
        "-V", "--version", action="version", version=f"powerdown {version('powerdown')}"
    )
    print_help_by_default(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary, add_options in _COMMANDS:
        command = commands.add_parser(
            name,
            help=summary,
            description=sentence(summary),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_options(command)
    return parser
