"""Run a command of ecsctl in this process, on an AWS of the test's choice."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ecsctl.aws.session import Aws
from ecsctl.cli.main import run
from ecsctl.cli.settings import Settings
from tests.support.clock import ToldClock


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it printed to stdout, line by line."""
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        """What it printed to stdout, as JSON."""
        return json.loads(self.out)


class Ready(Settings):
    """Settings whose AWS is there already. With ``during``, the time goes by the sleeps, and it is told of each."""

    def __init__(self, aws: Aws, during: Callable[[float], None] | None = None) -> None:
        super().__init__()
        self._aws = aws
        if during is not None:
            aws.clock = ToldClock(during, aws.clock.now())


class Terminal(io.StringIO):
    """What a program takes for a terminal."""

    def isatty(self) -> bool:
        return True


class Somebody(Terminal):
    """Somebody at the keyboard: what is typed at each question."""

    def __init__(self, answer: Callable[[], str]) -> None:
        super().__init__()
        self._answer = answer

    def readline(self, size: int | None = -1) -> str:
        return f"{self._answer()}\n"


def ecsctl(
    aws: Aws,
    *arguments: str,
    during: Callable[[float], None] | None = None,
    columns: int | None = None,
    answer: Callable[[], str] | None = None,
) -> Ended:
    """Run ``ecsctl`` with these arguments on ``aws``.

    Args:
        answer: somebody is asked, and this gives the answer, after whatever else it does.
        columns: stdout is a terminal of this width.
        during: the time of what goes on and on is made of its sleeps, and this is told of each: the seconds passed.
    """
    out, err = Terminal() if columns else io.StringIO(), Terminal() if answer else io.StringIO()
    if answer:
        before, sys.stdin = sys.stdin, Somebody(answer)
        try:
            return _run(aws, arguments, during, out, err)
        finally:
            sys.stdin = before
    if columns:
        with _environment("COLUMNS", str(columns)):
            return _run(aws, arguments, during, out, err)
    return _run(aws, arguments, during, out, err)


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _run(
    aws: Aws,
    arguments: Sequence[str],
    during: Callable[[float], None] | None,
    out: io.StringIO,
    err: io.StringIO,
) -> Ended:
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments, Ready(aws, during))
    return Ended(code, out.getvalue(), err.getvalue())
