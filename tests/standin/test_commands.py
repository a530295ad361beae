"""Each Windows command: its exact output and exit code, on the modelled machine."""

from __future__ import annotations

import base64
import hashlib
import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standin.commands import Context, event_query, run
from standin.registry import RegistryType

SYNTAX = "ERROR: Invalid syntax.\r\n"
NO_KEY = "ERROR: The system was unable to find the specified registry key or value.\r\n"
DONE = "The operation completed successfully.\r\n"


class Shell:
    """Runs command lines as the default user."""

    def __init__(self, machine):
        self.machine = machine
        self.system = machine.boot()

    def __call__(self, line, stdin=b"", user="tester"):
        context = Context.of_user(self.system, user)
        context.stdin.end()
        return run(self.system, context, line, stdin)

    def out(self, line):
        """Standard output of a command that succeeds silently otherwise."""
        output = self(line)
        assert (output.stderr, output.exit_code) == ("", 0), output
        return output.stdout

    def fails(self, line, code=1):
        """Standard error of a command that fails with ``code`` and prints nothing else."""
        output = self(line)
        assert (output.stdout, output.exit_code) == ("", code), output
        return output.stderr

    def text(self, path):
        return self.system.volume.path(path).read_bytes().decode()


@pytest.fixture
def shell(machine):
    return Shell(machine)


def crlf(text):
    return text.replace("\n", "\r\n")


# cmd.exe


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("echo hello  world ", "hello  world \r\n"),
        ("echo.", "\r\n"),
        ("echo.x", "x\r\n"),
        ("echo:x", "x\r\n"),
        ("echo", "ECHO is on.\r\n"),
        ('echo "a & b" ^& c', '"a & b" & c\r\n'),
        (
            "echo %SystemRoot% %COMPUTERNAME% %username% %nothing%",
            "C:\\Windows STANDIN tester %nothing%\r\n",
        ),
        ("echo a&echo b", "a\r\nb\r\n"),
        ("echo a && echo b", "a \r\nb\r\n"),
        ("type nul || echo b", ""),
        ("cmd /c echo hi", "hi\r\n"),
        ('cmd /c "echo a & echo b"', "a \r\nb\r\n"),
        ('cmd.exe /s /c "echo "x""', '"x"\r\n'),
        ("cmd /d /q /c echo hi", "hi\r\n"),
        ("C:\\Windows\\System32\\cmd.exe /c echo hi", "hi\r\n"),
        ('"C:\\Windows\\system32\\hostname.exe"', "STANDIN\r\n"),
        ("%SystemRoot%\\System32\\hostname", "STANDIN\r\n"),
        ("HOSTNAME.EXE", "STANDIN\r\n"),
        ("whoami", "standin\\tester\r\n"),
        ("ver", "\r\nMicrosoft Windows [Version 10.0.20348.0]\r\n"),
        ("cd", "C:\\Users\\tester\r\n"),
        ("cd \\windows & cd", "C:\\Windows\r\n"),
        ("cd /d C:\\Windows\\..\\Users & cd", "C:\\Users\r\n"),
        ("cd.. && cd", "C:\\Users\r\n"),
        ("rem nothing & echo x", ""),
        ("if exist C:\\Windows echo yes", "yes\r\n"),
        ("if exist C:\\Windows\\*.nope (echo yes) else echo no", "no\r\n"),
        ("if not exist Z:\\x echo none", "none\r\n"),
        ("if defined OS echo %OS%", "Windows_NT\r\n"),
        ("if /i ABC==abc echo same", "same\r\n"),
        ("if 10 GTR 9 echo number", "number\r\n"),
        ('echo b| find "b"', "b\r\n"),
        ("(echo a & echo b) | findstr /v a", "b\r\n"),
        ("(echo ab&echo.&echo b) | findstr .", "ab\r\nb\r\n"),
        ("(echo ab&echo b) | findstr .b", "ab\r\n"),
        ("(echo ab&echo ba) | findstr /b b.", "ba\r\n"),
        ("(echo aab&echo aba) | findstr /e .b", "aab\r\n"),
        ("(echo a.b&echo axb) | findstr /l a.b", "a.b\r\n"),
        ("chcp", "Active code page: 65001\r\n"),
        ("chcp 437", "Active code page: 437\r\n"),
        ("reg query HKLM\\NONE 2>nul&call echo %^errorlevel%", "1\r\n"),
        ("call echo %OS% ^& more", "Windows_NT \r\n"),
        ("echo x >nul", ""),
        ('net start | find /c "Windows"', "4\r\n"),
        ("set OS", "OS=Windows_NT\r\n"),
    ],
)
def test_command_lines(shell, line, out):
    assert shell(line) == (out, "", 0)


def test_redirections_work_from_left_to_right(shell):
    # Standard output becomes what standard error is at that moment.
    assert shell("echo x 1>&2 2>nul") == ("", "x  \r\n", 0)
    assert shell("echo x 2>nul 1>&2") == ("", "", 0)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("exit 7", 7),
        ("exit /b 3", 3),
        ("exit -1", -1),
        ("exit 4294967295", -1),
        ("(exit 5) & echo x", 5),
        ("cmd /c exit 9", 9),
        ("cmd /c exit 2 || exit 4", 4),
        ("nonsense & ver >nul", 0),
        ("ver >nul & cmd /c exit 6", 6),
    ],
)
def test_exit_codes(shell, line, code):
    assert shell(line).exit_code == code


def test_unknown_command_as_cmd_says_it(shell):
    text = "'foo.bar' is not recognized as an internal or external command,\r\n"
    assert shell.fails("foo.bar /x").startswith(text)
    assert shell("foo.bar 2>nul || echo after").stdout == "after\r\n"


def test_syntax_errors(shell):
    assert shell.fails("echo a &&") == "The syntax of the command is incorrect.\r\n"
    assert shell.fails("&echo") == "& was unexpected at this time.\r\n"


def test_powershell_is_honestly_missing(shell):
    for name in ("powershell", "powershell.exe -encodedcommand AAAA", "pwsh -c x"):
        assert shell.fails(name) == "The Powerdown stand-in guest models no PowerShell.\r\n"


def test_redirections_write_files(shell):
    shell.out("mkdir C:\\t")
    shell.out('echo one>"C:\\t\\a b.txt"')
    shell.out('echo two2>>"C:\\T\\A B.TXT"')
    assert shell.text("C:\\t\\a b.txt") == "one\r\ntwo2\r\n"
    shell("foo >C:\\t\\both.txt 2>&1")
    assert shell.text("C:\\t\\both.txt").startswith("'foo' is not recognized")
    shell("(echo a& foo) >C:\\t\\out.txt 2>C:\\t\\err.txt")
    assert shell.text("C:\\t\\out.txt") == "a\r\n"
    assert "'foo'" in shell.text("C:\\t\\err.txt")
    assert shell.out('find "two" <"C:\\t\\a b.txt"') == "two2\r\n"
    assert shell.fails("echo x>C:\\none\\x") == "The system cannot find the path specified.\r\n"
    assert shell.fails("echo x>Z:\\x") == "The system cannot find the drive specified.\r\n"
    assert shell.fails("find x<C:\\none") == "The system cannot find the file specified.\r\n"


