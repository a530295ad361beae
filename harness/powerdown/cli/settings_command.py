"""``powerdown settings``: what is read and set of Windows, its values, and the remedies.

The JSON is a list, in the order of ``docs/settings.md``::

    [{"id": "shutdown-without-logon",
      "name": "...",                 Windows' name of it
      "stored": ["HKLM\\..."],       where its value is; the first that is set counts
      "takes_effect": "at once",
      "online": true,                read from a running guest too, not only from a disk
      "remedy": "...",               empty where nothing is to be set
      "facts": ["no-logon-policy"]}]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from itertools import groupby

from powerdown.cli.exit_status import ExitStatus, exit_status_help
from powerdown.cli.output import echo
from powerdown.cli.settings_page import settings_page
from powerdown.windows.settings.all_settings import ALL_SETTINGS
from powerdown.windows.settings.declaration import Declaration, TakesEffect
from powerdown.windows.settings.readings import Group


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = exit_status_help({ExitStatus.SUCCESS: "listed"})
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the list as JSON")
    form.add_argument(
        "--markdown", action="store_true", help="print all as the page docs/settings.md"
    )
    parser.set_defaults(run=run_settings)


def run_settings(options: argparse.Namespace) -> int:
    """Print the settings; the exit status."""
    if options.markdown:
        echo(settings_page(ALL_SETTINGS).rstrip("\n"))
    elif options.json:
        listed = [_to_json(setting) for setting in ALL_SETTINGS]
        echo(json.dumps(listed, indent=2, ensure_ascii=False))
    else:
        groups = groupby(ALL_SETTINGS, key=lambda setting: setting.group)
        echo("\n\n".join(_group(group, settings) for group, settings in groups))
    return ExitStatus.SUCCESS


def _to_json(setting: Declaration) -> dict[str, object]:
    return {
        "id": setting.id,
        "name": setting.name,
        "stored": list(setting.places),
        "takes_effect": f"{setting.takes_effect}",
        "online": setting.online,
        "remedy": setting.remedy,
        "facts": [fact.id for fact in setting.rests_on],
    }


def _group(group: Group, settings: Iterable[Declaration]) -> str:
    return "\n".join((f"{group}", *(line for setting in settings for line in _lines(setting))))


def _lines(setting: Declaration) -> Iterator[str]:
    yield f"  {setting.id}: {setting.name}"
    yield from (f"      {place}" for place in setting.places)
    if setting.takes_effect is not TakesEffect.READ_ONLY:
        yield f"      takes effect {setting.takes_effect}"
    if setting.remedy:
        yield f"      remedy: {setting.remedy}"
