"""Which of the loaded profiles belongs to whoever is logged on at the console."""

from __future__ import annotations

import re

from powerdown.windows.console_session import ConsoleSession
from powerdown.windows.registry_output import RegistryOutput

_VOLATILE = r"\Volatile Environment"

# Local and domain accounts; S-1-12-1 are those of Entra ID (learn: Security identifiers).
_PROFILE = re.compile(r"HKEY_USERS\\(S-1-(?:5-21|12-1)-[0-9-]+)(?:\\.*)?", re.IGNORECASE | re.ASCII)
_SHOWN_OF_USER = 20
"""Characters of a user name that ``query session`` shows at least; longer ones may be cut."""


def find_console_profile(
    profiles: RegistryOutput, images: RegistryOutput, console: ConsoleSession
) -> str | None:
    """The SID of the profile of whoever is logged on at the console.

    Of several loaded profiles it is the one that has a ``Volatile Environment`` for the console's
    session number, else the one whose USERNAME there is the console's user, else the one whose
    folder has that name. Public administration scripts tell users apart by the second; a
    subkey named by the session is seen on Windows 7 and later (fact:volatile-by-session).

    :param profiles: keys of the loaded profiles.
    :param images: ``ProfileImagePath`` by SID.
    """
    if console.user is None:
        return None
    loaded = _loaded(profiles)
    session = rf"{_VOLATILE}\{console.session}".lower()
    in_session = [
        sid
        for sid in loaded
        if any(key.lower().endswith(f"{sid.lower()}{session}") for key in profiles.keys)
    ]
    if len(in_session) == 1:
        return in_session[0]
    names = {sid: _names(profiles, images, sid) for sid in loaded}
    named = [sid for sid in loaded if any(_same(name, console.user) for name in names[sid])]
    if len(named) == 1:
        return named[0]
    # A profile whose owner is not known must be the one, when there is no other.
    return loaded[0] if len(loaded) == 1 and not names[loaded[0]] else None


def _loaded(profiles: RegistryOutput) -> list[str]:
    found = (_PROFILE.fullmatch(key) for key in profiles.keys)
    return list(dict.fromkeys(match[1] for match in found if match is not None))


def _names(profiles: RegistryOutput, images: RegistryOutput, sid: str) -> list[str]:
    """Names that the profile's owner may have; empty if unknown."""
    name = profiles.value("USERNAME", f"{sid}{_VOLATILE}")
    if name is not None:
        return [name.data.strip()]
    image = images.value("ProfileImagePath", rf"\{sid}")
    if image is None:
        return []
    # Windows adds ".DOMAIN" or ".000" to the folder of a second user of the same name.
    folder = image.data.strip().rpartition("\\")[2]
    return [folder, folder.rpartition(".")[0] or folder]


def _same(name: str, shown: str) -> bool:
    name, shown = name.lower(), shown.lower()
    return name == shown or (len(shown) >= _SHOWN_OF_USER and name.startswith(shown))