def test_paths_cannot_leave_the_volume(shell, tmp_path):
    outside = tmp_path / "outside.txt"
    for path in ("..\\..\\..\\outside.txt", "C:\\..\\outside.txt", "/../outside.txt"):
        shell(f'echo x>"{path}"')
        shell(f'type "{path}"')
    assert not outside.exists()
    assert shell.text("C:\\outside.txt") == "x\r\n"


def test_long_line_of_base64_is_appended_whole(shell):
    line = base64.b64encode(bytes(range(256)) * 17).decode()[:6000]
    shell.out(f'echo {line}>>"C:\\x.b64"')
    shell.out(f'echo {line}>>"C:\\x.b64"')
    assert shell.text("C:\\x.b64") == f"{line}\r\n{line}\r\n"


# Files


def test_type(shell):
    shell.system.volume.write("C:\\t\\a.txt", b"one\ntwo \xff")
    assert shell.out("type C:\\t\\a.txt") == "one\ntwo \ufffd"
    shell.system.volume.write("C:\\t\\w.txt", "\ufeffw\u00fc".encode("utf-16-le"))
    assert shell.out("type C:\\t\\w.txt") == "w\u00fc"
    assert shell.fails("type C:\\t\\b.txt") == "The system cannot find the file specified.\r\n"
    assert shell.fails("type C:\\n\\b.txt") == "The system cannot find the path specified.\r\n"
    shell.out("type C:\\t\\a.txt > C:\\t\\copy.txt")
    assert shell.system.volume.path("C:\\t\\copy.txt").read_bytes() == b"one\ntwo \xff"


def test_del(shell):
    for name in ("a.txt", "b.txt", "c.log"):
        shell.system.volume.write(f"C:\\t\\{name}", b"x")
    assert shell.out("del /f /q C:\\T\\A.TXT") == ""
    assert shell("del C:\\t\\a.txt") == ("", "Could Not Find C:\\t\\a.txt\r\n", 0)
    assert shell.out("del /q C:\\t\\*.txt") == ""
    assert shell.out("dir /b C:\\t") == "c.log\r\n"


def test_folders(shell):
    assert shell.out("mkdir C:\\p\\q\\r") == ""
    assert shell.fails("md C:\\p") == "A subdirectory or file C:\\p already exists.\r\n"
    assert shell.out('if not exist "C:\\p" mkdir "C:\\p"') == ""
    assert shell.fails("rmdir C:\\p", 145) == "The directory is not empty.\r\n"
    assert shell.fails("rd C:\\none", 2) == "The system cannot find the file specified.\r\n"
    assert shell.out("rd /s /q C:\\p") == ""
    assert shell("dir /b C:\\p") == ("", "File Not Found\r\n", 1)
    assert "Windows\r\n" in shell.out("dir /b C:\\")
    assert shell.out("dir C:\\Users").startswith(" Volume in drive C has no label.\r\n")


def test_copy_and_move(shell):
    shell.system.volume.write("C:\\t\\a.txt", b"x")
    copied = "        1 file(s) copied.\r\n"
    assert shell.out("copy /y C:\\t\\a.txt C:\\t\\b.txt") == copied
    assert shell.out("copy C:\\t\\a.txt C:\\Windows\\Temp") == copied
    assert shell.out("move C:\\t\\b.txt C:\\t\\c.txt") == "        1 file(s) moved.\r\n"
    assert shell.out("dir /b C:\\t C:\\Windows\\Temp") == "a.txt\r\nc.txt\r\na.txt\r\n"
    missing = "The system cannot find the file specified.\r\n"
    assert shell.fails("copy C:\\t\\z C:\\t\\y") == missing
    assert shell.fails("move C:\\t\\z C:\\t\\y") == missing


IN_USE = "The process cannot access the file because it is being used by another process.\r\n"


@pytest.mark.parametrize(
    "line",
    [
        "del C:\\Windows\\System32\\config\\SYSTEM",
        "del /q C:\\Windows\\System32\\winevt\\Logs\\*",
        "echo x>C:\\windows\\system32\\CONFIG\\software",
        "move C:\\Users\\tester\\NTUSER.DAT C:\\x",
        "copy /y C:\\t.txt C:\\Windows\\System32\\config\\SAM",
        "rd /s /q C:\\Windows",
        "rd /s /q C:\\",
        "certutil -f -decode C:\\t.txt C:\\Windows\\System32\\config\\SYSTEM",
    ],
)
def test_files_in_use_stay(shell, line):
    shell.system.volume.write("C:\\t.txt", b"eHh4")
    root = shell.system.volume.root
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert shell.fails(line) == IN_USE
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_running_program_cannot_be_deleted(shell):
    path = shell.machine.program(kind="application", window={"title": "x"})
    process = shell.system.processes.start(path)
    assert shell.fails(f"del {path}") == "Access is denied.\r\n"
    shell.out(f"taskkill /f /pid {process.pid}")
    assert shell.out(f"del {path}") == ""


def test_certutil(shell):
    data = bytes(range(256)) * 5
    encoded = base64.b64encode(data).decode()
    text = "\r\n".join(encoded[at : at + 100] for at in range(0, len(encoded), 100)) + "\r\n"
    shell.system.volume.write("C:\\t\\x.b64", text.encode())
    assert shell.out('certutil -f -decode "C:\\t\\x.b64" "C:\\t\\x.bin"') == (
        f"Input Length = {len(text)}\r\nOutput Length = {len(data)}\r\n"
        "CertUtil: -decode command completed successfully.\r\n"
    )
    assert shell.system.volume.path("C:\\t\\x.bin").read_bytes() == data
    exists = shell("certutil -decode C:\\t\\x.b64 C:\\t\\x.bin")
    assert exists.exit_code == -2147024816
    assert exists.stdout.endswith("CertUtil: The file exists.\r\n")
    assert shell("certutil -decode C:\\t\\none C:\\t\\y").exit_code == -2147024894
    shell.system.volume.write("C:\\t\\bad.b64", b"!!!")
    assert shell("certutil -decode C:\\t\\bad.b64 C:\\t\\y").exit_code == -2147024883
    assert shell.out("certutil -hashfile C:\\t\\x.bin SHA256") == (
        f"SHA256 hash of C:\\t\\x.bin:\r\n{hashlib.sha256(data).hexdigest()}\r\n"
        "CertUtil: -hashfile command completed successfully.\r\n"
    )
    shell.out("certutil -encode C:\\t\\x.bin C:\\t\\y.b64")
    shell.out("certutil -f -decode C:\\t\\y.b64 C:\\t\\x.bin")
    assert shell.system.volume.path("C:\\t\\x.bin").read_bytes() == data


