"""A sandbox of the suite's own, by the command that a user would type. Nothing of it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REGION = "eu-west-1"


@contextmanager
def own_sandbox(folder: Path, *options: str) -> Iterator[str]:
    """Start a sandbox that keeps what it has below ``folder``: its endpoint. It is gone afterwards.

    Args:
        options: of ``ecsctl sandbox start``.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ECS"))}
    env["ECSCTL_SANDBOX_HOME"] = str(folder)
    name = f"conformance-{os.getpid()}"

    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "ecsctl", "sandbox", *words, "--name", name]

    start = command("start", "--port", "0", "--docker", "never", "--region", REGION, "--quiet", *options)
    start += ["--exit-with", str(os.getpid())]
    done = subprocess.run(start, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"no sandbox: {done.stderr}"
    try:
        yield done.stdout.strip()
    finally:
        subprocess.run(command("reset", "--yes"), env=env, capture_output=True, timeout=120, check=False)
        subprocess.run(command("stop"), env=env, capture_output=True, timeout=120, check=False)
