"""What ``validate`` accepts, the sandbox's ECS accepts: right files, one thing changed in each, asked of both."""

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
from ecsctl.manifest.model import Spec
from tests.sandbox.ecs.world import World
from tests.unit.manifest.test_rules import RIGHT

pytestmark = pytest.mark.slow

CHANGES: tuple[Any, ...] = (None, 0, -1, 99999, "x", "a b", "", [], True, "EC2", "FARGATE", "awsvpc", "host", "DAEMON")
# What depends on what else there is in AWS.
BEHIND = ("loadBalancers", "role", "healthCheckGracePeriodSeconds", "cluster")
STATE = (
    "Task definition does not support launch_type EC2.",
    "not associated with the cluster",
    "TaskDefinition not found.",
    "Namespace is missing",
)


def spec_of(text: str) -> Spec | None:
    """The Spec of a file where validate finds no error."""
    spec, faults = check(["-"], stdin=io.BytesIO(text.encode()), env={})
    return None if any(fault.severity == "error" for fault in faults) else spec


def refused(data: dict[str, Any]) -> str | None:
    """What the engine says to the first of these inputs that it refuses."""
    world = World()
    world.call("CreateCluster", clusterName="p", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    for section, operation in (("taskDefinitions", "RegisterTaskDefinition"), ("services", "CreateService")):
        for query in data.get(section, {}).values():
            status, _, body = world.engine.handle(operation, json.dumps(query).encode())
            message: str = json.loads(body).get("message", "")
            if status != 200 and not any(one in message for one in STATE):
                return f"{operation}: {message}"
    return None


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
@pytest.mark.xfail(reason="its documents are no longer accepted by validate since JSON has no short forms")
def test_what_validate_accepts_the_sandbox_accepts(name: str) -> None:
    spec = spec_of(textwrap.dedent(RIGHT[name]))
    assert spec is not None
    data: dict[str, Any] = {"name": "p", **inputs(spec)}
    for service in data["services"].values():
        for member in BEHIND:
            service.pop(member, None)
        service.get("deploymentConfiguration", {}).pop("strategy", None)
    asked = 0
    for what, document in changed(data):
        spec = spec_of(yaml.safe_dump(document))
        if spec is not None:
            asked += 1
            assert refused(inputs(spec)) is None, what
    assert asked > 50