# reg


@pytest.mark.parametrize(
    ("kind", "given_as", "shown", "data"),
    [
        ("REG_SZ", '"some text"', "some text", "some text"),
        ("REG_EXPAND_SZ", "^%SystemRoot^%\\x", "%SystemRoot%\\x", "%SystemRoot%\\x"),
        ("REG_DWORD", "255", "0xff", 255),
        ("REG_DWORD", "0xFFFFFFFF", "0xffffffff", 0xFFFFFFFF),
        ("REG_QWORD", "4294967296", "0x100000000", 1 << 32),
        ("REG_BINARY", "00ffA1", "00FFA1", b"\0\xff\xa1"),
        ("REG_MULTI_SZ", "a\\0b c", "a\\0b c", ["a", "b c"]),
    ],
)
def test_reg_types(shell, kind, given_as, shown, data):
    value = given_as.replace("^", "") if kind == "REG_EXPAND_SZ" else given_as
    quoted = value if value.startswith('"') else f'"{value}"'
    if kind == "REG_EXPAND_SZ":
        # What is not to be expanded by cmd.exe is not known to it.
        quoted, shown, data = '"%No%\\x"', "%No%\\x", "%No%\\x"
    assert shell.out(f"reg add HKLM\\SOFTWARE\\T /v Name /t {kind} /d {quoted} /f") == DONE
    assert shell.out("reg query HKLM\\software\\t /v NAME") == (
        f"\r\nHKEY_LOCAL_MACHINE\\software\\t\r\n    Name    {kind}    {shown}\r\n\r\n"
    )
    stored = shell.system.registry.get(r"HKLM\SOFTWARE\T", "name")
    assert (stored.type, stored.data) == (RegistryType[kind.removeprefix("REG_")], data)


def test_reg_query_of_a_key(shell):
    shell.out("reg add HKLM\\SOFTWARE\\T /v A /d one /f")
    shell.out("reg add HKLM\\SOFTWARE\\T /ve /d two /f")
    shell.out("reg add HKLM\\SOFTWARE\\T\\Sub\\Deep /v B /t REG_DWORD /d 1 /f")
    key = "HKEY_LOCAL_MACHINE\\SOFTWARE\\T"
    own = f"\r\n{key}\r\n    A    REG_SZ    one\r\n    (Default)    REG_SZ    two\r\n\r\n"
    assert shell.out("reg query HKLM\\SOFTWARE\\T") == f"{own}{key}\\Sub\r\n"
    assert shell.out("reg query HKEY_LOCAL_MACHINE\\SOFTWARE\\T\\Sub") == (
        f"\r\n{key}\\Sub\\Deep\r\n"
    )
    assert shell.out("reg query HKLM\\SOFTWARE\\T /ve") == (
        f"\r\n{key}\r\n    (Default)    REG_SZ    two\r\n\r\n"
    )
    assert "(Default)    REG_SZ    (value not set)" in shell.out(
        "reg query HKLM\\SOFTWARE\\T\\Sub\\Deep /ve"
    )
    assert shell.out("reg query HKLM\\SOFTWARE\\T /s /v b") == (
        f"\r\n{key}\\Sub\\Deep\r\n    B    REG_DWORD    0x1\r\n\r\n"
        "End of search: 1 match(es) found.\r\n"
    )
    block = f"{key}\\Sub\\Deep\r\n    B    REG_DWORD    0x1\r\n\r\n"
    assert shell.out("reg query HKLM\\SOFTWARE\\T /s") == own + block
    assert shell.out("reg query HKLM\\SOFTWARE\\T /s /t REG_DWORD") == (
        f"\r\n{block}End of search: 1 match(es) found.\r\n"
    )


def test_reg_errors(shell):
    assert shell.fails("reg query HKLM\\SOFTWARE\\None") == NO_KEY
    assert shell.fails("reg query HKLM\\SOFTWARE /v None") == NO_KEY
    assert shell.fails("reg delete HKLM\\SOFTWARE\\None /f") == NO_KEY
    assert shell.fails("reg delete HKLM\\SOFTWARE /v None /f") == NO_KEY
    usage = 'Type "REG {} /?" for usage.\r\n'
    assert shell.fails("reg query NOKEY\\x") == (
        "ERROR: Invalid key name.\r\n" + usage.format("QUERY")
    )
    for line in (
        "reg add HKLM\\SOFTWARE\\T /v A /t REG_NOTHING /d 1 /f",
        "reg add HKLM\\SOFTWARE\\T /v A /v B /f",
        "reg add HKLM\\SOFTWARE\\T /v",
        "reg add HKLM\\SOFTWARE\\T /x",
    ):
        assert shell.fails(line) == SYNTAX + usage.format("ADD")
    for number in ("x", "-1", "4294967296", "1.5"):
        assert "valid numeric value" in shell.fails(
            f"reg add HKLM\\SOFTWARE\\T /v A /t REG_DWORD /d {number} /f"
        )
    assert not shell.system.registry.exists(r"HKLM\SOFTWARE\T")


def test_reg_delete(shell):
    shell.out("reg add HKLM\\SOFTWARE\\T\\Sub /v A /f")
    shell.out("reg add HKLM\\SOFTWARE\\T\\Sub /v B /f")
    assert shell.out("reg delete HKLM\\SOFTWARE\\T\\Sub /v a /f") == DONE
    assert shell.out("reg delete HKLM\\SOFTWARE\\T\\Sub /va /f") == DONE
    assert shell.out("reg query HKLM\\SOFTWARE\\T\\Sub") == ""
    assert shell.out("reg delete HKLM\\SOFTWARE\\T /f") == DONE
    assert shell.fails("reg query HKLM\\SOFTWARE\\T") == NO_KEY
    assert shell.fails("reg delete HKLM\\SOFTWARE /f") == "ERROR: Access is denied.\r\n"


def test_reg_asks_without_force(shell):
    shell.out("reg add HKLM\\SOFTWARE\\T /v A /d 1 /f")
    assert shell("reg add HKLM\\SOFTWARE\\T /v A /d 2").exit_code == 1
    assert shell.system.registry.get(r"HKLM\SOFTWARE\T", "A").data == "1"
    assert shell("echo y| reg add HKLM\\SOFTWARE\\T /v A /d 2").exit_code == 0
    assert shell.system.registry.get(r"HKLM\SOFTWARE\T", "A").data == "2"


