"""The parts of the stand-in's build that need neither network nor QEMU."""

from __future__ import annotations

import lzma
import os
import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from builder import cpio, kernel_modules, recipe, tools
from builder.cache import Cache, default_root, key_of, source_files
from builder.command import run
from builder.debian_root import wanted
from builder.disk_layout import DiskLayout
from builder.errors import BuildError, MissingTools
from builder.mirror import Source, carried_settings, debian_sources, parse_index_targets
from builder.setup_boot import judge, shutdown_reason
from builder.standin_disk import StandinDisk
from hypothesis import given
from hypothesis import strategies as st

from tests.support.paths import REPOSITORY

STANDIN = REPOSITORY / "fixtures/images/standin"


def target(release: str, uri: str, **more: str) -> str:
    fields = {"MetaKey": "main/binary-amd64/Packages", "Component": "main", "Release": release}
    fields |= {"Repo-URI": uri} | more
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def sources(*paragraphs: str) -> list[Source]:
    return debian_sources(parse_index_targets("\n".join(paragraphs)), "trixie")


class TestMirror:
    def test_the_release_moves_to_the_wanted_one_and_security_keeps_its_own_archive(self) -> None:
        found = sources(
            target("bookworm-security", "http://sec.example/s/", Origin="Debian"),
            target("bookworm", "http://m.example/debian/", Origin="Debian"),
            target("bookworm-updates", "http://m.example/debian/", Origin="Debian"),
        )
        assert found == [
            Source("http://m.example/debian/", "trixie"),
            Source("http://sec.example/s/", "trixie-security"),
            Source("http://m.example/debian/", "trixie-updates"),
        ]

    def test_other_archives_are_left_out(self) -> None:
        found = sources(
            target("bookworm", "http://m.example/debian/", Origin="Debian"),
            target("bookworm", "http://vendor.example/", Origin="Vendor"),
            target("bookworm-backports", "http://m.example/debian/", Origin="Debian"),
            target("bookworm", "http://m.example/debian/", Origin="Debian", Component="contrib"),
            target("cloud-sdk-bookworm", "http://vendor.example/"),
            target("bookworm", "cdrom:[Debian]/", Origin="Debian"),
        )
        assert found == [Source("http://m.example/debian/", "trixie")]

    def test_suite_names_do_when_apt_has_fetched_no_index(self) -> None:
        found = sources(
            target("stable", "http://m.example/debian/"),
            target("nodistro", "http://vendor.example/"),
        )
        assert found == [Source("http://m.example/debian/", "trixie")]

    def test_the_same_archive_for_several_architectures_is_one_source(self) -> None:
        twice = target("trixie", "http://m.example/debian/", Origin="Debian")
        assert len(sources(twice, twice)) == 1

    @pytest.mark.parametrize(
        "paragraphs",
        [[], [target("jammy", "http://u.example/", Origin="Ubuntu")]],
        ids=["nothing", "not Debian"],
    )
    def test_a_host_without_debian_is_told_what_to_do(self, paragraphs: list[str]) -> None:
        with pytest.raises(BuildError, match="apt-get update"):
            sources(*paragraphs)

    def test_a_source_trusts_one_keyring(self) -> None:
        line = Source("http://m.example/debian/", "trixie").line("/k.gpg")
        assert line == "deb [signed-by=/k.gpg] http://m.example/debian/ trixie main"

    def test_proxies_are_carried_and_other_settings_are_not(self) -> None:
        dump = (
            'Acquire::http::Proxy "http://p.example:3128/";\n'
            'Acquire::Check-Valid-Until "false";\n'
            'Acquire::Languages "none";\n'
            'APT::Install-Recommends "1";\n'
            'DPkg::Post-Invoke:: "rm -rf /";\n'
        )
        assert carried_settings(dump).splitlines() == dump.splitlines()[:2]

    @given(st.text())
    def test_any_text_parses_into_fields(self, text: str) -> None:
        for paragraph in parse_index_targets(text):
            assert paragraph
            assert all(":" not in name for name in paragraph)


