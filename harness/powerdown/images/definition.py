"""Image definitions: a TOML file that describes one Windows image, read into an :class:`Image`.

:mod:`.definition_tables` has the keys, ``docs/image-definitions.md`` an example.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec.structs import asdict

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DefinitionError
from powerdown.images.build import run_build
from powerdown.images.definition_tables import (
    BudgetsTable,
    ControlTable,
    DiskTable,
    is_given,
    read_tables,
    wrong,
)
from powerdown.images.image import (
    Budgets,
    ControlConfig,
    Credentials,
    Disk,
    Image,
    Transport,
    Updates,
)

_SECRETS = ("user", "password", "password_env")
_NOT_APPLICABLE = {
    Transport.NONE: _SECRETS,
    Transport.GUEST_AGENT: ("port", "authentication", *_SECRETS),
}
"""Keys of [control] that do not apply to a transport."""

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
    tables = read_tables(path, values)
    machine = tables.machine
    disk, build = _disk(path, tables.disk)
    image = Image(
        name=tables.name,
        definition=path,
        description=tables.description,
        disk=disk,
        machine=machine.type,
        firmware=machine.firmware,
        memory_mib=machine.memory_mib,
        vcpus=machine.vcpus,
        nic=machine.nic,
        control=_control(path, tables.control, environment),
        budgets=_budgets(path, tables.budgets),
        updates=Updates(**asdict(tables.updates)),
        start=machine.start,
        tpm=machine.tpm,
    )
    return Definition(image, build)


def _disk(file: Path, table: DiskTable) -> tuple[Disk, Path | None]:
    if (table.path is None) == (table.build is None):
        actual = "neither is given" if table.path is None else "both are given"
        raise wrong(file, "disk", "path, build", actual, "Give exactly one of the two.")
    if table.build is not None:
        path = build = _build(file, Path(table.build))
    else:
        path, build = _disk_path(file, Path(table.path or "")), None
    return Disk(path, table.format, table.bus), build


def _disk_path(file: Path, path: Path) -> Path:
    if not path.is_absolute():
        actual = f"{str(path)!r} is relative"
        raise wrong(file, "disk", "path", actual, "Give the absolute path.")
    _check_file(file, "path", path, os.R_OK, "readable")
    return path


def _build(file: Path, relative: Path) -> Path:
    if relative.is_absolute():
        actual = f"{str(relative)!r} is absolute"
        raise wrong(file, "disk", "build", actual, "Give it relative to the definition.")
    build = file.parent / relative
    _check_file(file, "build", build, os.X_OK, "executable")
    return build


def _check_file(file: Path, key: str, path: Path, mode: int, able: str) -> None:
    # os.path returns False where pathlib raises: for names that are too long and NUL bytes.
    if not os.path.isfile(path):  # noqa: PTH113
        actual = f"there is no file {str(path)!r}"
        raise wrong(file, "disk", key, actual, "Correct the path, or put it there.")
    if not os.access(path, mode):
        actual = f"{str(path)!r} is not {able}"
        raise wrong(file, "disk", key, actual, "Change its permissions.")


def _control(file: Path, table: ControlTable, environment: Mapping[str, str]) -> ControlConfig:
    defaults, transport = ControlConfig(), table.transport
    for key in _NOT_APPLICABLE.get(transport, ()):
        if is_given(table, key):
            actual = f'does not apply to transport "{transport}"'
            raise wrong(file, "control", key, actual, "Remove it.")
    credentials = None
    if transport is Transport.WINRM:
        if table.user is None:
            raise wrong(file, "control", "user", "is missing", "Add it: a string in quotes.")
        credentials = Credentials(table.user, _password(file, table, environment))
    return ControlConfig(
        transport=transport,
        port=defaults.port if table.port is None else table.port,
        authentication=table.authentication or defaults.authentication,
        credentials=credentials,
    )


def _password(file: Path, table: ControlTable, environment: Mapping[str, str]) -> str:
    if (table.password is None) == (table.password_env is None):
        actual = "neither is given" if table.password is None else "both are given"
        remedy = "Give password_env, or password if it need not be secret."
        raise wrong(file, "control", "password_env, password", actual, remedy)
    if table.password is not None:
        return table.password
    variable = table.password_env or ""
    # Not checked with the others: what is wrong here may be the password itself, never to be told.
    if not _ENVIRONMENT_NAME.fullmatch(variable):
        actual = "is not the name of an environment variable"
        remedy = "Give the name of the variable, not the password itself."
        raise wrong(file, "control", "password_env", actual, remedy)
    password = environment.get(variable)
    if not password:
        actual = (
            f"the environment variable {variable} is {'unset' if password is None else 'empty'}"
        )
        raise wrong(file, "control", "password_env", actual, "Set it to the password.")
    return password


def _budgets(file: Path, table: BudgetsTable) -> Budgets:
    budgets = Budgets(**asdict(table))
    for key in ("reaction", "shutdown_soft"):
        if getattr(budgets, key) > budgets.shutdown_hard:
            actual = (
                f"{getattr(budgets, key)} s is more than shutdown_hard, {budgets.shutdown_hard} s"
            )
            raise wrong(file, "budgets", key, actual, "Lower it, or raise shutdown_hard.")
    return budgets


def _unreadable(path: Path, actual: str, remedy: str) -> DefinitionError:
    return DefinitionError(f"read image definition {path}", actual, remedy)
