"""The conformance suite: does an endpoint answer as Amazon ECS does?

One test a fact, named after it; its docstring is the fact. It asks with plain boto3 and nothing else::

    pytest tests/conformance                                   # a sandbox of its own
    pytest tests/conformance --endpoint-url http://127.0.0.1:5000
    pytest tests/conformance --real-account 123456789012 [--allow-costs]     # AWS itself, cleaned up afterwards

A fact is *held*, *missed*, *not reachable* (what it is about cannot be had there: no agent ever joins, say), or
*not asked* (it costs money, or takes hours where no clock can be stepped).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.asking import Aws, Ledger
from tests.conformance.facts import facts_of, write_table
from tests.conformance.made import Fleet, Network, Tasks, find_network, make_fleet, make_role
from tests.conformance.own import REGION, own_sandbox

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def aws(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The endpoint that is asked."""
    option = request.config.getoption
    endpoint, account, image = option("--endpoint-url"), option("--real-account"), option("--image")
    if endpoint and account:
        raise pytest.UsageError("--endpoint-url and --real-account exclude one another")
    if account:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or REGION
        asked = Aws(region, None, image, real=True, patience=option("--patience") or 30.0)
        found = asked.client("sts").get_caller_identity()["Account"]
        if found != account:
            pytest.exit(f"the credentials are of account {found}, not of {account}: nothing was asked", returncode=4)
        yield asked
    elif endpoint:
        steps = bool(option("--step-clock"))
        yield Aws(REGION, endpoint, image, steps=steps, patience=option("--patience") or 1.0)
    else:
        with own_sandbox(tmp_path_factory.mktemp("sandbox")) as own:
            yield Aws(REGION, own, image, owned=True, steps=True, patience=option("--patience") or 6.0)


@pytest.fixture(scope="session")
def ledger(aws: Aws) -> Iterator[Ledger]:
    kept = Ledger(aws)
    yield kept
    kept.settle()


@pytest.fixture(scope="session")
def ecs(aws: Aws) -> Any:
    """boto3's ECS client, with its own checks of parameters off: the service is to answer."""
    return aws.client("ecs")


@pytest.fixture(scope="session")
def make_cluster(aws: Aws, ledger: Ledger) -> Callable[..., str]:
    """Makes a cluster and returns its name."""

    def make(**params: Any) -> str:
        name = params.pop("clusterName", None) or aws.unique("cluster")
        aws.client("ecs").create_cluster(clusterName=name, **params)
        ledger.cluster(name)
        return name

    return make


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., str]) -> str:
    """A cluster without container instances, for the tests of one module."""
    return make_cluster()


@pytest.fixture(scope="session")
def register(aws: Aws, ledger: Ledger) -> Callable[..., dict[str, Any]]:
    """Registers a task definition for EC2: one container ``app`` that sleeps, but for what is given."""

    def call(app: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        container = {"name": "app", "image": aws.image, "memory": 32, "cpu": 16, "command": ["sleep", "3600"]}
        if "family" not in params:
            params["family"] = aws.unique("family")
            ledger.family(params["family"])
        params.setdefault("containerDefinitions", [{**container, **(app or {})}])
        answer = aws.client("ecs").register_task_definition(**params)
        return dict(answer["taskDefinition"])

    return call


@pytest.fixture(scope="session")
def register_fargate(aws: Aws, ledger: Ledger) -> Callable[..., dict[str, Any]]:
    """Registers a task definition for Fargate: 256 CPU units, 512 MiB, but for what is given."""

    def call(app: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        container = {"name": "app", "image": aws.image, "command": ["sleep", "3600"]}
        document = {
            "cpu": "256",
            "memory": "512",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{**container, **(app or {})}],
            **params,
        }
        if "family" not in params:
            document["family"] = aws.unique("family")
            ledger.family(document["family"])
        document = {key: value for key, value in document.items() if value is not None}
        answer = aws.client("ecs").register_task_definition(**document)
        return dict(answer["taskDefinition"])

    return call


@pytest.fixture(scope="session")
def definition(register: Callable[..., dict[str, Any]]) -> str:
    """A task definition for EC2, by ARN."""
    return str(register()["taskDefinitionArn"])


@pytest.fixture(scope="session")
def fargate_definition(register_fargate: Callable[..., dict[str, Any]]) -> str:
    return str(register_fargate(app={"portMappings": [{"containerPort": 80}]})["taskDefinitionArn"])


@pytest.fixture(scope="session")
def account(aws: Aws) -> str:
    return str(aws.client("sts").get_caller_identity()["Account"])


@pytest.fixture(scope="session")
def execution_role(aws: Aws, ledger: Ledger) -> str:
    """The ARN of a role that ECS may assume for tasks."""
    return make_role(aws, ledger, "ecs-tasks.amazonaws.com", "service-role/AmazonECSTaskExecutionRolePolicy")[1]


@pytest.fixture(scope="session")
def network(aws: Aws, ledger: Ledger) -> Network:
    """The default VPC, subnets in two zones, a security group."""
    return find_network(aws, ledger)


@pytest.fixture(scope="session")
def new_fleet(aws: Aws, ledger: Ledger, make_cluster: Callable[..., str]) -> Callable[..., Fleet]:
    """Makes a cluster with EC2 instances whose agents have registered."""

    def make(count: int = 1, instance_type: str = "t3.small", **params: Any) -> Fleet:
        return make_fleet(aws, ledger, make_cluster(), count, instance_type, **params)

    return make


@pytest.fixture(scope="session")
def fleet(new_fleet: Callable[..., Fleet]) -> Fleet:
    """Two container instances that all tests share: no test may drain or end them."""
    return new_fleet(2)


@pytest.fixture
def tasks(aws: Aws) -> Iterator[Tasks]:
    """Runs tasks and waits for them; stops them after the test."""
    made = Tasks(aws)
    yield made
    made.stop_all()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say of each test which fact it is; leave out what costs money on a real account, unless that is allowed."""
    for item in items:
        if HERE not in item.path.parents:
            continue
        described = getattr(item, "obj", None)
        module = getattr(item, "module", None)
        text = " ".join((getattr(described, "__doc__", "") or item.name).split())
        section = ((getattr(module, "__doc__", "") or item.path.stem).splitlines() or [""])[0].rstrip(".")
        item.user_properties += [("section", section), ("fact", text)]
        costly = item.get_closest_marker("costs") and config.getoption("--real-account")
        if costly and not config.getoption("--allow-costs"):
            item.add_marker(pytest.mark.skip(reason="not asked: it costs money (--allow-costs)"))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print how many facts held of each section, and which were missed; write them all with ``--facts-json``."""
    facts = facts_of(terminalreporter)
    if facts:
        write_table(facts, terminalreporter, config.getoption("--facts-json"))
