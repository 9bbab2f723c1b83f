"""Whatever a request says, as far as the model allows it, no operation answers with a server error."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.model import Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsctl.sandbox.ecs.api.wire import known_operations, service_model
from tests.sandbox.ecs.world import World

pytestmark = pytest.mark.slow

GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/1"
NAMES = (
    "",
    "web",
    "web:1",
    "svc",
    "ext",
    "default",
    "app",
    "provider",
    "FARGATE",
    "subnet-a",
    "256",
    "attribute:ecs.availability-zone",
    "memory",
    "type == t3.small",
    GROUP,
    "arn:aws:ecs:eu-west-1:123456789012:service/default/svc",
    "arn:aws:ecs:eu-west-1:123456789012:cluster/default",
    "arn:aws:ecs:eu-west-1:123456789012:task/default/0",
    "arn:aws:x",
    "é" * 300,
)


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a shape, members left out more often the deeper they are."""
    kind = shape.type_name
    if kind == "structure":
        if depth > 5:
            return st.just({})
        members = {name: values(member, depth + 1) for name, member in shape.members.items()}
        required = {name: members.pop(name) for name in shape.required_members}
        return st.fixed_dictionaries(required, optional=members)
    if kind == "list":
        return st.lists(values(shape.member, depth + 1), max_size=2)
    if kind == "map":
        return st.dictionaries(st.sampled_from(NAMES), values(shape.value, depth + 1), max_size=2)
    if kind == "string":
        allowed = getattr(shape, "enum", None)
        return st.sampled_from(allowed) if allowed else st.sampled_from(NAMES)
    if kind == "boolean":
        return st.booleans()
    if kind in ("integer", "long"):
        return st.sampled_from((-1, 0, 1, 2, 50, 80, 100, 512, 70000))
    if kind in ("double", "float", "timestamp"):
        return st.sampled_from((-1.0, 0.0, 0.5, 50.0, 1e9))
    return st.just("eA==")


@contextmanager
def errors_of(name: str) -> Iterator[list[str]]:
    """The errors that are logged meanwhile: the loops go on after a bug, and log it."""
    found: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(self.format(record))

    keeper = Keeper(logging.ERROR)
    logging.getLogger(name).addHandler(keeper)
    try:
        yield found
    finally:
        logging.getLogger(name).removeHandler(keeper)


def lived_in() -> World:
    """A world in which the names above are something."""
    world = World()
    world.call("CreateCluster", clusterName="default", capacityProviders=["FARGATE"])
    world.host(zone="a")
    world.family(portMappings=[{"containerPort": 80, "name": "web"}])
    group = {"autoScalingGroupArn": "arn:aws:autoscaling:::autoScalingGroup:0:autoScalingGroupName/web"}
    world.call("CreateCapacityProvider", name="provider", autoScalingGroupProvider=group)
    world.call("CreateService", serviceName="svc", taskDefinition="web", desiredCount=1)
    world.call("CreateService", serviceName="ext", desiredCount=1, deploymentController={"type": "EXTERNAL"})
    world.call("CreateTaskSet", cluster="default", service="ext", taskDefinition="web")
    world.elb.groups = {GROUP: None}
    world.step(5)
    return world


@pytest.mark.parametrize("operation", sorted(known_operations()))
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_no_server_error(operation: str, data: st.DataObject) -> None:
    shape = service_model().operation_model(operation).input_shape
    request = data.draw(values(shape)) if shape is not None else {}
    world = lived_in()
    with errors_of("ecsctl.sandbox.ecs") as logged:
        status, _, body = world.engine.handle(operation, json.dumps(request).encode())
        world.step(3)
        world.step(3, seconds=60)
        for name in ("svc", "ext"):
            world.engine.handle("DescribeServices", json.dumps({"services": [name]}).encode())
    assert status in (200, 400), body
    assert logged == []