class TestTools:
    def test_everything_missing_is_one_line_with_the_packages(self) -> None:
        with pytest.raises(MissingTools) as caught:
            tools.require(
                find=lambda tool: None if tool in ("mmdebstrap", "mcopy", "mmd") else "/x",
                exists=lambda _: True,
            )
        message = str(caught.value)
        assert "\n" not in message
        assert "mmdebstrap, mcopy, mmd" in message
        assert message.endswith("apt-get install mmdebstrap mtools")

    def test_one_place_of_a_file_is_enough(self) -> None:
        tools.require(find=lambda _: "/x", exists=lambda path: path.endswith((".pgp", ".bin")))

    def test_a_missing_file_is_named_with_its_package(self) -> None:
        with pytest.raises(MissingTools, match=r"gptmbr\.bin.*apt-get install syslinux$"):
            tools.require(find=lambda _: "/x", exists=lambda path: "keyring" in path)

    def test_the_command_ends_with_code_2_when_tools_are_missing(self, tmp_path: Path) -> None:
        program = (
            "import runpy, sys; from builder import tools;"
            "tools._SEARCH_PATH = sys.argv.pop();"
            f"sys.argv = ['build']; runpy.run_path({str(STANDIN / 'build')!r}, run_name='__main__')"
        )
        result = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            env={"PYTHONPATH": str(STANDIN), "XDG_CACHE_HOME": str(tmp_path), "HOME": "/"},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert result.returncode == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1
        assert "mmdebstrap" in result.stderr
        assert list(tmp_path.iterdir()) == []


class TestCommand:
    def test_failure_carries_the_error_output(self) -> None:
        with pytest.raises(BuildError, match=r"exit code 3: broken"):
            run(["sh", "-c", "echo broken >&2; exit 3"], seconds=10)

    def test_the_deadline_ends_the_whole_group(self, tmp_path: Path) -> None:
        held = tmp_path / "held"
        os.mkfifo(held)
        reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
        try:
            # The grandchild keeps the pipe open for as long as it lives.
            script = f"exec 3>{held}; echo started >&3; sleep 60 & wait"
            with pytest.raises(BuildError, match="not finished after"):
                run(["sh", "-c", script], seconds=1)
            os.set_blocking(reader, True)
            assert os.read(reader, 100) == b"started\n"
            readable, _, _ = select.select([reader], [], [], 10)
            assert readable, "the grandchild still runs"
            assert os.read(reader, 100) == b""
        finally:
            os.close(reader)

    def test_a_program_that_is_not_there_is_a_missing_tool(self) -> None:
        with pytest.raises(MissingTools):
            run(["no-such-program-anywhere"], seconds=1)


class TestLayout:
    @given(st.integers(min_value=1, max_value=1 << 32))
    def test_partitions_are_aligned_in_order_and_apart(self, runtime_bytes: int) -> None:
        layout = DiskLayout(runtime_bytes)
        end = 1 << 20  # room for the first partition table
        for partition in layout.partitions:
            assert partition.start >= end
            assert partition.start % (1 << 20) == 0
            end = partition.start + partition.size
        assert layout.partitions[1].size >= runtime_bytes
        assert layout.size >= end + 34 * 512  # the second partition table

    def test_sfdisk_writes_the_table_meant(self, tmp_path: Path) -> None:
        if tools.which("sfdisk") is None:
            pytest.skip("sfdisk is not installed")
        layout = DiskLayout(runtime_bytes=30_000_000)
        disk = tmp_path / "disk"
        with disk.open("wb") as out:
            out.truncate(layout.size)
        run(["sfdisk", "-q", str(disk)], seconds=30, stdin=layout.sfdisk_script().encode())
        content = disk.read_bytes()[512 : 34 * 512]
        assert content[:8] == b"EFI PART"
        # UEFI specification 2.10 §5.3.3: type, id, first and last block, attributes, name.
        entry = struct.Struct("<16s16sQQQ72s")
        found = [entry.unpack_from(content, 512 + index * entry.size) for index in range(3)]
        for partition, (_, _, first, last, attributes, name) in zip(
            layout.partitions, found, strict=True
        ):
            assert first == partition.start_sector
            assert (last - first + 1) * 512 == partition.size
            assert name.decode("utf-16-le").rstrip("\0") == partition.name
            assert bool(attributes & 1 << 2) == (partition.name == recipe.ESP_NAME)

    def test_init_looks_for_the_names_the_table_has(self) -> None:
        init = (STANDIN / "init").read_text()
        assert f"find_partition {recipe.RUNTIME_NAME} " in init
        assert f"find_partition {recipe.WINDOWS_NAME};" in init
        assert recipe.SETUP_PARAMETER in init


