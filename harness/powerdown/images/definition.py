"""Image definitions: a TOML file that describes one Windows image, read into an :class:`Image`.

::

    name = "server-2022"                # required; lower-case letters, digits, hyphens
    description = "our golden image"    # default: empty

    [disk]
    path = "/images/server-2022.qcow2"  # absolute; or ``build``
    # build = "folder/build"            # executable, relative to this file; prints the path
    format = "qcow2"                    # required: qcow2, raw, vhdx, vmdk
    bus = "ide"                         # default ide; or nvme, virtio

    [machine]
    firmware = "uefi"                   # required: bios, uefi
    type = "q35"                        # default q35; or pc
    memory_mib = 4096                   # default 4096
    vcpus = 2                           # default 2
    nic = "e1000e"                      # default e1000e; or e1000, rtl8139, virtio-net-pci
    tpm = false                         # default false; true: a TPM 2.0, as Windows 11 wants
    start = "warm"                      # default warm, from a template; or cold, from power-on

    [control]
    transport = "winrm"                 # default winrm; or guest-agent, none (outside only)
    # The other keys are for winrm only.
    port = 5985                         # default 5985, WinRM over HTTP
    authentication = "ntlm"             # default ntlm, which a stock Windows accepts; or basic
    user = "Administrator"              # required with winrm
    password_env = "IMAGE_PASSWORD"     # environment variable that holds the password
    # password = "..."                  # instead, for a password that is not secret

    [budgets]                           # seconds
    boot = 600                          # default 600
    reaction = 30                       # default 30
    shutdown_soft = 120                 # default 120
    shutdown_hard = 600                 # default 600
    settle = 60                         # default 60; used only with transport "none"

    [updates]                           # packages in the guest, each optional; see Updates
    package = 'C:\\Updates\\update.cab'
    long_package = 'C:\\Updates\\long-update.cab'
    restarting_package = 'C:\\Updates\\restarting-update.cab'

The disk's format and the firmware have no default: with a wrong guess the image would look broken.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DefinitionError
from powerdown.images.build import run_build
from powerdown.images.image import (
    Budgets,
    ControlConfig,
    Credentials,
    Disk,
    DiskBus,
    DiskFormat,
    Firmware,
    Image,
    MachineType,
    NicModel,
    Start,
    Transport,
    Updates,
    WinrmAuthentication,
)
from powerdown.images.table import Table

_HARDWARE = ("type", "firmware", "memory_mib", "vcpus", "nic", "tpm")
_TABLES = ("disk", "machine", "control", "budgets", "updates")
_SECRETS = ("user", "password", "password_env")
_NOT_APPLICABLE = {
    Transport.NONE: _SECRETS,
    Transport.GUEST_AGENT: ("port", "authentication", *_SECRETS),
}
"""Keys of [control] that do not apply to a transport."""

_NAME = re.compile(r"[a-z0-9-]+")
# It becomes part of a command line, so characters that are special to cmd.exe are not allowed.
_GUEST_PATH = re.compile(r'(?i:[a-z]:(\\[^\\/:*?"<>|%&^!(),;=\s\x00-\x1f]+)+\.cab)')
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_BUILD_SECONDS = 600.0
"""Time allowed for a build; the stand-in's first one takes under two minutes."""


@dataclass(frozen=True)
class Definition:
    """A valid definition; its disk may not have been built yet.

    :param described: the image; its ``disk.path`` is the build executable where there is one.
    :param build: executable that builds the disk and prints its path; ``None`` when the
        definition names the disk itself.
    """

    described: Image
    build: Path | None

    def resolve(self, deadline: Deadline) -> Image:
        """The image with the path of its disk, which is built if necessary.

        :raise HostError: the build failed.
        :raise DeadlineExpired: the build took too long.
        """
        if self.build is None:
            return self.described
        disk = replace(self.described.disk, path=run_build(self.build, deadline))
        return replace(self.described, disk=disk)


def load(path: Path) -> Image:
    """Read a definition and build its disk if necessary.

    :raise DefinitionError: the definition cannot be used.
    :raise HostError: the build failed.
    :raise DeadlineExpired: the build took too long.
    """
    return read(path).resolve(Deadline.after(_BUILD_SECONDS))


def read(path: Path) -> Definition:
    """Read and validate a definition without running anything.

    :raise DefinitionError: names the file, the key and the remedy.
    """
    path = path.absolute()
    try:
        text = path.read_bytes().decode()
        values = tomllib.loads(text)
    except OSError as error:
        raise _unreadable(
            path, error.strerror or str(error), "Give a readable TOML file."
        ) from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"not UTF-8: {error.reason}", "Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, f"not TOML: {error}", "Correct the syntax there.") from error
    except (ValueError, RecursionError) as error:
        # tomllib raises these for impossible dates, huge numbers and deep nesting.
        raise _unreadable(path, f"not TOML: {error}", "Correct the value.") from error
    return parse(path, values, os.environ)


