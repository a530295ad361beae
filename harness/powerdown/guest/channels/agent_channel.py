"""The control channel over the QEMU guest agent, for images without WinRM.

The agent starts programs (``guest-exec``) as the account of its service, which is LocalSystem
(qemu:qga/installer/qemu-ga.wxs). It knows no command lines, only words, and what becomes of them is
up to GLib: it puts a backslash before *every* quotation mark (glib:glib/gspawn-win32.c,
protect_argv_string; once more in gspawn-win32-helper.c, protect_wargv), which programs that split
their arguments as the C runtime does undo, and cmd.exe, which does not, takes for what it is. So a
command line with a quotation mark cannot be among the words. It goes to standard input instead,
whence a loop of cmd.exe's takes it as it stands.
"""

from __future__ import annotations

import base64
import contextlib
import re
import threading
import time
from collections.abc import Mapping
from typing import TypeGuard

from powerdown.core.deadline import Deadline
from powerdown.core.errors import ControlChannelError, PowerdownError
from powerdown.guest.channels.agent_port import AgentPort
from powerdown.guest.channels.channel import CommandResult, PortAnswer, quoted
from powerdown.windows.command_parts import new_marker

MAX_OUTPUT_BYTES = 8 * 1024 * 1024
"""Of a command, both streams together. The agent itself keeps 16 MiB of each
(qemu:qga/commands.c, GUEST_EXEC_MAX_OUTPUT)."""

_INTERPRETER = "cmd.exe"

_SWITCHES = ("/d", "/q", "/s", "/c")

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 0.2
"""Seconds between questions whether a command has ended: the agent tells nothing by itself."""
_GROWTH = 1.5

_TERMINATE_SECONDS = 2.0
"""For having a command ended that has used up its time."""

_NANOSECONDS = 1_000_000_000
_LATEST = 1 << 63
"""No time of day comes after that: the agent counts nanoseconds in 64 bits."""

_SIGN_BIT, _WORD = 1 << 31, 1 << 32
_NUMBER = re.compile(rb"-?[0-9]{1,10}")


class AgentChannel:
    """Commands through the guest agent (a :class:`GuestChannel`).

    They run as LocalSystem, in session 0. The port is the caller's: it outlives the channel.
    """

    def __init__(self, port: AgentPort) -> None:
        self._port = port
        self._broken_off = threading.Event()

    @property
    def address(self) -> None:
        """``None``: QEMU reports when the guest closes the agent's port."""
        return

    @property
    def runs_as_system(self) -> bool:
        """``True``."""
        return True

    def run(self, command: str, deadline: Deadline) -> CommandResult:
        """Run one ``cmd.exe`` command line and wait for its end.

        :raise ControlChannelError: the agent cannot be reached, refuses or sends an invalid answer.
        :raise DeadlineExpired: no answer, or the command did not end; it is told to terminate.
        """
        self._broken_off.clear()
        marker = new_marker()
        process = self._start(command, marker, deadline)
        try:
            status = self._wait_for_end(process, command, deadline)
        except PowerdownError:
            if deadline.expired:
                self._terminate(process)
            raise
        return _result(command, marker, status)

    def answers(self, deadline: Deadline) -> PortAnswer | None:
        """Whether the agent answers, and what time the guest's clock shows."""
        try:
            told = self._port.execute("guest-get-time", None, deadline)
        except ControlChannelError:
            return self._answers_at_all(deadline)
        except PowerdownError:
            return None
        if not _is_number(told) or not 0 <= told < _LATEST:
            return PortAnswer()
        return PortAnswer(told / _NANOSECONDS - time.time())

    def interrupt(self) -> None:
        """Interrupt a call in another thread. The command in the guest goes on."""
        self._broken_off.set()
        self._port.interrupt()

    def close(self) -> None:
        """Nothing to release."""

    def _answers_at_all(self, deadline: Deadline) -> PortAnswer | None:
        try:
            self._port.execute("guest-ping", None, deadline)
        except PowerdownError:
            return None
        return PortAnswer()

    def _start(self, command: str, marker: str, deadline: Deadline) -> int:
        if "\n" in command or "\r" in command:
            raise ControlChannelError(
                f"run {quoted(command)} in the guest", "it has several lines", "Run them apart."
            )
        call = {
            "path": _INTERPRETER,
            "arg": [*_SWITCHES, _read_and_run(marker)],
            "input-data": base64.b64encode(f'"{command}"\r\n'.encode()).decode("ascii"),
            "capture-output": True,
        }
        answer = self._port.execute("guest-exec", call, deadline)
        process = answer.get("pid") if isinstance(answer, dict) else None
        if not _is_number(process):
            raise _nonsense(command, "it names no process")
        return process

    def _wait_for_end(self, process: int, command: str, deadline: Deadline) -> Mapping[str, object]:
        pause = _SHORTEST_PAUSE
        while True:
            status = self._port.execute("guest-exec-status", {"pid": process}, deadline)
            if not isinstance(status, dict):
                raise _nonsense(command, "the status of the process is no object")
            if status.get("exited") is True:
                return status
            if deadline.expired:
                raise deadline.expire(
                    f"the end of {quoted(command)} in the guest",
                    "it still runs",
                    "Allow it more time.",
                )
            if self._broken_off.wait(deadline.at_most(pause).remaining):
                raise ControlChannelError(
                    f"run {quoted(command)} in the guest", "it was interrupted", "Run it again."
                )
            pause = min(_LONGEST_PAUSE, pause * _GROWTH)

    def _terminate(self, process: int) -> None:
        """Have a command and what it has started ended by force; never raises.

        On Windows the agent's number of a process is Windows' (qemu:qga/commands.c); the agent
        itself has no call for this (learn: taskkill).
        """
        call = {"path": "taskkill.exe", "arg": ["/f", "/t", "/pid", str(process)]}
        with contextlib.suppress(PowerdownError):
            self._port.execute("guest-exec", call, Deadline.after(_TERMINATE_SECONDS))


