"""What ``powerdown templates`` lists and removes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from powerdown.cli.main import main
from powerdown.cli.templates_command import (
    State,
    listed_templates,
    prune_templates,
    templates_to_json,
    templates_to_text,
)
from powerdown.core.deadline import Deadline
from powerdown.host.snapshots.template import MANIFEST
from powerdown.host.snapshots.template_store import TemplateStore
from powerdown.host.snapshots.warm_start import OLDEST_SECONDS
from tests.support.made_templates import KEY, make


def test_states_of_templates(templates: TemplateStore, tmpfs: Path) -> None:
    usable = make(templates, "a" * 20)
    old = make(templates, "b" * 20, age=OLDEST_SECONDS + 60)
    future = make(templates, "c" * 20, age=-3600)
    half_made = make(templates, "d" * 20)
    (half_made.partial.directory / MANIFEST).unlink()
    listed = {one.name: one for one in listed_templates(templates)}
    assert {name: one.state for name, one in listed.items()} == {
        usable.name: State.USABLE,
        old.name: State.OLD,
        future.name: State.OLD,
        half_made.name: State.INCOMPLETE,
    }
    one = listed[usable.name]
    assert (one.image, one.memory_mib, one.memory) == ("image", 1, f"on tmpfs {tmpfs}")
    assert one.stored_bytes > 0
    assert not one.in_use
    assert listed[half_made.name].image is None


def test_the_list_is_a_table_or_json(templates: TemplateStore) -> None:
    assert templates_to_text([]) == "no templates"
    template = make(templates, age=7200)
    use = templates.use(template.name)
    listed = listed_templates(templates)
    os.close(use)
    heading, row = templates_to_text(listed).splitlines()
    assert heading.startswith("name ")
    assert row.startswith(f"{template.name}  image  usable, in use  2 h  1 MiB")
    [told] = json.loads(json.dumps(templates_to_json(listed)))["templates"]
    assert (told["name"], told["in_use"], told["state"]) == (template.name, True, "usable")


def test_pruning_removes_what_would_not_be_used(templates: TemplateStore) -> None:
    usable = make(templates, "a" * 20)
    old = make(templates, "b" * 20, age=OLDEST_SECONDS + 60)
    assert prune_templates(templates, everything=False) == [f"removed {old.name} image, 0 MiB"]
    assert templates.known_names() == [usable.name]
    assert prune_templates(templates, everything=False) == ["nothing to remove"]


def test_pruning_all_leaves_what_is_used_or_made(templates: TemplateStore) -> None:
    used, made, free = (make(templates, mark * 20) for mark in "abc")
    use = templates.use(used.name)
    with templates.locked(made.key, Deadline.after(1)):
        lines = prune_templates(templates, everything=True)
    os.close(use)
    assert lines == [
        f"kept {used.name} image, 0 MiB: in use",
        f"kept {made.name} image, 0 MiB: in use",
        f"removed {free.name} image, 0 MiB",
    ]
    assert templates.known_names() == [used.name, made.name]


def test_the_command(
    tmp_path: Path,
    tmpfs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    template = make(TemplateStore(tmp_path / "powerdown"), KEY)
    assert main(["templates", "list", "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)["templates"]
    assert told["directory"] == str(template.partial.directory)
    assert main(["templates", "prune", "--all"]) == 0
    assert capsys.readouterr().out == f"removed {template.name} image, 0 MiB\n"
    assert main(["templates", "list"]) == 0
    assert capsys.readouterr().out == "no templates\n"
    assert list(tmpfs.iterdir()) == []
