"""The display of a wait: what changes is printed; that nothing changes is printed only where nothing else moves."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.render.progress import Progress

STILL = "still waiting (30s): service svc: 0 of 2 tasks run"


class Terminal:
    """A live display: what is printed above it."""

    def __init__(self) -> None:
        self.console = self
        self.above: list[str] = []

    def print(self, text: Any) -> None:
        self.above.append(str(text))


def test_in_a_pipe_the_sign_of_life_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.line("service svc: 0 of 2 tasks run (0s)")
    progress.line(STILL)
    assert capsys.readouterr().err.splitlines() == ["service svc: 0 of 2 tasks run (0s)", STILL]


def test_on_a_terminal_it_stands_below_and_is_not_printed() -> None:
    progress, terminal = Progress(), Terminal()
    progress._live = terminal
    progress.line("service svc: 0 of 2 tasks run (0s)")
    progress.line(STILL)
    assert terminal.above == ["service svc: 0 of 2 tasks run (0s)"]
    [cells] = [list(column.cells) for column in progress._below().columns[1:]]
    assert [str(cell) for cell in cells] == [STILL]
    progress.line("service svc: 2 of 2 tasks run (40s)")
    [cells] = [list(column.cells) for column in progress._below().columns[1:]]
    assert [str(cell) for cell in cells] == ["waiting …"]


def test_nothing_is_told_where_nothing_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(quiet=True)
    progress.line(STILL)
    assert capsys.readouterr().err == ""
