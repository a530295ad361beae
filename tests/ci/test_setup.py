"""ci/setup on machines that lack packages, played with stand-ins for the host's programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

SETUP = REPOSITORY / "ci/setup"

USER, ROOT = "echo 1000", "echo 0"
LISTS_LOCKED = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"


class Checkout:
    """A checkout in which only ``bash`` and the like are the host's own.

    It stops after the packages, because making an environment takes seconds; see
    :meth:`go_on`.
    """

    def __init__(self, directory: Path) -> None:
        self.root = directory / "checkout"
        self.programs = directory / "programs"
        (self.root / "ci").mkdir(parents=True)
        self.programs.mkdir()
        shutil.copy(SETUP, self.root / "ci/setup")
        (self.root / "requirements.txt").write_text("nothing-of-that-name==0\n")
        (self.root / "pyproject.toml").touch()
        (self.root / "setup.py").touch()
        self.packages("ci/packages.txt", "present  # here", "absent   # not here", "# none")
        self.program("dpkg-query", 'case "$*" in *present) printf installed;; *) exit 1;; esac')
        self.program("sudo", "exit 1")
        self.program("id", USER)
        self.program("sha256sum", "exit 1")
        self.program("apt-get", f'echo "$@" >>{self.calls}')

    @property
    def calls(self) -> Path:
        return self.programs / "calls"

    def packages(self, name: str, *lines: str) -> None:
        (self.root / name).write_text("".join(f"{line}\n" for line in lines))

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def go_on(self) -> None:
        """Let it try to make the environment, which pip then cannot fill."""
        (self.programs / "sha256sum").unlink()

    def setup(self, *lists: str) -> subprocess.CompletedProcess[str]:
        # No index and no configuration: pip fails at once, without a network.
        pip = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
        path = f"{self.programs}:/usr/bin:/bin"
        return subprocess.run(
            [self.root / "ci/setup", *lists],
            env={"PATH": path, "HOME": str(self.root), **pip},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_user_who_may_not_install_is_told_what_to_run(checkout: Checkout) -> None:
    result = checkout.setup()
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.endswith("apt-get install --no-install-recommends absent")
    assert not checkout.calls.exists()


def test_further_lists_count(checkout: Checkout) -> None:
    checkout.packages("ci/more.txt", "further")
    assert checkout.setup("ci/more.txt").stderr.splitlines()[0].endswith(" absent further")


@pytest.mark.parametrize("may", ["root", "sudo"])
def test_who_may_install_does(checkout: Checkout, may: str) -> None:
    if may == "root":
        checkout.program("id", ROOT)
    else:
        checkout.program("sudo", 'shift; exec "$@"')
    assert checkout.setup().stderr.startswith("setup: installing absent\n")
    update, install = checkout.calls.read_text().splitlines()
    assert update.endswith(" update")
    assert install.endswith(" install -y --no-install-recommends absent")


def test_the_end_of_apts_words_comes_with_a_failure(checkout: Checkout) -> None:
    checkout.program("id", ROOT)
    checkout.program("apt-get", "echo 'E: Unable to locate package absent' >&2; exit 100")
    result = checkout.setup()
    assert result.returncode == 2
    assert result.stderr.splitlines()[1:] == [
        "E: Unable to locate package absent",
        "setup: apt-get could not install absent; see above",
    ]


def test_another_update_is_waited_for(checkout: Checkout) -> None:
    checkout.program("id", ROOT)
    flag = checkout.programs / "locked-once"
    checkout.program(
        "apt-get",
        f'echo "$@" >>{checkout.calls}\n'
        f"[ -e {flag} ] || {{ touch {flag}; echo '{LISTS_LOCKED}' >&2; exit 100; }}",
    )
    assert "apt-get could not" not in checkout.setup().stderr
    calls = [line.split()[2] for line in checkout.calls.read_text().splitlines()]
    assert calls == ["update", "update", "install"]


def test_an_environment_that_cannot_be_filled_is_not_kept(checkout: Checkout) -> None:
    checkout.packages("ci/packages.txt", "present")
    checkout.go_on()
    result = checkout.setup()
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "setup: pip could not fill .venv; see above"
    assert not (checkout.root / ".venv/powerdown.key").exists()
