"""Dying with one's parent: no xdist worker, and so no guest of one, outlives its controller."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
"""Signal this process when its parent ends (man 2 PR_SET_PDEATHSIG)."""


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends.

    Exactly, when the thread that started it ends: with xdist that is the one that runs the
    controller's session, and started again after a crash it is the same.

    :param parent: process id of the parent, which may have died already: then this process dies.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
