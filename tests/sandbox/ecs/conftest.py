"""The world of each test: a cluster ``default`` where the test asks for one."""

from __future__ import annotations

import pytest

from tests.sandbox.ecs.world import World


@pytest.fixture
def empty() -> World:
    """An engine without anything."""
    return World()


@pytest.fixture
def world() -> World:
    """A cluster ``default`` with two machines, one in each of two zones."""
    made = World()
    made.call("CreateCluster")
    made.host(zone="a")
    made.host(zone="b")
    return made
