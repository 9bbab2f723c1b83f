"""Tables in terminals of any width: nothing is wider than the terminal, nothing is wrapped in mid-word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ecsctl.render.fit import Head, cell_width, cut, lines

HEADS = [Head("TASK"), Head("SERVICE", 2), Head("HOST", 3), Head("AGE", 1), Head("REASON", wrap=True)]
ROWS = [
    ["1722d6b9", "svc-web", "i-0123456789abcdef0", "5s", "-"],
    ["48bc2630", "-", "i-0123456789abcdef0", "3h", "container web exited with code 1 (out of memory)"],
]


def test_everything_stands_where_there_is_room_or_no_terminal() -> None:
    assert lines(HEADS, ROWS)[2].endswith("container web exited with code 1 (out of memory)")
    assert lines(HEADS, ROWS, 200) == lines(HEADS, ROWS)


def test_columns_give_way_by_their_priority_and_texts_break_between_words() -> None:
    assert lines(HEADS, ROWS, 60) == [
        "TASK      SERVICE  AGE  REASON",
        "1722d6b9  svc-web  5s   -",
        "48bc2630  -        3h   container web exited with code 1",
        "                        (out of memory)",
    ]
    assert lines(HEADS, ROWS, 40)[0] == "TASK      AGE  REASON"


def test_a_column_without_values_goes_before_one_that_has_some() -> None:
    heads = [Head("TASK"), Head("HEALTH", 1), Head("HOST", 2)]
    rows = [["1722d6b9", "-", "i-0123456789abcdef0"]]
    assert lines(heads, rows, 32)[0] == "TASK      HOST"
    assert lines(heads, [["1722d6b9", "HEALTHY", "i-0123456789abcdef0"]], 32)[0] == "TASK      HEALTH"


def test_what_must_stay_is_cut_where_nothing_else_can_go() -> None:
    assert lines([Head("NAME"), Head("N")], [["a-very-long-name-of-a-service", "1"]], 16)[1] == "a-very-long-…  1"
    assert cut("日本語", 5) == "日本…"


def test_headings_can_be_left_out() -> None:
    assert lines([Head("NAME")], [["web"]], headings=False) == ["web"]


cells = st.text(
    st.characters(codec="utf-8", categories=("Ll", "Lu", "Nd", "Lo")) | st.sampled_from(" -:/"), max_size=40
)


@given(st.lists(st.lists(cells, min_size=5, max_size=5), max_size=6), st.integers(32, 200))
def test_no_line_is_wider_than_the_terminal(rows: list[list[str]], width: int) -> None:
    narrow = [Head("A"), Head("B", 2), Head("C", 3), Head("D", 1), Head("E", 4)]
    assert all(cell_width(line) <= width for line in lines(narrow, rows, width))
