"""Running QEMU's tools for disks."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from powerdown.core.deadline import Deadline
from powerdown.core.errors import HostError


def run_tool(
    command: Sequence[str], name: str, deadline: Deadline
) -> subprocess.CompletedProcess[bytes]:
    """Run a tool to its end, whatever its status.

    :param name: what messages call it.
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
        raise HostError(f"run {command[0]}", "it is not installed", "Run ci/setup.") from error
    except subprocess.TimeoutExpired as error:
        raise deadline.expire(
            f"{name} end", "it still ran", "Look for a slow or broken disk."
        ) from error
