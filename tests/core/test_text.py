"""Hostile text, made safe to show and to store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdown.core.text import blanked, clean, one_line, printable

ANY_TEXT = st.text(st.characters(codec=None))
HIDDEN = ["\x1b", "\n", "\r", "\x9b", "\u202e", "\ud800", "\u2028"]


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden_characters_are_shown_as_escapes(hidden: str) -> None:
    shown = printable(f"a{hidden}b")
    assert hidden not in shown
    assert shown.isprintable()


def test_other_scripts_stay_as_they_are() -> None:
    assert printable("Überprüfung 更新 ⚠") == "Überprüfung 更新 ⚠"


@given(ANY_TEXT)
def test_one_line_is_one_short_line(text: str) -> None:
    line = one_line(text, 20)
    assert line.isprintable()
    assert len(line) <= 20
    assert "  " not in line


def test_one_line_keeps_what_fits() -> None:
    assert one_line(" two\r\n\twords ") == "two words"
    assert one_line("x" * 1_000_000, 5) == "xxxxx"


@given(ANY_TEXT)
def test_blanked_text_keeps_its_columns(text: str) -> None:
    kept = blanked(text)
    assert len(kept) == len(text)
    assert kept.isprintable()
    assert all(new in (old, " ") for old, new in zip(text, kept, strict=True))
    assert blanked(text, 5) == kept[:5]


@given(ANY_TEXT)
def test_clean_text_can_be_encoded_and_is_otherwise_unchanged(text: str) -> None:
    clean(text).encode()
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert clean(text) == text
