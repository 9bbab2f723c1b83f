"""What runs already is taken over as it is: the first plan of its file has nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ecsctl.aws.session import Aws
from tests.support.command import ecsctl
from tests.support.sandbox import Running


def running_service(aws: Aws) -> None:
    """A service with tags of its own in a cluster of somebody else."""
    aws.call("ecs", "CreateCluster", {"clusterName": "prod"})
    box = {"name": "web", "image": "example/web:1", "memory": 64, "portMappings": [{"containerPort": 80}]}
    team = [{"key": "team", "value": "shop"}]
    aws.call("ecs", "RegisterTaskDefinition", {"family": "app", "containerDefinitions": [box], "tags": team})
    service: dict[str, Any] = {
        "cluster": "prod",
        "serviceName": "web",
        "taskDefinition": "app",
        "desiredCount": 0,
        "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}],
        "deploymentConfiguration": {"minimumHealthyPercent": 50},
        "tags": team,
    }
    aws.call("ecs", "CreateService", service)


def test_the_first_plan_of_an_adopted_service_is_empty(sandbox: Running, tmp_path: Path) -> None:
    aws, file = sandbox.aws(), tmp_path / "ecsctl.yaml"
    running_service(aws)
    ended = ecsctl(aws, "init", "--from-service", "prod/web", "--adopt", "--name", "shop", str(file))
    assert ended.code == 0, ended.err
    plan = ecsctl(aws, "plan", "-f", str(file), "--exit-code")
    assert plan.code == 0, plan.out
    # What the file no longer says goes back to the API's default, as of a service that ecsctl made.
    data = yaml.safe_load(file.read_text())
    del data["services"]["web"]["placementStrategy"]
    file.write_text(yaml.safe_dump(data))
    assert "placementStrategy" in ecsctl(aws, "plan", "-f", str(file)).out


def test_the_tags_say_what_the_file_has(sandbox: Running, tmp_path: Path) -> None:
    aws, file = sandbox.aws(), tmp_path / "ecsctl.yaml"
    running_service(aws)
    assert ecsctl(aws, "init", "--from-service", "prod/web", "--adopt", "--name", "shop", str(file)).code == 0
    query = {"cluster": "prod", "services": ["web"], "include": ["TAGS"]}
    (service,) = aws.call("ecs", "DescribeServices", query)["services"]
    tags = {row["key"]: row["value"] for row in service["tags"]}
    assert (tags["team"], tags["ecsctl:project"], tags["ecsctl:tags"]) == ("shop", "shop", "team")
    assert "placementStrategy" in tags["ecsctl:fields"].split()
