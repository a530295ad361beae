"""Image definitions: a TOML file that describes one Windows image, read into an :class:`Image`.

::

    name = "server-2022"                # required; lower case letters, digits, dashes
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
    transport = "winrm"                 # default winrm; or guest-agent; none: from outside only
    # What follows belongs to winrm. With guest-agent, none of it may be given.
    port = 5985                         # default 5985, WinRM over HTTP
    authentication = "ntlm"             # default ntlm, which Windows accepts as it comes; or basic
    user = "Administrator"              # required with winrm
    password_env = "IMAGE_PASSWORD"     # name of the environment variable that holds the password
    # password = "..."                  # instead, only where there is no secret to keep

    [budgets]                           # seconds
    boot = 600                          # default 600
    reaction = 10                       # default 10
    shutdown_soft = 120                 # default 120
    shutdown_hard = 300                 # default 300
    settle = 60                         # default 60; used only with transport "none"

    [updates]                           # packages in the guest, each optional: see Updates
    package = 'C:\\Updates\\update.cab'
    long_package = 'C:\\Updates\\long-update.cab'
    restarting_package = 'C:\\Updates\\restarting-update.cab'

The disk's format and the firmware have no default: guessing them wrong looks like a broken image.
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
_WITHOUT_USE = {
    Transport.NONE: _SECRETS,
    Transport.GUEST_AGENT: ("port", "authentication", *_SECRETS),
}
"""Keys of [control] that mean nothing with a transport."""

_NAME = re.compile(r"[a-z0-9-]+")
# It becomes part of a command line: what cmd.exe would not take as it is is not allowed.
_GUEST_PATH = re.compile(r'(?i:[a-z]:(\\[^\\/:*?"<>|%&^!(),;=\s\x00-\x1f]+)+\.cab)')
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_BUILD_SECONDS = 600.0
"""Time allowed for a build; the stand-in's takes well under two minutes, once."""


@dataclass(frozen=True)
class Definition:
    """A definition that was read and found sound, before anything was built.

    :param described: the image; its ``disk.path`` is the build executable where there is one.
    :param build: executable that makes the disk and prints its path; ``None`` for a given disk.
    """

    described: Image
    build: Path | None

    def resolve(self, deadline: Deadline) -> Image:
        """The image with its disk at hand, built when need be.

        :raise HostError: the build failed.
        :raise DeadlineExpired: the build took too long.
        """
        if self.build is None:
            return self.described
        disk = replace(self.described.disk, path=run_build(self.build, deadline))
        return replace(self.described, disk=disk)


def load(path: Path) -> Image:
    """Read a definition and have its disk at hand: :func:`read`, then build when need be.

    :raise DefinitionError: the definition cannot be used.
    :raise HostError: the build failed.
    :raise DeadlineExpired: the build took too long.
    """
    return read(path).resolve(Deadline.after(_BUILD_SECONDS))


def read(path: Path) -> Definition:
    """Read and check a definition; runs nothing.

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
        # tomllib lets these out for absurd dates, numbers and nesting.
        raise _unreadable(path, f"not TOML: {error}", "Correct the value.") from error
    return parse(path, values, os.environ)


def parse(path: Path, values: Mapping[str, object], environment: Mapping[str, str]) -> Definition:
    """The definition that TOML values describe.

    :param path: absolute path of the definition.
    :param environment: where ``password_env`` is looked up.
    :raise DefinitionError: names the file, the key and the remedy.
    """
    top = Table(path, "", values, ("name", "description", *_TABLES))
    name = top.string("name")
    if not _NAME.fullmatch(name):
        raise top.error("name", f"is {name!r}", "Use only a-z, 0-9 and dashes.")
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
    # os.path answers False where pathlib raises: names too long, NUL bytes.
    if not os.path.isfile(path):  # noqa: PTH113
        raise table.error(key, f"there is no file {str(path)!r}", "Correct it, or put it there.")
    if not os.access(path, mode):
        raise table.error(key, f"{str(path)!r} is not {able}", "Change its permissions.")


def _control(top: Table, environment: Mapping[str, str]) -> ControlConfig:
    table = top.table("control", ("transport", "port", "authentication", *_SECRETS))
    transport = table.choice("transport", Transport, Transport.WINRM)
    credentials = None
    useless = _WITHOUT_USE.get(transport, ())
    for key in useless:
        if key in table:
            raise table.error(key, f'has no use with transport "{transport}"', "Remove it.")
    if transport is Transport.WINRM:
        credentials = Credentials(table.string("user"), _password(table, environment))
    return ControlConfig(
        transport=transport,
        port=table.integer("port", 5985, most=65535),
        authentication=table.choice(
            "authentication", WinrmAuthentication, WinrmAuthentication.NTLM
        ),
        credentials=credentials,
    )


def _password(table: Table, environment: Mapping[str, str]) -> str:
    if ("password" in table) == ("password_env" in table):
        actual = "both are given" if "password" in table else "neither is given"
        raise table.error(
            "password_env, password",
            actual,
            "Give password_env, or password where there is no secret to keep.",
        )
    if "password" in table:
        return table.string("password")
    variable = table.string("password_env")
    if not _ENVIRONMENT_NAME.fullmatch(variable):
        raise table.error(
            "password_env",
            "is no name of an environment variable",
            "Give the variable's name, not the password.",
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
    budgets = Budgets(
        boot=table.seconds("boot", 600.0),
        reaction=table.seconds("reaction", 10.0),
        shutdown_soft=table.seconds("shutdown_soft", 120.0),
        shutdown_hard=table.seconds("shutdown_hard", 300.0),
        settle=table.seconds("settle", 60.0),
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
            "is no absolute Windows path of a .cab file without blanks and signs",
            r"Write it like 'C:\Updates\update.cab'.",
        )
    return path


def _unreadable(path: Path, actual: str, remedy: str) -> DefinitionError:
    return DefinitionError(f"read image definition {path}", actual, remedy)
