"""Field by field: when what AWS has is what is wanted."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.deploy.compare import compare_fields, summarize
from ecsctl.deploy.resources import Key, Ref

REF = Ref(Key("security-group", "g"), "id")


def changes(have: Any, want: Any) -> list[tuple[str, str | None, str | None]]:
    return [(item.path, item.before, item.after) for item in compare_fields({"f": have}, {"f": want})]


@pytest.mark.parametrize(
    ("have", "want"),
    [
        (None, None),
        (3, None),
        (3, "3"),
        (None, 0),
        (None, ""),
        (None, False),
        (0, False),
        (True, 1),
        (None, []),
        ([], []),
        ([1, 2], [2, 1]),
        ([{"a": 1, "default": 2}], [{"a": 1}]),
        ({"a": 1, "default": 2}, {"a": 1}),
        (frozenset({1, 2}), frozenset({2, 1})),
        (None, frozenset()),
    ],
)
def test_this_is_no_difference(have: Any, want: Any) -> None:
    assert changes(have, want) == []


@pytest.mark.parametrize(
    ("have", "want", "path"),
    [
        (3, 4, "f"),
        (None, True, "f"),
        (None, 1, "f"),
        (False, True, "f"),
        (None, REF, "f"),
        ([1, 2], [1], "f"),
        ([1], [1, 2], "f"),
        ([1, 1], [1, 2], "f"),
        ([1], [], "f"),
        (None, [1], "f"),
        ([{"a": 1}], [{"a": 2}], "f"),
        ({"a": 1}, {"a": 2}, "f.a"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "f.a.b"),
        (None, {"a": 1}, "f.a"),
        (frozenset({1, 2}), frozenset({1}), "f"),
        (frozenset({1}), frozenset({1, 2}), "f"),
        (frozenset({1}), frozenset(), "f"),
    ],
)
def test_this_is_a_difference(have: Any, want: Any, path: str) -> None:
    assert [item[0] for item in changes(have, want)] == [path]


def test_a_secret_field_is_told_without_its_text() -> None:
    [change] = compare_fields({"userData": "old"}, {"userData": "new"}, {"userData"})
    assert (change.before, change.after) == ("(text)", "(changed text)")
    [change] = compare_fields({}, {"userData": "new"}, {"userData"})
    assert (change.before, change.after) == (None, "(changed text)")
    [change] = summarize({"userData": "new"}, {"userData"})
    assert (change.before, change.after) == (None, "(text)")


def test_a_summary_goes_down_to_the_leaves_and_leaves_out_what_says_nothing() -> None:
    found = summarize({"a": {"b": 1, "c": None}, "d": "", "e": frozenset({2, 1}), "f": [1, 2]})
    assert {(item.path, item.before, item.after) for item in found} == {
        ("a.b", None, "1"),
        ("e", None, "1, 2"),
        ("f", None, "1, 2"),
    }


def test_a_boolean_reads_as_in_the_file() -> None:
    assert changes(False, True) == [("f", "false", "true")]
