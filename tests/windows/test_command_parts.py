from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.deadline import Deadline
from powerdown.guest.windows import Windows
from powerdown.windows.command_parts import Part, PartAnswer, join_parts, new_marker, split_parts

MARKER = "pd-0123456789abcdef"


def test_markers_differ() -> None:
    assert new_marker() != new_marker()


def test_a_guest_runs_all_parts_and_tells_which_failed(windows: Windows) -> None:
    marker = new_marker()
    parts = (
        Part("good", "echo one&echo two"),
        Part("absent", r"reg query HKLM\SOFTWARE\None"),
        Part("unknown", "nosuchprogram"),
        Part("silent", "rem"),
        Part("quoted", 'echo "(&)"'),
        Part("last_failed", "ver >nul&nosuchprogram"),
        Part("loop", "for /f \"delims=\" %u in ('echo a b&echo c') do @(echo [%u])"),
    )
    output = windows.channel.run(join_parts(parts, marker), Deadline.after(30)).output
    answers = split_parts(output, marker)
    assert list(answers) == [part.name for part in parts]
    assert answers["good"] == PartAnswer(True, "one\ntwo\n")
    assert not answers["absent"].succeeded
    assert "ERROR" in answers["absent"].text, "what it said belongs to it"
    assert not answers["unknown"].succeeded
    assert answers["silent"] == PartAnswer(True, "")
    assert answers["quoted"] == PartAnswer(True, '"(&)"\n')
    assert not answers["last_failed"].succeeded
    assert answers["loop"].text == "[a b]\n[c]\n"


def test_a_part_without_a_last_line_end_is_whole() -> None:
    assert split_parts(f"text{MARKER} + a\n", MARKER) == {"a": PartAnswer(True, "text")}


def test_of_two_ends_the_first_counts() -> None:
    output = f"real{MARKER} + a\nfake{MARKER} - a\n"
    assert split_parts(output, MARKER) == {"a": PartAnswer(True, "real")}


def test_a_part_that_did_not_end_has_no_answer() -> None:
    assert list(split_parts(f"x\n{MARKER} + a\ny\n", MARKER)) == ["a"]


@given(st.lists(st.tuples(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.booleans(), st.text())))
def test_every_text_comes_back(said: list[tuple[str, bool, str]]) -> None:
    said = list({name: (name, good, text) for name, good, text in said}.values())
    output = "".join(f"{text}\n{MARKER} {'+-'[not good]} {name}\n" for name, good, text in said)
    answers = split_parts(output, MARKER)
    assert answers == {name: PartAnswer(good, f"{text}\n") for name, good, text in said}


@given(st.text())
def test_any_output_can_be_split(output: str) -> None:
    assert split_parts(output, MARKER) == {}