class TestCache:
    def test_a_key_tells_inputs_apart_and_ignores_their_order(self) -> None:
        assert key_of("p", [("a", b"1"), ("b", b"2")]) == key_of("p", [("b", b"2"), ("a", b"1")])
        keys = {
            key_of("p", [("a", b"1")]),
            key_of("q", [("a", b"1")]),
            key_of("p", [("a1", b"")]),
            key_of("p", [("a", b"")]),
            key_of("p", []),
        }
        assert len(keys) == 5

    def test_compiled_files_are_no_sources(self, tmp_path: Path) -> None:
        (tmp_path / "pkg/__pycache__").mkdir(parents=True)
        (tmp_path / "pkg/a.py").write_bytes(b"x")
        (tmp_path / "pkg/__pycache__/a.cpython-311.pyc").write_bytes(b"y")
        assert dict(source_files(tmp_path)) == {"pkg/a.py": b"x"}

    @pytest.mark.parametrize("value", ["", "relative"])
    def test_a_relative_cache_home_is_ignored(self, value: str) -> None:
        expected = Path.home() / ".cache/powerdown"
        assert default_root({"XDG_CACHE_HOME": value}) == expected
        assert default_root({"XDG_CACHE_HOME": "/x"}) == Path("/x/powerdown")

    def test_an_entry_is_made_once(self, tmp_path: Path) -> None:
        made: list[Path] = []
        cache = Cache(tmp_path)

        def make(directory: Path) -> None:
            made.append(directory)
            (directory / "file").write_text("content")

        assert (cache.entry("k", make) / "file").read_text() == "content"
        assert cache.entry("k", make) == tmp_path / "k"
        assert len(made) == 1

    def test_nothing_is_left_of_a_failure(self, tmp_path: Path) -> None:
        def make(directory: Path) -> None:
            (directory / "half").write_text("")
            raise BuildError("make", "broken")

        with pytest.raises(BuildError):
            Cache(tmp_path).entry("k", make)
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]

    def test_leftovers_of_a_killed_build_are_removed_by_the_next(self, tmp_path: Path) -> None:
        (tmp_path / ".partial-x").mkdir()
        Cache(tmp_path).entry("k", lambda _: None)
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "k"]

    def test_the_three_last_used_entries_stay(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path)
        for key in ("a", "b", "c"):
            cache.entry(key, lambda _: None)
        long_ago = time.time() - 24 * 3600
        for key in ("b", "c"):
            os.utime(tmp_path / key, (long_ago, long_ago + ord(key)))
        cache.entry("a", lambda _: pytest.fail("made twice"))
        cache.entry("d", lambda _: None)
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["a", "c", "d"]

    def test_what_was_used_today_stays_whatever_its_number(self, tmp_path: Path) -> None:
        cache = Cache(tmp_path)
        for key in "abcde":
            cache.entry(key, lambda _: None)
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == [*"abcde"]

    def test_those_who_come_while_it_is_made_wait_and_take_it(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        inside, go_on = threading.Event(), threading.Event()
        results: list[Path] = []

        def make(directory: Path) -> None:
            inside.set()
            assert go_on.wait(10)
            (directory / "file").write_text("content")

        def second() -> None:
            entry = Cache(tmp_path).entry("k", lambda _: pytest.fail("made twice"))
            results.append(entry / "file")

        first = threading.Thread(target=Cache(tmp_path).entry, args=("k", make))
        first.start()
        assert inside.wait(10)
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        go_on.set()
        first.join(10)
        waiting.join(10)
        assert results[0].read_text() == "content"
        assert "waiting for another process" in capsys.readouterr().err

    def test_guest_source_changes_the_disk_but_not_the_packages(self, tmp_path: Path) -> None:
        (tmp_path / "builder").mkdir()
        for name, content in source_files(STANDIN / "builder"):
            (tmp_path / "builder" / name).write_bytes(content)
        (tmp_path / "init").write_text("1")
        module = tmp_path / "guest/standin/a.py"
        module.parent.mkdir(parents=True)
        module.write_text("1")
        disks = [StandinDisk(tmp_path, tmp_path)]
        for path in (module, tmp_path / "init", tmp_path / "builder/partitions.py"):
            path.write_text(path.read_text() + "2")
            disks.append(StandinDisk(tmp_path, tmp_path))
        assert len({disk.key for disk in disks}) == 4
        assert len({disk.base_key for disk in disks}) == 1
        (tmp_path / "builder/recipe.py").write_text("")
        assert StandinDisk(tmp_path, tmp_path).base_key != disks[0].base_key


def module(depends: str = "", signature: bytes | None = None) -> bytes:
    body = b"\x7fELF" + bytes(60) + b"license=GPL\0depends=" + depends.encode() + b"\0name=m\0"
    if signature is None:
        return body
    trailer = struct.pack(">8xI", len(signature)) + b"~Module signature appended~\n"
    return body + signature + trailer


class TestKernelModules:
    @pytest.fixture
    def tree(self, tmp_path: Path) -> kernel_modules.ModuleTree:
        (tmp_path / "kernel").mkdir()
        for name, depends in {"a": "b,c-d", "b": "c-d", "c-d": "", "e": "b"}.items():
            packed = lzma.compress(module(depends, b"signature"))
            (tmp_path / "kernel" / f"{name}.ko.xz").write_bytes(packed)
        (tmp_path / "modules.builtin").write_text("kernel/drivers/virtio/virtio-pci.ko\n")
        return kernel_modules.ModuleTree(tmp_path)

    @given(st.binary(max_size=64))
    def test_the_signature_goes_and_only_that(self, signature: bytes) -> None:
        assert kernel_modules.without_signature(module("", signature)) == module("")
        assert kernel_modules.without_signature(module("")) == module("")

    def test_what_a_module_needs_comes_before_it(self, tree: kernel_modules.ModuleTree) -> None:
        assert list(tree.closure(["a", "e"])) == ["c_d", "b", "a", "e"]

    def test_what_is_built_in_needs_no_file(self, tree: kernel_modules.ModuleTree) -> None:
        assert tree.closure(["virtio_pci"]) == {}

    def test_a_module_nobody_has_is_an_error(self, tree: kernel_modules.ModuleTree) -> None:
        with pytest.raises(BuildError, match="no nonesuch"):
            tree.closure(["nonesuch"])

    def test_init_gets_the_whole_chain(self, tree: kernel_modules.ModuleTree) -> None:
        lines = kernel_modules.loading_order(tree.closure(["a"])).splitlines()
        assert lines == ["needs_c_d=''", "needs_b='c_d'", "needs_a='c_d b'"]


class TestRuntime:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("usr/bin/python3.13", True),
            ("usr/bin/ntfsfix", True),
            ("usr/lib/x86_64-linux-gnu/libc.so.6", True),
            ("usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", True),  # hivex converts names with it
            ("usr/lib/x86_64-linux-gnu/gconv/EUC-JP.so", False),
            ("usr/lib/x86_64-linux-gnu/libcrypto.so.3", False),
            ("usr/lib/python3.13/socket.py", True),
            ("usr/lib/python3.13/http/server.py", True),
            ("usr/lib/python3.13/test/support/__init__.py", False),
            ("usr/lib/python3.13/lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so", False),
            ("usr/lib/python3/dist-packages/hivex/__init__.py", True),
            ("usr/lib/python3/dist-packages/hivex/__pycache__/x.pyc", False),
            ("usr/share/doc/python3/copyright", False),
        ],
    )
    def test_what_the_guest_gets(self, name: str, expected: bool) -> None:
        assert wanted(name) is expected


