"""What definitions may say, and what is said about those that may not be."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from traceback import format_exception

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from standin.setup import PACKAGES

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DefinitionError, HostError
from powerdown.images.definition import Definition, load, parse, read
from powerdown.images.image import (
    DiskBus,
    DiskFormat,
    Firmware,
    MachineType,
    NicModel,
    Transport,
    Updates,
    WinrmAuthentication,
)
from tests.support.paths import REPOSITORY

SOUND = """
name = "server"
[disk]
path = "{disk}"
format = "raw"
[machine]
firmware = "bios"
[control]
user = "tester"
password_env = "IMAGE_PASSWORD"
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a sound definition with pieces of its text replaced."""
    (tmp_path / "disk.raw").write_bytes(b"\0")
    monkeypatch.setenv("IMAGE_PASSWORD", "hunter2")

    def write_definition(*changes: tuple[str, str], more: str = "") -> Path:
        text = SOUND.format(disk=tmp_path / "disk.raw")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "image.toml"
        path.write_text(text + more)
        return path

    return write_definition


def test_defaults_are_the_documented_ones(write: Write, tmp_path: Path) -> None:
    image = load(write())
    assert image.name == "server"
    assert image.definition == tmp_path / "image.toml"
    assert image.disk.path == tmp_path / "disk.raw"
    assert (image.disk.format, image.disk.bus) == (DiskFormat.RAW, DiskBus.IDE)
    assert (image.machine, image.firmware) == (MachineType.Q35, Firmware.BIOS)
    assert (image.memory_mib, image.vcpus, image.nic) == (4096, 2, NicModel.E1000E)
    assert (image.control.transport, image.control.port) == (Transport.WINRM, 5985)
    assert image.control.authentication is WinrmAuthentication.NTLM
    assert image.control.credentials is not None
    assert image.control.credentials.password == "hunter2"
    budgets = image.budgets
    assert (budgets.boot, budgets.reaction) == (600, 30)
    assert budgets.settle == 60
    assert (budgets.shutdown_soft, budgets.shutdown_hard) == (120, 600)
    assert image.tpm is False
    assert image.updates == Updates(package=None, long_package=None, restarting_package=None)


def test_password_is_not_shown(write: Write) -> None:
    assert "hunter2" not in repr(load(write()))


def test_no_control_channel_needs_no_credentials(write: Write) -> None:
    credentials = 'user = "tester"\npassword_env = "IMAGE_PASSWORD"'
    image = load(write((credentials, 'transport = "none"')))
    assert image.control.credentials is None


def test_the_guest_agent_asks_nobody_who_they_are(write: Write) -> None:
    credentials = 'user = "tester"\npassword_env = "IMAGE_PASSWORD"'
    image = load(write((credentials, 'transport = "guest-agent"')))
    assert image.control.transport is Transport.GUEST_AGENT
    assert image.control.credentials is None


@pytest.mark.parametrize(
    "line", ["port = 5985", 'authentication = "basic"', 'user = "x"', 'password = "x"']
)
def test_what_belongs_to_winrm_has_no_use_with_the_guest_agent(write: Write, line: str) -> None:
    credentials = 'user = "tester"\npassword_env = "IMAGE_PASSWORD"'
    with pytest.raises(DefinitionError, match=r'transport "guest-agent".*Remove it'):
        load(write((credentials, f'transport = "guest-agent"\n{line}')))


@pytest.mark.parametrize(
    ("change", "key", "remedy"),
    [
        (("[machine]", "[machine]\nmemory_mb = 512"), "[machine] memory_mb", '"memory_mib"'),
        (("[machine]", "[machin]"), "machin", '"machine"'),
        (("[machine]", "[machine]\nvcpus = true"), "[machine] vcpus", "whole number"),
        (("[machine]", "[machine]\nvcpus = 0"), "[machine] vcpus", "from 1"),
        (("[machine]", '[machine]\ntpm = "2.0"'), "[machine] tpm", "true or false"),
        (("[machine]", "[machine]\ntpm = 1"), "[machine] tpm", "true or false"),
        (("[machine]", "[machine]\nmemory_mib = 512.0"), "[machine] memory_mib", "whole number"),
        (("[machine]", '[machine]\ntype = "microvm"'), "[machine] type", '"q35"'),
        (('firmware = "bios"', ""), "[machine] firmware", '"uefi"'),
        (('name = "server"', 'name = "Server 2022"'), "name", "a-z"),
        (('name = "server"', 'name = ""'), "name", "a-z"),
        (('name = "server"', 'name = "server\\n"'), "name", "a-z"),
        (('user = "tester"', 'user = ""'), "[control] user", "a string in quotes"),
        (('user = "tester"', 'usr = "tester"'), "[control] usr", 'Did you mean "user"?'),
        (("[machine]", "[machine]\nvcpus = 256"), "[machine] vcpus: is 256", "from 1 to 255"),
        (("[control]", "[budgets]\nboot = nan\n[control]"), "[budgets] boot", "finite"),
        (("[disk]", "[[disk]]"), "disk: is a list", "[disk]"),
        (('name = "server"', ""), "name", "Add it"),
        (('name = "server"', "name = 3"), "name", "string in quotes"),
        (("[disk]", "[disks]"), "disks", '"disk"'),
        (('format = "raw"', 'format = "iso"'), "[disk] format", '"qcow2"'),
        (('format = "raw"', ""), "[disk] format", "Add it"),
        (("disk.raw", "absent.raw"), "[disk] path", "put it there"),
        (('path = "', 'path = "x'), "[disk] path", "absolute"),
        (('path = "', 'build = "b"\npath = "'), "[disk] path, build", "exactly one"),
        (('path = "', 'build = "'), "[disk] build", "relative to the definition"),
        (('user = "tester"', ""), "[control] user", "Add it"),
        (('user = "tester"', 'transport = "none"'), "[control] password_env", "Remove"),
        (('user = "tester"', 'user = "tester"\nport = 65536'), "[control] port", "65535"),
        (('user = "tester"', 'user = "t"\npassword = "p"'), "[control] password", "Give"),
        (("IMAGE_PASSWORD", "UNSET_PASSWORD"), "UNSET_PASSWORD is unset", "Set it"),
        (("IMAGE_PASSWORD", "hunter 2"), "[control] password_env", "not the password"),
    ],
)
def test_each_problem_names_file_key_and_remedy(
    write: Write, change: tuple[str, str], key: str, remedy: str
) -> None:
    path = write(change)
    with pytest.raises(DefinitionError) as raised:
        load(path)
    assert str(path) in raised.value.action
    assert key in raised.value.actual
    assert remedy in raised.value.remedy
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("number", ["0", "-1", "true", '"5"', "nan", "inf", f"1{'0' * 400}"])
def test_budgets_are_seconds_above_zero(write: Write, number: str) -> None:
    with pytest.raises(DefinitionError, match=r"\[budgets\] boot"):
        load(write(more=f"[budgets]\nboot = {number}\n"))


@pytest.mark.parametrize("key", ["reaction", "shutdown_soft"])
def test_nothing_may_take_longer_than_the_hard_budget(write: Write, key: str) -> None:
    with pytest.raises(DefinitionError, match=rf"\[budgets\] {key}"):
        load(write(more=f"[budgets]\n{key} = 601\n"))
    assert load(write(more=f"[budgets]\n{key} = 600\n")).budgets.shutdown_hard == 600


def test_update_packages_are_files_in_the_guest(write: Write) -> None:
    some = "[updates]\npackage = 'C:\\Updates\\a.cab'\nrestarting_package = 'd:\\b.CAB'\n"
    image = load(write(more=some))
    assert image.updates == Updates(
        package=r"C:\Updates\a.cab", restarting_package=r"d:\b.CAB", long_package=None
    )


@pytest.mark.parametrize(
    "path",
    [
        r"Updates\a.cab",
        r"C:a.cab",
        "/tmp/a.cab",
        r"\\server\share\a.cab",
        r"C:\a.msu",
        r"C:\a.cab & del",
        r"C:\Up dates\a.cab",
        r"C:\%TEMP%\a.cab",
        'C:\\"a.cab',
        "C:\\a\nb.cab",
    ],
)
def test_an_update_package_has_an_absolute_windows_path(write: Write, path: str) -> None:
    values = {"name": "a", "updates": {"package": path}}
    sound = tomllib.loads(write().read_text()) | values
    with pytest.raises(DefinitionError, match=r"\[updates\] package.*\.cab"):
        parse(Path("/definitions/image.toml"), sound, {"IMAGE_PASSWORD": "x"})


def test_a_wrong_password_reference_is_not_repeated(write: Write) -> None:
    with pytest.raises(DefinitionError) as raised:
        load(write(("IMAGE_PASSWORD", "s3cret word")))
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("wrong", ["password = 1234567", "password = [1234567]"])
def test_a_password_of_the_wrong_type_is_not_repeated(write: Write, wrong: str) -> None:
    with pytest.raises(
        DefinitionError, match=r"\[control\] password: .*a string in quotes"
    ) as raised:
        load(write(('password_env = "IMAGE_PASSWORD"', wrong)))
    assert "1234567" not in "".join(format_exception(raised.value))


@pytest.mark.parametrize(
    "content", [b"name = ", b"\xff\xfe", b"a = 2020-99-99", b"a = " + b"[" * 5000]
)
def test_files_that_are_no_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image.toml"
    path.write_bytes(content)
    with pytest.raises(DefinitionError, match=r"image\.toml"):
        load(path)


def test_absent_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="No such file"):
        load(tmp_path / "absent.toml")
    with pytest.raises(DefinitionError, match="directory"):
        load(tmp_path)


def with_build(tmp_path: Path, write: Write, script: str) -> Path:
    build = tmp_path / "builds" / "build"
    build.parent.mkdir()
    build.write_text(f"#!/bin/sh\n{script}\n")
    build.chmod(0o755)
    return write((f'path = "{tmp_path}/disk.raw"', 'build = "builds/build"'))


def test_reading_builds_nothing_and_loading_does(tmp_path: Path, write: Write) -> None:
    made = tmp_path / "made.raw"
    definition = read(with_build(tmp_path, write, f"touch {made}; echo {made}"))
    assert not made.exists()
    assert definition.resolve(Deadline.after(10)).disk.path == made
    assert made.exists()


def test_failed_build_is_the_hosts_fault(tmp_path: Path, write: Write) -> None:
    with pytest.raises(HostError, match="no mirror"):
        load(with_build(tmp_path, write, "echo no mirror >&2; exit 3"))


def test_build_must_be_executable(tmp_path: Path, write: Write) -> None:
    path = with_build(tmp_path, write, "")
    (tmp_path / "builds" / "build").chmod(stat.S_IRUSR)
    with pytest.raises(DefinitionError, match=r"\[disk\] build.*not executable"):
        read(path)


def test_the_stand_in_is_sound() -> None:
    file = REPOSITORY / "fixtures" / "images" / "standin.toml"
    build = file.parent / "standin" / "build"
    if not build.exists():
        pytest.skip("the stand-in's build is not there yet")
    definition = read(file)
    assert definition.described.name == "standin"
    assert definition.build == build
    budgets, updates = definition.described.budgets, definition.described.updates
    work = {path: package.shutdown_work_ms / 1000 for path, package in PACKAGES.items()}
    assert updates.package and updates.long_package and updates.restarting_package
    # Otherwise they would not show what their keys say.
    assert budgets.shutdown_soft < work[updates.package] < budgets.shutdown_hard
    assert budgets.shutdown_hard < work[updates.long_package]
    assert PACKAGES[updates.restarting_package].restart


TOP = ["name", "description", "disk", "machine", "control", "budgets", "updates"]
DISK = ["path", "build", "format", "bus"]
MACHINE = ["type", "firmware", "memory_mib", "vcpus", "nic"]
CONTROL = ["transport", "port", "authentication", "user", "password", "password_env"]
BUDGETS = ["boot", "reaction", "shutdown_soft", "shutdown_hard", "settle"]
UPDATES = ["package", "long_package", "restarting_package"]
KEYS = st.sampled_from([*TOP, *DISK, *MACHINE, *CONTROL, *BUDGETS, *UPDATES, "other"])
WORDS = st.sampled_from(["qcow2", "raw", "bios", "uefi", "pc", "winrm", "none", "/bin/sh", "a"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=300)
    | WORDS
    | st.datetimes()
    | st.dates()
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=5
)
NEARLY_SOUND = st.fixed_dictionaries(
    {"name": st.just("a") | SCALARS, "disk": st.dictionaries(KEYS, SCALARS)},
    optional={
        "machine": st.dictionaries(KEYS, SCALARS),
        "control": st.dictionaries(KEYS, SCALARS),
        "budgets": st.dictionaries(KEYS, st.integers(1, 9) | SCALARS),
        "updates": st.dictionaries(KEYS, SCALARS),
    },
)


@given(st.dictionaries(KEYS | st.text(), TREES) | NEARLY_SOUND)
@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_any_values_give_a_definition_or_its_error(values: dict[str, object]) -> None:
    try:
        definition = parse(Path("/definitions/image.toml"), values, {"a": "secret"})
    except DefinitionError as error:
        assert "/definitions/image.toml" in str(error)
    else:
        assert isinstance(definition, Definition)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_definition_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with pytest.raises(DefinitionError):
        read(path)
