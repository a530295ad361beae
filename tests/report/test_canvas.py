"""Letters the font has, and text that fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from powerdown.report.canvas import _KNOWN, drawable, mixed, text_width, trimmed, wrapped


def test_the_font_inside_pillow_has_every_letter_we_draw() -> None:
    font = ImageFont.load_default(28)
    assert isinstance(font, ImageFont.FreeTypeFont)
    absent = bytes(font.getmask("\uffff"))
    assert [c for c in sorted(_KNOWN) if c != " " and bytes(font.getmask(c)) == absent] == []


@given(st.text())
def test_any_text_becomes_one_drawable_line(text: str) -> None:
    assert set(drawable(text)) <= _KNOWN


def test_accents_are_dropped_and_dashes_kept() -> None:
    assert drawable("Größe é \u2013 \u2192\n日") == "Grosse e - -> ?"


@given(st.text(max_size=200), st.integers(min_value=0, max_value=400))
def test_trimmed_text_fits(text: str, width: int) -> None:
    cut = trimmed(text, 15, width)
    assert text_width(cut, 15) <= max(width, text_width("…", 15))
    assert cut == drawable(text) or cut == "" or cut.endswith("…")


@given(st.text(alphabet="ab ", max_size=200))
def test_wrapped_text_keeps_its_words_until_it_is_cut(text: str) -> None:
    lines = wrapped(text, 15, 120, 3)
    assert len(lines) <= 3
    assert all(text_width(line, 15) <= 120 for line in lines)
    if not any(line.endswith("…") for line in lines):
        assert " ".join(lines) == " ".join(text.split())


def test_mixed_colours_reach_both_ends() -> None:
    assert mixed((0, 10, 20), (100, 110, 120), 0) == (0, 10, 20)
    assert mixed((0, 10, 20), (100, 110, 120), 1) == (100, 110, 120)
    assert mixed((0, 10, 20), (100, 110, 120), 0.5) == (50, 60, 70)
