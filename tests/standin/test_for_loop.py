"""``for`` of the modelled cmd.exe."""

from __future__ import annotations

import pytest
from standin.commands import Context, run


@pytest.fixture
def cmd(machine):
    system = machine.boot()

    def execute(line):
        return run(system, Context.of_user(system, "tester"), line)

    return execute


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("for %i in (a b,c;d) do @echo [%i]", "[a]\r\n[b]\r\n[c]\r\n[d]\r\n"),
        ("for %i in () do @echo x", ""),
        # Letters of either case are two variables.
        ("for %i in (a) do @echo %I %i", "%I a\r\n"),
        ("for %i in (1 2) do @(for %j in (x y) do @echo %i%j)", "1x\r\n1y\r\n2x\r\n2y\r\n"),
        ("for %i in (1 2) do @echo %i&echo then", "1\r\nthen\r\n2\r\nthen\r\n"),
        ("(for %i in (1 2) do @echo %i)&echo then", "1\r\n2\r\nthen\r\n"),
        ("for %i in (a b) do @(if %i==b echo is %i)", "is b\r\n"),
        ("for /f %i in ('echo a b^&echo.^&echo c') do @echo \"%i\"", '"a"\r\n"c"\r\n'),
        ("for /f \"delims=\" %i in ('echo  a b') do @echo [%i]", "[ a b]\r\n"),
        ("for /f \"tokens=*\" %i in ('echo  a b') do @echo [%i]", "[a b]\r\n"),
        ('for /f "delims=" %i in (\'echo "(x)"\') do @echo %i', '"(x)"\r\n'),
        ("for %i in (a b) do @echo %i>>C:\\new.txt", ""),
        ("for /f delims^=^ eol^= %i in ('echo ;a b^&echo c') do @echo [%i]", "[;a b]\r\n[c]\r\n"),
    ],
)
def test_turn_by_turn(cmd, line, output):
    assert cmd(line).stdout == output


def test_files_get_what_each_turn_prints(cmd):
    cmd("for %i in (a b) do @echo %i>C:\\%i.txt")
    assert cmd("type C:\\a.txt C:\\b.txt").stdout.split() == ["a", "b"]


def test_the_exit_code_is_that_of_the_last_turn(cmd):
    assert cmd("for %i in (HKLM\\SOFTWARE HKLM\\NONE) do @reg query %i").exit_code == 1


@pytest.mark.parametrize(
    "line",
    [
        "for",
        "for %i",
        "for x in (a) do echo",
        "for %i in a do echo",
        "for %i in (a",
        "for %i in (a) echo",
        "for %i in (a) do",
        "for /f %i in (C:\\file.txt) do echo",
        "for /f \"tokens=2\" %i in ('ver') do echo",
    ],
)
def test_what_is_malformed_or_not_modelled_fails(cmd, line):
    answer = cmd(line)
    assert answer.exit_code == 1
    assert answer.stderr
