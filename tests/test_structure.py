"""How the tests and the suites may know each other and the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

TESTS = sorted((REPOSITORY / "tests").rglob("*.py"))
SUITES = sorted((REPOSITORY / "suites").glob("*.py"))
NOT_TO_BE_IMPORTED = re.compile(r"(^|\.)(conftest|test_\w+)$")


def imported(module: Path) -> set[str]:
    """Dotted names of what a module imports, also in programs that it keeps as text."""
    text = module.read_text()
    found = set(re.findall(r"^from ([\w.]+) import", text, re.MULTILINE))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("module", TESTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_test_imports_from_another(module: Path) -> None:
    wrong = {
        name
        for name in imported(module)
        if name.startswith("tests.") and NOT_TO_BE_IMPORTED.search(name)
    }
    assert wrong == set(), "shared helpers belong in tests/support"


def test_every_test_of_a_module_lies_where_the_module_does() -> None:
    package = REPOSITORY / "harness" / "powerdown"
    modules = {path.stem: path.relative_to(package).parent for path in package.rglob("*.py")}
    misplaced = {}
    for path in TESTS:
        where = path.relative_to(REPOSITORY / "tests").parent
        home = modules.get(path.stem.removeprefix("test_"))
        if where.parts[:1] == ("standin",) or "wine" in where.parts:
            # They mirror the stand-in and the probe programs.
            continue
        if path.stem.startswith("test_") and home is not None and where != home:
            misplaced[str(path.relative_to(REPOSITORY))] = str(home)
    assert misplaced == {}
