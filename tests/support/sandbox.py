"""A sandbox for tests: a real process on a free port, with a home of its own, gone at the end.

A worker has one that its tests share: the fixture ``sandbox`` (tests/conftest.py) empties it and stops its clock.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.polling import Clock
from ecsctl.sandbox.control import Sandbox, SandboxInfo, environment

REGION = "eu-west-1"


@dataclass(frozen=True)
class Running:
    """``environment`` is complete: for ``subprocess`` it needs nothing added."""

    info: SandboxInfo
    environment: dict[str, str]
    sandbox: Sandbox
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def endpoint(self) -> str:
        return self.info.endpoint

    def client(self, service: str) -> Any:
        """A boto3 client of it, always the same."""
        import boto3

        if service not in self._clients:
            key, secret = self.info.credentials
            self._clients[service] = boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
            )
        return self._clients[service]

    def aws(self) -> Aws:
        """A door of ecsctl's own to it. A wait lets the sandbox's clock go on by what it waits."""
        return Aws(self.target, clock=SandboxClock(self.sandbox))

    @property
    def target(self) -> Target:
        """What ecsctl calls."""
        return Target(region=REGION, endpoint_url=self.endpoint, credentials=self.info.credentials)

    def run(self, speed: float) -> None:
        """Let its clock run so much faster than the real one, for what waits by a clock of its own; 0 stops it."""
        self.sandbox.start(speed=speed)

    def renew(self) -> None:
        """Forget everything; the clock stands still."""
        self.sandbox.reset()
        self.run(0)


class SandboxClock(Clock):
    """The time of a sandbox whose clock stands still: it goes on while somebody sleeps, and then at once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._sandbox.advance(0)["now"], timezone.utc)

    def sleep(self, seconds: float) -> None:
        self._sandbox.advance(seconds)
        with self._lock:
            self.passed += seconds


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
        info, _ = sandbox.start(port=0, docker=docker, region=REGION, exit_with=os.getpid(), **options)
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
