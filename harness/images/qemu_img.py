"""Running qemu-img."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from harness.deadline import Deadline
from harness.errors import DiskError, HostError

_PROGRAM = "qemu-img"


def qemu_img(arguments: Sequence[str], deadline: Deadline) -> None:
    """Run ``qemu-img`` with these arguments.

    :raise HostError: it is not installed.
    :raise DiskError: it failed; says what it printed.
    :raise DeadlineExpired: it took too long and was killed.
    """
    command = [_PROGRAM, *arguments]
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=deadline.remaining,
            check=False,
        )
    except FileNotFoundError as error:
        raise HostError(f"run {_PROGRAM}", "it is not installed", "Run ci/setup.") from error
    except subprocess.TimeoutExpired as error:
        raise deadline.expire(
            f"{' '.join(command[:2])} end", "it still ran", "Look for a slow or broken disk."
        ) from error
    if result.returncode != 0:
        said = result.stderr.decode(errors="replace").strip()[-500:]
        raise DiskError(
            f"run {' '.join(command)}",
            said or f"status {result.returncode}",
            "Check the image with `qemu-img check`, its format and free space.",
        )
