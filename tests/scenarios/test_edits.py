"""One file, edited forty times: after each edit `up` makes AWS so, and no service names what has gone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

Json = dict[str, Any]
Edit = Callable[[Json], None]


def box(name: str, port: int | None = 80, host: int | None = None, **more: Any) -> Json:
    ports = {} if port is None else {"portMappings": [{"containerPort": port, **({"hostPort": host} if host else {})}]}
    return {"name": name, "image": f"example/{name}", "cpu": 10, "memory": 32, **ports, **more}


def logging(group: str) -> Json:
    options = {"awslogs-group": group, "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "x"}
    return {"logConfiguration": {"logDriver": "awslogs", "options": options}}


def a_file() -> Json:
    return {
        "name": "shop",
        "cluster": "one",
        "instances": {"count": 3},
        "taskDefinitions": {
            "web": {"containerDefinitions": [box("web")]},
            "api": {"containerDefinitions": [box("api", 8080)]},
        },
        "services": {
            "web": {"taskDefinition": "web", "desiredCount": 1},
            "api": {"taskDefinition": "api", "desiredCount": 1},
        },
    }


def at(path: str, value: Any = None) -> Edit:
    """Set a member, or take it out where there is no value."""

    def edit(data: Json) -> None:
        *way, name = path.split(".")
        for step in way:
            data = data.setdefault(step, {})
        if value is None:
            del data[name]
        else:
            data[name] = copy.deepcopy(value)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(data: Json) -> None:
        for one in edits:
            one(data)

    return edit


def swap(section: str, one: str, other: str) -> Edit:
    def edit(data: Json) -> None:
        data[section][one], data[section][other] = data[section][other], data[section][one]

    return edit


def rename(section: str, old: str, new: str) -> Edit:
    def edit(data: Json) -> None:
        data[section][new] = data[section].pop(old)

    return edit


BALANCED = both(
    at("loadBalancers.front", {"type": "application", "healthCheck": "fast"}),
    at("services.web.loadBalancer", "front:80"),
)
FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
ON_FARGATE = {**FARGATE, "containerDefinitions": [box("job")]}
EDITS: list[tuple[str, Edit]] = [
    ("nothing", lambda data: None),
    ("a balancer", BALANCED),
    ("the balancer taken out", both(at("loadBalancers"), at("services.web.loadBalancer"))),
    ("a balancer again", BALANCED),
    (
        "a classic one in its place",
        both(
            at("loadBalancers.front", {"type": "classic"}),
            at("taskDefinitions.web.containerDefinitions", [box("web", 80, 80)]),
        ),
    ),
    ("the classic one taken out", both(at("loadBalancers"), at("services.web.loadBalancer"))),
    ("a strategy", at("services.web.placementStrategy", [{"type": "binpack", "field": "memory"}])),
    ("the strategy taken out", at("services.web.placementStrategy")),
    ("constraints", at("services.web.placementConstraints", [{"type": "distinctInstance"}])),
    ("the constraints taken out", at("services.web.placementConstraints")),
    ("percents", at("services.web.deploymentConfiguration", {"minimumHealthyPercent": 50, "maximumPercent": 150})),
    ("one percent taken out", at("services.web.deploymentConfiguration.maximumPercent")),
    ("the percents taken out", at("services.web.deploymentConfiguration")),
    ("flags", both(at("services.web.enableECSManagedTags", True), at("services.web.propagateTags", "SERVICE"))),
    ("the flags taken out", both(at("services.web.enableECSManagedTags"), at("services.web.propagateTags"))),
    (
        "an agent everywhere",
        both(
            at("taskDefinitions.agent", {"containerDefinitions": [box("agent", None)]}),
            at("services.agent", {"taskDefinition": "agent", "schedulingStrategy": "DAEMON"}),
        ),
    ),
    ("no DAEMON any more", at("services.agent.schedulingStrategy")),
    (
        "a task on Fargate",
        both(
            at("taskDefinitions.job", ON_FARGATE),
            at("services.job", {"taskDefinition": "job", "desiredCount": 1, "launchType": "FARGATE", "ingress": [80]}),
        ),
    ),
    (
        "a balancer before it",
        both(at("loadBalancers.jobs", {"type": "network"}), at("services.job.loadBalancer", "jobs:80")),
    ),
    (
        "back to bridge on instances",
        both(
            at("taskDefinitions.job", {"containerDefinitions": [box("job")]}),
            at("services.job.launchType"),
            at("services.job.ingress"),
        ),
    ),
    ("its balancer taken out", both(at("loadBalancers"), at("services.job.loadBalancer"))),
    (
        "to awsvpc on instances",
        both(
            at("taskDefinitions.job", {"networkMode": "awsvpc", "containerDefinitions": [box("job")]}),
            at("services.job.ingress", [80]),
        ),
    ),
    ("to host", both(at("taskDefinitions.job.networkMode", "host"), at("services.job.ingress"))),
    ("to bridge", at("taskDefinitions.job.networkMode")),
    ("a log group", at("taskDefinitions.web.containerDefinitions", [box("web", **logging("/ecs/web"))])),
    ("the log group taken out", at("taskDefinitions.web.containerDefinitions", [box("web")])),
    ("a balancer once more", BALANCED),
    (
        "the balancer renamed",
        both(rename("loadBalancers", "front", "door"), at("services.web.loadBalancer", "door:80")),
    ),
    ("a family renamed", both(rename("taskDefinitions", "web", "site"), at("services.web.taskDefinition", "site"))),
    (
        "its container renamed",
        both(
            at("taskDefinitions.site.containerDefinitions", [box("site")]), at("services.web.loadBalancer", "door:80")
        ),
    ),
    ("two services swapped", swap("services", "web", "api")),
    ("a service renamed", rename("services", "api", "backend")),
    ("the balancer taken out at last", both(at("loadBalancers"), at("services.backend.loadBalancer"))),
    ("the definitions swapped", swap("taskDefinitions", "site", "api")),
    (
        "fixed ports of the hosts",
        both(
            at("taskDefinitions.site.containerDefinitions", [box("site", 80, 8001)]),
            at("taskDefinitions.api.containerDefinitions", [box("api", 80, 8002)]),
        ),
    ),
    ("the ports swapped", swap("taskDefinitions", "site", "api")),
    ("another cluster", at("cluster", "two")),
    ("tags", at("tags", {"team": "web"})),
    ("tags taken out", at("tags")),
    ("fewer instances", at("instances.count", 2)),
    ("a grace period", at("services.web.healthCheckGracePeriodSeconds", 30)),
    ("no grace period", at("services.web.healthCheckGracePeriodSeconds")),
    ("rebalancing off", at("services.web.availabilityZoneRebalancing", "DISABLED")),
    ("rebalancing unsaid", at("services.web.availabilityZoneRebalancing")),
    ("a definition taken out", both(at("taskDefinitions.job"), at("services.job"))),
    ("all services taken out", both(at("services"), at("taskDefinitions"))),
]


class Project:
    def __init__(self, sandbox: Running, folder: Path) -> None:
        self.aws = sandbox.aws()
        self.file = folder / "ecsctl.yaml"
        self.data = a_file()

    def run(self, *arguments: str) -> Ended:
        self.file.write_text(yaml.safe_dump(self.data))
        return ecsctl(self.aws, arguments[0], "-f", str(self.file), *arguments[1:])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_after_each_edit_up_works(sandbox: Running, tmp_path: Path) -> None:
    assert len(EDITS) >= 40
    project = Project(sandbox, tmp_path)
    for name, edit in EDITS:
        edit(project.data)
        ended = project.run("up", "--yes", "--timeout", "10m")
        assert ended.code == 0, f"{name}:\n{ended.err}"
        planned = project.run("plan", "--exit-code")
        assert (planned.code, planned.out.partition(":")[0]) == (0, "Nothing to change"), f"{name}:\n{planned.out}"
        assert named(sandbox, project.data["cluster"]) <= existing(sandbox), name


def named(sandbox: Running, cluster: str) -> set[str]:
    """What the services of a cluster name."""
    ecs = sandbox.client("ecs")
    arns = ecs.list_services(cluster=cluster)["serviceArns"]
    found: set[str] = set()
    for service in ecs.describe_services(cluster=cluster, services=arns)["services"] if arns else ():
        network = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        found |= {service["taskDefinition"], *network.get("securityGroups", ())}
        for row in service["loadBalancers"]:
            found.add(row.get("targetGroupArn") or row["loadBalancerName"])
    return found


def existing(sandbox: Running) -> set[str]:
    """What there is that a service may name."""
    elbv2, elb, ec2, ecs = (sandbox.client(name) for name in ("elbv2", "elb", "ec2", "ecs"))
    return {
        *(row["TargetGroupArn"] for row in elbv2.describe_target_groups()["TargetGroups"]),
        *(row["LoadBalancerName"] for row in elb.describe_load_balancers()["LoadBalancerDescriptions"]),
        *(row["GroupId"] for row in ec2.describe_security_groups()["SecurityGroups"]),
        *ecs.list_task_definitions()["taskDefinitionArns"],
    }
