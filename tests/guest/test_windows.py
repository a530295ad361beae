from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from powerdown.core.errors import ControlChannelError
from powerdown.diagnosis.remedies import SET_BUTTON
from powerdown.guest import windows as module
from powerdown.guest.windows import Windows
from powerdown.windows import commands
from powerdown.windows.settings.button_settings import POWER_BUTTON, ButtonAction
from powerdown.windows.settings.stored_value import PowerSource
from tests.support.modelled_machine import Machine


class TestPowerButton:
    def test_a_fresh_installation_shuts_down(self, windows: Windows) -> None:
        button = windows.baseline().button
        assert button.effective() is ButtonAction.SHUT_DOWN
        assert button.policy == {}

    @pytest.mark.parametrize("action", ButtonAction)
    def test_what_is_set_is_read(self, windows: Windows, action: ButtonAction) -> None:
        windows.run_all(POWER_BUTTON.set(action).commands)
        button = windows.baseline().button
        assert button.scheme == {PowerSource.AC: action, PowerSource.DC: action}

    def test_a_policy_overrides_the_scheme_until_it_is_cleared(self, windows: Windows) -> None:
        windows.run_all(POWER_BUTTON.set_policy(ButtonAction.NOTHING).commands)
        button = windows.baseline().button
        assert button.effective() is ButtonAction.NOTHING
        assert button.policy == dict.fromkeys(PowerSource, 0)
        windows.run_all(POWER_BUTTON.no_policy().commands)
        assert windows.baseline().button.policy == {}

    def test_the_remedy_of_an_ignored_button_can_be_pasted(self, windows: Windows) -> None:
        text = SET_BUTTON
        scheme = re.search(r"powercfg .*SCHEME_CURRENT(?=\.)", text)
        policy = re.search(r"reg delete .*", text)
        assert scheme is not None
        assert policy is not None
        windows.run_all(POWER_BUTTON.set(ButtonAction.NOTHING).commands)
        windows.run_all([scheme[0]])
        assert windows.baseline().button.scheme == dict.fromkeys(PowerSource, 3)
        windows.run_all(POWER_BUTTON.set_policy(ButtonAction.NOTHING).commands)
        windows.run_all([policy[0]])
        assert windows.baseline().button.effective() is ButtonAction.SHUT_DOWN

    def test_a_command_that_fails_is_an_error(self, windows: Windows) -> None:
        with pytest.raises(ControlChannelError, match="exit code"):
            windows.run_all(["exit /b 3", commands.SHUT_DOWN])


class TestLook:
    def test_only_records_after_one(self, windows: Windows, machine: Machine) -> None:
        before = windows.baseline().last_record
        windows.run_all(["shutdown /s /t 600", "shutdown /a"])
        found = windows.sample(before).records
        assert [record.event_id for record in found] == [1074, 1075]
        assert windows.sample(found[0].record_id).records == found[1:]
        assert windows.sample(machine.last_record()).records == ()


class TestFiles:
    @pytest.mark.parametrize("size", [0, 1, 2, 3, 4499, 4500, 4501, 6000, 30000])
    def test_an_upload_arrives_as_it_was(
        self, windows: Windows, machine: Machine, tmp_path: Path, size: int
    ) -> None:
        content = random.Random(size).randbytes(size)
        program = tmp_path / "program.exe"
        program.write_bytes(content)
        there = windows.upload(program)
        assert machine.volume.path(there).read_bytes() == content
        directory = machine.volume.path(module.WORK_DIRECTORY)
        assert [path.name for path in directory.iterdir()] == ["program.exe"], "nothing is left"

    def test_a_second_upload_replaces_the_first(
        self, windows: Windows, machine: Machine, tmp_path: Path
    ) -> None:
        program = tmp_path / "program.exe"
        for content in (b"first, and longer", b"second", b""):
            program.write_bytes(content)
            assert machine.volume.path(windows.upload(program)).read_bytes() == content

    def test_a_file_is_read_without_its_last_line_end(self, windows: Windows) -> None:
        windows.run_all(
            [commands.append_line("a", r"C:\x.txt"), commands.append_line("b", r"C:\x.txt")]
        )
        assert windows.read_file(r"C:\x.txt") == "a\nb"

    def test_an_absent_file_is_none(self, windows: Windows) -> None:
        assert windows.read_file(r"C:\absent.txt") is None
        assert windows.read_file(r"C:\absent\absent.txt") is None

    def test_the_dirty_answer_names_the_volume(self, windows: Windows) -> None:
        assert "C:" in windows.volume_is_dirty()


class TestPrograms:
    def test_a_program_on_the_desktop_runs(self, windows: Windows, machine: Machine) -> None:
        path = machine.program(r"C:\t\app.exe", kind="application", window={"visible": True})
        assert not windows.is_running("app.exe")
        windows.start_on_desktop("pd", path, "app.exe")
        assert windows.is_running("APP.exe")

    def test_a_program_that_does_not_appear_is_an_error(
        self, windows: Windows, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "COMMAND_SECONDS", 0.2)
        path = machine.program(r"C:\t\app.exe", kind="application")
        with pytest.raises(ControlChannelError, match=r"other\.exe on the guest's desktop"):
            windows.start_on_desktop("pd", path, "other.exe")

    def test_a_service_is_created_and_started(self, windows: Windows, machine: Machine) -> None:
        windows.start_service("pd", machine.program(r"C:\t\svc.exe", kind="service"))
        assert windows.is_running("svc.exe")

    def test_a_service_that_exists_is_an_error(self, windows: Windows, machine: Machine) -> None:
        path = machine.program(r"C:\t\svc.exe", kind="service")
        windows.start_service("pd", path)
        with pytest.raises(ControlChannelError, match="1073"):
            windows.start_service("pd", path)
