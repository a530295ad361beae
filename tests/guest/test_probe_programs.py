"""The probe programs as files: what compiling makes, and what the executables declare."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.errors import HostError
from powerdown.guest import probe_programs
from powerdown.guest.probe_programs import (
    CONSOLE,
    PROBE_PROGRAMS,
    ProbeProgram,
    compile_probe,
    declared_behaviour,
)

PROGRAMS = pytest.mark.parametrize("program", PROBE_PROGRAMS, ids=lambda p: p.source.stem)
GUI, CONSOLE_SUBSYSTEM = 2, 3  # IMAGE_SUBSYSTEM_WINDOWS_GUI, _CUI (learn: PE Format)
COMPILER = "x86_64-w64-mingw32-gcc"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probes")


def minimal_executable(behaviour: bytes, section: bytes = b".pdprog") -> bytes:
    """MZ and PE headers, no optional header, one section that ends the file."""
    start = 0x40 + 24 + 40
    headers = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    headers += struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, 1, 0, 0, 0, 0, 0)
    headers += struct.pack("<8sIIIIIIHHI", section, 0, 0, len(behaviour), start, 0, 0, 0, 0, 0)
    return headers + behaviour


@PROGRAMS
def test_it_is_a_small_64_bit_windows_executable(program: ProbeProgram, cache: Path) -> None:
    executable = compile_probe(program, cache)
    image = executable.read_bytes()
    assert executable.name == program.name
    assert len(image) < 8 * 1024, "it is uploaded as lines of text"
    assert image[:2] == b"MZ"
    (pe,) = struct.unpack_from("<I", image, 0x3C)
    signature, machine = struct.unpack_from("<4sH", image, pe)
    assert (signature, machine) == (b"PE\0\0", 0x8664)
    (magic,) = struct.unpack_from("<H", image, pe + 24)
    (subsystem,) = struct.unpack_from("<H", image, pe + 24 + 68)
    assert magic == 0x20B, "PE32+"
    assert subsystem == (CONSOLE_SUBSYSTEM if program == CONSOLE else GUI)


@PROGRAMS
def test_it_needs_no_library_beside_the_systems_own(program: ProbeProgram, cache: Path) -> None:
    needed = set(re.findall(rb"[A-Za-z0-9_.-]+\.dll", compile_probe(program, cache).read_bytes()))
    allowed = {b"KERNEL32.dll", b"USER32.dll", b"SHELL32.dll", b"ADVAPI32.dll"}
    if program == CONSOLE:  # With user32 Windows would not treat it as a console program.
        allowed = {b"KERNEL32.dll"}
    assert needed
    assert needed <= allowed


@PROGRAMS
def test_the_source_compiles_without_warnings(program: ProbeProgram) -> None:
    subprocess.run(
        [COMPILER, "-std=c11", "-Os", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
         str(program.source)],
        check=True,
        timeout=60,
    )  # fmt: skip


def test_every_source_is_a_program() -> None:
    sources = set(CONSOLE.source.parent.glob("*.c"))
    assert {program.source for program in PROBE_PROGRAMS} == sources
    assert all(p.name == f"powerdown-{p.source.stem}.exe" for p in PROBE_PROGRAMS)


@PROGRAMS
def test_the_same_source_gives_the_same_bytes(program: ProbeProgram, tmp_path: Path) -> None:
    first = compile_probe(program, tmp_path / "a")
    second = compile_probe(program, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


class TestCache:
    @pytest.fixture
    def program(self, tmp_path: Path) -> ProbeProgram:
        """A probe of the test's own, whose source it may change."""
        sources = tmp_path / "sources"
        sources.mkdir()
        (sources / "own.h").write_text("#define CODE 1\n")
        (sources / "own.c").write_text(
            '#include <windows.h>\n#include "own.h"\n'
            "void WINAPI powerdown_probe(void) { ExitProcess(CODE); }\n"
        )
        return ProbeProgram("own.exe", sources / "own.c", ("kernel32",))

    def test_a_hit_does_not_compile(
        self, program: ProbeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = compile_probe(program, tmp_path / "cache")
        monkeypatch.setenv("PATH", str(tmp_path))  # No compiler there: compiling would fail.
        assert compile_probe(program, tmp_path / "cache") == first

    @pytest.mark.parametrize("changed", ["own.c", "own.h"])
    def test_a_changed_file_is_compiled_anew(
        self, program: ProbeProgram, tmp_path: Path, changed: str
    ) -> None:
        first = compile_probe(program, tmp_path / "cache")
        file = program.source.parent / changed
        file.write_text(file.read_text() + "/* changed */\n")
        assert compile_probe(program, tmp_path / "cache") != first

    def test_a_failed_compilation_leaves_nothing_and_says_why(
        self, program: ProbeProgram, tmp_path: Path
    ) -> None:
        program.source.write_text("this is not C\n")
        with pytest.raises(HostError, match=r"own\.exe.*error: "):
            compile_probe(program, tmp_path / "cache")
        assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]

    def test_a_missing_compiler_is_one_clear_error(
        self, program: ProbeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(HostError) as caught:
            compile_probe(program, tmp_path / "cache")
        assert COMPILER in caught.value.actual
        assert "gcc-mingw-w64-x86-64-win32" in caught.value.remedy

    def test_a_compiler_that_hangs_is_ended(
        self, program: ProbeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hanging = tmp_path / "bin" / COMPILER
        hanging.parent.mkdir()
        hanging.write_text("#!/bin/sh\nexec sleep 60\n")
        hanging.chmod(0o755)
        monkeypatch.setenv("PATH", f"{hanging.parent}:{os.environ['PATH']}")
        monkeypatch.setattr(probe_programs, "_COMPILE_SECONDS", 0.2)
        with pytest.raises(HostError, match="did not end"):
            compile_probe(program, tmp_path / "cache")


class TestDeclaredBehaviour:
    def test_the_padding_of_the_section_is_dropped(self, tmp_path: Path) -> None:
        file = tmp_path / "x.exe"
        file.write_bytes(minimal_executable(b'{"format": 1}'.ljust(512, b"\0")))
        assert declared_behaviour(file) == {"format": 1}

    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (b"", "unpack"),
            (b"#!/bin/sh\n".ljust(100, b" "), "unpack|not a PE"),
            (minimal_executable(b"{}", section=b".text"), "no section .pdprog"),
            (minimal_executable(b"[1]"), "no JSON object"),
            (minimal_executable(b'{"format": 1'), "delimiter"),
        ],
    )
    def test_a_file_that_declares_nothing_is_refused(
        self, tmp_path: Path, content: bytes, complaint: str
    ) -> None:
        file = tmp_path / "x.exe"
        file.write_bytes(content)
        with pytest.raises(HostError, match=complaint):
            declared_behaviour(file)

    @given(
        behaviour=st.dictionaries(st.text(), st.integers() | st.text()),
        change=st.none() | st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=4)),
    )
    def test_any_bytes_give_a_behaviour_or_the_one_error(
        self, tmp_path_factory: pytest.TempPathFactory, behaviour: object, change: object
    ) -> None:
        image = bytearray(minimal_executable(json.dumps(behaviour).encode()))
        if isinstance(change, tuple):
            at, bytes_there = change
            image[at : at + len(bytes_there)] = bytes_there
        file = tmp_path_factory.getbasetemp() / "any.exe"
        file.write_bytes(image)
        try:
            declared = declared_behaviour(file)
        except HostError:
            assert change is not None
        else:
            assert declared == behaviour or change is not None
