"""Labels never touch each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from powerdown.report.mark_labels import MarkLabel, merged, place_labels

marks = st.lists(
    st.builds(
        MarkLabel,
        x=st.floats(min_value=0, max_value=900),
        label=st.sampled_from("abc"),
        time=st.just(""),
        width=st.floats(min_value=1, max_value=300),
    ),
    max_size=12,
)


@given(marks, st.integers(min_value=1, max_value=6))
def test_no_text_meets_a_text_or_a_leader(marks: list[MarkLabel], rows: int) -> None:
    placed = place_labels(marks, rows)
    assert sorted(p.mark.x for p in placed) == sorted(mark.x for mark in marks)
    shown = [(p.mark, p.row) for p in placed if p.row is not None]
    for index, (mark, row) in enumerate(shown):
        assert 0 <= row < rows
        for other, other_row in shown[:index] + shown[index + 1 :]:
            if mark.x < other.x <= mark.x + mark.width:
                assert row > other_row, "the leader of the other would cross this text"
            if mark.x == other.x:
                assert row != other_row


def test_marks_far_apart_share_the_lowest_row() -> None:
    apart = [MarkLabel(x, str(x), "", 80) for x in (0.0, 200.0, 400.0)]
    assert [p.row for p in place_labels(apart, 4)] == [0, 0, 0]


def test_marks_at_one_place_are_stacked_and_the_rest_left_out() -> None:
    together = [MarkLabel(10, str(n), "", 80) for n in range(4)]
    assert sorted(str(p.row) for p in place_labels(together, 3)) == ["0", "1", "2", "None"]


def test_the_same_words_at_one_place_are_said_once() -> None:
    same = [MarkLabel(x, "RESET", "", 50) for x in (100.0, 101.0, 102.0, 300.0)]
    assert [mark.x for mark in merged(same)] == [100.0, 300.0]
