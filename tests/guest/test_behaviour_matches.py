"""What each probe program declares, and that the stand-in understands it as it is meant.

That the programs do what they declare is seen under Wine: ``wine/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from standin.programs import Program, load

from powerdown.guest.probe_programs import (
    ABORTER,
    CONSOLE,
    DOCUMENT,
    HANGER,
    HIDDEN,
    HOLDER,
    LINGERER,
    PROBE_PROGRAMS,
    REASONED,
    REFUSER,
    SPINNER,
    STUBBORN,
    UPDATER,
    ProbeProgram,
    compile_probe,
    declared_behaviour,
)

APPLICATION = {"format": 1, "kind": "application"}
SERVICE = {"format": 1, "kind": "service"}


def window(title: str, visible: bool = True) -> dict[str, Any]:
    return {"window": {"visible": visible, "title": title}}


DECLARED: dict[ProbeProgram, dict[str, Any]] = {
    DOCUMENT: APPLICATION
    | window("Untitled - Powerdown document")
    | {"query_end_session": "agree", "end_session": [{"write": "%1", "text": "%2"}]},
    REFUSER: APPLICATION | window("Powerdown refuser") | {"query_end_session": "refuse"},
    REASONED: APPLICATION
    | window("Powerdown reasoned refuser")
    | {"query_end_session": "refuse", "block_reason": "%1"},
    HANGER: APPLICATION | window("Powerdown hanger") | {"query_end_session": "hang"},
    LINGERER: APPLICATION
    | window("Powerdown lingerer")
    | {"query_end_session": "agree", "end_session": [{"wait_ms": "%1"}]},
    HIDDEN: APPLICATION
    | window("Powerdown hidden refuser", visible=False)
    | {"query_end_session": "refuse"},
    CONSOLE: APPLICATION | {"console": True, "on_console_close": "ignore"},
    UPDATER: SERVICE
    | {
        "accepts": ["stop", "preshutdown"],
        # More than the system's default of 10 000 (learn: SERVICE_PRESHUTDOWN_INFO).
        "preshutdown_timeout_ms": 60_000,
        "run": [
            {"write": "%1\\state.txt", "text": "installing"},
            {
                "repeat": "%3",
                "actions": [
                    {"write": "%1\\component-%i.txt", "text": "%2"},
                    {"wait_ms": "%4"},
                ],
            },
            {"write": "%1\\state.txt", "text": "installed"},
        ],
        "on_preshutdown": "finish",
        "on_stop": "stop",
    },
    STUBBORN: SERVICE
    | {"accepts": ["stop", "shutdown"], "on_stop": "ignore", "on_shutdown": "ignore"},
    HOLDER: SERVICE
    | {
        "accepts": ["stop", "preshutdown"],
        "preshutdown_timeout_ms": "%1",
        "preshutdown": [{"wait_ms": "%2"}],
        "on_preshutdown": "finish",
        "on_stop": "stop",
    },
    ABORTER: SERVICE
    | {
        "accepts": ["stop"],
        "run": [{"forever": [{"abort_shutdown": True}, {"wait_ms": 200}]}],
        "on_stop": "stop",
    },
    SPINNER: SERVICE | {"accepts": [], "run": [{"busy": True}]},
}

# Declared key -> attribute of the stand-in's Program, where the value is taken over as it is.
TAKEN_OVER = {
    "kind": "kind",
    "query_end_session": "query_end_session",
    "block_reason": "block_reason",
    "console": "console",
    "on_console_close": "on_console_close",
    "on_stop": "on_stop",
    "on_shutdown": "on_shutdown",
    "on_preshutdown": "on_preshutdown",
    "preshutdown_timeout_ms": "preshutdown_ms",
}
ACTIONS = ("run", "end_session", "preshutdown")


def as_read(actions: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Declared actions in the stand-in's own form."""
    read: list[tuple[Any, ...]] = []
    for action in actions:
        match action:
            case {"write": path, "text": text}:
                read.append(("write", path, text))
            case {"wait_ms": wait}:
                read.append(("wait", wait))
            case {"repeat": count, "actions": body}:
                read.append(("repeat", count, as_read(body)))
            case {"forever": body}:
                read.append(("forever", as_read(body)))
            case _:
                (verb,) = action
                read.append((verb,))
    return read


@pytest.fixture(scope="module", params=PROBE_PROGRAMS, ids=lambda program: program.source.stem)
def program(request: pytest.FixtureRequest) -> ProbeProgram:
    probe: ProbeProgram = request.param
    return probe


@pytest.fixture(scope="module")
def executable(program: ProbeProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_probe(program, tmp_path_factory.mktemp("probe"))


def test_it_declares_what_is_agreed(program: ProbeProgram, executable: Path) -> None:
    assert declared_behaviour(executable) == DECLARED[program]


def test_the_stand_in_reads_every_key_of_it(executable: Path) -> None:
    declared = declared_behaviour(executable)
    read: Program = load(executable.read_bytes())
    for key, value in declared.items():
        if key in TAKEN_OVER:
            assert getattr(read, TAKEN_OVER[key]) == value, key
        elif key in ACTIONS:
            assert getattr(read, key) == as_read(value), key
        elif key == "accepts":
            assert read.accepts == frozenset(value)
        elif key == "window":
            assert read.has_window
            assert (read.title, read.window_visible) == (value["title"], value["visible"])
        else:
            assert key == "format", f"{key} is declared and the stand-in does not know it"