class TestCpio:
    def test_the_archive_is_what_cpio_reads(self, tmp_path: Path) -> None:
        if tools.which("cpio") is None:
            pytest.skip("cpio is not installed")
        archive = cpio.archive(
            [
                cpio.directory("d"),
                cpio.file("d/f", b"12345", executable=True),
                cpio.symlink("l", "d/f"),
            ]
        )
        run(["cpio", "-i", "--quiet"], seconds=10, stdin=archive, directory=tmp_path)
        assert (tmp_path / "l").read_bytes() == b"12345"
        assert (tmp_path / "d/f").stat().st_mode & 0o777 == 0o755

    @given(st.lists(st.tuples(st.text("abc/", min_size=1), st.binary(max_size=9))))
    def test_entries_start_at_four_byte_boundaries(self, items: list[tuple[str, bytes]]) -> None:
        archive = cpio.archive(cpio.file(name, content) for name, content in items)
        offset, names = 0, []
        while offset < len(archive):
            assert archive[offset : offset + 6] == b"070701"
            fields = [int(archive[offset + 6 + 8 * i : offset + 14 + 8 * i], 16) for i in range(13)]
            size, name_size = fields[6], fields[11]
            names.append(archive[offset + 110 : offset + 110 + name_size - 1].decode())
            offset = -(-(offset + 110 + name_size) // 4) * 4
            offset = -(-(offset + size) // 4) * 4
        assert names == [*(name for name, _ in items), "TRAILER!!!"]


class TestSetupBoot:
    EVENT = b'{"timestamp": {}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "%s"}}\n'

    def test_success_needs_the_line_and_the_guests_own_shutdown(self) -> None:
        judge(f"x\r\n{recipe.SETUP_SUCCESS}\r\ny\r\n", "guest-shutdown")
        for console, reason in (
            (f"{recipe.SETUP_SUCCESS}\n", None),
            (f"{recipe.SETUP_SUCCESS}\n", "host-qmp-quit"),
            ("Traceback: broken\n", "guest-shutdown"),
            (f"not {recipe.SETUP_SUCCESS}\n", "guest-shutdown"),
        ):
            with pytest.raises(BuildError):
                judge(console, reason)

    def test_failure_shows_the_end_of_the_console(self) -> None:
        console = "\n".join(f"line {number}" for number in range(100))
        with pytest.raises(BuildError, match="line 99") as caught:
            judge(console, "guest-shutdown")
        assert "line 10\n" not in str(caught.value)

    def test_the_reason_is_found_among_other_output(self) -> None:
        transcript = b'{"QMP": {}}\nnoise {\n[1]\n' + self.EVENT % b"guest-shutdown"
        assert shutdown_reason(transcript) == "guest-shutdown"
        assert shutdown_reason(b'{"return": {}}\n') is None

    @given(st.binary())
    def test_any_transcript_is_read(self, transcript: bytes) -> None:
        assert shutdown_reason(transcript) is None or b"SHUTDOWN" in transcript
