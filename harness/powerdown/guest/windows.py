"""A Windows guest from inside: the questions and commands that the harness needs."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path

from powerdown.core.deadline import Deadline, now
from powerdown.core.errors import ControlChannelError
from powerdown.guest.channels.channel import CommandResult, GuestChannel
from powerdown.guest.guest_baseline import GuestBaseline, read_baseline
from powerdown.guest.guest_sample import GuestSample, read_sample
from powerdown.windows import commands, query_commands
from powerdown.windows.command_parts import Part, PartAnswer, join_parts, new_marker, split_parts
from powerdown.windows.console_session import parse_console_session
from powerdown.windows.event_records import EventRecord, parse_events
from powerdown.windows.last_start import around_last_start
from powerdown.windows.registry_output import parse_registry
from powerdown.windows.settings.all_settings import ALL_SETTINGS
from powerdown.windows.settings.declaration import Declaration
from powerdown.windows.settings.registry_setting import RegistrySetting
from powerdown.windows.settings.setting_value import SettingValue
from powerdown.windows.user_profiles import find_console_profile

WORK_DIRECTORY = r"C:\powerdown"
"""Directory for the harness's files inside a guest."""

COMMAND_SECONDS = 60.0
"""Time allowed for one ordinary command; Windows under emulation is slow."""

SURVEY_SECONDS = 180.0
"""Time allowed for a baseline: some twenty programs, and a search through all services."""

_UPLOAD_CHUNK = 6000
"""Characters a line: cmd.exe takes 8191 in all (learn: Command prompt line string limitation)."""


class Windows:
    """The inside of a Windows guest, through any control channel.

    Every call raises what :class:`GuestChannel` raises.

    :param settings: those that :meth:`baseline` reads.
    """

    def __init__(
        self, channel: GuestChannel, settings: tuple[Declaration, ...] = ALL_SETTINGS
    ) -> None:
        self.channel = channel
        self.settings = settings

    def run(self, command: str, seconds: float = COMMAND_SECONDS) -> CommandResult:
        """Run one command line, whatever its exit code."""
        return self.channel.run(command, Deadline.after(seconds))

    def run_all(self, command_lines: Iterable[str]) -> None:
        """Run command lines that must all succeed."""
        for command in command_lines:
            self.run(command).checked()

    def baseline(self, seconds: float = SURVEY_SECONDS) -> GuestBaseline:
        """Everything that affects a shutdown, in one round trip.

        What cannot be read is ``None`` there, with a note.

        :raise ControlChannelError: besides, when the event log cannot be read.
        """
        answers = self._run_parts(query_commands.baseline_parts(self.settings), seconds)
        return read_baseline(answers, now(), self.settings)

    def sample(self, after_record: int, seconds: float = COMMAND_SECONDS) -> GuestSample:
        """What changes while a shutdown is under way, in one round trip.

        :param after_record: only event records newer than this.
        """
        asked_at = now()
        answers = self._run_parts(query_commands.sample_parts(after_record), seconds)
        return read_sample(answers, asked_at)

    def events_around_last_start(self) -> tuple[EventRecord, ...]:
        """System records of the last start and of the stop before it, in the order recorded.

        Those of :data:`START_PROVIDERS`; nothing of earlier stops.
        """
        answer = self.run(query_commands.LAST_STARTS).checked()
        return around_last_start(parse_events(answer.output))

    def read_file(self, path: str) -> str | None:
        """A text file's content without its last line end; ``None`` when it cannot be read."""
        answer = self.run(commands.type_file(path))
        return answer.output.rstrip("\n") if answer.exit_code == 0 else None

    def volume_is_dirty(self) -> str:
        """What ``fsutil`` says of the system volume, as text: its words are localised."""
        return self.run(commands.DIRTY_QUERY).checked().output.strip()

    def upload(self, program: Path) -> str:
        """Copy a small program into the guest; its path there.

        Sent as base64 lines through the control channel, so that nothing else must be shared.
        """
        self.run(commands.make_directory(WORK_DIRECTORY)).checked()
        target = rf"{WORK_DIRECTORY}\{program.name}"
        content = program.read_bytes()
        if not content:
            # There would be no line to decode.
            self.run(commands.make_empty_file(target)).checked()
            return target
        encoded = f"{target}.b64"
        self.run(commands.delete_file(encoded))
        text = base64.b64encode(content).decode("ascii")
        for start in range(0, len(text), _UPLOAD_CHUNK):
            line = text[start : start + _UPLOAD_CHUNK]
            self.run(commands.append_line(line, encoded)).checked()
        self.run(commands.decode_base64(encoded, target)).checked()
        self.run(commands.delete_file(encoded))
        return target

    def start_on_desktop(self, task: str, program: str, image_name: str) -> None:
        """Start a program on the logged-on user's desktop and see that it runs.

        :raise ControlChannelError: it does not run; usually nobody is logged on.
        """
        self.run_on_desktop(task, program)
        deadline = Deadline.after(COMMAND_SECONDS)
        # Each question is a round trip into the guest: that paces the loop.
        while not self.is_running(image_name):
            if deadline.expired:
                raise ControlChannelError(
                    f"start {image_name} on the guest's desktop",
                    "the task was started but no such process appeared",
                    "Is the control channel's user logged on at the console (autologon)?",
                )

    def run_on_desktop(self, task: str, program: str) -> None:
        """Have a program started on the logged-on user's desktop, without waiting until it runs."""
        if self.channel.runs_as_system:
            self.run(commands.create_task_of_whoever(task, program)).checked()
        else:
            self.run(commands.create_desktop_task(task, program)).checked()
        self.run(commands.run_task(task)).checked()

    def set_for_user(self, setting: RegistrySetting, value: SettingValue) -> None:
        """Set a setting of the logged-on user.

        :raise ControlChannelError: also when nobody is logged on.
        """
        # Otherwise the control channel's user is the console's (fact:one-profile-hive).
        of_console = self.channel.runs_as_system
        own = setting.of(self._console_sid()) if of_console else setting
        self.run_all(own.set(value).commands)

    def is_running(self, image_name: str) -> bool:
        """Whether a process of this image name runs."""
        return image_name.lower() in self.run(commands.list_process(image_name)).output.lower()

    def start_service(self, name: str, program: str) -> None:
        """Create a service and start it."""
        self.run(commands.create_service(name, program)).checked()
        self.run(commands.start_service(name)).checked()

    def _console_sid(self) -> str:
        console = parse_console_session(self.run(query_commands.SESSIONS).output)
        profiles = parse_registry(self.run(query_commands.loaded_profiles()).output)
        folders = parse_registry(self.run(query_commands.PROFILE_FOLDERS).output)
        sid = None if console is None else find_console_profile(profiles, folders, console)
        if sid is None:
            raise ControlChannelError(
                "find the profile of whoever is logged on at the guest's console",
                "none of the loaded profiles is theirs",
                "Is a user logged on there (autologon)?",
            )
        return sid

    def _run_parts(self, parts: Iterable[Part], seconds: float) -> Mapping[str, PartAnswer]:
        """Run several commands in one round trip; the answers of those that ended."""
        marker = new_marker()
        return split_parts(self.run(join_parts(parts, marker), seconds).output, marker)
