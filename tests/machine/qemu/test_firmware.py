"""UEFI firmware and each guest's own variable store."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerdown.core.errors import HostError
from powerdown.machine.qemu.firmware import uefi_flash


def candidate(directory: Path, name: str) -> tuple[str, str]:
    code, variables = directory / f"{name}.code", directory / f"{name}.vars"
    code.write_text(name)
    variables.write_text(f"{name} fresh")
    return str(code), str(variables)


def test_the_first_complete_pair_is_taken(tmp_path: Path) -> None:
    broken = candidate(tmp_path, "broken")
    Path(broken[1]).unlink()
    flash = uefi_flash(tmp_path / "mine", (broken, candidate(tmp_path, "whole")))
    assert flash.code == tmp_path / "whole.code"
    assert flash.variables.read_text() == "whole fresh"


def test_variables_of_an_earlier_boot_are_kept(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("boot entries")
    flash = uefi_flash(tmp_path / "mine", (candidate(tmp_path, "a"),))
    assert flash.variables.read_text() == "boot entries"


def test_no_firmware(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"/absent.*package ovmf"):
        uefi_flash(tmp_path / "mine", (("/absent", "/absent"),))
