"""Which ways a run takes, and which libvirt a worker gets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from powerdown.machine.backend import Backend
from powerdown.pytest_plugin.backends import backends, libvirt_uri
from powerdown.pytest_plugin.compared_run import records_to_compare
from powerdown.report.disagreement import disagreements
from tests.support.report_examples import GATE


def config(directory: Path = Path(), **options: object) -> Any:
    given = {f"--powerdown-{name}": value for name, value in options.items()}
    return SimpleNamespace(
        getoption=lambda name: given.get(name), invocation_params=SimpleNamespace(dir=directory)
    )


def test_qmp_unless_said_otherwise() -> None:
    assert backends(config()) == (Backend.QMP,)
    assert backends(config(backend=["libvirt", "qmp", "libvirt"])) == (Backend.LIBVIRT, Backend.QMP)


def test_a_uri_wants_libvirt() -> None:
    with pytest.raises(pytest.UsageError, match="--powerdown-backend libvirt"):
        backends(config(connect=["qemu:///system"]))


@pytest.mark.parametrize(
    ("worker", "uri"), [("gw0", "a:"), ("gw1", "b:"), ("gw5", "b:"), ("master", "a:"), ("", "a:")]
)
def test_workers_are_dealt_out_over_the_uris(
    worker: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    assert libvirt_uri(config(connect=["a:", "b:"])) == uri
    assert libvirt_uri(config()) is None


def test_only_what_went_another_way_is_compared(tmp_path: Path) -> None:
    GATE.write(tmp_path / "gate.json")
    libvirt = records_to_compare(config(tmp_path, backend=["libvirt"], compare="gate.json"))
    assert [one.test_id for one in libvirt] == [one.test_id for one in GATE.scenarios]
    with pytest.raises(pytest.UsageError, match="another backend"):
        records_to_compare(config(tmp_path, compare="gate.json"))
    assert disagreements(libvirt) == ()
