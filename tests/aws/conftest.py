"""The program that the tests of credentials run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.program import Program
from tests.support.identity import serve_identity


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with serve_identity() as identity:
        yield Program(tmp_path, identity)


@pytest.fixture
def installed(program: Program) -> Program:
    program.installed = True
    return program
