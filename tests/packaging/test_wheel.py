"""The wheel in a fresh environment: other projects are left alone, and the suites run anywhere."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Mapping
from email import message_from_string
from pathlib import Path

import pytest

from tests.support.boot_sector import OBEDIENT
from tests.support.gate_directory import GateDirectory
from tests.support.paths import REPOSITORY
from tests.support.wheel_environment import WheelEnvironment

pytestmark = pytest.mark.xdist_group("wheel")

LIGHT = {
    "powerdown",
    "powerdown.pytest_plugin",
    "powerdown.pytest_plugin.fixtures",
    "powerdown.pytest_plugin.names",
    "powerdown.pytest_plugin.options",
    "powerdown.pytest_plugin.plugin",
}
"""What a session that does not use Powerdown imports because of it: nothing else."""

PASSING = "def test_of_theirs(): pass\n"

ABANDONED = "powerdown-run-abandoned"

QEMU = "#!/bin/sh\ntouch {}\nexit 1\n"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> WheelEnvironment:
    return WheelEnvironment(tmp_path_factory.mktemp("wheel"))


class Project:
    """Somebody else's project in that environment."""

    def __init__(self, environment: WheelEnvironment, path: Path) -> None:
        self.path = path
        self._environment = environment
        self._programs = path / "bin"
        self._programs.mkdir()
        qemu = self._programs / "qemu-system-x86_64"
        qemu.write_text(QEMU.format(path / "qemu-was-run"))
        qemu.chmod(0o755)
        # What a killed run has left behind.
        (path / "tmp" / ABANDONED).mkdir(parents=True)
        (path / "tmp" / ABANDONED / "in-use").touch()

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ("-m", "pytest", "-p", "no:cacheprovider", *arguments)
        return self._environment.run(self.path, *command, path=self._programs)

    def is_untouched(self) -> bool:
        """Whether a session of pytest has left no trace of Powerdown."""
        return not [
            *self.path.rglob("gate.json"),
            *self.path.glob("reports"),
            *self.path.glob("cache/powerdown"),
            *self.path.glob("qemu-was-run"),
            *(file for file in self.path.glob("tmp/powerdown-*") if file.name != ABANDONED),
        ] and ((self.path / "tmp" / ABANDONED).exists())


@pytest.fixture
def project(environment: WheelEnvironment, tmp_path: Path) -> Project:
    return Project(environment, tmp_path)


def test_the_wheel_is_what_runs(environment: WheelEnvironment, tmp_path: Path) -> None:
    where = "import powerdown, powerdown_suites as s; print(powerdown.__file__, s.__file__)"
    printed = environment.run(tmp_path, "-c", where).stdout
    assert str(REPOSITORY / "harness") not in printed
    assert printed.count("/environment/lib/") == 2


@pytest.mark.parametrize("workers", ["0", "2", "auto"])
def test_another_project_runs_as_without_it(project: Project, workers: str) -> None:
    project.write({"test_theirs.py": PASSING})
    with_it = project.pytest("-n", workers)
    assert with_it.returncode == pytest.ExitCode.OK, with_it.stdout
    assert "1 passed" in with_it.stdout
    without = project.pytest("-n", workers, "-p", "no:powerdown")
    created = [re.findall(r"created: .*", run.stdout) for run in (with_it, without)]
    assert created[0] == created[1]
    assert project.is_untouched()


def test_a_project_may_have_a_folder_named_harness(project: Project) -> None:
    project.write(
        {
            "harness/__init__.py": "THEIRS = True\n",
            "test_theirs.py": "import harness\ndef test_it(): assert harness.THEIRS\n",
        }
    )
    ended = project.pytest()
    assert ended.returncode == pytest.ExitCode.OK, ended.stdout
    assert project.is_untouched()


FOREIGN_NAMES = """
import pytest

@pytest.fixture
def scenario(): return "theirs"

@pytest.fixture(params=["x", "y"])
def image(request): return request.param

@pytest.mark.scenario
def test_bare(scenario): assert scenario == "theirs"

@pytest.mark.scenario(name="named")
def test_named(scenario, image): assert image in "xy"
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_their_marker_and_fixtures_are_theirs(project: Project, workers: str) -> None:
    ini = "[pytest]\naddopts = --strict-markers\nmarkers = scenario: theirs\n"
    project.write({"test_theirs.py": FOREIGN_NAMES, "pytest.ini": ini})
    ended = project.pytest("-n", workers)
    assert ended.returncode == pytest.ExitCode.OK, ended.stdout
    assert "3 passed" in ended.stdout
    assert project.is_untouched()


FOREIGN_OPTIONS = """
def pytest_addoption(parser):
    for name in ("image", "reports", "inject", "via", "backend", "connect", "compare"):
        parser.addoption(f"--{name}")
    parser.addoption("--cold", action="store_true")
