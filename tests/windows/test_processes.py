from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.windows.processes import MAX_PROCESSES, ProcessEntry, parse_processes


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        # Public transcripts: Windows XP, 10 in English, with Slavic and with German numbers.
        ('"System Idle Process","0","Console","0","16 kB"', ("System Idle Process", 0, 0)),
        ('"csrss.exe","976","Console","1","6,236 K"', ("csrss.exe", 976, 1)),
        ('"Registry","172","Services","0","84\xa0496 K"', ("Registry", 172, 0)),
        ('"explorer.exe","4711","Console","2","123.456 K"', ("explorer.exe", 4711, 2)),
        ('"a, b.exe","5","RDP-Tcp#3","3","1 K"', ("a, b.exe", 5, 3)),
        # With /v and behind a line end of Windows.
        ('"x.exe","1","Console","1","1 K","Running","PC\\u","0:00:01","N/A"\r', ("x.exe", 1, 1)),
    ],
)
def test_real_lines_are_read(line: str, entry: tuple[str, int, int]) -> None:
    assert parse_processes(f"\n{line}\n") == (ProcessEntry(*entry),)


@pytest.mark.parametrize(
    "text",
    [
        "INFO: No tasks are running which match the specified criteria.\n",
        '"Image Name","PID","Session Name","Session#","Mem Usage"\n',
        "ERROR: The RPC server is unavailable.\n",
        '"x.exe","99999999999","Console","1","1 K"\n',
    ],
)
def test_other_lines_are_no_process(text: str) -> None:
    assert parse_processes(text) == ()


def test_names_cannot_steer_a_terminal() -> None:
    (entry,) = parse_processes('"\x1b[2Jx.exe","1","Console","1","1 K"\n')
    assert entry.name == " [2Jx.exe"


def test_there_are_only_so_many() -> None:
    text = '"x.exe","1","Console","1","1 K"\n' * (MAX_PROCESSES + 1)
    assert len(parse_processes(text)) == MAX_PROCESSES


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[^\"\x00-\x1f\x7f-\xa0]{1,60}", fullmatch=True).filter(str.isprintable),
            st.integers(0, 2**32 - 1),
            st.integers(0, 65536),
        )
    )
)
def test_every_process_is_read(rows: list[tuple[str, int, int]]) -> None:
    text = "".join(f'"{name}","{pid}","S","{session}","1 K"\r\n' for name, pid, session in rows)
    assert parse_processes(text) == tuple(ProcessEntry(*row) for row in rows)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parse_processes(text)
    parse_processes(f'"{text}","1","{text}","1","')