def _read_and_run(marker: str) -> str:
    """Run the line that comes on standard input, and tell its exit code behind ``marker``.

    That line is a command line in quotation marks, which ``/s`` takes away (learn: cmd, for,
    findstr, chcp, call). Rules of replacement, carets in options, and ``call`` for a variable that
    is to be read late: D. Benham and J. Erickson in "How does the Windows Command Interpreter
    (CMD.EXE) parse scripts?" (Stack Overflow 4094699). The interpreter that runs FOR may
    exit with another code (fact:for-exit-code), so the code is printed. If chcp finds no console
    below a service (fact:chcp-below-service), what is not ASCII is shown as replacement characters.
    """
    return (
        # One line of input, whole: no delimiters, no comments. Without quotation marks that takes
        # carets, and findstr copies the input because FOR reads no input by itself.
        "for /f delims^=^ eol^= %i in ('findstr .') do "
        # A variable of FOR is replaced after the line was taken apart and not looked at again, so
        # that the command line is nobody's business until the last cmd.exe. Code page 65001,
        # UTF-8, is set only now: old releases do not read programs' output in FOR under it.
        f"@(chcp 65001>nul&cmd.exe /d /s /c %i&call echo {marker} %^errorlevel%)"
    )


def _result(command: str, marker: str, status: Mapping[str, object]) -> CommandResult:
    cut = [name for name in ("out-truncated", "err-truncated") if status.get(name) is True]
    output, error_output = _stream(command, status, "out"), _stream(command, status, "err")
    if cut or len(output) + len(error_output) > MAX_OUTPUT_BYTES:
        raise ControlChannelError(
            f"read the output of {quoted(command)}",
            "the agent has cut it off" if cut else f"it is larger than {MAX_OUTPUT_BYTES} bytes",
            "The guest misbehaves, or the command prints too much.",
        )
    printed, told, code = output.rpartition(f"{marker} ".encode())
    if not told:
        # It did not come that far, as when it was ended by force.
        printed = output
    exit_code = _told_exit_code(command, code) if told else _exit_code(command, status)
    return CommandResult(command, exit_code, _text(printed), _text(error_output))


def _stream(command: str, status: Mapping[str, object], which: str) -> bytes:
    data = status.get(f"{which}-data", "")
    try:
        # Without ``validate`` nonsense would pass for an answer.
        return base64.b64decode(data if isinstance(data, str) else "-", validate=True)
    except ValueError as error:
        raise _nonsense(command, f"{which}-data is no base64") from error


def _told_exit_code(command: str, text: bytes) -> int:
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise _nonsense(command, "it has ended without an exit code")
    return _signed(int(found[0]))


def _exit_code(command: str, status: Mapping[str, object]) -> int:
    """The exit code as WinRM gives it: 32 bits, with a sign.

    Codes above 0xC0000000, those of programs that were ended by an exception or by Ctrl+C, come as
    ``signal`` (qemu:qga/commands.c, guest-exec-status).
    """
    code = status.get("exitcode", status.get("signal"))
    if not _is_number(code):
        raise _nonsense(command, "it has ended without an exit code")
    return _signed(code)


def _signed(code: int) -> int:
    return ((code % _WORD) ^ _SIGN_BIT) - _SIGN_BIT


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(stream: bytes) -> str:
    return stream.decode("utf-8", errors="replace").replace("\r\n", "\n")


def _nonsense(command: str, actual: str) -> ControlChannelError:
    return ControlChannelError(
        f"run {quoted(command)} through the guest agent",
        f"its answer is not an agent's: {actual}",
        "Something else may listen on the agent's port.",
    )