"""


def test_their_options_are_theirs(project: Project) -> None:
    test = "def test_it(pytestconfig): assert pytestconfig.getoption('--image') == 'a.png'\n"
    project.write({"conftest.py": FOREIGN_OPTIONS, "test_theirs.py": test})
    ended = project.pytest("--image", "a.png", "--cold")
    assert ended.returncode == pytest.ExitCode.OK, ended.stdout
    assert project.is_untouched()


DEATH_SIGNAL = """
import ctypes

def test_it():
    signal = ctypes.c_int(-1)
    PR_GET_PDEATHSIG = 2
    assert ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(signal), 0, 0, 0) == 0
    assert signal.value == 0
"""


def test_their_workers_have_no_death_signal(project: Project) -> None:
    project.write({"test_theirs.py": DEATH_SIGNAL})
    ended = project.pytest("-n", "2")
    assert ended.returncode == pytest.ExitCode.OK, ended.stdout


LOADED = """
import pytest, sys
pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]])
print("loaded:", *sys.modules)
"""


def test_an_unrelated_session_loads_nothing_heavy(
    environment: WheelEnvironment, tmp_path: Path
) -> None:
    (tmp_path / "test_theirs.py").write_text(PASSING)
    loaded = []
    for options in ((), ("-p", "no:powerdown")):
        output = environment.run(tmp_path, "-c", LOADED, *options).stdout
        assert "1 passed" in output
        loaded.append(set(output.rpartition("loaded: ")[2].split()))
    with_it, without = loaded
    assert with_it - without == LIGHT


def test_nor_does_it_import_any(environment: WheelEnvironment, tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(PASSING)
    session = ("-X", "importtime", "-m", "pytest", "-p", "no:cacheprovider")
    imported = [
        set(re.findall(r"^import time: .*\| +(\S+)$", output, re.MULTILINE))
        for output in (
            environment.run(tmp_path, *session).stdout,
            environment.run(tmp_path, *session, "-p", "no:powerdown").stdout,
        )
    ]
    assert "_pytest.main" in imported[1]
    assert imported[0] - imported[1] <= LIGHT


def test_the_command_tells_its_version(environment: WheelEnvironment, tmp_path: Path) -> None:
    version = environment.wheel.name.split("-")[1]
    command = str(environment.python.with_name("powerdown"))
    for arguments in ([command], ["-m", "powerdown"]):
        printed = environment.run(tmp_path, *arguments, "--version")
        assert (printed.returncode, printed.stdout) == (0, f"powerdown {version}\n")


def test_the_suites_are_found_and_skipped_without_an_image(project: Project) -> None:
    ended = project.pytest("-q", "--pyargs", "powerdown_suites")
    assert ended.returncode == pytest.ExitCode.OK, ended.stdout[-2000:]
    (skipped,) = re.findall(r"^(\d+) skipped in", ended.stdout, re.MULTILINE)
    # One for each variant, without one for each image.
    assert int(skipped) > 100
    assert project.is_untouched()


@pytest.mark.guest
def test_the_suites_run_without_a_checkout(environment: WheelEnvironment, tmp_path: Path) -> None:
    directory = (
        GateDirectory(tmp_path / "gate", "") if (tmp_path / "gate").mkdir() is None else None
    )
    assert directory is not None
    definition = directory.image("obedient", OBEDIENT)
    image = f"--powerdown-image={definition}"
    choice = ("--pyargs", "powerdown_suites", "-k", "test_press_completes")
    ended = environment.run(tmp_path, "-m", "pytest", "-n", "2", image, *choice)
    assert ended.returncode == pytest.ExitCode.OK, ended.stdout
    gate = json.loads((tmp_path / "reports" / "gate.json").read_text())
    assert {one["variant"] for one in gate["scenarios"]} == {"control", "cold-control"}
    assert {one["status"] for one in gate["scenarios"]} == {"passed"}


def test_everything_in_the_package_is_in_the_wheel(environment: WheelEnvironment) -> None:
    with zipfile.ZipFile(environment.wheel) as wheel:
        packed = set(wheel.namelist())
    sources = {
        "powerdown": REPOSITORY / "harness" / "powerdown",
        "powerdown_suites": REPOSITORY / "suites",
    }
    needed = {
        f"{package}/{file.relative_to(root)}"
        for package, root in sources.items()
        for file in root.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in needed if name.endswith((".c", ".h", ".json"))}
    assert "powerdown/py.typed" in needed
    assert needed - packed == set()
    assert {name.split("/")[0] for name in packed if ".dist-info" not in name} == set(sources)


def test_the_metadata_names_licence_and_framework(environment: WheelEnvironment) -> None:
    with zipfile.ZipFile(environment.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        metadata = message_from_string(wheel.read(name).decode())
        (licence,) = (name for name in wheel.namelist() if name.endswith("/licenses/LICENSE"))
        assert wheel.read(licence) == (REPOSITORY / "LICENSE").read_bytes()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Framework :: Pytest" in metadata.get_all("Classifier", [])
    assert metadata.get_all("Project-URL") is None
