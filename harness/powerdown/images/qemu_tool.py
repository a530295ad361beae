"""Running qemu-img and QEMU's other tools for disks."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from powerdown.core.deadline import Deadline
from powerdown.core.errors import DiskError
from powerdown.core.missing_program import missing_program


def run_tool(
    command: Sequence[str], name: str, deadline: Deadline
) -> subprocess.CompletedProcess[bytes]:
    """Run a tool until it ends, with any status.

    :param name: its name in messages.
    :raise HostError: it is not installed.
    :raise DeadlineExpired: it took too long and was killed.
    """
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=deadline.remaining,
            check=False,
        )
    except FileNotFoundError as error:
        raise missing_program(command[0]) from error
    except subprocess.TimeoutExpired as error:
        raise deadline.expire(
            f"{name} end", "it was still running", "Check for a slow or failing disk."
        ) from error


def qemu_img(arguments: Sequence[str], deadline: Deadline) -> None:
    """Run ``qemu-img`` with these arguments.

    :raise HostError: it is not installed.
    :raise DiskError: it failed; the message has its output.
    :raise DeadlineExpired: it took too long and was killed.
    """
    command = ["qemu-img", *arguments]
    result = run_tool(command, " ".join(command[:2]), deadline)
    if result.returncode != 0:
        output = result.stderr.decode(errors="replace").strip()[-500:]
        raise DiskError(
            f"run {' '.join(command)}",
            output or f"status {result.returncode}",
            "Check the image with `qemu-img check`, its format, and free space.",
        )
