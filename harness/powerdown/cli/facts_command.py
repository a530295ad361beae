"""``powerdown facts``: what is assumed of Windows, who says so, and how to settle the rest.

The JSON is a list, in the order of ``docs/windows-facts.md``::

    [{"id": "fast-startup-press",
      "claim": "...",                one sentence of Markdown: what would be true
      "status": "unconfirmed",       or "documented", "seen in real artefacts", "measured",
                                     "reported"
      "builds": [],                  of Windows, on which it was measured
      "sources": ["..."],            empty where none was found
      "experiment": {"set_up": "...", "action": "...", "shows": "..."},    or null
      "used_by": {"rules": ["..."], "faults": ["asleep/fast-startup"], "settings": ["..."]}}]
"""

from __future__ import annotations

import argparse
import difflib
import json
import shutil
import textwrap
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict

from powerdown.cli.exit_status import ExitStatus, exit_status_help
from powerdown.cli.fact_use import FactUse, users_of_facts
from powerdown.cli.facts_page import facts_page
from powerdown.cli.output import echo
from powerdown.core.errors import PowerdownError
from powerdown.windows.facts.all_facts import ALL_FACTS, SECTIONS, fact
from powerdown.windows.facts.fact import Fact, FactStatus

_WIDEST = 100
_NARROWEST = 60
_INDENT = "    "
_LABEL_COLUMNS = 10


class WrongSelection(PowerdownError):
    """There is no fact of the id that was asked for, or not all of the page's facts were."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = exit_status_help({ExitStatus.SUCCESS: "listed"})
    parser.add_argument(
        "ids",
        nargs="*",
        metavar="ID",
        help="show only these, such as fast-startup-press; all if not given",
    )
    parser.add_argument(
        "--unconfirmed",
        action="store_true",
        help="show only what no source confirms, with how to settle it on a real Windows",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the list as JSON")
    form.add_argument(
        "--markdown", action="store_true", help="print all as the page docs/windows-facts.md"
    )
    parser.set_defaults(run=run_facts)


def run_facts(options: argparse.Namespace) -> int:
    """Print the facts; the exit status.

    :raise WrongSelection: there is no fact of such an id, or only a part of the page is asked for.
    """
    if options.markdown:
        if options.ids or options.unconfirmed:
            raise WrongSelection(
                "make a page of these facts",
                "--markdown prints the page of all facts",
                "Leave out --markdown, or the selection.",
            )
        echo(facts_page().rstrip("\n"))
        return ExitStatus.SUCCESS
    chosen = [_find(id) for id in options.ids] or ALL_FACTS
    if options.unconfirmed:
        chosen = [each for each in chosen if each.status is FactStatus.UNCONFIRMED]
    if options.json:
        echo(json.dumps(facts_to_json(chosen), indent=2, ensure_ascii=False))
    else:
        echo(facts_to_text(chosen, shutil.get_terminal_size().columns))
    return ExitStatus.SUCCESS


def facts_to_json(facts: Iterable[Fact]) -> list[dict[str, object]]:
    """The facts as described above."""
    users = users_of_facts()
    return [
        {
            "id": each.id,
            "claim": each.claim,
            "status": str(each.status),
            "builds": list(each.builds),
            "sources": list(each.sources),
            "experiment": None if each.experiment is None else asdict(each.experiment),
            "used_by": {kind: list(names) for kind, names in asdict(users[each.id]).items()},
        }
        for each in facts
    ]


def facts_to_text(facts: Collection[Fact], width: int) -> str:
    """The facts for a terminal, by subject, and at the end how many there are of each status.

    :param width: columns to wrap at, within 60 and 100.
    """
    width = max(_NARROWEST, min(width, _WIDEST))
    users = users_of_facts()
    blocks = []
    for section in SECTIONS:
        here = [each for each in section.facts if each in facts]
        if here:
            blocks.append(section.title)
            blocks += ["\n".join(_lines(each, users[each.id], width)) for each in here]
    blocks.append(_counts(facts))
    return "\n\n".join(blocks)


def _lines(each: Fact, use: FactUse, width: int) -> Iterator[str]:
    yield f"  {each.id}: {each.standing}"
    yield from _wrapped(each.claim, width, _INDENT)
    yield from _labelled("sources", "; ".join(each.sources) or "none found", width)
    yield from _labelled("used by", _used_by(use), width)
    if each.experiment is not None:
        yield from _labelled("set up", each.experiment.set_up, width)
        yield from _labelled("do", each.experiment.action, width)
        yield from _labelled("shown by", each.experiment.shows, width)


def _used_by(use: FactUse) -> str:
    rules = [f'rule "{rule}"' for rule in use.rules]
    settings = [f"setting {setting}" for setting in use.settings]
    return ", ".join((*use.few_faults, *rules, *settings))


def _labelled(label: str, text: str, width: int) -> Iterator[str]:
    if text:
        first = f"{_INDENT}{label:{_LABEL_COLUMNS}}"
        yield from _wrapped(text, width, first, " " * len(first))


def _wrapped(text: str, width: int, first: str, others: str | None = None) -> list[str]:
    return textwrap.wrap(
        # Marks of Markdown are noise in a terminal.
        text.replace("`", ""),
        width,
        initial_indent=first,
        subsequent_indent=first if others is None else others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counts(facts: Collection[Fact]) -> str:
    counted = ((status, sum(each.status is status for each in facts)) for status in FactStatus)
    shown = ", ".join(f"{count} {status}" for status, count in counted if count)
    return f"{len(facts)} fact{'s' if len(facts) > 1 else ''}: {shown}" if shown else "no facts"


def _find(id: str) -> Fact:
    name = id.removeprefix("fact:")
    try:
        return fact(name)
    except KeyError:
        close = difflib.get_close_matches(name, [each.id for each in ALL_FACTS], n=1, cutoff=0)
        raise WrongSelection(
            f"find the fact {id[:60]!r}",
            "there is none of this id",
            f'Did you mean "{close[0]}"? "powerdown facts" lists all.',
        ) from None