def test_reg_load_of_a_profile(shell):
    shell.out("reg add HKCU\\T /v A /d 1 /f")
    sid = shell.system.sessions.sid("tester")
    assert shell.system.registry.get(f"HKU\\{sid}\\T", "A").data == "1"
    assert shell.fails("reg load HKU\\X C:\\nope") == (
        "ERROR: The system cannot find the file specified.\r\n"
    )
    assert shell.fails("reg load HKU\\X C:\\Users\\tester\\NTUSER.DAT").startswith(
        "ERROR: The process cannot access the file"
    )


# powercfg

QUERY = crlf("""\
Power Scheme GUID: 381b4222-f694-41f0-9685-ff5bb260df2e  (Balanced)
  GUID Alias: SCHEME_BALANCED
  Subgroup GUID: 4f971e89-eebd-4455-a8de-9e59040e7347  (Power buttons and lid)
    GUID Alias: SUB_BUTTONS
    Power Setting GUID: 7648efa3-dd9c-4e3e-b566-50f929386280  (Power button action)
      GUID Alias: PBUTTONACTION
      Possible Setting Index: 000
      Possible Setting Friendly Name: Do nothing
      Possible Setting Index: 001
      Possible Setting Friendly Name: Sleep
      Possible Setting Index: 002
      Possible Setting Friendly Name: Hibernate
      Possible Setting Index: 003
      Possible Setting Friendly Name: Shut down
      Possible Setting Index: 004
      Possible Setting Friendly Name: Turn off the display
    Current AC Power Setting Index: 0x0000000{}
    Current DC Power Setting Index: 0x0000000{}

""")


def test_powercfg_sets_and_shows_the_button(shell):
    by_alias = "powercfg /query SCHEME_CURRENT SUB_BUTTONS PBUTTONACTION"
    by_guid = (
        "powercfg -q 381b4222-f694-41f0-9685-ff5bb260df2e "
        "4F971E89-eebd-4455-a8de-9e59040e7347 7648efa3-dd9c-4e3e-b566-50f929386280"
    )
    assert shell.out(by_alias) == shell.out(by_guid) == QUERY.format(3, 3)
    assert shell.out("powercfg /setacvalueindex SCHEME_CURRENT SUB_BUTTONS PBUTTONACTION 0") == ""
    assert shell.out(by_alias) == QUERY.format(0, 3)
    assert shell.system.power.power_button_action() == 3, "only /setactive makes it effective"
    assert shell.out("powercfg /setactive SCHEME_CURRENT") == ""
    assert shell.system.power.power_button_action() == 0
    shell.out("powercfg /setdcvalueindex scheme_balanced sub_buttons pbuttonaction 0x4")
    assert shell.out(by_alias) == QUERY.format(0, 4)


def test_powercfg_schemes(shell):
    assert shell.out("powercfg /getactivescheme") == (
        "Power Scheme GUID: 381b4222-f694-41f0-9685-ff5bb260df2e  (Balanced)\r\n"
    )
    shell.out("powercfg /s SCHEME_MIN")
    assert shell.out("powercfg /list") == crlf("""
Existing Power Schemes (* Active)
-----------------------------------
Power Scheme GUID: 381b4222-f694-41f0-9685-ff5bb260df2e  (Balanced)
Power Scheme GUID: 8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c  (High performance) *
Power Scheme GUID: a1841308-3541-4fab-bc81-f71556f20b4a  (Power saver)
""")


def test_powercfg_change_is_in_minutes(shell):
    shell.out("powercfg /change monitor-timeout-ac 7")
    shell.out("powercfg -x -standby-timeout-dc 0")
    video = shell.out("powercfg /query SCHEME_CURRENT SUB_VIDEO VIDEOIDLE")
    assert "    Current AC Power Setting Index: 0x000001a4\r\n" in video
    assert "      Possible Settings units: Seconds\r\n" in video
    sleep = shell.out("powercfg /query SCHEME_CURRENT SUB_SLEEP STANDBYIDLE")
    assert "    Current DC Power Setting Index: 0x00000000\r\n" in sleep


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "/nonsense",
        "/setactive",
        "/change x 1",
        "/change monitor-timeout-ac x",
        "/list x",
        "/setacvalueindex SCHEME_CURRENT SUB_BUTTONS PBUTTONACTION",
        "/query a b c d",
    ],
)
def test_powercfg_invalid_parameters(shell, arguments):
    text = shell.fails(f"powercfg {arguments}")
    assert text == 'Invalid Parameters -- try "/?" for help\r\n'


@pytest.mark.parametrize(
    "arguments",
    [
        "/setactive SCHEME_NONE",
        "/query SCHEME_CURRENT SUB_NONE",
        "/query SCHEME_CURRENT SUB_BUTTONS NONE",
        "/setacvalueindex 381b4222-f694-41f0-9685-ff5bb260df2f SUB_BUTTONS PBUTTONACTION 1",
    ],
)
def test_powercfg_unknown_names(shell, arguments):
    assert shell.fails(f"powercfg {arguments}").startswith("The power scheme, subgroup or setting")


def test_powercfg_index_out_of_range(shell):
    line = "powercfg /setacvalueindex SCHEME_CURRENT SUB_BUTTONS PBUTTONACTION 5"
    assert shell.fails(line) == "The parameter is incorrect.\r\n"


# wevtutil


def test_wevtutil_queries(shell):
    log = shell.system.event_log
    every = [log.to_xml(event) for event in log.events()]
    assert shell.out("wevtutil qe System /f:xml") == "".join(f"{xml}\r\n" for xml in every)
    assert shell.out("wevtutil qe System /rd:true /c:1") == f"{every[-1]}\r\n"
    assert shell.out("wevtutil query-events system /rd:true /c:2 /f:XML") == (
        f"{every[-1]}\r\n{every[-2]}\r\n"
    )
    line = 'wevtutil qe System /f:xml /q:"*[System[(EventID=6005 or EventID=12)]]"'
    assert shell.out(line) == "".join(
        f"{xml}\r\n"
        for xml, event in zip(every, log.events(), strict=True)
        if event.event_id in (12, 6005)
    )
    last = log.events()[-1].record_id
    assert shell.out(f'wevtutil qe System /q:"*[System[(EventRecordID>{last})]]"') == ""
    assert shell.out("wevtutil qe Application") == ""


def test_wevtutil_other_verbs(shell):
    count = len(shell.system.event_log.events())
    assert f"numberOfLogRecords: {count}\r\noldestRecordNumber: 1\r\n" in shell.out(
        "wevtutil gli System"
    )
    shell.out("wevtutil cl System")
    assert shell.out("wevtutil qe System") == ""
    text = shell.fails("wevtutil qe Nonsense", 15007)
    assert text == "Failed to read events. The specified channel could not be found.\r\n"
    for query in ("*[System[", "*[System[EventID=]]", "x", "*]", "*[band(Keywords,1)]"):
        assert "query is invalid" in shell(f'wevtutil qe System /q:"{query}"').stderr
    assert shell("wevtutil qe System /z:1").exit_code == 87
    assert shell("wevtutil qe System /c:x").exit_code == 87


