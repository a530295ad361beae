"""The root of the driver within the process: short enough for sockets, and removed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from powerdown.core.errors import HostError
from powerdown.machine.libvirt import private_libvirt
from powerdown.machine.libvirt.private_libvirt import PrivateLibvirt

SOCKET = "lib/qemu/channel/target/domain-9999-12345678901234567890/org.qemu.guest_agent.0"
MOST = 107
"""Characters of a socket's path (man 7 unix)."""


def root(private: PrivateLibvirt) -> Path:
    return Path(private.uri.partition("root=")[2])


@pytest.mark.parametrize("name", ["t", "a-directory-of-a-very-long-name" * 3])
def test_sockets_fit_wherever_temporary_files_go(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    private = PrivateLibvirt(tmp_path)
    assert len(str(root(private) / SOCKET)) <= MOST
    assert (root(private) / "etc/qemu.conf").is_file()
    assert root(private).stat().st_mode & 0o077 == 0
    private.close()
    private.close()
    assert not root(private).exists()


def test_no_short_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(private_libvirt, "_SHORT", Path("/nowhere"))
    with pytest.raises(HostError, match=r"sockets .* longer than \d+ characters.*TMPDIR"):
        PrivateLibvirt(tmp_path)


def test_what_libvirt_knows_of_qemu_is_kept(tmp_path: Path) -> None:
    private = PrivateLibvirt(tmp_path)
    (root(private) / "cache/qemu/known").write_text("")
    private.close()
    assert [file.name for file in (tmp_path / "libvirt").iterdir()] == ["known"]
