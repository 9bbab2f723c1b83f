"""Answers that are none, on the wire, at every read of ``ps``, ``plan``, ``up`` and ``down``: no empty account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from ecsctl.aws.answers import is_read
from ecsctl.aws.operations import OPERATIONS
from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.errors import ExitCode
from tests.support.account import holdings
from tests.support.clock import ManualClock
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import REGION, Running, start_sandbox
from tests.support.wire_proxy import HTML, LOST, NO_ANSWERS, Effect, WireProxy, page, refused, wire_proxy

pytestmark = pytest.mark.slow

PROJECT = """
name: shop
instances: {count: 1}
taskDefinitions:
  web:
    containerDefinitions:
      - {name: web, image: example/web, memory: 32, portMappings: ["80:80"], logs: awslogs}
loadBalancers:
  front: {type: application}
  old: {type: classic, listeners: [{port: 81, instancePort: 80}]}
services:
  svc: {taskDefinition: web, desiredCount: 1, loadBalancer: "front:80"}
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_sandbox(tmp_path_factory.mktemp("sandbox"), docker="never", speed=20) as running:
        yield running


@pytest.fixture(scope="module")
def wire(sandbox: Running) -> Iterator[WireProxy]:
    with wire_proxy(sandbox.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("project") / "ecsctl.yaml"
    path.write_text(PROJECT)
    return path


# What `plan` asks for instances that are to be made.
NEEDLESS_FOR_DOWN = {
    "DescribeImages",
    "DescribeInstanceTypeOfferings",
    "DescribeInstanceTypes",
    "DescribeSubnets",
    "DescribeVpcs",
    "GetParameters",
}


class Project:
    def __init__(self, sandbox: Running, wire: WireProxy, file: Path) -> None:
        self.sandbox, self.wire, self.file = sandbox, wire, file
        target = Target(region=REGION, endpoint_url=wire.url, credentials=sandbox.info.credentials)
        self.aws = Aws(target, clock=ManualClock(), fast=False)

    def run(self, command: str) -> Ended:
        """Run a command through the wire."""
        arguments = {
            "ps": ["ps", "-c", "shop"],
            "plan": ["plan", "-f", str(self.file)],
            "up": ["up", "-f", str(self.file), "--yes", "--timeout", "60s"],
            "down": ["down", "-f", str(self.file), "--yes", "--timeout", "60s"],
        }
        return ecsctl(self.aws, *arguments[command])

    def reads(self, command: str) -> list[str]:
        """The reads of a command that runs undisturbed, each once, in order."""
        self.wire.heal()
        ended = self.run(command)
        assert ended.code == 0, ended.err
        return [operation for operation in dict.fromkeys(self.wire.operations) if is_read(operation)]


@pytest.fixture(scope="module")
def unmade(sandbox: Running, wire: WireProxy, file: Path) -> Project:
    return Project(sandbox, wire, file)


@pytest.fixture
def project(unmade: Project) -> Project:
    """The project in service, and nothing else, whatever a test before has left."""
    unmade.wire.heal()
    if unmade.run("plan").out.startswith("Nothing to change"):
        return unmade
    unmade.sandbox.sandbox.reset()
    ended = unmade.run("up")
    assert ended.code == 0, ended.err
    return unmade


def told(ended: Ended, operation: str, kind: str) -> None:
    """Hold what a command says that met no answer."""
    where = f"{operation}: {kind}: {ended.err}"
    assert ended.code == ExitCode.FAILED, where
    assert f":{operation}" in ended.err, where
    assert "http://127.0.0.1" in ended.err, where
    assert "Nothing is left" not in ended.err, where
    assert "Nothing to remove" not in ended.err, where
    assert "bug" not in ended.err, where
    assert "Traceback" not in ended.err, where


def test_no_answer_to_a_read_is_an_error_and_changes_nothing(project: Project) -> None:
    before = holdings(project.sandbox)
    kinds = cycle(NO_ANSWERS)
    seen: set[str] = set()
    for command in ("ps", "plan", "up"):
        for operation in project.reads(command):
            # What `plan` reads, `up` reads in the same place.
            if operation in seen and command == "up":
                continue
            seen.add(operation)
            kind = next(kinds)
            project.wire.heal()
            project.wire.fault(operation, NO_ANSWERS[kind])
            ended = project.run(command)
            told(ended, operation, kind)
            assert ended.out == ""
            assert [name for name in project.wire.operations if not is_read(name)] == [], (operation, kind)
    assert len(seen) > 20
    assert holdings(project.sandbox) == before


@pytest.mark.parametrize("operation", ["DescribeClusters", "DescribeSecurityGroups", "GetResources"])
def test_every_sort_of_no_answer(unmade: Project, operation: str) -> None:
    for kind, effect in NO_ANSWERS.items():
        unmade.wire.heal()
        unmade.wire.fault(operation, effect)
        told(unmade.run("plan"), operation, kind)


@pytest.mark.parametrize(
    "lacking",
    [
        refused("UnknownOperationException", "The operation is not supported.", 404),
        refused("InternalFailure", "API for service 'resourcegroupstaggingapi' not yet implemented", 501),
        page(404, HTML),
        page(501, b""),
    ],
    ids=["unknown-operation", "not-implemented", "page-404", "page-501"],
)
def test_an_endpoint_without_the_tagging_api_is_of_use(unmade: Project, lacking: Effect) -> None:
    unmade.wire.heal()
    unmade.sandbox.sandbox.reset()
    unmade.wire.fault("GetResources", lacking)
    ended = unmade.run("plan")
    assert ended.code == 0, ended.err
    assert "+ create cluster shop" in ended.out


def test_down_never_says_that_nothing_is_left_where_it_has_no_answer(project: Project) -> None:
    before = holdings(project.sandbox).keys()
    for operation, kind in zip(project.reads("plan"), cycle(NO_ANSWERS), strict=False):
        if operation in NEEDLESS_FOR_DOWN:
            continue
        project.wire.heal()
        project.wire.fault(operation, NO_ANSWERS[kind])
        told(project.run("down"), operation, kind)
        assert holdings(project.sandbox).keys() == before, operation


def test_one_lost_answer_of_every_write_changes_nothing(project: Project) -> None:
    """Each has taken effect; botocore's own retry then meets what it has made or deleted itself."""
    before = holdings(project.sandbox)
    project.wire.heal()
    project.sandbox.sandbox.reset()
    for command in ("up", "down", "up"):
        project.wire.heal()
        faults = [
            project.wire.fault(operation, LOST, count=1)
            for operations in OPERATIONS.values()
            for operation in operations
            if not is_read(operation)
        ]
        ended = project.run(command)
        assert ended.code == 0, ended.err
        assert sum(fault.hits for fault in faults) > 10
        if command == "down":
            assert "Nothing is left" in ended.err
    # A revision more, or none: RegisterTaskDefinition makes one each time that it is called.
    assert set(map(without_id, holdings(project.sandbox))) == set(map(without_id, before))


def without_id(name: str) -> str:
    """The name of a holding without what is made of ids that AWS gives."""
    return re.sub(r"(-[0-9a-f]{8}| (i|sg)-[0-9a-f]+|:\d+)$", "", name)
