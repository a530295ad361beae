"""Running qemu-img."""

from __future__ import annotations

from collections.abc import Sequence

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.images.qemu_tool import run_tool

_PROGRAM = "qemu-img"


def qemu_img(arguments: Sequence[str], deadline: Deadline) -> None:
    """Run ``qemu-img`` with these arguments.

    :raise HostError: it is not installed.
    :raise DiskError: it failed; says what it printed.
    :raise DeadlineExpired: it took too long and was killed.
    """
    command = [_PROGRAM, *arguments]
    result = run_tool(command, " ".join(command[:2]), deadline)
    if result.returncode != 0:
        said = result.stderr.decode(errors="replace").strip()[-500:]
        raise DiskError(
            f"run {' '.join(command)}",
            said or f"status {result.returncode}",
            "Check the image with `qemu-img check`, its format and free space.",
        )
