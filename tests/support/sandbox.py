"""A sandbox for a test: a real process on a free port, with a home of its own, gone when the test ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecsctl.sandbox.control import Sandbox, SandboxInfo, environment

REGION = "eu-west-1"


@dataclass(frozen=True)
class Running:
    """``environment`` is complete: for ``subprocess`` it needs nothing added."""

    info: SandboxInfo
    environment: dict[str, str]
    sandbox: Sandbox

    @property
    def endpoint(self) -> str:
        return self.info.endpoint

    def client(self, service: str) -> Any:
        """A boto3 client of it."""
        import boto3

        key, secret = self.info.credentials
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )


def clean_environment(folder: Path) -> dict[str, str]:
    """This process's environment without anything that chooses an AWS or a cluster; the interpreter's tools first."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ECS"))}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    env["AWS_CONFIG_FILE"] = str(folder / "no-aws-config")
    env["AWS_SHARED_CREDENTIALS_FILE"] = str(folder / "no-aws-credentials")
    return env


@contextmanager
def start_sandbox(folder: Path, docker: str = "never", **options: Any) -> Iterator[Running]:
    """Start a sandbox below ``folder``; on leaving it is reset and stopped."""
    home = folder / "sandboxes"
    home.mkdir(parents=True, exist_ok=True)
    before = os.environ.get("ECSCTL_SANDBOX_HOME")
    os.environ["ECSCTL_SANDBOX_HOME"] = str(home)
    try:
        sandbox = Sandbox(f"test-{os.getpid()}")
        info, _ = sandbox.start(port=0, docker=docker, region=REGION, **options)
    finally:
        os.environ.pop("ECSCTL_SANDBOX_HOME")
        if before is not None:
            os.environ["ECSCTL_SANDBOX_HOME"] = before
    env = clean_environment(folder)
    env.update(environment(info), AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION)
    env.update(ECSCTL_SANDBOX_HOME=str(home), ECSCTL_SANDBOX_NAME=sandbox.name)
    try:
        yield Running(info, env, sandbox)
    finally:
        # Also one that the test has stopped: its containers are still there.
        sandbox.reset()
        sandbox.stop()
