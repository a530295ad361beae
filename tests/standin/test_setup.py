import subprocess
import sys
from pathlib import Path

from standin import setup
from standin.power import BALANCED
from standin.registry import CONFIG, Registry
from standin.service_database import CONTROL_KEY, SERVICES_KEY
from standin.system import COMPUTER_NAME, CURRENT_VERSION, System
from standin.volume import Volume


def test_the_command(tmp_path):
    guest = Path(setup.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "standin.setup", "--volume", tmp_path, "--user", "ann",
         "--password", "pass word", "--computer", "BOX"],
        cwd=guest, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "STANDIN-SETUP-OK", done.stderr
    system = System(Volume(tmp_path))
    system.boot()
    assert system.computer_name == "BOX"
    assert system.sessions.console_user == "ann"
    assert system.sessions.authenticate("BOX\\ann", "pass word")


def test_wrong_arguments(capsys):
    for arguments in ([], ["--volume"], ["--volume", "x", "--what", "y"], ["a", "b"]):
        assert setup.main(arguments) == 2
    assert "STANDIN-SETUP-OK" not in capsys.readouterr().out


def test_the_image_says_that_it_is_not_windows(machine):
    registry = Registry(machine.volume)
    assert "not Windows" in registry.text(CURRENT_VERSION, "ProductName")  # type: ignore[operator]


def test_documented_defaults(machine):
    registry = Registry(machine.volume)
    assert registry.text(COMPUTER_NAME, "ComputerName") == "STANDIN"
    assert registry.text(CONTROL_KEY, "WaitToKillServiceTimeout") == "5000"
    assert registry.dword(f"{SERVICES_KEY}\\UsoSvc", "PreshutdownTimeout") == 3_600_000
    schemes = r"HKLM\SYSTEM\CurrentControlSet\Control\Power\User\PowerSchemes"
    assert registry.text(schemes, "ActivePowerScheme") == BALANCED
    assert registry.subkeys(f"{schemes}\\{BALANCED}") == []


def test_hives_are_small(machine):
    for path in machine.volume.path(CONFIG).iterdir():
        assert path.stat().st_size < 100_000


def test_setting_up_again_starts_from_nothing(machine):
    registry = Registry(machine.volume)
    registry.create_key(r"HKLM\SOFTWARE\Left")
    setup.install(machine.volume)
    assert not Registry(machine.volume).exists(r"HKLM\SOFTWARE\Left")
