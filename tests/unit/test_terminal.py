from __future__ import annotations

import io

import pytest

from ecsctl.ecs_definitions.field_changes import FieldChange
from ecsctl.render.plan import WIDTH, _difference
from ecsctl.render.terminal import broken, colours, width

LONG = "registry.example/" + "x" * 200 + ":tag"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "on_terminal", "in_pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR": "0"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)
def test_the_conventions_of_colours(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], on_terminal: bool, in_pipe: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (colours(Terminal()), colours(io.StringIO())) == (on_terminal, in_pipe)


def test_the_width_is_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert (width(Terminal()), width(io.StringIO())) == (60, None)


def test_values_are_cut_only_where_that_is_asked_for() -> None:
    item = FieldChange("image", "old", LONG)
    assert LONG in _difference(item, False)
    assert len(_difference(item, True)) < WIDTH + 30
    assert _difference(item, True).endswith(":tag")


def test_long_messages_break_between_words_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    text = "there is no cluster web here, nor anywhere"
    assert broken(text, io.StringIO()) == text
    assert broken(text, Terminal(), taken=7) == "there is no\ncluster web here, nor\nanywhere"
    assert broken(f"  {text}", Terminal(), indent="    ") == "  there is no cluster\n    web here, nor\n    anywhere"
    assert broken("x" * 30, Terminal()) == "x" * 30