def parse(path: Path, values: Mapping[str, object], environment: Mapping[str, str]) -> Definition:
    """The definition given by parsed TOML.

    :param path: absolute path of the definition.
    :param environment: environment variables, for ``password_env``.
    :raise DefinitionError: names the file, the key and the remedy.
    """
    top = Table(path, "", values, ("name", "description", *_TABLES))
    name = top.string("name")
    if not _NAME.fullmatch(name):
        raise top.error("name", f"is {name!r}", "Use only a-z, 0-9 and hyphens.")
    disk, build = _disk(top, path)
    machine = top.table("machine", (*_HARDWARE, "start"))
    image = Image(
        name=name,
        definition=path,
        description=top.string("description", ""),
        disk=disk,
        machine=machine.choice("type", MachineType, MachineType.Q35),
        firmware=machine.choice("firmware", Firmware),
        memory_mib=machine.integer("memory_mib", 4096, most=1 << 20),
        vcpus=machine.integer("vcpus", 2, most=255),
        nic=machine.choice("nic", NicModel, NicModel.E1000E),
        control=_control(top, environment),
        budgets=_budgets(top),
        updates=_updates(top),
        start=machine.choice("start", Start, Start.WARM),
        tpm=machine.boolean("tpm", False),
    )
    return Definition(image, build)


def _disk(top: Table, definition: Path) -> tuple[Disk, Path | None]:
    table = top.table("disk", ("path", "build", "format", "bus"))
    if ("path" in table) == ("build" in table):
        actual = "both are given" if "path" in table else "neither is given"
        raise table.error("path, build", actual, "Give exactly one of the two.")
    if "build" in table:
        path = build = _build(table, definition)
    else:
        path, build = _disk_path(table), None
    disk_format = table.choice("format", DiskFormat)
    return Disk(path, disk_format, table.choice("bus", DiskBus, DiskBus.IDE)), build


def _disk_path(table: Table) -> Path:
    path = Path(table.string("path"))
    if not path.is_absolute():
        raise table.error("path", f"{str(path)!r} is relative", "Give the absolute path.")
    _check_file(table, "path", path, os.R_OK, "readable")
    return path


def _build(table: Table, definition: Path) -> Path:
    relative = Path(table.string("build"))
    if relative.is_absolute():
        raise table.error(
            "build", f"{str(relative)!r} is absolute", "Give it relative to the definition."
        )
    build = definition.parent / relative
    _check_file(table, "build", build, os.X_OK, "executable")
    return build


def _check_file(table: Table, key: str, path: Path, mode: int, able: str) -> None:
    # os.path returns False where pathlib raises: for names that are too long and NUL bytes.
    if not os.path.isfile(path):  # noqa: PTH113
        raise table.error(
            key, f"there is no file {str(path)!r}", "Correct the path, or put it there."
        )
    if not os.access(path, mode):
        raise table.error(key, f"{str(path)!r} is not {able}", "Change its permissions.")


def _control(top: Table, environment: Mapping[str, str]) -> ControlConfig:
    table = top.table("control", ("transport", "port", "authentication", *_SECRETS))
    defaults = ControlConfig()
    transport = table.choice("transport", Transport, defaults.transport)
    credentials = None
    for key in _NOT_APPLICABLE.get(transport, ()):
        if key in table:
            raise table.error(key, f'does not apply to transport "{transport}"', "Remove it.")
    if transport is Transport.WINRM:
        credentials = Credentials(table.string("user"), _password(table, environment))
    return ControlConfig(
        transport=transport,
        port=table.integer("port", defaults.port, most=65535),
        authentication=table.choice("authentication", WinrmAuthentication, defaults.authentication),
        credentials=credentials,
    )


def _password(table: Table, environment: Mapping[str, str]) -> str:
    if ("password" in table) == ("password_env" in table):
        actual = "both are given" if "password" in table else "neither is given"
        raise table.error(
            "password_env, password",
            actual,
            "Give password_env, or password if it need not be secret.",
        )
    if "password" in table:
        return table.string("password")
    variable = table.string("password_env")
    if not _ENVIRONMENT_NAME.fullmatch(variable):
        raise table.error(
            "password_env",
            "is not the name of an environment variable",
            "Give the name of the variable, not the password itself.",
        )
    password = environment.get(variable)
    if not password:
        raise table.error(
            "password_env",
            f"the environment variable {variable} is {'unset' if password is None else 'empty'}",
            "Set it to the password.",
        )
    return password


def _budgets(top: Table) -> Budgets:
    table = top.table("budgets", ("boot", "reaction", "shutdown_soft", "shutdown_hard", "settle"))
    defaults = Budgets()
    budgets = Budgets(
        boot=table.seconds("boot", defaults.boot),
        reaction=table.seconds("reaction", defaults.reaction),
        shutdown_soft=table.seconds("shutdown_soft", defaults.shutdown_soft),
        shutdown_hard=table.seconds("shutdown_hard", defaults.shutdown_hard),
        settle=table.seconds("settle", defaults.settle),
    )
    for key in ("reaction", "shutdown_soft"):
        if getattr(budgets, key) > budgets.shutdown_hard:
            raise table.error(
                key,
                f"{getattr(budgets, key)} s is more than shutdown_hard, {budgets.shutdown_hard} s",
                "Lower it, or raise shutdown_hard.",
            )
    return budgets


def _updates(top: Table) -> Updates:
    table = top.table("updates", ("package", "long_package", "restarting_package"))
    return Updates(
        package=_guest_path(table, "package"),
        long_package=_guest_path(table, "long_package"),
        restarting_package=_guest_path(table, "restarting_package"),
    )


def _guest_path(table: Table, key: str) -> str | None:
    if key not in table:
        return None
    path = table.string(key)
    if not _GUEST_PATH.fullmatch(path):
        raise table.error(
            key,
            "must be an absolute Windows path of a .cab file, without spaces and without "
            "characters that are special to cmd.exe",
            r"Write it like 'C:\Updates\update.cab'.",
        )
    return path


def _unreadable(path: Path, actual: str, remedy: str) -> DefinitionError:
    return DefinitionError(f"read image definition {path}", actual, remedy)
