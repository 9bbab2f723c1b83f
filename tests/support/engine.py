"""Whether a Docker engine answers, for the tests that run containers for real."""

from __future__ import annotations

import functools
from typing import Any

import pytest


@functools.cache
def _engine() -> tuple[Any, str]:
    import docker

    try:
        client = docker.from_env(timeout=60)
        client.ping()
    except Exception as error:
        return None, f"no Docker engine answers ({type(error).__name__}); set DOCKER_HOST or start one"
    return client, ""


def docker_engine() -> Any:
    """The Docker client; skips the test, with the reason, where no engine answers."""
    client, reason = _engine()
    if client is None:
        pytest.skip(reason)
    return client
