"""UEFI firmware, as distributions package it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from powerdown.core.errors import HostError

OVMF_CANDIDATES = (
    # Debian's package ovmf; the 4 MiB build is the only one from Debian 13 on.
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
)
"""Pairs of code and variable store, without Secure Boot, in order of preference."""


@dataclass(frozen=True)
class UefiFlash:
    """The two flash images of a UEFI machine.

    :param code: the firmware, shared and read-only.
    :param variables: a variable store; a guest writes to its own.
    """

    code: Path
    variables: Path


def uefi_flash(
    variables: Path, candidates: tuple[tuple[str, str], ...] = OVMF_CANDIDATES
) -> UefiFlash:
    """The firmware, with a variable store at ``variables``, created from the template if absent.

    :raise HostError: no UEFI firmware is installed, or the store cannot be created.
    """
    found = uefi_candidate(candidates)
    if not variables.exists():
        try:
            shutil.copyfile(found.variables, variables)
        except OSError as error:
            raise HostError(
                f"copy {found.variables} to {variables}",
                error.strerror or str(error),
                "Check free space and permissions.",
            ) from error
    return UefiFlash(found.code, variables)


def uefi_candidate(candidates: tuple[tuple[str, str], ...] = OVMF_CANDIDATES) -> UefiFlash:
    """The installed firmware, with the template of the variable store.

    :raise HostError: there is none.
    """
    for code, variables in candidates:
        if Path(code).is_file() and Path(variables).is_file():
            return UefiFlash(Path(code), Path(variables))
    raise HostError(
        "find UEFI firmware",
        f"none of {', '.join(code for code, _ in candidates)} exists with its variable store",
        'Install the package ovmf, or set firmware = "bios" if the image boots with a BIOS.',
    )
