"""Sandboxes for these tests: one without Docker shared by a module, one with Docker where an engine answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.sandbox.support import Account
from tests.support.engine import docker_engine
from tests.support.sandbox import Running, start_sandbox

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(_sandbox: Running, request: pytest.FixtureRequest) -> Running:
    """This worker's sandbox, emptied for the module; its clock runs ``SPEED`` of the module, or ten, times faster."""
    _sandbox.renew()
    _sandbox.run(getattr(request.module, "SPEED", 10))
    return _sandbox


@pytest.fixture(scope="module")
def account(running: Running) -> Account:
    """Its account."""
    return Account(running.client)


@pytest.fixture(scope="module")
def docker_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account of a sandbox that runs containers."""
    docker_engine()
    with start_sandbox(tmp_path_factory.mktemp("docker"), docker="always") as sandbox:
        yield Account(sandbox.client)


@pytest.fixture
def name() -> str:
    """A name that no other test of the module has."""
    return f"test-{next(_numbers)}"
