"""Ending a process with its parent, so that no xdist worker outlives its controller."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
"""Signal this process when its parent ends (man 2 PR_SET_PDEATHSIG)."""


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends.

    More exactly, when the thread that started it ends: with xdist that is the thread that runs the
    controller's session, also for workers restarted after a crash.

    :param parent: process id of the parent. If it has died already, this process is killed at once.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
