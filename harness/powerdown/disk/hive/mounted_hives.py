r"""The hive and the key on a disk for a registry path of the running Windows.

Fact sheet, "Offline": ``HKLM\SYSTEM`` is the hive SYSTEM, in which CurrentControlSet is the control
set that ``Select\Current`` names; ``HKU\.DEFAULT`` is DEFAULT, a user's hive NTUSER.DAT in the
folder of the profile. The autologon user, whose hive is HKCU here, is Winlogon's
name of the default user (sup: turn-on-automatic-logon).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from powerdown.core.errors import DiskError
from powerdown.disk.hive.hive_cells import HiveCells
from powerdown.disk.hive.hive_on_disk import HiveOnDisk
from powerdown.disk.hive.hive_writer import HiveWriter
from powerdown.disk.ntfs.windows_volume import WindowsVolume
from powerdown.windows.registry_edit import ACTIVE_SCHEME, ValueType
from powerdown.windows.settings import registry_keys as paths
from powerdown.windows.settings.logon_settings import DEFAULT_USER
from powerdown.windows.settings.power_scheme import ACTIVE_SCHEME_VALUE

_CONFIG = r"Windows\System32\config"
_HIVES = {
    r"hklm\system": rf"{_CONFIG}\SYSTEM",
    r"hklm\software": rf"{_CONFIG}\SOFTWARE",
    r"hku\.default": rf"{_CONFIG}\DEFAULT",
}
_USER = "HKCU"
_USERS = "hku"
_SELECT = r"HKLM\SYSTEM\Select"
_CONTROL_SET = "CurrentControlSet"
_TEXTS = (ValueType.SZ, ValueType.EXPAND_SZ)


@dataclass(eq=False)
class OpenHive:
    """A hive that is being changed.

    :param stored: the hive as on the disk.
    """

    stored: HiveOnDisk
    cells: HiveCells
    writer: HiveWriter


class MountedHives:
    """The hives of one Windows; each is read when first needed.

    Calls raise :class:`DiskError` if a hive is missing or damaged.

    :param written_at: time of the changes: 100 ns since 1601 (FILETIME).
    """

    def __init__(self, volume: WindowsVolume, written_at: int) -> None:
        self._volume = volume
        self._written_at = written_at
        self._open: dict[str, OpenHive] = {}

    def resolved(self, path: str) -> str:
        """A path with the active scheme and the user resolved, but not the control set."""
        if ACTIVE_SCHEME in path:
            path = path.replace(ACTIVE_SCHEME, self._active_scheme())
        root, divider, rest = path.partition("\\")
        if root.upper() == _USER:
            return rf"HKU\{self._profile_folder()}{divider}{rest}"
        return path

    def find(self, path: str) -> tuple[OpenHive, str]:
        """The hive of a resolved path, and the key's path in it."""
        parts = path.split("\\")
        root = "\\".join(parts[:2]).lower()
        below = parts[2:]
        file = _HIVES.get(root)
        if file is None and parts[0].lower() == _USERS and len(parts) > 1:
            file = rf"Users\{parts[1]}\NTUSER.DAT"
        if file is None:
            raise _unknown(f"find the registry key {path}", "it is in none of the known hives")
        hive = self._hive(file)
        if root == r"hklm\system" and below and below[0].lower() == _CONTROL_SET.lower():
            below[0] = self._control_set()
        return hive, "\\".join(below)

    def _hive(self, file: str) -> OpenHive:
        # Opened twice, by names in another case, one would overwrite the other's changes.
        name = file.lower()
        if name not in self._open:
            stored = HiveOnDisk.read(self._volume, file)
            cells = HiveCells(stored.recovered, stored.room)
            self._open[name] = OpenHive(stored, cells, HiveWriter(cells, self._written_at))
        return self._open[name]

    def _control_set(self) -> str:
        hive, key = self.find(_SELECT)
        value = hive.writer.value(key, "Current")
        if value is None or value.type != ValueType.DWORD or len(value.data) != 4:
            raise _unknown("find the current control set", "Select has no Current")
        (number,) = struct.unpack("<I", value.data)
        name = f"ControlSet{number:03}"
        if name.lower() not in {each.lower() for each in hive.writer.subkeys("")}:
            raise _unknown("find the current control set", f"there is no {name}")
        return name

    def _active_scheme(self) -> str:
        # A policy overrides the choice (learn: Policy CSP, ADMX_Power).
        for key in (paths.POWER_POLICY, paths.POWER_SCHEMES):
            scheme = self._text(key, ACTIVE_SCHEME_VALUE)
            if scheme:
                return scheme
        raise _unknown("find the active power scheme", f"there is no {ACTIVE_SCHEME_VALUE}")

    def _profile_folder(self) -> str:
        user = self._text(DEFAULT_USER.key, DEFAULT_USER.value_name)
        if not user:
            raise _unknown("find the autologon user", f"there is no {DEFAULT_USER.value_name}")
        wanted = user.rpartition("\\")[2].lower()
        folders = [folder for folder in self._profile_folders() if folder]
        # A domain or a number may follow, if two accounts have the same name.
        found = [folder for folder in folders if folder.lower() == wanted] or [
            folder for folder in folders if folder.partition(".")[0].lower() == wanted
        ]
        if not found:
            raise _unknown(f"find the profile of {user}", "no ProfileImagePath ends in that name")
        if len({folder.lower() for folder in found}) > 1:
            raise _unknown(f"find the profile of {user}", f"it may be any of {', '.join(found)}")
        return found[0]

    def _profile_folders(self) -> Iterator[str]:
        hive, key = self.find(paths.PROFILES)
        for sid in hive.writer.subkeys(key):
            image = self._text(rf"{paths.PROFILES}\{sid}", "ProfileImagePath") or ""
            yield image.replace("/", "\\").rstrip("\\").rpartition("\\")[2]

    def _text(self, path: str, name: str) -> str | None:
        hive, key = self.find(path)
        value = hive.writer.value(key, name)
        if value is None or value.type not in _TEXTS:
            return None
        return value.data.decode("utf-16-le", errors="replace").split("\0", 1)[0]


def _unknown(action: str, actual: str) -> DiskError:
    return DiskError(action, actual, "Check the image, or inject online.")
