"""What ``validate`` accepts, the sandbox's ECS accepts, and what a rule refuses it refuses: right files, one thing
changed in each, asked of both."""

from __future__ import annotations

import copy
import io
import json
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ecsctl.ecs_definitions.api_inputs import inputs
from ecsctl.manifest import check
from ecsctl.manifest.model import Fault, Spec
from tests.sandbox.ecs.world import World
from tests.unit.manifest.test_rules import RIGHT

pytestmark = pytest.mark.slow

CHANGES: tuple[Any, ...] = (None, 0, -1, 99999, "x", "a b", "", [], True, "EC2", "FARGATE", "awsvpc", "host", "DAEMON")
# What depends on what else there is in AWS.
BEHIND = ("loadBalancers", "role", "healthCheckGracePeriodSeconds", "cluster")
# Rules of the file itself: a key that is not the name that stands below it.
OWN = ("ECS006",)
STATE = (
    "Task definition does not support launch_type EC2.",
    "not associated with the cluster",
    "TaskDefinition not found.",
)


def asked(text: str) -> tuple[Spec | None, list[Fault]]:
    """The Spec of a file, and the errors that validate finds in it."""
    spec, faults = check(["-"], stdin=io.BytesIO(text.encode()), env={})
    errors = [fault for fault in faults if fault.severity == "error"]
    return None if errors else spec, errors


def refused(data: dict[str, Any], *, state: bool = False) -> str | None:
    """What the engine says to the first of these inputs that it refuses.

    Args:
        state: also where it refuses one for what there is or is not in AWS.
    """
    world = World()
    world.call(
        "CreateCluster",
        clusterName="p",
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        serviceConnectDefaults={"namespace": "internal"},
    )
    for section, operation in (("taskDefinitions", "RegisterTaskDefinition"), ("services", "CreateService")):
        for query in data.get(section, {}).values():
            status, _, body = world.engine.handle(operation, json.dumps(query).encode())
            message: str = json.loads(body).get("message", "")
            if status != 200 and (state or not any(one in message for one in STATE)):
                return f"{operation}: {message}"
    return None


def whole(data: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a document that validate refuses, made by hand: the API's own form, and what the keys name."""
    families = {family: {"family": family, **inner} for family, inner in data["taskDefinitions"].items()}
    services = {
        name: {"cluster": "p", "serviceName": name, "desiredCount": 1, **inner}
        for name, inner in data["services"].items()
    }
    for service in services.values():
        if service.get("schedulingStrategy") == "DAEMON":
            del service["desiredCount"]
    return {"taskDefinitions": families, "services": services}


def document_of(name: str) -> dict[str, Any]:
    """A right file in the API's own form, without what depends on what else there is in AWS."""
    spec, errors = asked("region: eu-west-1\n" + textwrap.dedent(RIGHT[name]))
    assert spec is not None, errors
    data: dict[str, Any] = {"name": "p", "region": "eu-west-1", **inputs(spec)}
    for service in data["services"].values():
        for member in BEHIND:
            service.pop(member, None)
        service.get("deploymentConfiguration", {}).pop("strategy", None)
    return data


def changed(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document with one member below its definitions set to something else, or taken out."""
    for path in paths(data):
        if len(path) < 3:
            continue
        for value in CHANGES:
            new = copy.deepcopy(data)
            holder: Any = new
            for part in path[:-1]:
                holder = holder[part]
            if value is None:
                del holder[path[-1]]
            else:
                holder[path[-1]] = value
            yield f"{'.'.join(str(part) for part in path)} = {value!r}", new


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield from paths(value, (*path, key))


@pytest.mark.parametrize("name", RIGHT)
def test_both_say_the_same(name: str) -> None:
    accepted = refusals = 0
    for what, document in changed(document_of(name)):
        spec, errors = asked(yaml.safe_dump(document))
        if spec is not None:
            accepted += 1
            assert refused(inputs(spec)) is None, what
        # What the file's own form refuses (a number for a string, a key that is not the name) is not the service's.
        elif all(fault.rule and fault.rule not in OWN for fault in errors):
            refusals += 1
            assert refused(whole(document), state=True), f"{what}: {errors[0]}"
    assert accepted > 50
    assert refusals > 15
