"""Commands about sessions, tasks on the desktop, user rights and refused shutdowns."""

import threading

import pytest
from standin.commands import Context, run
from standin.keyboard import ALT_F4, ESC
from standin.rights import ADMINISTRATORS, BACKUP_OPERATORS, SHUTDOWN

HEADER = " SESSIONNAME       USERNAME                 ID  STATE   TYPE        DEVICE \r\n"
WINDOW = {"visible": True, "title": "Untitled - document"}
TEMPLATE = (
    '(echo [Unicode]& echo Unicode=yes& echo [Version]& echo signature="$CHICAGO$"& '
    "echo Revision=1 & echo [Privilege Rights]& echo {line} ) > C:\\r.inf"
)


class Shell:
    """Runs command lines as the default user in session 0."""

    def __init__(self, machine):
        self.machine = machine
        self.system = machine.boot()

    def __call__(self, line, stdin=b""):
        context = Context.of_user(self.system, "tester")
        return run(self.system, context, line, stdin or b"\r\n")

    def out(self, line):
        output = self(line)
        assert (output.stderr, output.exit_code) == ("", 0), output
        return output.stdout

    def fails(self, line, code):
        output = self(line)
        assert output.exit_code == code, output
        return output.stderr

    def start(self, name="app", **declaration):
        path = self.machine.program(
            f"C:\\t\\{name}.exe", kind="application", window=WINDOW, **declaration
        )
        return self.system.processes.start(path, [], 1, "STANDIN\\tester")

    def task(self, command, extra="/it"):
        """Run a command as a scheduled task and wait until it has ended."""
        self.out(f'schtasks /create /f {extra} /sc once /st 00:00 /tn T /tr "{command}"')
        self.out("schtasks /run /tn T")
        self.ended(command.split()[0].rpartition("\\")[2].removesuffix(".exe") + ".exe")

    def ended(self, name):
        self.machine.clock.until(
            lambda: name not in self.names(1) + self.names(0), lambda: self.machine.log
        )

    def names(self, session):
        return [p.name for p in self.system.processes.list() if p.session_id == session]


@pytest.fixture
def shell(machine):
    return Shell(machine)


def in_background(function, *arguments):
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*arguments)), daemon=True)
    thread.start()

    def result():
        thread.join(10)
        assert not thread.is_alive()
        return results[0]

    return result


def test_query_session(shell):
    services = ">services                                    0  Disc\r\n"
    user = " console           tester                    1  Active\r\n"
    nobody = " console                                     1  Conn\r\n"
    assert shell.out("query session") == HEADER + services + user
    shell.system.console.lock()
    assert shell.out("qwinsta") == HEADER + services + user
    assert shell.out("logoff 1") == ""
    assert shell.out("query session") == HEADER + services + nobody


def test_logoff(shell):
    assert "Could not find" in shell.fails("logoff 7", 1)
    assert "Invalid parameter" in shell.fails("logoff", 1)
    assert "LogonUI.exe" not in shell.names(1)
    assert shell.out("logoff console /v") == "Logging off session ID 1\r\n"
    assert '"LogonUI.exe"' in shell.out("tasklist /fo csv /nh")
    assert "explorer.exe" not in shell.names(1)
    row = next(line for line in shell.out("tasklist /fo csv /nh").split() if "LogonUI" in line)
    assert '"Console","1"' in row
    assert shell.out("logoff 1") == ""
    # Nobody is logged on: a task that needs the user starts nothing.
    shell.machine.program("C:\\t\\late.exe", kind="application", window=WINDOW)
    shell.out('schtasks /create /f /it /sc once /st 00:00 /tn T /tr "C:\\t\\late.exe"')
    shell.out("schtasks /run /tn T")
    assert "late.exe" not in shell.names(1)


def test_logoff_waits_for_the_session_to_end(shell):
    process = shell.start(query_end_session="refuse")
    result = in_background(shell, "logoff 1")
    shell.machine.clock.until(lambda: shell.system.screen.scene == "blocking")
    shell.machine.clock.await_waiters(2)
    assert shell.fails("logoff 1", 1).startswith("Error [1115]:")
    shell.system.processes.kill(process.pid)
    assert result().exit_code == 0
    assert shell.system.sessions.console_user is None


def test_the_workstation_is_locked_on_its_own_desktop_only(shell):
    lock = "rundll32.exe user32.dll,LockWorkStation"
    shell.out(lock)
    shell.task(lock, "/ru SYSTEM")
    assert not shell.system.sessions.locked
    shell.task(lock)
    assert shell.system.sessions.locked
    assert "LogonUI.exe" in shell.names(1)
    assert "explorer.exe" in shell.names(1)


def test_sleep_through_rundll32(shell, monkeypatch):
    slept = []
    monkeypatch.setattr(shell.system, "suspend", lambda hibernate: slept.append(hibernate))
    shell.out("rundll32 powrprof.dll,SetSuspendState 0,1,0")
    shell.task(
        "%SystemRoot%\\System32\\rundll32.exe powrprof.dll,SetSuspendState 0,1,0", "/ru SYSTEM"
    )
    assert slept == [False, False]
    shell.system.rights.grant_only(SHUTDOWN, [])
    shell.out("rundll32.exe powrprof.dll,SetSuspendState 0,1,0")
    assert slept == [False, False]


def test_a_task_runs_a_tool_and_can_be_ended(shell):
    shell.task('cmd /c \\"whoami ^> C:\\who\\"', "/ru SYSTEM")
    assert shell.machine.read("C:\\who").strip() == "nt authority\\system"
    shell.out('schtasks /create /f /ru SYSTEM /sc once /st 00:00 /tn L /tr "ping -n 99 127.0.0.1"')
    shell.out("schtasks /run /tn L")
    assert shell.names(0)[-1] == "ping.exe"
    assert '"Running"' in shell.out("schtasks /query /tn L /fo csv /nh")
    shell.out("schtasks /end /tn L")
    assert "ping.exe" not in shell.names(0)


