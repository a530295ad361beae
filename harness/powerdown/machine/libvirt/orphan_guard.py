"""No domain outlives the harness: a small process that ends them when the harness has died.

QEMU is no child of whoever asked libvirt for it, so the kernel does not end it with us, and not
all drivers of libvirt know VIR_DOMAIN_START_AUTODESTROY. It also removes the console locks that a
libvirt within the harness leaves behind then.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

from powerdown.core.errors import HostError

_PROGRAM = Path(__file__).with_name("end_orphans.py")
_END_SECONDS = 10.0


class OrphanGuard:
    """Ends domains that are still there when this process is not.

    :param uri: where to reach libvirt then; empty for a libvirt within this process, which is gone
        with it.
    :param root: of that libvirt within this process. Copies of one saved guest have the same UUID
        in every worker: only those with this path on their command line are ours.
    :raise HostError: the process cannot be started.
    """

    def __init__(self, uri: str, root: Path | None = None) -> None:
        try:
            # A session of its own, so that Ctrl-C does not reach it.
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_PROGRAM), uri, str(root or "")],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            raise HostError(
                "start the guard of domains", str(error), "Check free memory and processes."
            ) from error

    def watch(self, uuid: str) -> None:
        """End this domain too; it may not be there yet."""
        self._tell(f"+ {uuid}")

    def forget(self, uuid: str) -> None:
        """It has ended."""
        self._tell(f"- {uuid}")

    def close(self) -> None:
        """End the guard and what it still watches; never raises, may be called twice."""
        self._tell(".")
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(OSError):
                stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)

    def _tell(self, line: str) -> None:
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return
        # A guard that was killed is no reason to stop a run.
        with contextlib.suppress(OSError):
            stdin.write(line + "\n")
            stdin.flush()
