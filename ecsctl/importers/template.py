"""A new project of a few answers: one service of one container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ecsctl.errors import UsageError
from ecsctl.importers.capacity import Need, fargate_size
from ecsctl.importers.document import SSH, Draft, Target, finish, network
from ecsctl.importers.names import project_name, safe_name
from ecsctl.importers.report import Imported, Report, escape
from ecsctl.importers.write import Commented, Flow

IMAGE = "nginx:stable"
MEMORY = 256


@dataclass(frozen=True)
class Answers:
    """What to put into a new project. ``port`` is the container's, ``host_port`` the instance's (None: the same).

    ``memory`` is in MiB. ``load_balancer`` is ``classic``, ``application``, ``network`` or None.
    """

    image: str = IMAGE
    port: int | None = 80
    host_port: int | None = None
    count: int = 2
    memory: int = MEMORY
    load_balancer: str | None = None


def new_project(answers: Answers, target: Target) -> Imported:
    """Make a project file of answers.

    Raises:
        UsageError: a classic load balancer is asked for on Fargate, or one without a port.
    """
    name = project_name(target.name or "app")
    service = safe_name(name)
    balancer = answers.load_balancer
    if balancer and answers.port is None:
        raise UsageError("a load balancer needs a port to send to", hint="add --port 80")
    if balancer == "classic" and target.fargate:
        raise UsageError("a classic load balancer serves no Fargate tasks", hint="--load-balancer application does")
    draft = Draft(name)
    draft.task_definitions[service] = _definition(service, answers, target)
    made: dict[str, Any] = {"taskDefinition": service, "desiredCount": answers.count}
    if target.fargate:
        made |= {"launchType": "FARGATE", "networkConfiguration": network(target)}
    host = answers.port if answers.host_port is None else answers.host_port
    fixed = bool(answers.port and host) and not target.fargate
    if balancer:
        balancer_name = safe_name(f"{service}-lb", 32)
        draft.load_balancers[balancer_name] = _balancer(balancer, answers)
        made["loadBalancer"] = f"{balancer_name}:{answers.port}"
    if fixed and answers.count:
        made["deploymentConfiguration"] = Commented(
            Flow({"minimumHealthyPercent": 0 if answers.count == 1 else 50}),
            above=("Its host port is fixed: a task ends before the next takes its place.",),
        )
    draft.services[service] = made
    draft.needs.append(Need(0, answers.memory, answers.count, fixed))
    if fixed and host and host != SSH:
        draft.ports.append(str(host))
    header = ["Next: `ecsctl validate`, `ecsctl plan`, `ecsctl up`; then `ecsctl locate` prints the address."]
    return finish(draft.document(target), Report(), header, "")


def _definition(name: str, answers: Answers, target: Target) -> dict[str, Any]:
    definition: dict[str, Any] = {}
    box: dict[str, Any] = {"name": name, "image": escape(answers.image)}
    if target.fargate:
        cpu, memory = fargate_size(256, answers.memory)
        definition |= {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc"}
        definition |= {"cpu": str(cpu), "memory": Commented(str(memory), beside="MiB, with cpu one of Fargate's sizes")}
    else:
        box["memory"] = Commented(answers.memory, beside="MiB; a container that takes more is ended")
    if answers.port is not None:
        host = answers.port if answers.host_port is None else answers.host_port
        if target.fargate or host == 0:
            box["portMappings"] = [str(answers.port)]
        else:
            box["portMappings"] = Commented([f"{host}:{answers.port}"], beside="host:container")
    definition["containerDefinitions"] = [box]
    return definition


def _balancer(kind: str, answers: Answers) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind}
    if kind != "classic":
        made["listeners"] = [80]
    made["healthCheck"] = Flow({"interval": 10, "timeout": 5, "healthyThreshold": 2, "unhealthyThreshold": 2})
    return made
