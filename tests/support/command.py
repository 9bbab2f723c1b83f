"""Run a command of ecsctl in this process, on an AWS of the test's choice."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

from ecsctl.aws.session import Aws
from ecsctl.cli.main import run
from ecsctl.cli.settings import Settings


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
    """Settings whose AWS is already there."""

    def __init__(self, aws: Aws) -> None:
        super().__init__()
        self._aws = aws


def ecsctl(aws: Aws, *arguments: str) -> Ended:
    """Run ``ecsctl`` with these arguments on ``aws``."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments, Ready(aws))
    return Ended(code, out.getvalue(), err.getvalue())
