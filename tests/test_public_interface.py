"""``import powerdown``: cheap, complete, documented, and all that suites need."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import powerdown
from tests.support.paths import REPOSITORY

SUITES = sorted((REPOSITORY / "suites").glob("test_*.py"))
SOURCE = Path(powerdown.__file__).read_text()


def test_importing_it_imports_nothing_else_of_it() -> None:
    code = "import powerdown, sys; print(*(m for m in sys.modules if m.startswith('powerdown')))"
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert printed.stdout.split() == ["powerdown"]


@pytest.mark.parametrize("name", sorted(powerdown.__all__))
def test_every_name_is_there_and_documented(name: str) -> None:
    value = getattr(powerdown, name)
    assert name in dir(powerdown)
    if inspect.isclass(value) or inspect.isroutine(value):
        assert inspect.getdoc(value)


def test_what_type_checkers_see_is_what_there_is() -> None:
    declared = {
        name.name: node.module
        for block in ast.parse(SOURCE).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    found = {
        name: f"powerdown.{module}"
        for module, names in powerdown._MODULES.items()
        for name in names
    }
    assert found == declared
    assert {*found, "__version__"} == set(powerdown.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Laboratory'"):
        _ = powerdown.Laboratory
    with pytest.raises(ImportError):
        from powerdown import Laboratory  # noqa: F401


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.stem)
def test_suites_import_from_it_alone(suite: Path) -> None:
    allowed = {"__future__", "dataclasses", "pytest", "powerdown"}
    imported = set()
    for node in ast.walk(ast.parse(suite.read_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        if isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
    assert "powerdown" in imported
    assert imported <= allowed
