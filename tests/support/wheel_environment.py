"""A fresh environment with the wheel of this checkout in it, as a user has it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.support.paths import REPOSITORY

_SOURCES = ("harness", "suites", "pyproject.toml", "setup.py", "README.md", "LICENSE")

_SECONDS = 120
"""For building the wheel, and for one session of pytest."""


class WheelEnvironment:
    """Built and installed without a network: the dependencies are those of this environment.

    :param directory: a new directory.
    :ivar wheel: the wheel.
    :ivar python: the environment's Python.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.wheel = self._build()
        venv.create(directory / "environment", symlinks=True)
        self.python = directory / "environment" / "bin" / "python"
        self._install()

    def run(
        self, cwd: Path, *arguments: str, path: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python; standard error goes with standard output.

        :param cwd: where; ``tmp`` and ``cache`` in it are the temporary directory and the cache.
        :param path: a directory of programs that are found before others.
        """
        (cwd / "tmp").mkdir(exist_ok=True)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PYTHON"))}
        found = [str(path)] if path else []
        environment = {
            "TMPDIR": str(cwd / "tmp"),
            "XDG_CACHE_HOME": str(cwd / "cache"),
            "PATH": os.pathsep.join([*found, inherited["PATH"]]),
            "COLUMNS": "200",
        }
        return subprocess.run(
            [self.python, *arguments],
            cwd=cwd,
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def _build(self) -> Path:
        # A build writes beside its sources.
        sources, wheels = self._directory / "sources", self._directory / "wheels"
        sources.mkdir()
        for name in _SOURCES:
            source = REPOSITORY / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, sources / name, ignore=ignored)
            else:
                shutil.copy(source, sources / name)
        self._pip("wheel", "--no-build-isolation", "--wheel-dir", str(wheels), str(sources))
        (wheel,) = wheels.glob("*.whl")
        return wheel

    def _install(self) -> None:
        lib = self._directory / "environment" / "lib"
        (site,) = lib.glob("python*/site-packages")
        # Only a directory on the path: no .pth file in it is read, so the checkout, which is
        # installed there in editable mode, is not found.
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        self._pip("--python", str(self.python), "install", str(self.wheel))

    def _pip(self, *arguments: str) -> None:
        options = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check")
        subprocess.run(
            [sys.executable, "-m", "pip", *arguments, *options],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