def test_wevtutil_text(shell):
    text = shell.out("wevtutil qe System /f:text /c:1")
    assert text.startswith("Event[0]\r\n  Log Name: System\r\n  Source: Microsoft-Windows-Kernel")


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("*", True),
        ("Event", True),
        ("*[System]", True),
        ("*[System[EventID=1074]]", True),
        ("*[System/EventID=1074]", True),
        ("*[System[EventID!=1074]]", False),
        ("*[System[EventID>1073 and EventID<=1074]]", True),
        ("*[System[(EventID=1 or EventID=1074) and Level=4]]", True),
        ("*[System[Provider[@Name='User32']]]", True),
        ("*[System[Provider[@Name='user33' or @EventSourceName='User32']]]", True),
        ("*[System[Provider[@Name='x']]]", False),
        ("*[System[TimeCreated[timediff(@SystemTime) <= 60000]]]", True),
        ("*[System[TimeCreated[timediff(@SystemTime) < 60000]]]", False),
        ("*[System[TimeCreated[@SystemTime>='2026-03-01T09:30:00']]]", True),
        ("*[System[TimeCreated[@SystemTime>='2026-03-01T09:30:00.001Z']]]", False),
        ("*[EventData[Data[@Name='param5']='power off']]", True),
        ("*[EventData[Data='power off']]", True),
        ("*[EventData[Data[@Name='param5']='restart']]", False),
        ('*[System[EventID=1074]] [EventData[Data[@Name="param7"]="x"]]', True),
        ("*[System[EventRecordID>0x10]]", False),
    ],
)
def test_event_queries(shell, query, matches):
    from standin.eventlog import USER32

    event = shell.system.event_log.write(USER32, 1074, [("param5", "power off"), ("param7", "x")])
    now = event.time + timedelta(seconds=60)
    assert event_query.compile(query, now)(event) is matches


@given(
    st.lists(
        st.sampled_from(
            [
                "*",
                "[",
                "]",
                "(",
                ")",
                "System",
                "EventID",
                "=",
                "1",
                "'a'",
                "@",
                "Name",
                "/",
                ".",
                ">",
                "and",
                "or",
                "timediff",
                "Data",
                "EventData",
                "'",
            ]
        ),
        max_size=20,
    ).map(" ".join)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_query_is_answered_or_refused(shell, query):
    event = shell.system.event_log.events()[0]
    try:
        event_query.compile(query, event.time)(event)
    except event_query.QueryError as error:
        assert str(error)


# shutdown


def test_shutdown_power_off(shell):
    assert shell.out("shutdown /s /t 0") == ""
    assert shell.machine.ended() == "power off"
    event = next(e for e in shell.system.event_log.events() if e.event_id == 1074)
    data = dict(event.data)
    assert data["param7"] == "STANDIN\\tester"
    assert data["param4"] == "0x800000ff"
    assert "shutdown.exe" in data["param1"]


@pytest.mark.parametrize(
    ("line", "kind"), [("shutdown -r -t 0", "restart"), ("shutdown /p", "power off")]
)
def test_shutdown_kinds(shell, line, kind):
    assert shell.out(line) == ""
    assert shell.machine.ended() == kind


def test_shutdown_reason_and_comment(shell):
    shell.out('shutdown /r /f /t 0 /d p:4:1 /c "a reason"')
    shell.machine.ended()
    data = dict(next(e for e in shell.system.event_log.events() if e.event_id == 1074).data)
    assert (data["param4"], data["param6"]) == ("0x80040001", "a reason")


def test_shutdown_delay_can_be_aborted(shell):
    text = "Unable to abort the system shutdown because no shutdown was in progress.(1116)\r\n"
    assert shell.fails("shutdown /a", 1116) == text
    shell.out("shutdown /s")
    request = shell.system.shutdown.request
    assert (request.delay, request.forced) == (30, True)
    text = "A system shutdown has already been scheduled.(1190)\r\n"
    assert shell.fails("shutdown /s /t 0", 1190) == text
    assert shell.out("shutdown /a") == ""
    assert shell.system.shutdown is None
    assert shell.machine.ids()[-1] == 1075


def test_shutdown_in_progress(shell):
    shell.machine.program(kind="application", window={"title": "Doc"}, query_end_session="refuse")
    shell.out("schtasks /create /tn T /tr C:\\t\\app.exe /sc once /st 00:00 /it /f")
    shell.out("schtasks /run /tn T")
    shell.out("shutdown /s /t 0")
    assert not shell.system.shutdown.request.forced
    shell.machine.clock.await_waiters(1)
    text = "A system shutdown is in progress.(1115)\r\n"
    assert shell.fails("shutdown /s /f /t 0", 1115) == text
    assert shell("shutdown /a").exit_code == 1116
    assert shell.out("taskkill /f /im app.exe").startswith(
        'SUCCESS: The process "app.exe" with PID'
    )
    assert shell.machine.ended() == "power off"


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "/x",
        "/s /r",
        "/s /t",
        "/s /t x",
        "/s /t -1",
        "/s /t 315360001",
        "/s /d 1",
        "/s /d a:b:c",
        "/s /d p:256:1",
        "/p /t 5",
    ],
)
def test_shutdown_usage(shell, arguments):
    assert shell.fails(f"shutdown {arguments}").startswith("Usage: shutdown ")
    assert shell.system.shutdown is None


# Services

STATUS = """
SERVICE_NAME: {name}\x20
        TYPE               : {type}\x20\x20
        STATE              : {state}\x20
{controls}        WIN32_EXIT_CODE    : {code}
        SERVICE_EXIT_CODE  : 0  (0x0)
        CHECKPOINT         : 0x0
        WAIT_HINT          : 0x0
"""
CONTROLS = "                                ({})\n"


def test_sc_query(shell):
    assert shell.out("sc query winrm") == crlf(
        STATUS.format(
            name="winrm",
            type="20  WIN32_SHARE_PROCESS",
            state="4  RUNNING",
            controls=CONTROLS.format("STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN"),
            code="0  (0x0)",
        )
    )
    assert "(NOT_STOPPABLE, NOT_PAUSABLE, ACCEPTS_PRESHUTDOWN)" in shell.out("sc query gpsvc")
    assert shell.out("sc.exe query wuauserv") == crlf(
        STATUS.format(
            name="wuauserv",
            type="20  WIN32_SHARE_PROCESS",
            state="1  STOPPED",
            controls="",
            code="1077  (0x435)",
        )
    )
    running = shell.out("sc query")
    assert "SERVICE_NAME: WinRM \r\nDISPLAY_NAME: Windows Remote Management" in running
    assert "wuauserv" not in running
    assert "wuauserv" in shell.out("sc query state= all")
    assert "wuauserv" in shell.out("sc query state=inactive")
    assert shell.fails("sc query none", 1060) == crlf(
        "[SC] EnumQueryServicesStatus:OpenService FAILED 1060:\n\n"
        "The specified service does not exist as an installed service.\n\n"
    )


