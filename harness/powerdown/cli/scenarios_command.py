"""``powerdown scenarios``: the failures that can be provoked, as text or as JSON.

The JSON::

    {"format": 2,
     "scenarios": [
       {"id": "asleep",
        "variants": [
          {"variant": "already-asleep", "summary": "...",
           "injects": ["..."],          command lines, keys and host actions, in order
           "remedies": ["..."],         likewise; command lines can be pasted into the guest
           "sources": ["..."],
           "blocked_at": "delivery",    the step at which the shutdown stops, or "none"
           "trigger": "button",         or "inside", then with
           "command": "",               the command line that requests the shutdown
           "offline": "no",             whether it can be injected while the guest is off: "in
                                        full", "in part" (its settings) or "no"
           "offline_note": "...",       why not, or what is unconfirmed about it; may be empty
           "expected": [{"outcome": "suspended", "cause": "asleep"}]}]}]}

The first of several expected verdicts follows from documented policy; the others count as right
too, because what Windows does is unconfirmed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Iterable
from itertools import groupby

from powerdown.cli.exit_status import ExitStatus, exit_status_help
from powerdown.cli.output import echo
from powerdown.faults.catalogue import CATALOGUE
from powerdown.faults.fault import Fault
from powerdown.faults.offline import OnlineOnly
from powerdown.report.verdict_json import expected_to_json

_WIDEST = 120
_NARROWEST = 60
_LABELS = ("inject", "trigger", "expect", "remedy", "offline", "source")
_INDENT = "      "


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = exit_status_help({ExitStatus.SUCCESS: "listed"})
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run_scenarios)


def run_scenarios(options: argparse.Namespace) -> int:
    """Print the catalogue; the exit status."""
    if options.json:
        echo(json.dumps(scenarios_to_json(CATALOGUE), indent=2))
    else:
        echo(scenarios_to_text(CATALOGUE, shutil.get_terminal_size().columns))
    return ExitStatus.SUCCESS


def scenarios_to_json(catalogue: Iterable[Fault]) -> dict[str, object]:
    """The catalogue as described above."""
    return {
        "format": 2,
        "scenarios": [
            {
                "id": str(scenario),
                "variants": [_variant_to_json(fault) for fault in faults],
            }
            for scenario, faults in _by_scenario(catalogue)
        ],
    }


def scenarios_to_text(catalogue: Iterable[Fault], width: int) -> str:
    """The catalogue for a terminal.

    :param width: columns to wrap at, within 60 and 120; command lines are never wrapped.
    """
    width = max(_NARROWEST, min(width, _WIDEST))
    blocks = []
    for scenario, faults in _by_scenario(catalogue):
        lines = [scenario]
        for fault in faults:
            lines += ["", *_paragraph(f"  {fault.variant}: {fault.summary}", width, "    ")]
            for label, entries in zip(_LABELS, _entries(fault), strict=True):
                lines += _labelled(label, entries)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _by_scenario(
    catalogue: Iterable[Fault],
) -> list[tuple[str, list[Fault]]]:
    groups = groupby(catalogue, key=lambda fault: str(fault.scenario))
    return [(key, list(faults)) for key, faults in groups]


def _entries(fault: Fault) -> tuple[tuple[str, ...], ...]:
    trigger = fault.command or "press the power button"
    expected = " or ".join(str(verdict) for verdict in fault.expected)
    note = _offline_note(fault)
    offline = f"{_offline(fault)}: {note}" if note else _offline(fault)
    return fault.injects, (trigger,), (expected,), fault.remedies, (offline,), fault.sources


def _labelled(label: str, entries: tuple[str, ...]) -> list[str]:
    column = max(len(each) for each in _LABELS) + 2
    labels = [label, *([""] * (len(entries) - 1))]
    return [
        f"{_INDENT}{each:{column}}{entry}" for each, entry in zip(labels, entries, strict=False)
    ]


def _paragraph(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False)


def _offline(fault: Fault) -> str:
    if isinstance(fault.offline, OnlineOnly):
        return "no"
    return "in full" if fault.offline.in_full else "in part"


def _offline_note(fault: Fault) -> str:
    if isinstance(fault.offline, OnlineOnly):
        return fault.offline.reason
    unsettled = (fact for fact in fault.offline.facts if not fact.status.settled)
    return "; ".join(f"{fact.status}: {fact.claim} (fact:{fact.id})" for fact in unsettled)


def _variant_to_json(fault: Fault) -> dict[str, object]:
    return {
        "variant": fault.variant,
        "summary": fault.summary,
        "injects": list(fault.injects),
        "remedies": list(fault.remedies),
        "sources": list(fault.sources),
        "blocked_at": str(fault.blocked_at),
        "trigger": str(fault.trigger),
        "command": fault.command,
        "offline": _offline(fault),
        "offline_note": _offline_note(fault),
        "expected": [expected_to_json(expected) for expected in fault.expected],
    }
