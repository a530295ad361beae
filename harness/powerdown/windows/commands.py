"""Command lines that suites and scenarios of every kind use, each with its source.

Those of one subject are in the other modules of this package named ``*_commands``. The harness
sends a guest only command lines that are in one of them.

Sources: ``fact:`` and an id name a row of ``docs/windows-facts.md``;
``learn`` is the Microsoft Learn page of that title. What sets and reads a setting is declared with
it, in :mod:`powerdown.windows.settings`.
"""

from __future__ import annotations

from collections.abc import Iterable

SHUT_DOWN = "shutdown /s /t 0"
"""Shut down from inside, without forcing applications (fact:shutdown-exe-force).

While another user is logged on, Windows may refuse with error 1191 (learn: InitiateShutdown, which
says so without SHUTDOWN_FORCE_OTHERS); over WinRM: fact:shutdown-exe-others.
"""

RESTART = "shutdown /r /t 0"
"""Restart from inside, likewise."""

LAST_RECORD = "wevtutil qe System /f:xml /rd:true /c:1"
"""The newest record of the System log (learn: wevtutil)."""


def query_events(after_record: int, event_ids: Iterable[int], limit: int = 200) -> str:
    """Query System records of these ids that are newer than ``after_record``.

    (learn: wevtutil; learn: Consuming Events, XPath 1.0 limitations)
    """
    ids = " or ".join(f"EventID={event_id}" for event_id in event_ids)
    return (
        f"wevtutil qe System /f:xml /rd:true /c:{limit} "
        f'/q:"*[System[({ids}) and EventRecordID>{after_record}]]"'
    )


DIRTY_QUERY = "fsutil dirty query C:"
"""Says whether the volume is marked dirty (fact:fsutil-dirty)."""


def type_file(path: str) -> str:
    """Print a text file; exit code 1 when it does not exist (learn: type)."""
    return f'type "{path}"'


def list_names(pattern: str) -> str:
    """List matching file names, one a line; exit code 1 when there is none (learn: dir)."""
    return f'dir /b "{pattern}"'


def make_directory(path: str) -> str:
    """Create a directory if it is not there (learn: mkdir, if)."""
    return f'if not exist "{path}" mkdir "{path}"'


def delete_file(path: str) -> str:
    """Delete a file without asking (learn: del)."""
    return f'del /f /q "{path}"'


def make_empty_file(path: str) -> str:
    """Create a file without content, or empty one (learn: type; redirection of nothing)."""
    return f'type nul>"{path}"'


def append_line(text: str, path: str) -> str:
    """Append a line to a file; ``text`` must be free of cmd.exe's special characters."""
    return f'echo {text}>>"{path}"'


def decode_base64(source: str, target: str) -> str:
    """Turn a base64 text file into the binary file (learn: certutil).

    It takes text without header lines. An antivirus may object: some watch
    ``certutil -decode``, which malware uses too (fact:certutil-antivirus).
    """
    return f'certutil -f -decode "{source}" "{target}"'


def create_desktop_task(task: str, program: str) -> str:
    """Define a task that starts ``program`` on the desktop of the user it is created by.

    ``/it`` runs it only in that user's interactive session (learn: schtasks create). The start
    time is in the past on purpose: the task runs when told to; schtasks warns of it and goes on.
    A caller who is that user is to be asked for no password (fact:task-no-password).
    """
    return f'schtasks /create /f /it /sc once /st 00:00 /tn {task} /tr "{program}"'


def create_task_of_whoever(task: str, program: str) -> str:
    """Define a task that starts ``program`` on the desktop of whoever is logged on.

    For a caller that is LocalSystem and so has no desktop. A task of the group INTERACTIVE runs in
    the session of its members without a password (fact:task-interactive-group). On localised
    releases the group has another name.
    """
    return f'schtasks /create /f /ru INTERACTIVE /sc once /st 00:00 /tn {task} /tr "{program}"'


def run_task(task: str) -> str:
    """Start a task now (learn: schtasks run)."""
    return f"schtasks /run /tn {task}"


def list_process(image_name: str) -> str:
    """List processes of this image name as CSV without header (learn: tasklist).

    Localised releases are to take the filter's English name (fact:tasklist-filter-names).
    """
    return f'tasklist /fo csv /nh /fi "IMAGENAME eq {image_name}"'


def create_service(name: str, program: str) -> str:
    """Create a service that is started on demand (learn: sc.exe create; blanks after ``=``)."""
    return f'sc.exe create {name} binPath= "{program}" start= demand'


def start_service(name: str) -> str:
    """Start a service (learn: sc.exe start)."""
    return f"sc.exe start {name}"