def test_sc_life_of_a_service(shell):
    shell.machine.program(
        "C:\\t\\svc.exe",
        kind="service",
        accepts=["stop"],
        run=[{"write": "C:\\t\\ran", "text": "%1"}],
    )
    line = 'sc.exe create Probe binPath= "C:\\t\\svc.exe one" start= demand DisplayName= "A probe"'
    assert shell.out(line) == "[SC] CreateService SUCCESS\r\n"
    assert shell.fails(line, 1073).startswith("[SC] CreateService FAILED 1073:\r\n\r\n")
    configuration = shell.out("sc qc probe")
    assert "        START_TYPE         : 3   DEMAND_START\r\n" in configuration
    assert "        BINARY_PATH_NAME   : C:\\t\\svc.exe one\r\n" in configuration
    assert "        DISPLAY_NAME       : A probe\r\n" in configuration
    started = shell.out("sc start probe")
    service = shell.system.services.get("Probe")
    assert (
        f"        PID                : {service.pid}\r\n        FLAGS              : \r\n"
        in started
    )
    assert shell.fails("sc start probe", 1056) == crlf(
        "[SC] StartService FAILED 1056:\n\nAn instance of the service is already running.\n\n"
    )
    shell.out("sc stop probe")
    assert shell.fails("sc stop probe", 1062) == crlf(
        "[SC] ControlService FAILED 1062:\n\nThe service has not been started.\n\n"
    )
    assert shell.out("sc config probe start= disabled") == "[SC] ChangeServiceConfig SUCCESS\r\n"
    assert shell("sc start probe").exit_code == 1058
    assert shell.out("sc delete probe") == "[SC] DeleteService SUCCESS\r\n"
    assert shell.fails("sc start probe", 1060).startswith(
        "[SC] StartService: OpenService FAILED 1060:"
    )
    assert shell("sc stop gpsvc").exit_code == 1052


def test_sc_service_that_is_no_program(shell):
    shell.system.volume.write("C:\\t\\x.exe", b"not a program")
    shell.out("sc create X binPath= C:\\t\\x.exe")
    assert shell.fails("sc start X", 193).startswith("[SC] StartService FAILED 193:\r\n\r\n")
    assert shell("sc create Y").exit_code == 1639
    assert shell("sc create Y binPath= x start= never").exit_code == 1639


def test_sc_lists_all_services_with_their_processes(shell):
    listed = shell.out("sc.exe queryex type= service state= all")
    services = shell.system.services
    assert listed.count("SERVICE_NAME: ") == len(services.list())
    winrm = services.get("WinRM")
    assert (
        crlf(
            "SERVICE_NAME: WinRM\x20\n"
            "DISPLAY_NAME: Windows Remote Management (WS-Management)\n"
            "        TYPE               : 20  WIN32_SHARE_PROCESS\x20\x20\n"
            "        STATE              : 4  RUNNING\x20\n"
            "                                (STOPPABLE, NOT_PAUSABLE, ACCEPTS_SHUTDOWN)\n"
            "        WIN32_EXIT_CODE    : 0  (0x0)\n"
            "        SERVICE_EXIT_CODE  : 0  (0x0)\n"
            "        CHECKPOINT         : 0x0\n"
            "        WAIT_HINT          : 0x0\n"
            f"        PID                : {winrm.pid}\n"
            "        FLAGS              :\x20\n"
        )
        in listed
    )
    assert f'"svchost.exe","{winrm.pid}"' in shell.out("tasklist /fo csv /nh")
    stopped = listed.split("SERVICE_NAME: wuauserv")[1].split("SERVICE_NAME")[0]
    assert "STATE              : 1  STOPPED \r\n        WIN32_EXIT_CODE    : 1077" in stopped
    assert "PID                : 0" in stopped
    own = shell.out("sc query type= own state= all")
    assert "10  WIN32_OWN_PROCESS" in own
    assert "WinRM" not in own
    assert shell.out("sc query type= driver") == ""
    assert shell("sc query type= nonsense").exit_code == 1639


def test_sc_failure(shell):
    line = 'sc failure W32Time reset= 86400 actions= restart/5000/restart/10000/""/0'
    assert shell.out(line) == "[SC] ChangeServiceConfig2 SUCCESS\r\n"
    assert shell.out("sc qfailure w32time") == crlf(
        "[SC] QueryServiceConfig2 SUCCESS\n"
        "\n"
        "SERVICE_NAME: w32time\n"
        "        RESET_PERIOD (in seconds)    : 86400\n"
        "        REBOOT_MESSAGE               :\x20\n"
        "        COMMAND_LINE                 :\x20\n"
        "        FAILURE_ACTIONS              : RESTART -- Delay = 5000 milliseconds.\n"
        "                                       RESTART -- Delay = 10000 milliseconds.\n"
        "                                       NONE -- Delay = 0 milliseconds.\n"
    )
    assert shell("sc failure none reset= 0 actions= restart/1").exit_code == 1060
    for wrong in ("reset= 1", "reset= x actions= restart/1", "reset= 0 actions= restart"):
        assert shell(f"sc failure W32Time {wrong}").exit_code == 1639


# Updates

HEADING = (
    "\nDeployment Image Servicing and Management tool\nVersion: 10.0.20348.1\n\n"
    "Image Version: 10.0.20348.1\n\n"
)
ADD = "dism /online /add-package /packagepath:{} /norestart"


def test_dism_adds_a_package(shell):
    path = r"C:\Updates\standin-update.cab"
    assert shell(ADD.format(path) + " /quiet") == ("", "", 3010)
    assert "Component Based Servicing\\RebootPending" in shell.out(
        r'reg query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing"'
    )
    said = shell(f'DISM.exe /Online /Add-Package /PackagePath:"{path}" /NoRestart')
    assert said.exit_code == 3010
    assert said.stdout == crlf(
        HEADING
        + "Processing 1 of 1 - Adding package Package_for_StandinUpdate~~amd64~~1.0.0.0\n"
        + f"[{'=' * 26}100.0%{'=' * 26}]\x20\n"
        + "The operation completed successfully.\nRestart Windows to complete this operation.\n"
    )
    assert shell.out("dism /online /get-packages") == crlf(
        HEADING
        + "Packages listing:\n\n"
        + "Package Identity : Package_for_StandinUpdate~~amd64~~1.0.0.0\n"
        + "State : Install Pending\nRelease Type : Update\nInstall Time :\x20\n\n"
        + "The operation completed successfully.\n"
    )
    assert "ACCEPTS_PRESHUTDOWN" in shell.out("sc query TrustedInstaller")


