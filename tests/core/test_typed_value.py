"""Plain values made into typed ones, and what is said about those that do not fit."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from powerdown.core.typed_value import MISSING, UNKNOWN, Mismatch, typed


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=0)]
    colour: Colour = Colour.RED


class Outer(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    all_inner: tuple[Inner, ...]
    inner: Inner | None = None
    number: float | None = None
    facts: dict[str, bool | int | str] = {}
    name: Annotated[str, Meta(min_length=1, extra={"expected": "a name"})] | UnsetType = UNSET


SOUND: dict[str, Any] = {"all-inner": [{"count": 1}]}


def mismatch(value: object) -> Mismatch:
    with pytest.raises(Mismatch) as caught:
        typed(value, Outer)
    return caught.value


def test_what_fits_is_typed() -> None:
    read = typed({**SOUND, "number": 2, "facts": {"a": True}}, Outer)
    assert read == Outer((Inner(1),), None, 2.0, {"a": True})


@pytest.mark.parametrize(
    ("change", "path", "problem", "expected"),
    [
        ({"number": "soon"}, ("number",), "is 'soon'", "a number or null"),
        ({"number": True}, ("number",), "is True", "a number or null"),
        ({"number": math.nan}, ("number",), "is nan", "a finite number"),
        ({"facts": {"b": math.inf}}, ("facts", "b"), "is inf", "a finite number"),
        ({"number": 10**400}, ("number",), f"is {'1' + '0' * 56}...", "a number or null"),
        ({"inner": 3}, ("inner",), "is 3", "an object or null"),
        ({"inner": {}}, ("inner", "count"), MISSING, "a whole number of at least 0"),
        ({"inner": {"count": 1.0}}, ("inner", "count"), "is 1.0", "a whole number of at least 0"),
        (
            {"inner": {"count": 1, "colour": "\x1b"}},
            ("inner", "colour"),
            r"is '\x1b'",
            'one of "red", "blue"',
        ),
        ({"all-inner": {}}, ("all-inner",), "is an object", "a list"),
        (
            {"all-inner": [{"count": 0}, {"count": -1}]},
            ("all-inner", 1, "count"),
            "is -1",
            "a whole number of at least 0",
        ),
        ({"all-inner": [None]}, ("all-inner", 0), "is None", "an object"),
        ({"name": ""}, ("name",), "is ''", "a name"),
        ({"facts": []}, ("facts",), "is a list", "an object"),
    ],
)
def test_what_does_not_fit_is_named(
    change: dict[str, Any], path: tuple[str | int, ...], problem: str, expected: str
) -> None:
    found = mismatch({**SOUND, **change})
    assert (found.path, found.problem, found.expected) == (path, problem, expected)


def test_an_unknown_key_has_the_known_ones_beside_it() -> None:
    found = mismatch({**SOUND, "inner": {"count": 1, "color": "red"}})
    assert (found.path, found.problem) == (("inner", "color"), UNKNOWN)
    assert (found.expected, found.nearest) == ("count, colour", "colour")
    assert mismatch({**SOUND, "zzz": 1}).nearest == ""


def test_a_key_of_a_free_object_is_told_by_its_place() -> None:
    found = mismatch({**SOUND, "facts": {"a": {"b": 1}}})
    assert found.path == ("facts", "...")
    assert "got object" in found.problem


def test_values_of_another_kind_at_the_top() -> None:
    assert mismatch(None).problem == "is None"
    assert mismatch([]).problem == "is a list"
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert mismatch({**SOUND, "number": deep}).problem == "is nested too deeply"


MISLEADING = ["a` - at `$.inner", "` - at `$", "$[...]`", "\n", "x` - at `$.zzz"]


@pytest.mark.parametrize("key", MISLEADING)
def test_a_key_that_looks_like_a_path_is_still_refused(key: str) -> None:
    for value in ({**SOUND, key: 1}, {**SOUND, "inner": {"count": 1, key: 1}}):
        found = mismatch(value)
        assert found.problem == UNKNOWN or "unknown field" in found.problem
        assert found.problem.isprintable()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all-inner", "inner", "number", "count", "colour"])
            | st.text(alphabet="`$.[] -atx", max_size=12)
            | st.integers(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(VALUES)
def test_anything_is_typed_or_a_mismatch(value: object) -> None:
    try:
        typed(value, Outer)
    except Mismatch as error:
        assert error.problem
