"""Templates are found, guarded while they are used, and removed when they are of no use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DeadlineExpired, HostError
from powerdown.host.snapshots.template import MANIFEST
from powerdown.host.snapshots.template_store import TemplateStore
from tests.support.made_templates import KEY, OTHER_KEY, make


def test_an_empty_store(templates: TemplateStore) -> None:
    assert templates.known_names() == []
    assert templates.find(KEY) is None


def test_a_template_is_found_by_its_key(templates: TemplateStore, tmpfs: Path) -> None:
    template = make(templates)
    assert templates.find(KEY) == template
    assert templates.find(OTHER_KEY) is None
    assert templates.named(template.name) == template
    assert templates.known_names() == [template.name]
    assert templates.describe_memory(template) == f"on tmpfs {tmpfs}"
    # A megabyte of memory with a page in it: holes take up nothing.
    assert 0 < templates.stored_bytes(template.name) < 1 << 18


def test_the_latest_of_a_key_is_found(templates: TemplateStore) -> None:
    make(templates, age=10)
    latest = make(templates)
    make(templates, age=20)
    assert templates.find(KEY) == latest


def test_files_are_nobody_elses(templates: TemplateStore) -> None:
    template = make(templates)
    for directory in (template.partial.directory, template.partial.memory.parent.parent):
        assert directory.stat().st_mode & 0o077 == 0


def test_stores_of_two_caches_do_not_see_each_other(
    templates: TemplateStore, tmp_path: Path
) -> None:
    template = make(templates)
    other = TemplateStore(tmp_path / "other")
    assert other.known_names() == []
    other.collect_garbage("image", keep="", oldest=0.0)
    assert template.damage() == ""


def test_a_template_under_a_foreign_name_is_none(templates: TemplateStore) -> None:
    template = make(templates)
    foreign = template.name.replace(KEY, OTHER_KEY)
    template.partial.directory.rename(template.partial.directory.with_name(foreign))
    assert templates.find(OTHER_KEY) is None


def test_without_manifest_there_is_no_template(templates: TemplateStore) -> None:
    template = make(templates)
    (template.partial.directory / MANIFEST).unlink()
    assert templates.find(KEY) is None
    assert templates.known_names() == [template.name]
    assert templates.remove(template.name)
    assert templates.known_names() == []


def test_removing_leaves_nothing(templates: TemplateStore, tmpfs: Path) -> None:
    template = make(templates)
    assert templates.remove(template.name)
    assert not template.partial.directory.exists()
    assert list(tmpfs.iterdir()) == []


def test_what_is_used_stays(templates: TemplateStore) -> None:
    template = make(templates)
    use = templates.use(template.name)
    assert templates.in_use(template.name)
    assert not templates.remove(template.name)
    assert template.damage() == ""
    os.close(use)
    assert not templates.in_use(template.name)
    assert templates.remove(template.name)


def test_what_is_distrusted_is_not_found_and_goes_when_it_can(templates: TemplateStore) -> None:
    template = make(templates)
    use = templates.use(template.name)
    templates.invalidate(template.name)
    assert templates.find(KEY) is None
    # Guests that run from it keep what they run from.
    assert template.damage() == ""
    os.close(use)
    templates.collect_garbage("other", keep="", oldest=0.0)
    assert templates.known_names() == []


HOLDER = """
import sys
from pathlib import Path
from powerdown.core.deadline import Deadline
from powerdown.host.snapshots.template_store import TemplateStore
with TemplateStore(Path(sys.argv[1])).locked(sys.argv[2], Deadline.after(10)):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_builder_at_a_time(templates: TemplateStore, tmp_path: Path) -> None:
    """The others are told whom they wait for, and the kernel frees them if it dies."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "cache"), KEY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told: list[str] = []
        with (
            pytest.raises(
                DeadlineExpired, match=f"process {holder.pid} release the lock of template"
            ),
            templates.locked(KEY, Deadline.after(0.2), told.append),
        ):
            pass
        assert told == [str(holder.pid)]
        holder.kill()
        with templates.locked(KEY, Deadline.after(10)):
            pass


def test_tidying_removes_what_is_of_no_use(templates: TemplateStore) -> None:
    kept = make(templates, "a" * 20)
    outdated = make(templates, "b" * 20)
    elsewhere = make(templates, "c" * 20, image="other")
    old = make(templates, "d" * 20, image="other", age=1000)
    used = make(templates, "e" * 20)
    half_made = make(templates, "f" * 20, image="other")
    (half_made.partial.directory / MANIFEST).unlink()
    use = templates.use(used.name)
    templates.collect_garbage("image", keep=kept.name, oldest=kept.made_at - 500)
    assert templates.known_names() == [kept.name, elsewhere.name, used.name]
    assert outdated.damage()
    assert old.damage()
    os.close(use)


def test_room_is_made_again_if_it_goes_meanwhile(
    templates: TemplateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may just be removing the last template on the tmpfs."""
    place = templates.memory_backing(1 << 20)
    mkdir, gone = Path.mkdir, []

    def removed_at_once(path: Path, *arguments: Any, **named: Any) -> None:
        mkdir(path, *arguments, **named)
        if path == place.directory and not gone:
            path.rmdir()
            gone.append(path)

    monkeypatch.setattr(Path, "mkdir", removed_at_once)
    assert templates.partial(KEY, place).memory.parent.is_dir()
    assert gone


def test_a_directory_of_somebody_else_is_not_used(templates: TemplateStore) -> None:
    """It may be made between the choice of the place and its use."""
    place = templates.memory_backing(1 << 20)
    place.directory.mkdir(mode=0o755)
    with pytest.raises(HostError, match="is not private to this user"):
        templates.partial(KEY, place)


def test_a_store_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(HostError, match="XDG_CACHE_HOME"),
        TemplateStore(tmp_path / "file" / "cache").locked(KEY, Deadline.after(1)),
    ):
        pass
