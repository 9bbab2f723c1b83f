"""The operations of agents, and what answers where an operation is not there."""

from __future__ import annotations

import json

import pytest

from ecsctl.sandbox.ecs.api.wire import known_operations
from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

IDENTITY = {"instanceId": "i-00000000000000042", "instanceType": "t3.small", "availabilityZone": "eu-west-1b"}
SIZES = [
    {"name": name, "type": "INTEGER", "integerValue": value, "doubleValue": 0.0, "longValue": 0}
    for name, value in (("CPU", 2048), ("MEMORY", 1900))
]


def test_an_agent_of_somebody_else_registers_once(empty: World) -> None:
    empty.call("CreateCluster", clusterName="web")
    made = empty.call(
        "RegisterContainerInstance",
        cluster="web",
        instanceIdentityDocument=json.dumps(IDENTITY),
        totalResources=SIZES,
        attributes=[{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.21"}, {"name": "stack", "value": "x"}],
        tags=[{"key": "a", "value": "b"}],
    )["containerInstance"]
    assert (made["ec2InstanceId"], made["status"], made["agentConnected"]) == ("i-00000000000000042", "ACTIVE", True)
    assert made["tags"] == [{"key": "a", "value": "b"}]
    assert {"name": "stack", "value": "x"} in made["attributes"]
    again = empty.call("RegisterContainerInstance", cluster="web", containerInstanceArn=made["containerInstanceArn"])
    assert again["containerInstance"]["containerInstanceArn"] == made["containerInstanceArn"]
    assert len(empty.call("ListContainerInstances", cluster="web")["containerInstanceArns"]) == 1


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"instanceIdentityDocument": "nonsense", "totalResources": SIZES}, "identity document"),
        ({"cluster": "nope", "instanceIdentityDocument": json.dumps(IDENTITY), "totalResources": SIZES}, "not found"),
    ],
)
def test_what_registration_refuses(world: World, members: dict[str, object], part: str) -> None:
    with pytest.raises(EcsApiError, match=part):
        world.call("RegisterContainerInstance", **members)


@pytest.mark.parametrize("kind", ["TaskStateChange", "ContainerStateChange"])
def test_state_changes_are_acknowledged(world: World, kind: str) -> None:
    assert world.call(f"Submit{kind}", cluster="default") == {"acknowledgment": "ACK"}


def test_every_operation_of_the_model_has_a_state_and_no_call_is_a_server_error(world: World) -> None:
    states = world.engine.operations()
    assert set(states) == known_operations()
    for name, state in states.items():
        status, _, body = world.engine.handle(name, b"{}")
        assert status in (200, 400), (name, body)
        unknown = json.loads(body).get("__type") == "UnknownOperationException"
        assert unknown == (state == "missing"), name
