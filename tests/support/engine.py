"""Whether a Docker engine answers, for the tests that run containers for real."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# What the tests' containers run: a page that names the container's host.
IMAGE = "ecsctl-test/web:1"
BUILD = Path(__file__).parents[2] / "examples" / "image" / "build.py"


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


def build_images(*names: str) -> None:
    """Give the image of the examples these names; skips the test where no engine answers."""
    docker_engine()
    built = subprocess.run([sys.executable, BUILD, *names], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
