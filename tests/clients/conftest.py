"""Clients that other people made, run against a sandbox: it must be AWS to them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.support import Account
from tests.support.sandbox import Running, start_sandbox

_numbers = itertools.count(1)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_sandbox(tmp_path_factory.mktemp("sandbox"), docker="never") as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def account(running: Running) -> Account:
    """The sandbox's account, by boto3."""
    return Account(running.client)


@pytest.fixture
def cluster(account: Account, request: pytest.FixtureRequest) -> str:
    """A cluster with one container instance, of a name of its own; a task definition has the same name."""
    name = f"client-{next(_numbers)}"
    account.ecs.create_cluster(clusterName=name)
    account.member(name, account.instance(name, account.profile(name)))
    account.register(name, command=["sleep", "3600"])
    return name


@pytest.fixture
def run(running: Running, tmp_path: Path) -> Run:
    """Runs a command of this environment, as ``aws`` or ``ecs``, with the sandbox's variables and no others."""

    def call(command: str, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name(command)
        if not program.exists():
            pytest.skip(f"{command} is not installed")
        return subprocess.run(
            [program, *words], env=running.environment, cwd=tmp_path, capture_output=True, text=True, timeout=timeout
        )

    return call
