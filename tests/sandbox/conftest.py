"""What these tests share: this worker's sandbox, its account, names."""

from __future__ import annotations

import itertools

import pytest

from tests.sandbox.support import Account
from tests.support.sandbox import Running

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


@pytest.fixture
def name() -> str:
    """A name that no other test of the module has."""
    return f"test-{next(_numbers)}"
