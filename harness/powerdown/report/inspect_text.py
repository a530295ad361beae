"""The result of ``powerdown inspect`` as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby

from powerdown.core.severity import Severity
from powerdown.core.text import printable
from powerdown.disk.inspection import Inspection
from powerdown.disk.settings.finding import Finding
from powerdown.windows.facts.fact import FactStatus
from powerdown.windows.settings.readings import Origin, Reading, Readings

_NARROWEST, _WIDEST = 60, 120
_NAME_COLUMNS, _VALUE_COLUMNS = 40, 20
"""Widest; longer text moves the rest of its line."""

_INDENT = "  "


def inspection_text(name: str, found: Inspection, width: int, *, with_paths: bool) -> str:
    """The findings, then every setting and its origin.

    :param name: the disk or hive.
    :param width: columns to wrap at, within 60 and 120; command lines and registry paths are never
        wrapped.
    :param with_paths: print the registry path of every setting too.
    """
    width = max(_NARROWEST, min(width, _WIDEST))
    lines = [f"{name}: {_summary(found)}"]
    system = _system(found.settings)
    lines += [system] if system else []
    for finding in found.findings:
        lines += ["", *_finding(finding, width)]
    if found.notes:
        lines += ["", "notes", *_wrapped(found.notes, width)]
    read = [setting for setting in found.settings if setting.origin is not Origin.NOT_READ]
    for group, settings in groupby(read, key=lambda setting: setting.group):
        lines += ["", group, *_table(list(settings), width, with_paths=with_paths)]
    hidden = [setting.name for setting in found.settings if setting.origin is Origin.NOT_READ]
    if hidden:
        names = ", ".join(hidden)
        lines += ["", "unknown, because what stores them was not read:", *_wrapped([names], width)]
    return "\n".join(map(printable, lines))


def _summary(found: Inspection) -> str:
    if not found.findings:
        return "no finding endangers a soft shutdown"
    severities = [finding.risk.severity for finding in found.findings]
    counts = ((severity, severities.count(severity)) for severity in Severity)
    summary = ", ".join(f"{count} {severity}" for severity, count in counts if count)
    return f"{len(severities)} finding{'s' if len(severities) > 1 else ''}: {summary}"


def _system(settings: Readings) -> str:
    """Edition, version and build, as far as they are known."""
    wanted = ("product-name", "display-version", "build", "product-type")
    known = {id: settings[id].value for id in wanted if settings[id].value is not None}
    if "build" in known:
        known["build"] = f"build {known['build']}"
    return ", ".join(f"{value}" for value in known.values())


def _finding(finding: Finding, width: int) -> Iterator[str]:
    risk = finding.risk
    head = f"{risk.severity}: {risk.cause}: {risk.fact}"
    yield from textwrap.wrap(
        head, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    for setting in finding.settings:
        yield f"  {setting.name}: {setting.shown} ({setting.origin})"
        yield from _path(setting)
    if finding.doubt:
        yield from _wrapped([f"however: {finding.doubt}"], width)
    yield f"  remedy: {risk.remedy}"


def _table(settings: list[Reading], width: int, *, with_paths: bool) -> Iterator[str]:
    name_columns = min(_NAME_COLUMNS, max(len(setting.name) for setting in settings))
    value_columns = min(_VALUE_COLUMNS, max(len(setting.shown) for setting in settings))
    for setting in settings:
        name, shown = setting.name.ljust(name_columns), setting.shown.ljust(value_columns)
        line = f"{_INDENT}{name}  {shown}  {setting.origin}"
        # A setting that is absent needs no note.
        missing = setting.value is None and setting.origin is Origin.ABSENT
        doubt = "" if setting.confirmed or missing else f"{FactStatus.UNCONFIRMED}"
        note = "" if missing else setting.note
        if doubt and len(line) + len(doubt) + 2 <= width:
            line, doubt = f"{line}, {doubt}", ""
        yield line
        notes = "; ".join(filter(None, (doubt, note)))
        if notes:
            yield from _wrapped([notes], width, indent="      ")
        if with_paths:
            yield from _path(setting)


def _path(setting: Reading) -> Iterator[str]:
    raw = "absent" if setting.raw is None else setting.raw
    if setting.path:
        yield f"      {setting.path}: {raw}"
    elif setting.raw is not None:
        yield f"      {raw}"


def _wrapped(texts: Iterable[str], width: int, indent: str = _INDENT) -> Iterator[str]:
    for text in texts:
        yield from textwrap.wrap(
            text,
            width,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
