"""Imports between the rooms of ``harness/`` point one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HARNESS = Path(__file__).parents[1] / "harness"
ROOMS = (
    "images",
    "machine",
    "admission",
    "templates",
    "guest",
    "faults",
    "shutdown",
    "diagnosis",
    "disk",
    "report",
)
"""Each may import those before it."""

SHARED = {"deadline", "errors", "outcome", "parent_death", "plain_text"}
"""Small modules beside the rooms that any of them may import."""


def imported(module: Path) -> set[str]:
    """What a module imports of ``harness``: names of rooms and of modules beside them."""
    found: list[str] = []
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return {name.split(".")[1] for name in found if name.startswith("harness.")}


def test_every_room_is_known() -> None:
    rooms = {path.parent.name for path in HARNESS.glob("*/*.py")}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_no_import_points_back(room: str) -> None:
    allowed = {*ROOMS[: ROOMS.index(room) + 1], *SHARED}
    # Diagnosis must not know what can be injected.
    if room == "diagnosis":
        allowed.remove("faults")
    modules = list((HARNESS / room).rglob("*.py"))
    assert modules
    wrong = {str(path): sorted(imported(path) - allowed) for path in modules}
    assert {path: names for path, names in wrong.items() if names} == {}
