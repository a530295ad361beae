"""Files of a template: kept apart, recognised, never believed when they changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdown.core.errors import HostError
from powerdown.host.snapshots.template import MANIFEST, content_digest, read_template
from powerdown.host.snapshots.template_store import TemplateStore
from tests.support.made_templates import flip, make


def test_what_was_written_is_read_again(templates: TemplateStore) -> None:
    template = make(templates)
    again = read_template(template.partial.directory)
    assert again == template
    assert again is not None
    assert again.damage() == ""
    assert again.saved_state.uptime == 12.5


def test_a_clone_gets_copies_of_its_own(templates: TemplateStore, tmp_path: Path) -> None:
    template = make(templates)
    template.partial.variables.write_bytes(b"uefi")
    overlay = template.clone_disk(tmp_path)
    assert overlay.read_bytes() == b"overlay"
    assert overlay.with_suffix(".efivars").read_bytes() == b"uefi"
    overlay.write_bytes(b"changed")
    assert template.partial.empty_overlay.read_bytes() == b"overlay"


def test_a_clone_without_room_is_one_error(templates: TemplateStore, tmp_path: Path) -> None:
    with pytest.raises(HostError, match="Free some space"):
        make(templates).clone_disk(tmp_path / "missing")


@pytest.mark.parametrize("name", ["devices", "disk", "empty_overlay", "memory"])
def test_every_file_is_compared(templates: TemplateStore, name: str) -> None:
    template = make(templates)
    file: Path = getattr(template.partial, name)
    flip(file)
    assert template.damage() == f"{file} has changed since it was saved"
    file.unlink()
    assert template.damage() == f"{file} is missing"


def test_a_file_that_was_not_saved_is_damage(templates: TemplateStore) -> None:
    """Clones would get UEFI variables that the saved guest never had."""
    template = make(templates)
    template.partial.variables.write_bytes(b"uefi")
    assert template.damage() == f"{template.partial.variables} is not part of it"


def test_a_manifest_without_digests_vouches_for_nothing(templates: TemplateStore) -> None:
    template = replace(make(templates), digests={})
    assert "is not part of it" in template.damage()
    template.partial.memory.unlink()
    assert template.damage() == f"{template.partial.memory} is missing"


def test_a_file_that_is_replaced_has_another_stamp(templates: TemplateStore) -> None:
    template = make(templates)
    fingerprint = template.fingerprint()
    assert json.loads(json.dumps(fingerprint)) == template.fingerprint()
    flip(template.partial.memory)
    assert template.fingerprint() != fingerprint
    fingerprint = template.fingerprint()
    template.partial.devices.write_bytes(b"devices")
    assert template.fingerprint() != fingerprint


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_manifest_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    directory = tmp_path_factory.mktemp("template")
    (directory / MANIFEST).write_bytes(content)
    assert read_template(directory) is None


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["key", "image", "made_at", "uptime", "clock_ahead", "memory_mib", "partial"]),
    st.none() | st.booleans() | st.lists(st.integers(), max_size=2) | st.just({"a": 1}),
)
def test_a_manifest_of_the_wrong_types_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: object
) -> None:
    good = {
        "format": 1,
        "key": "k",
        "image": "i",
        "made_at": 1.0,
        "uptime": 1.0,
        "clock_ahead": None,
        "memory_mib": 1,
        "partial": {"memory": "/memory"},
        "digests": {},
    }
    directory = tmp_path_factory.mktemp("template")
    manifest = directory / MANIFEST
    manifest.write_text(json.dumps(good))
    assert read_template(directory) is not None
    manifest.write_text(json.dumps({**good, name: value}))
    numbers = ("made_at", "uptime", "clock_ahead", "memory_mib")
    harmless = (name == "clock_ahead" and value is None) or (
        name in numbers and isinstance(value, bool)
    )
    assert (read_template(directory) is None) != harmless


def test_holes_and_zeros_are_the_same(tmp_path: Path) -> None:
    """What a file system makes of zeros is its own affair."""
    dense, sparse = tmp_path / "dense", tmp_path / "sparse"
    dense.write_bytes(bytes(3 << 20) + b"end")
    with sparse.open("wb") as file:
        file.seek(3 << 20)
        file.write(b"end")
    assert content_digest(dense) == content_digest(sparse)
    assert sparse.stat().st_blocks < dense.stat().st_blocks


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5 << 20), st.binary(min_size=1, max_size=50)), max_size=6),
    st.integers(0, 5 << 20),
)
def test_any_change_shows(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[int, bytes]], at: int
) -> None:
    file = tmp_path_factory.mktemp("digest") / "file"
    with file.open("wb") as opened:
        opened.truncate(6 << 20)
        for offset, piece in pieces:
            opened.seek(offset)
            opened.write(piece)
    before = content_digest(file)
    assert content_digest(file) == before
    with file.open("r+b") as opened:
        opened.seek(at)
        old = opened.read(1)
        opened.seek(at)
        opened.write(bytes([old[0] ^ 255]))
    assert content_digest(file) != before
