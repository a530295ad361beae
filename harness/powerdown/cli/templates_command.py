"""``powerdown templates``: the saved guest states on this host that runs start from.

The JSON of the list::

    {"format": 1,
     "templates": [
       {"name": "36b57a31e9e19f1d4d58-1f0c33a2",
        "image": "server-2022",        null for one that was never completed
        "state": "usable",             or "old", "incomplete"
        "in_use": false,               whether a run has guests cloned from it
        "age_seconds": 61.5,           likewise, as the next two
        "memory_mib": 512,             the guest's memory
        "memory": "on tmpfs /dev/shm", where it is stored
        "stored_bytes": 147849216,     disk and memory that the template takes up
        "directory": "..."}]}
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from powerdown.cli.exit_status import ExitStatus, exit_status_help
from powerdown.cli.output import echo, print_help_by_default, sentence
from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired
from powerdown.core.files import cache_directory
from powerdown.host.snapshots.template_store import TemplateStore, key_of
from powerdown.host.snapshots.warm_start import OLDEST_SECONDS

_LOCK_SECONDS = 1.0


class State(StrEnum):
    """Whether a run would use a template. Damage is found only when one is read for use."""

    USABLE = "usable"
    OLD = "old"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True)
class ListedTemplate:
    """One template. What is unknown of an incomplete one is ``None``."""

    name: str
    image: str | None
    state: State
    in_use: bool
    age_seconds: float | None
    memory_mib: int | None
    memory: str | None
    stored_bytes: int
    directory: Path

    def to_json(self) -> dict[str, object]:
        """As described above."""
        return {**self.__dict__, "directory": str(self.directory)}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the commands ``list`` and ``prune`` with their options."""
    print_help_by_default(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    summary = "list the templates of this user"
    listing = commands.add_parser(
        "list",
        help=summary,
        description=sentence(summary),
        epilog=exit_status_help({ExitStatus.SUCCESS: "listed"}),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listing.add_argument("--json", action="store_true", help="print the list as JSON")
    listing.set_defaults(run=run_list)
    summary = "remove the templates that no run would use again"
    pruning = commands.add_parser(
        "prune",
        help=summary,
        description=sentence(summary),
        epilog=exit_status_help({ExitStatus.SUCCESS: "pruned"}),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    pruning.add_argument(
        "--all", action="store_true", help="remove every template that is not in use right now"
    )
    pruning.set_defaults(run=run_prune)


def run_list(options: argparse.Namespace) -> int:
    """Print the templates; the exit status."""
    templates = listed_templates(TemplateStore(cache_directory()))
    if options.json:
        echo(json.dumps(templates_to_json(templates), indent=2))
    else:
        echo(templates_to_text(templates))
    return ExitStatus.SUCCESS


def run_prune(options: argparse.Namespace) -> int:
    """Remove templates and print which; the exit status."""
    store = TemplateStore(cache_directory())
    echo("\n".join(prune_templates(store, everything=options.all)))
    return ExitStatus.SUCCESS


def listed_templates(store: TemplateStore) -> list[ListedTemplate]:
    """All templates of this user."""
    return [_listed(store, name) for name in store.known_names()]


def prune_templates(store: TemplateStore, *, everything: bool) -> list[str]:
    """Remove templates that no run would use again, or all of them.

    :param everything: remove usable ones too. One that is in use is kept in any case.
    :return: what was done, a line for each template.
    """
    lines = []
    for found in listed_templates(store):
        if found.state is State.USABLE and not everything:
            continue
        called = f"{found.name} {found.image or ''}".rstrip()
        try:
            with store.locked(key_of(found.name), Deadline.after(_LOCK_SECONDS)):
                gone = store.remove(found.name)
        except DeadlineExpired:
            gone = False
        size = f"{found.stored_bytes >> 20} MiB"
        lines.append(f"removed {called}, {size}" if gone else f"kept {called}, {size}: in use")
    return lines or ["nothing to remove"]


def templates_to_json(templates: Sequence[ListedTemplate]) -> dict[str, object]:
    """The list as described above."""
    return {"format": 1, "templates": [template.to_json() for template in templates]}


def templates_to_text(templates: Sequence[ListedTemplate]) -> str:
    """The list as a table."""
    if not templates:
        return "no templates"
    rows = [("name", "image", "state", "age", "guest memory", "stored", "memory file")]
    for one in templates:
        state = f"{one.state}, in use" if one.in_use else str(one.state)
        age = "" if one.age_seconds is None else _age(one.age_seconds)
        guest = "" if one.memory_mib is None else f"{one.memory_mib} MiB"
        stored = f"{one.stored_bytes >> 20} MiB"
        rows.append((one.name, one.image or "?", state, age, guest, stored, one.memory or ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in padded)


def _listed(store: TemplateStore, name: str) -> ListedTemplate:
    template = store.named(name)
    directory = store.directory(name)
    if template is None:
        return ListedTemplate(
            name=name,
            image=None,
            state=State.INCOMPLETE,
            in_use=store.in_use(name),
            age_seconds=None,
            memory_mib=None,
            memory=None,
            stored_bytes=store.stored_bytes(name),
            directory=directory,
        )
    age = time.time() - template.made_at
    return ListedTemplate(
        name=name,
        image=template.image,
        state=State.USABLE if 0 <= age < OLDEST_SECONDS else State.OLD,
        in_use=store.in_use(name),
        age_seconds=round(age, 1),
        memory_mib=template.memory_mib,
        memory=store.describe_memory(template),
        stored_bytes=store.stored_bytes(name),
        directory=directory,
    )


def _age(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
