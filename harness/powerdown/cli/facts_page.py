"""``docs/windows-facts.md``: all facts as a page of Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from powerdown.cli.fact_use import FactUse, users_of_facts
from powerdown.cli.markdown_page import PATHS, table_row
from powerdown.windows.facts.all_facts import SECTIONS, Section
from powerdown.windows.facts.fact import Experiment, Fact, FactStatus

_COLUMNS = 118

_HEAD = r"""
<!-- Made by: powerdown facts --markdown > docs/windows-facts.md -->

# Facts about Windows and its soft shutdown

What Powerdown assumes of Windows, QEMU and libvirt, one fact a row. Code and documents cite a fact
as `fact:` and its id, so `grep -rn 'fact:button-action-index'` finds all that rests on it; the last
column names the scenarios, rules and settings among that. The facts themselves are in
`harness/powerdown/windows/facts/`; `powerdown facts` prints them in a terminal.

| status | meaning |
|---|---|
| documented | the vendor's documentation or source code says so |
| seen in real artefacts | read from real hives, event logs or packet traces |
| measured on build … | an experiment on these builds of a real Windows showed it |
| reported | administrators, tools or clouds say so; nothing of the vendor's was found |
| unconfirmed | no source was found, or sources conflict: measure it before relying on it |

A fact says what would be true, its status how well that is known. Below each table stands how a
program could settle the unconfirmed ones on a real Windows: what to set up, what to do *then*, and
what *shows* that the fact is true.

Sources: *learn* Microsoft Learn, by page title; *w32*, *ddk*, *itpro*, *srv*, *sup* the
MicrosoftDocs repositories win32, windows-driver-docs, windows-itpro-docs, windowsserverdocs and
SupportArticles-docs; *etw* event manifests as in repnz/etw-providers-docs; *qemu*, *libvirt* files
of their source; *WI6* Windows Internals, 6th edition, part 2; *hives* and *logs* public registry
hives and System logs of Windows 2008 R2 to 11.
"""


def facts_page() -> str:
    """The page, with a line break at its end."""
    users = users_of_facts()
    sections = ("\n".join(_section(section, users)) for section in SECTIONS)
    return "\n\n".join((_HEAD.strip(), PATHS, *sections)) + "\n"


def _section(section: Section, users: Mapping[str, FactUse]) -> Iterator[str]:
    yield from (f"## {section.title}", "")
    yield "| id | fact | status | sources | used by |"
    yield "|---|---|---|---|---|"
    for fact in section.facts:
        yield _row(fact, users[fact.id])
    for fact in section.facts:
        if fact.experiment is not None and fact.status is FactStatus.UNCONFIRMED:
            yield ""
            yield from _experiment(fact.id, fact.experiment)


def _row(fact: Fact, use: FactUse) -> str:
    sources = "; ".join(fact.sources) or "none found"
    cells = (f"`{fact.id}`", fact.claim, fact.standing, sources, _used_by(use))
    return table_row(cells)


def _used_by(use: FactUse) -> str:
    kinds = (
        ", ".join(f"`{fault}`" for fault in use.few_faults),
        _named("rule", use.rules),
        _named("setting", use.settings),
    )
    return "; ".join(filter(None, kinds))


def _named(kind: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    return f"{kind}{'s' if len(names) > 1 else ''} {', '.join(f'*{name}*' for name in names)}"


def _experiment(id: str, experiment: Experiment) -> Iterator[str]:
    paragraph = (
        f"**`{id}`** {experiment.set_up} *Then:* {experiment.action} *Shows:* {experiment.shows}"
    )
    yield from textwrap.wrap(paragraph, _COLUMNS, break_long_words=False, break_on_hyphens=False)
