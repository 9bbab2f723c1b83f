"""An engine of the sandbox for each test."""

from __future__ import annotations

import pytest

from tests.sandbox.ecs.world import World


@pytest.fixture
def empty() -> World:
    """An engine without anything."""
    return World()
