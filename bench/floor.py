"""The floor: the time QEMU alone takes from its exec to the first QMP reply."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import MachineError
from powerdown.core.parent_death import die_with_parent
from powerdown.images.image import Firmware, Image
from powerdown.machine.accelerator import Accelerator
from powerdown.machine.qemu.command_line import Wiring, command_line
from powerdown.machine.qemu.firmware import uefi_flash
from powerdown.machine.qemu.launch import variables_beside

_MOMENT = struct.Struct("d")


def floor_seconds(
    image: Image, accelerator: Accelerator, overlay: Path, deadline: Deadline
) -> float:
    """Start QEMU as for a cold boot, ask it one thing, end it.

    :param overlay: a disk of its own.
    :return: seconds from the moment before QEMU is executed to its first reply, which is that to
        ``qmp_capabilities``: no other command is taken before it.
    :raise MachineError: it does not answer.
    """
    flash = None
    if image.firmware is Firmware.UEFI:
        flash = uefi_flash(variables_beside(overlay))
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(3)]
        for pair in pairs:
            for end in pair:
                stack.enter_context(end)
        commands, events, serial = (qemus.fileno() for _, qemus in pairs)
        wiring = Wiring(overlay, commands=commands, events=events, serial=serial, flash=flash)
        moments, moments_in = os.pipe()
        stack.callback(os.close, moments)
        harness = os.getpid()

        def before_exec() -> None:
            die_with_parent(harness)
            os.write(moments_in, _MOMENT.pack(now()))

        output = stack.enter_context(overlay.with_suffix(".stderr").open("wb+"))
        try:
            process = subprocess.Popen(
                command_line(image, wiring, accelerator),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(commands, events, serial),
                # Stamps the moment of the exec: the time that Python takes to fork is not QEMU's.
                preexec_fn=before_exec,
            )
        finally:
            os.close(moments_in)
        try:
            for _, qemus in pairs:
                qemus.close()
            _wait_for_reply(pairs[0][0], deadline)
            answered_at = now()
            (executed_at,) = _MOMENT.unpack(os.read(moments, _MOMENT.size))
        except (OSError, ValueError) as error:
            output.seek(0)
            actual = f"{error or type(error).__name__}; it says {output.read()[-500:]!r}"
            raise MachineError("measure QEMU's start", actual, "Boot the image cold.") from error
        finally:
            process.kill()
            process.wait()
        return float(answered_at - executed_at)


def _wait_for_reply(commands: socket.socket, deadline: Deadline) -> None:
    """Negotiate QMP capabilities and wait for the reply.

    :raise OSError: nothing comes in time.
    :raise ValueError: something else comes.
    """
    commands.settimeout(deadline.remaining)
    with commands.makefile("rb") as lines:
        _message(lines, "QMP")
        commands.sendall(json.dumps({"execute": "qmp_capabilities"}).encode())
        _message(lines, "return")


def _message(lines: BinaryIO, key: str) -> None:
    line = lines.readline()
    if key not in json.loads(line or b"{}"):
        raise ValueError(f"QEMU output {line!r} instead of {key!r}")
