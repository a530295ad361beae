"""``docs/settings.md``: every declared setting as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from powerdown.cli.markdown_page import ABBREVIATED_PATHS, PATHS, table_row
from powerdown.windows.settings.declaration import Declaration, TakesEffect, Unit
from powerdown.windows.settings.harm import Harm

_HEAD = r"""
<!-- Made by: powerdown settings --markdown > docs/settings.md -->

# Settings that bear on a shutdown

Every setting of Windows that Powerdown reads or sets, as it is declared in
`harness/powerdown/windows/settings/`. From a declaration follow the command that sets it in a
running guest, the edit of the hives of one that is off, how it is read in both, whether a value is
a risk, and the remedy. [Facts](windows-facts.md) say what that rests on.

*Stored*: where its value is, the place that counts first before the others. *Default*: what counts
where nothing is stored. *Harm*: values that endanger a soft shutdown by themselves, with the
[severity](inspect.md#output); others do only together with more, such as who is logged on.
*Online*: it is read from a running guest too, not only from a disk.
"""

_UNITS = {
    Unit.SWITCH: "switch",
    Unit.NUMBER: "number",
    Unit.MILLISECONDS: "milliseconds",
    Unit.SECONDS: "seconds of idleness, 0 for never",
    Unit.MINUTES: "minutes",
    Unit.TEXT: "text",
}


def settings_page(settings: Iterable[Declaration]) -> str:
    """The page, with a line break at its end."""
    sections = ("\n".join(_section(group, each)) for group, each in _groups(settings))
    return "\n\n".join((_HEAD.strip(), PATHS, *sections)) + "\n"


def _groups(settings: Iterable[Declaration]) -> Iterator[tuple[str, list[Declaration]]]:
    for group, each in groupby(settings, key=lambda setting: setting.group):
        title = f"{group}"
        yield title[0].upper() + title[1:], list(each)


def _section(title: str, settings: Iterable[Declaration]) -> Iterator[str]:
    yield from (f"## {title}", "")
    yield "| id | name, value | stored | default | takes effect | harm | facts |"
    yield "|---|---|---|---|---|---|---|"
    for setting in settings:
        cells = (
            f"`{setting.id}`",
            f"{setting.name}: {_value(setting)}{', *online*' if setting.online else ''}",
            "; ".join(f"`{_short(place)}`" for place in setting.places) or "derived",
            _default(setting),
            _effect(setting),
            "; ".join(_harm(harm) for harm in setting.harms),
            ", ".join(f"`{fact.id}`" for fact in setting.rests_on),
        )
        yield table_row(cells)


def _value(setting: Declaration) -> str:
    if setting.unit is Unit.CHOICE or (setting.words and setting.unit is not Unit.SWITCH):
        return ", ".join(f"{number} {word}" for number, word in setting.words.items())
    if setting.unit is Unit.SWITCH and setting.words:
        return f"{_UNITS[setting.unit]}, {setting.shown(False)} or {setting.shown(True)}"
    return _UNITS[setting.unit]


def _default(setting: Declaration) -> str:
    default = setting.default
    if default.by_product is not None:
        client, server = (setting.shown(value) for value in default.by_product)
        return f"{client} on clients, {server} on servers"
    return setting.shown(default.value) if default.value is not None else default.shown


def _effect(setting: Declaration) -> str:
    return "" if setting.takes_effect is TakesEffect.READ_ONLY else f"{setting.takes_effect}"


def _harm(harm: Harm) -> str:
    says = harm.says.format(shown="…", value="…", word="…")
    return f"`{harm.severity}`: {says}"


def _short(path: str) -> str:
    for long, short in ABBREVIATED_PATHS:
        if path.startswith(long):
            return short + path[len(long) :]
    return path
