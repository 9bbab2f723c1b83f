"""This machine's clock an hour before or behind AWS's: ages, "since" and what a failed wait tells go by AWS's."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ecsctl.aws.session import Aws
from ecsctl.polling import Clock
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running, SandboxClock

pytestmark = pytest.mark.slow

FILE = """
name: shop
instances: {{count: 1}}
taskDefinitions:
  web:
    containerDefinitions:
      - {{name: web, image: example/web, memory: 32, command: {command}, logs: awslogs}}
services:
  svc: {{taskDefinition: web, desiredCount: 1, deploymentConfiguration: {{deploymentCircuitBreaker: {breaker}}}}}
"""
SLEEP = '["sh", "-c", "echo {0}; sleep 100000"]'
EXIT = '["sh", "-c", "exit {0}"]'


class WrongClock(SandboxClock):
    """The sandbox's clock, and a time of day that is off."""

    off = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.off


@pytest.fixture(params=[-1, 1], ids=["an-hour-behind", "an-hour-ahead"])
def clock(request: pytest.FixtureRequest, sandbox: Running) -> Clock:
    made = WrongClock(sandbox.sandbox)
    made.off = timedelta(hours=request.param)
    return made


class Shop:
    def __init__(self, sandbox: Running, clock: Clock, folder: Path) -> None:
        self.sandbox, self.clock, self.file = sandbox, clock, folder / "ecsctl.yaml"
        self.folder = folder

    def run(self, *arguments: str) -> Ended:
        """Run a command as a new process would: it knows nothing of AWS's time yet."""
        return ecsctl(Aws(self.sandbox.target, clock=self.clock, fast=False), *arguments)

    def up(self, command: str, breaker: str = "{enable: true, rollback: false}") -> Ended:
        self.file.write_text(FILE.format(command=command, breaker=breaker))
        return self.run("up", "-f", str(self.file), "--yes", "--timeout", "10m")


@pytest.fixture
def shop(sandbox: Running, clock: Clock, tmp_path: Path) -> Shop:
    return Shop(sandbox, clock, tmp_path)


def test_ages(shop: Shop) -> None:
    assert shop.up(SLEEP.format("hello")).code == 0
    shop.sandbox.sandbox.advance(7 * 60)
    [row] = shop.run("ps", "-c", "shop").lines[1:]
    assert row.split()[-1] == "7m"
    shown = shop.run("service", "show", "svc", "-c", "shop").out
    deployments = shown.partition("Deployments\n")[2].splitlines()
    assert "7m" in deployments[1], shown
    [task] = shop.run("ps", "-c", "shop", "-q").lines
    shop.run("stop", task, "-c", "shop")
    shop.sandbox.sandbox.advance(5 * 60)
    assert "stopped 5m ago" in shop.run("locate", task, "-c", "shop").err


def test_a_failed_wait_tells_what_its_own_deployment_did(shop: Shop) -> None:
    first = shop.up(EXIT.format(11))
    assert first.code not in (0, 70), first.err
    assert "11" in first.err
    second = shop.up(EXIT.format(22))
    assert second.code not in (0, 70), second.err
    told = second.err.partition("error: ")[2]
    assert "22" in told, second.err
    assert "exit code 11" not in told


def test_lines_since_ten_minutes(shop: Shop) -> None:
    assert shop.up(SLEEP.format("early")).code == 0
    shop.sandbox.sandbox.advance(30 * 60)
    assert shop.up(SLEEP.format("late")).code == 0
    both = shop.run("logs", "--family", "web", "-c", "shop", "--since", "2h").out
    assert "early" in both
    assert "late" in both
    recent = shop.run("logs", "--family", "web", "-c", "shop", "--since", "10m")
    assert "late" in recent.out, recent.err
    assert "early" not in recent.out