def test_dism_refuses_what_is_no_package(shell):
    shell.system.volume.write("C:\\t\\x.cab", b"MSCF\0\0\0\0")
    refused = shell(ADD.format("C:\\t\\x.cab") + " /quiet")
    assert refused.exit_code == 0x800F0805 - (1 << 32)
    assert "(0x800f0805)" in shell.out("type C:\\Windows\\Logs\\DISM\\dism.log")
    assert "Error: 0x800f0805\r\n\r\nThe specified package is not valid" in refused.stdout
    missing = shell(ADD.format("C:\\t\\none.cab"))
    assert missing.exit_code == 3
    assert (
        "Error: 3\r\n\r\nAn error occurred trying to open - C:\\t\\none.cab Error: 0x80070003"
    ) in missing.stdout
    for line in ("dism", "dism /online", "dism /online /nonsense", ADD.format("")):
        assert shell(line).exit_code == 87
    assert "models /add-package with /norestart only" in (
        shell("dism /online /add-package /packagepath:C:\\t\\x.cab").stderr
    )
    assert shell.out("dism /online /get-packages").count("Package Identity") == 0


def test_net(shell):
    assert shell.out("net stop W32Time") == crlf(
        "The Windows Time service is stopping.\n"
        "The Windows Time service was stopped successfully.\n\n"
    )
    assert shell.fails('net stop "Windows Time"', 2) == crlf(
        "The Windows Time service is not started.\n\n"
        "More help is available by typing NET HELPMSG 3521.\n\n"
    )
    assert shell.out("net start w32time").endswith("was started successfully.\r\n\r\n")
    assert "NET HELPMSG 2182." in shell.fails("net start w32time", 2)
    assert "NET HELPMSG 2185." in shell.fails("net start none", 2)
    assert "   Windows Time\r\n" in shell.out("net start")


# Processes and tasks


def test_tasklist(shell):
    explorer = next(p for p in shell.system.processes.list() if p.name == "explorer.exe")
    line = 'tasklist /fo csv /nh /fi "IMAGENAME eq Explorer.exe"'
    assert shell.out(line) == f'"explorer.exe","{explorer.pid}","Console","1","N/A"\r\n'
    assert shell.out("tasklist") == shell.out("tasklist.exe /FO TABLE")
    header = "Image Name                     PID Session Name        Session#    Mem Usage\r\n"
    rule = "========================= ======== ================ =========== ============\r\n"
    assert shell.out("tasklist").startswith(f"\r\n{header}{rule}System")
    verbose = shell.out(f'tasklist /v /fo list /fi "pid eq {explorer.pid}"')
    assert "User Name:    STANDIN\\tester\r\n" in verbose
    nothing = "INFO: No tasks are running which match the specified criteria.\r\n"
    assert shell.out('tasklist /fi "IMAGENAME eq none.exe"') == nothing
    assert "services.exe" in shell.out('tasklist /fi "session eq 0" /fi "imagename ne lsass*"')
    assert shell.fails('tasklist /fi "NONSENSE eq 1"') == (
        "ERROR: The search filter cannot be recognized.\r\n"
    )
    assert shell.fails("tasklist /fo x").startswith(SYNTAX)


def test_taskkill(shell):
    assert shell.fails("taskkill /f /im none.exe", 128) == (
        'ERROR: The process "none.exe" not found.\r\n'
    )
    explorer = next(p for p in shell.system.processes.list() if p.name == "explorer.exe")
    assert "forcefully (with /F option)" in shell.fails("taskkill /im explorer.exe")
    assert shell.out(f"taskkill /pid {explorer.pid} /f") == (
        f"SUCCESS: The process with PID {explorer.pid} has been terminated.\r\n"
    )
    assert not explorer.alive
    assert "Access is denied." in shell.fails("taskkill /f /im csrss.exe")
    assert shell.fails("taskkill").startswith("ERROR: Invalid syntax. Neither")


CREATE = 'schtasks /create /f /it /sc once /st 00:00 /tn Probe /tr "C:\\t\\app.exe one"'


def test_interactive_task_starts_on_the_desktop(shell):
    shell.machine.program(
        kind="application",
        window={"title": "Untitled - Powerdown document"},
        run=[{"write": "C:\\t\\said", "text": "%1"}],
    )
    assert shell.out(CREATE) == (
        "WARNING: Task may not run because /ST is earlier than current time.\r\n"
        'SUCCESS: The scheduled task "Probe" has successfully been created.\r\n'
    )
    assert shell.out("schtasks /run /tn Probe") == (
        'SUCCESS: Attempted to run the scheduled task "Probe".\r\n'
    )
    process = next(p for p in shell.system.processes.list() if p.name == "app.exe")
    assert (process.session_id, process.user, process.arguments) == (1, "STANDIN\\tester", ["one"])
    assert f'"app.exe","{process.pid}","Console","1"' in shell.out("tasklist /fo csv")
    listed = shell.out("schtasks /query /tn Probe /fo list")
    assert "TaskName:                             \\Probe\r\n" in listed
    assert "Status:                               Running\r\n" in listed
    assert shell.out("schtasks /end /tn Probe") == (
        'SUCCESS: The scheduled task "Probe" has been terminated successfully.\r\n'
    )
    assert not process.alive
    assert "Ready" in shell.out("schtasks /query /tn Probe /fo csv /nh")
    assert shell.out("schtasks /delete /tn Probe /f") == (
        'SUCCESS: The scheduled task "Probe" was successfully deleted.\r\n'
    )
    missing = "ERROR: The system cannot find the file specified.\r\n"
    assert shell.fails("schtasks /run /tn Probe") == missing
    assert shell.fails("schtasks /delete /tn Probe /f") == (
        'ERROR: The specified task name "Probe" does not exist in the system.\r\n'
    )


def test_interactive_task_needs_its_user_logged_on(shell):
    shell.machine.program(kind="application", window={"title": "x"})
    shell.system.sessions.log_off()
    shell.out(CREATE)
    assert shell.out("schtasks /run /tn Probe").startswith("SUCCESS: Attempted")
    assert "app.exe" not in [p.name for p in shell.system.processes.list()]


@pytest.mark.parametrize("logged_on", [True, False])
def test_a_task_of_the_interactive_group_runs_for_whoever_is_logged_on(shell, logged_on):
    shell.machine.program(kind="application", window={"title": "x"})
    if not logged_on:
        shell.system.sessions.log_off()
    assert shell(CREATE.replace("/it", "/ru INTERACTIVE"), user="SYSTEM").exit_code == 0
    shell.out("schtasks /run /tn Probe")
    found = [p for p in shell.system.processes.list() if p.name == "app.exe"]
    wanted = [(1, "STANDIN\\tester")] if logged_on else []
    assert [(p.session_id, p.user) for p in found] == wanted


