r"""Marks of pending update work, and the policy that keeps Windows from looking for updates
(fact:update-markers)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from powerdown.windows.facts import update_facts as facts
from powerdown.windows.facts.fact import Fact
from powerdown.windows.registry_edit import create_key, delete_key
from powerdown.windows.settings import registry_keys as keys
from powerdown.windows.settings.change import Change, change_by
from powerdown.windows.settings.declaration import Default, TakesEffect, Unit
from powerdown.windows.settings.key_request import KeyRequest
from powerdown.windows.settings.readings import NOT_READ, Group, Origin, Reading
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.stored_value import Registry

NO_AUTO_UPDATE = RegistrySetting(
    id="no-auto-update",
    group=Group.UPDATES,
    name="NoAutoUpdate",
    unit=Unit.SWITCH,
    key=rf"{keys.POLICIES}\Windows\WindowsUpdate\AU",
    default=Default(False),
    takes_effect=TakesEffect.NOT_KNOWN,
    facts=(facts.NO_AUTO_UPDATE,),
    note="on: Windows does not look for updates automatically",
)
"""Whether Windows looks for updates by itself."""

MARK = "update-mark:"
"""Prefix of the ids of marks; the mark's name follows."""


@dataclass(frozen=True)
class KeyMark:
    """A key whose existence is the mark.

    :param facts: what it rests on that it shows update work.
    """

    name: str
    key: str
    facts: tuple[Fact, ...] = (facts.UPDATE_MARKERS,)

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """Its existence."""
        return (KeyRequest(self.key, values=()),)

    @property
    def query(self) -> str:
        """Prints its name in a running guest if it is there (learn: reg query)."""
        return _name_if(f'reg query "{self.key}"', self.name)

    def set(self) -> Change:
        """Set the mark without any package. The key above it belongs to TrustedInstaller
        (fact:marker-key-writable)."""
        return change_by(create_key(self.key))

    def clear(self) -> Change:
        """Remove a mark that was set without a package."""
        return change_by(delete_key(self.key))

    def read(self, registry: Registry, files: Mapping[str, int | None] | None) -> Reading:
        """Whether it is there."""
        id = f"{MARK}{self.name}"
        if not registry.has(self.key):
            return Reading(id, Group.UPDATES, self.name, None, NOT_READ, Origin.NOT_READ, self.key)
        there = registry.exists(self.key)
        return Reading(
            id,
            Group.UPDATES,
            self.name,
            there,
            "yes" if there else "no",
            Origin.REGISTRY if there else Origin.ABSENT,
            self.key,
            raw="key" if there else None,
            facts=self.facts,
        )


@dataclass(frozen=True)
class ValueMark:
    """A value whose existence, or content, is the mark.

    :param by_content: whether it is always there, and only content counts.
    """

    name: str
    by_content: bool = False
    note: str = ""

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """Its value."""
        return (KeyRequest(keys.SESSION_MANAGER, values=(self.name,)),)

    @property
    def query(self) -> str:
        """Prints its name in a running guest if it is there, or its content where only that
        counts: other content may be large (learn: reg query)."""
        command = f'reg query "{keys.SESSION_MANAGER}" /v {self.name}'
        return f"{command} 2>nul" if self.by_content else _name_if(command, self.name)

    def read(self, registry: Registry, files: Mapping[str, int | None] | None) -> Reading:
        """Whether it marks work."""
        stored = registry.at(keys.SESSION_MANAGER, self.name)
        data = None if stored.value is None else stored.value.data
        there = data is not None
        if self.by_content:
            there = any(map(str.strip, data)) if isinstance(data, tuple) else bool(data)
        origin = Origin.ABSENT if stored.absent else Origin.REGISTRY
        return Reading(
            f"{MARK}{self.name}",
            Group.UPDATES,
            self.name,
            there if stored.known else None,
            ("yes" if there else "no") if stored.known else NOT_READ,
            origin if stored.known else Origin.NOT_READ,
            stored.key,
            stored.name,
            stored.raw,
            (facts.PENDING_RENAMES,),
            self.note if stored.known else "",
        )


@dataclass(frozen=True)
class FileMark:
    """A file whose existence is the mark.

    :param path: on the system volume.
    :param query: prints its name in a running guest if it is there (learn: dir).
    """

    name: str
    path: str

    @property
    def requests(self) -> tuple[KeyRequest, ...]:
        """None: it is a file."""
        return ()

    @property
    def query(self) -> str:
        """Prints its name in a running guest if it is there (learn: dir)."""
        inside = self.path.replace("Windows", "%SystemRoot%", 1)
        return _name_if(f'dir /b "{inside}"', self.name)

    def read(self, registry: Registry, files: Mapping[str, int | None] | None) -> Reading:
        """Whether it is there; not known where only a hive was read."""
        known = files is not None and self.path in files
        size = files[self.path] if files is not None and known else None
        return Reading(
            f"{MARK}{self.name}",
            Group.UPDATES,
            self.name,
            size is not None if known else None,
            ("no" if size is None else "yes") if known else NOT_READ,
            Origin.VOLUME if known else Origin.NOT_READ,
            raw=None if size is None else f"{self.path}: {size} bytes",
            facts=(facts.PENDING_XML,),
        )


def _name_if(command: str, name: str) -> str:
    return f"{command} >nul 2>nul&&echo {name}"


REBOOT_PENDING = KeyMark("RebootPending", keys.REBOOT_PENDING)
PENDING_RENAMES = ValueMark(
    "PendingFileRenameOperations", note="installers set it too; takes effect at the next start"
)
SETUP_EXECUTE = ValueMark("SetupExecute", by_content=True)
PENDING_XML = FileMark("pending.xml", r"Windows\WinSxS\pending.xml")
"""Servicing's list of pending work (fact:pending-xml)."""

MARKS: tuple[KeyMark | ValueMark | FileMark, ...] = (
    REBOOT_PENDING,
    KeyMark("RebootInProgress", keys.REBOOT_IN_PROGRESS),
    KeyMark("RebootRequired", keys.REBOOT_REQUIRED),
    PENDING_RENAMES,
    SETUP_EXECUTE,
    PENDING_XML,
)
"""Those that are read from a running guest too."""

PACKAGES_PENDING = KeyMark(
    "PackagesPending", rf"{keys.SERVICING}\PackagesPending", (facts.SERVICING_LISTS,)
)

SESSIONS_PENDING = RegistrySetting(
    id="sessions-pending",
    group=Group.UPDATES,
    name="SessionsPending",
    value_name="Exclusive",
    unit=Unit.SWITCH,
    words={0: "no", 1: "yes"},
    key=rf"{keys.SERVICING}\SessionsPending",
    facts=(facts.SERVICING_LISTS,),
)

MARK_REQUESTS = (
    KeyRequest(keys.SERVICING, values=()),
    *(request for mark in (*MARKS, PACKAGES_PENDING) for request in mark.requests),
)
"""Registry keys to read for the marks."""

MARK_QUERY = "&".join(mark.query for mark in MARKS)
"""Prints the names of the marks that are there in a running guest."""


def mark_readings(registry: Registry, files: Mapping[str, int | None] | None) -> Iterator[Reading]:
    """All marks, set or not.

    :param files: sizes of files by path; ``None`` if only a hive was read.
    """
    for mark in (*MARKS, PACKAGES_PENDING):
        yield mark.read(registry, files)
