"""A small process that ends the harness's domains when the harness has died.

QEMU is not a child of libvirt's client, so the kernel does not end it with the harness, and not
all libvirt drivers support VIR_DOMAIN_START_AUTODESTROY. The process also removes the console locks
that an embedded driver leaves behind.
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
    """Ends domains that still exist when this process has died.

    :param uri: libvirt's URI; empty for an embedded driver, which ends with this process.
    :param root: root directory of the embedded driver. Copies of one saved guest have the same
        UUID in every worker: only those with this path on their command line are ours.
    :raise HostError: the process cannot be started.
    """

    def __init__(self, uri: str, root: Path | None = None) -> None:
        try:
            # In a session of its own, so that Ctrl-C does not reach it.
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
                "start the guard process for domains",
                str(error),
                "Check free memory and the limit of processes.",
            ) from error

    def watch(self, uuid: str) -> None:
        """Add a domain to end; it may not exist yet."""
        self._send(f"+ {uuid}")

    def forget(self, uuid: str) -> None:
        """Remove a domain that has ended."""
        self._send(f"- {uuid}")

    def close(self) -> None:
        """End the guard and the domains it still has; never raises, may be called twice."""
        self._send(".")
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(OSError):
                stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)

    def _send(self, line: str) -> None:
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            return
        # A run goes on without its guard.
        with contextlib.suppress(OSError):
            stdin.write(line + "\n")
            stdin.flush()