def test_local_system_is_somebody_else(shell):
    assert shell("whoami", user="SYSTEM").stdout == "nt authority\\system\r\n"
    said = shell("echo %USERNAME% %USERPROFILE%", user="SYSTEM").stdout
    assert said == "STANDIN$ C:\\Windows\\system32\\config\\systemprofile\r\n"
    assert shell("reg add HKCU\\T /v A /d 1 /f", user="SYSTEM").exit_code == 0
    shell.fails("reg query HKCU\\T")
    assert "A    REG_SZ    1" in shell.out("reg query HKU\\S-1-5-18\\T")


def test_system_task_runs_in_session_0(shell):
    shell.machine.program(kind="application", window={"title": "x"})
    shell.out(CREATE.replace("/it", "/ru SYSTEM"))
    shell.out("schtasks /run /tn Probe")
    process = next(p for p in shell.system.processes.list() if p.name == "app.exe")
    assert (process.session_id, process.user) == (0, "NT AUTHORITY\\SYSTEM")


def test_task_survives_a_restart_and_quotes_are_kept(machine):
    shell = Shell(machine)
    machine.program("C:\\a b\\app.exe", kind="application", window={"title": "x"})
    shell.out(
        "schtasks /create /f /it /sc once /st 23:59 /tn Probe /tr "
        # For cmd.exe the second argument lies outside the quotes.
        '"\\"C:\\a b\\app.exe\\" \\"x ^& y\\" <z>"'
    )
    again = Shell(machine)
    again.out("schtasks /run /tn Probe")
    process = next(p for p in again.system.processes.list() if p.name == "app.exe")
    assert process.arguments == ["x & y", "<z>"]


def test_schtasks_usage(shell):
    for arguments in ("", "/nonsense", "/create /tn x", "/run", "/query /fo x", "/delete /tn"):
        assert shell.fails(f"schtasks {arguments}").startswith(SYNTAX)
    assert "Starttime" in shell.fails("schtasks /create /tn x /tr y /sc once /st 25:00")
    assert "models no" in shell.fails("schtasks /create /tn x /tr y /sc daily /st 00:00")


def test_programs_run_in_session_0_and_are_waited_for(shell):
    shell.machine.program(kind="application", run=[{"write": "C:\\t\\said", "text": "%1"}])
    assert shell.out('C:\\t\\app.exe "hello there" x') == ""
    assert shell.machine.read("C:\\t\\said") == "hello there"
    shell.out("cd C:\\t && app again")
    assert shell.machine.read("C:\\t\\said") == "again"
    shell.system.volume.write("C:\\t\\text.exe", b"no program")
    assert "is not compatible with the version of Windows" in shell.fails("C:\\t\\text.exe", 216)


def test_a_program_that_stays_is_ended_with_its_command(shell):
    shell.machine.program(kind="application", window={"title": "x"})
    context = Context.of_user(shell.system, "tester")
    outputs = []
    thread = threading.Thread(
        target=lambda: outputs.append(run(shell.system, context, "C:\\t\\app.exe", b""))
    )
    thread.start()
    shell.machine.clock.await_waiters(1)
    context.cancel()
    thread.join(10)
    assert outputs[0].exit_code == -1073741510
    assert "app.exe" not in [p.name for p in shell.system.processes.list()]


# Others


def test_query_user(shell):
    lines = shell.out("query user").split("\r\n")
    assert lines[0] == (
        " USERNAME              SESSIONNAME        ID  STATE   IDLE TIME  LOGON TIME"
    )
    assert lines[1].split()[:4] == ["tester", "console", "1", "Active"]
    assert shell.out("quser tester") == shell.out("query user")
    shell.system.sessions.log_off()
    assert shell.fails("quser") == "No User exists for *\r\n"


def test_fsutil(shell):
    assert shell.out("fsutil dirty query C:") == "Volume - C: is NOT Dirty\r\n"
    assert shell.fails("fsutil dirty query D:").startswith("Error:")
    assert "models" in shell.fails("fsutil volume list")


def test_ping_and_timeout(shell):
    out = shell.out("ping -n 1 127.0.0.1")
    assert "Reply from 127.0.0.1: bytes=32 time<1ms TTL=128\r\n" in out
    assert "    Packets: Sent = 1, Received = 1, Lost = 0 (0% loss),\r\n" in out
    assert shell("ping elsewhere").exit_code == 1
    assert shell("ping -n 0 127.0.0.1").exit_code == 1
    assert shell.out("timeout /t 0 /nobreak").startswith("\r\nWaiting for 0 seconds")
    assert "Input redirection is not supported" in shell.fails("timeout /t 5 <nul")
    assert shell("timeout /t 5 /x").exit_code == 1


def test_a_cancelled_command_line_stops(shell):
    context = Context.of_user(shell.system, "tester")
    context.cancel()
    output = run(shell.system, context, "ping -n 600 127.0.0.1 & echo after", b"")
    assert (output.stdout, output.exit_code) == ("", -1073741510)


TOOLS = [
    "reg",
    "powercfg",
    "wevtutil",
    "sc",
    "net",
    "tasklist",
    "taskkill",
    "schtasks",
    "secedit",
    "logoff",
    "rundll32",
    "query session",
    "fsutil",
    "query",
    "certutil",
    "chcp",
    "type",
    "del",
    "mkdir",
    "rmdir",
    "dir",
    "copy",
    "move",
    "find",
    "findstr",
    "cd",
    "set",
    "if",
    "echo",
    "dism",
    "whoami",
    "hostname",
    "cmd",
]
WORDS = [
    "/f",
    "/v",
    "/t",
    "query",
    "add",
    "delete",
    "HKLM\\SOFTWARE\\X",
    "/create",
    "/tn",
    "/q",
    "C:\\x",
    "..",
    "*",
    '"',
    "System",
    "start=",
    "failure",
    "actions=",
    "reset=",
    "/online",
    "/add-package",
    "/packagepath:",
    "/norestart",
    "/fi",
    "/c",
    ">",
    "nul",
]


@given(
    st.sampled_from(TOOLS),
    st.lists(
        st.one_of(
            st.sampled_from(WORDS),
            st.text(max_size=8),
        ),
        max_size=6,
    ),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_arguments_break_a_tool(shell, tool, words):
    output = shell(" ".join([tool, *words]))
    assert isinstance(output.exit_code, int)
    assert -(1 << 31) <= output.exit_code < 1 << 31
    output.stdout.encode()
    output.stderr.encode()