def test_killing_the_program_lets_the_shutdown_go_on(shell):
    shell.start(query_end_session="refuse")
    shell.system.press_power_button()
    shell.machine.clock.until(lambda: shell.system.screen.scene == "blocking")
    assert "1115" in shell.fails("shutdown /s /t 0", 1115)
    assert "1116" in shell.fails("shutdown /a", 1116)
    shell.out("taskkill /f /im app.exe")
    assert shell.machine.ended() == "power off"


def test_killing_explorer_closes_its_dialogs(shell):
    shell.system.console.chord(ALT_F4)
    assert "1115" in shell.fails("shutdown /s /t 0", 1115)
    shell.out("taskkill /f /im explorer.exe")
    assert shell.system.screen.scene == "desktop"
    shell.out("shutdown /s /t 0")
    assert shell.machine.ended() == "power off"


# User rights


def test_secedit_takes_the_right_away_and_gives_it_back(shell):
    configure = (
        "secedit /configure /db C:\\r.sdb /cfg C:\\r.inf /overwrite /areas USER_RIGHTS /quiet"
    )
    shell.out(TEMPLATE.format(line="SeShutdownPrivilege ="))
    assert shell.out(configure) == ""
    assert shell.system.rights.holders() == []
    before = shell.machine.last_record()
    text = "A required privilege is not held by the client.(1314)\r\n"
    assert shell.fails("shutdown /s /t 0", 1314) == text
    assert shell.machine.ids(before) == [1073]
    assert shell.fails("shutdown /a", 1314) == text
    assert shell.machine.ids(before) == [1073]
    shell.out(TEMPLATE.format(line="SeShutdownPrivilege = *S-1-5-32-544,Backup Operators,Nobody"))
    shell.out(configure)
    assert shell.system.rights.holders() == [ADMINISTRATORS, BACKUP_OPERATORS]
    shell.out("shutdown /s /t 0")
    assert shell.machine.ended() == "power off"


def test_a_task_of_system_keeps_the_right(shell):
    shell.system.rights.grant_only(SHUTDOWN, [])
    shell.out('schtasks /create /f /ru SYSTEM /sc once /st 00:00 /tn T /tr "shutdown /s /t 0"')
    shell.out("schtasks /run /tn T")
    assert shell.machine.ended() == "power off"


def test_secedit_export_and_configure_agree(shell):
    done = (
        "\r\nThe task has completed successfully.\r\n"
        "See log %windir%\\security\\logs\\scesrv.log for detail info.\r\n"
    )
    assert shell.out("secedit /export /cfg C:\\e.inf /areas USER_RIGHTS") == done
    text = shell.system.volume.path("C:\\e.inf").read_bytes().decode("utf-16")
    assert "SeShutdownPrivilege = *S-1-5-32-544,*S-1-5-32-551\r\n" in text
    shell.system.rights.grant_only(SHUTDOWN, [])
    # Other areas and other lines leave the right alone.
    shell.out("secedit /configure /db C:\\r.sdb /cfg C:\\e.inf /areas REGKEYS FILESTORE")
    assert shell.system.rights.holders() == []
    shell.out("secedit /configure /db C:\\r.sdb /cfg C:\\e.inf /areas SERVICES USER_RIGHTS")
    assert shell.system.rights.holders() == [ADMINISTRATORS, BACKUP_OPERATORS]
    shell.out(TEMPLATE.format(line="SeDebugPrivilege ="))
    assert shell.out("secedit /configure /db C:\\r.sdb /cfg C:\\r.inf") == done
    assert shell.system.rights.holders() == [ADMINISTRATORS, BACKUP_OPERATORS]


def test_overwriting_asks_first(shell):
    shell.out(TEMPLATE.format(line="SeShutdownPrivilege ="))
    line = "secedit /configure /db C:\\r.sdb /cfg C:\\r.inf /overwrite"
    assert shell(line, b"n\r\n").exit_code == 1
    assert shell.system.rights.holders() != []
    assert shell(line, b"y\r\n").exit_code == 0
    assert shell.system.rights.holders() == []


@pytest.mark.parametrize(
    "arguments",
    ["", "/analyze", "/export", "/configure", "/configure /db", "/export stray",
     "/configure /db C:\\d /overwrite", "/configure /db C:\\d /cfg C:\\none.inf"],
)  # fmt: skip
def test_secedit_usage(shell, arguments):
    assert shell.fails(f"secedit {arguments}", 1)


# shutdown /i


def test_the_dialog_of_shutdown_i_needs_a_desktop(shell):
    assert shell.out("shutdown /i") == ""
    assert shell.system.console.dialog is None
    assert shell.system.shutdown is None


def test_the_dialog_of_shutdown_i_holds_nothing(shell):
    shell.out('schtasks /create /f /it /sc once /st 00:00 /tn T /tr "shutdown.exe /i"')
    shell.out("schtasks /run /tn T")
    shell.machine.clock.until(lambda: shell.system.console.dialog is not None)
    assert shell.names(1).count("shutdown.exe") == 1
    shell.system.console.chord(ESC)
    shell.ended("shutdown.exe")
    assert shell.system.screen.scene == "desktop"
    shell.out("schtasks /run /tn T")
    shell.machine.clock.until(lambda: shell.system.console.dialog is not None)
    shell.out("taskkill /f /im shutdown.exe")
    assert shell.system.console.dialog is None
    shell.out("schtasks /run /tn T")
    shell.machine.clock.until(lambda: shell.system.console.dialog is not None)
    shell.system.press_power_button()
    assert shell.machine.ended() == "power off"
