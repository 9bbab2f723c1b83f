"""A live service as a file: what is read back is what runs, and planning it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.deploy.pipeline import Prepared, prepare
from ecsctl.errors import AwsError, NotFoundError, UsageError
from ecsctl.importers.document import Target as Destination
from ecsctl.importers.live import from_service, from_task_definition
from ecsctl.importers.report import Imported
from ecsctl.manifest import load_spec
from tests.sandbox.ecs.world import World
from tests.unit.importers.support import data_of, notes_of

KINDS = ("cluster", "service", "task-definition")
EVERYTHING: dict[str, Any] = {
    "name": "app",
    "image": "example/app:1",
    "cpu": 64,
    "memory": 128,
    "portMappings": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 53, "protocol": "udp"}],
    "environment": [
        {"name": "B", "value": "$HOME ${X} $$"},
        {"name": "A", "value": "1"},
        {"name": "NO", "value": "no"},
    ],
    "secrets": [{"name": "TOKEN", "valueFrom": "/app/token"}],
    "mountPoints": [{"sourceVolume": "data", "containerPath": "/data", "readOnly": True}],
    "healthCheck": {"command": ["CMD-SHELL", "curl -f localhost || exit 1"], "interval": 10},
    "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 2048}],
    "dependsOn": [{"containerName": "helper", "condition": "START"}],
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/app", "awslogs-region": "eu-west-1"}},
    "dockerLabels": {"a": "b"},
    "linuxParameters": {"initProcessEnabled": True, "capabilities": {"add": ["NET_ADMIN"], "drop": []}},
}
HELPER: dict[str, Any] = {"name": "helper", "image": "example/helper", "memoryReservation": 16, "essential": False}


class EngineAws(Aws):
    """The sandbox's ECS engine as an :class:`Aws`; other services have nothing, or answer nobody (``closed``)."""

    def __init__(self, world: World) -> None:
        super().__init__(Target(region="eu-west-1"))
        self.world = world
        self.changes: list[tuple[str, dict[str, Any]]] = []
        self.closed = False

    def call(
        self, service: str, operation: str, params: Mapping[str, Any] | None = None, *, about: str | None = None
    ) -> dict[str, Any]:
        query = dict(params or {})
        if service != "ecs":
            code = "NoSuchEntity" if service == "iam" and operation != "ListRoles" else None
            code = "AccessDenied" if self.closed else code
            if code is not None:
                raise AwsError(f"{service}:{operation}", code, "none in this test", resource=about)
            return {}
        if not operation.startswith(("Describe", "List")):
            self.changes.append((operation, query))
        status, _, body = self.world.engine.handle(operation, json.dumps(query).encode())
        answer: dict[str, Any] = json.loads(body)
        if status != 200:
            code = str(answer.get("__type", "")).rpartition("#")[2]
            raise AwsError(f"ecs:{operation}", code, str(answer.get("message", "")), resource=about)
        return answer


@pytest.fixture
def aws() -> EngineAws:
    world = World()
    world.call("CreateCluster", clusterName="prod")
    world.call(
        "RegisterTaskDefinition",
        family="app",
        containerDefinitions=[EVERYTHING, HELPER],
        volumes=[{"name": "data", "host": {"sourcePath": "/srv/data"}}],
        executionRoleArn="arn:aws:iam::123456789012:role/exec",
        tags=[{"key": "team", "value": "web"}],
    )
    world.call(
        "CreateService",
        cluster="prod",
        serviceName="web",
        taskDefinition="app",
        desiredCount=3,
        placementStrategy=[{"type": "spread", "field": "attribute:ecs.availability-zone"}],
        deploymentConfiguration={
            "minimumHealthyPercent": 50,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        tags=[{"key": "team", "value": "shop"}],
        propagateTags="SERVICE",
    )
    return EngineAws(world)


def planned(aws: Aws, imported: Imported, folder: Path) -> Prepared:
    """The plan of what was written."""
    file = folder / "ecsctl.yaml"
    file.write_text(imported.text, encoding="utf-8")
    return prepare(aws, load_spec([str(file)], env={}), kinds=KINDS)


def test_the_plan_of_an_adopted_service_is_empty(aws: EngineAws, tmp_path: Path) -> None:
    imported = from_service(aws, "prod/web", Destination(), adopt=True)
    assert [operation for operation, _ in aws.changes] == ["TagResource", "TagResource"]
    prepared = planned(aws, imported, tmp_path)
    assert prepared.plan.empty
    assert prepared.plan.conflicts == ()


def test_a_definition_that_task_register_made_is_taken_over(aws: EngineAws) -> None:
    [arn] = aws.world.call("ListTaskDefinitions")["taskDefinitionArns"]
    owner = {"key": "ecsctl:project", "value": "app"}
    aws.world.call("TagResource", resourceArn=arn, tags=[owner])
    from_service(aws, "prod/web", Destination(name="shop"), adopt=True)
    tags = aws.world.call("ListTagsForResource", resourceArn=arn)["tags"]
    assert {**owner, "value": "shop"} in tags


def test_a_definition_of_another_project_is_not_taken_over(aws: EngineAws) -> None:
    [arn] = aws.world.call("ListTaskDefinitions")["taskDefinitionArns"]
    owner = {"key": "ecsctl:project", "value": "else"}
    aws.world.call("TagResource", resourceArn=arn, tags=[owner])
    from_service(aws, "prod/web", Destination(name="shop"), adopt=True)
    assert owner in aws.world.call("ListTagsForResource", resourceArn=arn)["tags"]


def test_where_the_project_cannot_be_seen_whole_its_name_is_not_taken(aws: EngineAws, tmp_path: Path) -> None:
    from_service(aws, "prod/web", Destination(name="shop"), adopt=True)
    aws.closed = True
    imported = from_service(aws, "prod/web", Destination())
    assert data_of(imported)["name"] == "web"
    assert any("removes nothing" in note for note in notes_of(imported))


def test_a_second_import_of_it_is_the_same_project_and_its_plan_empty(aws: EngineAws, tmp_path: Path) -> None:
    from_service(aws, "prod/web", Destination(name="shop"), adopt=True)
    imported = from_service(aws, "prod/web", Destination())
    assert data_of(imported)["name"] == "shop"
    prepared = planned(aws, imported, tmp_path)
    assert prepared.plan.empty
    assert prepared.plan.conflicts == ()


def test_without_adoption_nothing_is_changed_and_the_way_is_told(aws: EngineAws, tmp_path: Path) -> None:
    imported = from_service(aws, "prod/web", Destination())
    assert aws.changes == []
    assert any("--adopt" in note for note in notes_of(imported))
    prepared = planned(aws, imported, tmp_path)
    assert prepared.plan.empty
    assert prepared.plan.conflicts == ()
    told = "service web exists, not made by ecsctl, and is what the file says: it is left as it is"
    assert told in prepared.plan.notes
    changed = Imported(imported.text.replace("desiredCount: 3", "desiredCount: 4"), imported.notes)
    prepared = planned(aws, changed, tmp_path)
    assert [(conflict.key.kind, conflict.owner) for conflict in prepared.plan.conflicts] == [("service", None)]


def test_what_is_written_is_pleasant(aws: EngineAws) -> None:
    data = data_of(from_service(aws, "prod/web", Destination()))
    definition = data["taskDefinitions"]["app"]
    assert definition["volumes"] == {"data": "/srv/data"}
    assert definition["tags"] == {"team": "web"}
    app, helper = definition["containerDefinitions"]
    assert app["portMappings"] == ["53/udp", "8080:80"]
    assert app["environment"] == {"A": "1", "B": "$HOME $${X} $$$", "NO": "no"}
    assert app["secrets"] == {"TOKEN": "/app/token"}
    assert app["mountPoints"] == ["data:/data:ro"]
    assert app["dependsOn"] == {"helper": "START"}
    assert list(app)[:5] == ["name", "image", "cpu", "memory", "portMappings"]
    assert helper == HELPER
    service = data["services"]["web"]
    assert service["taskDefinition"] == "app"
    assert service["desiredCount"] == 3
    assert service["tags"] == {"team": "shop"}
    assert (data["region"], data["cluster"]) == ("eu-west-1", "prod")
    assert "instances" not in data


def test_the_spec_is_what_runs(aws: EngineAws, tmp_path: Path) -> None:
    prepared = planned(aws, from_service(aws, "prod/web", Destination()), tmp_path)
    (wanted,) = [item for key, item in prepared.resources.items() if key.kind == "task-definition"]
    assert wanted.definition["containerDefinitions"][0]["environment"] == [  # type: ignore[attr-defined]
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$HOME ${X} $$"},
        {"name": "NO", "value": "no"},
    ]


def test_a_service_of_an_older_revision_names_it(aws: EngineAws, tmp_path: Path) -> None:
    aws.world.call("RegisterTaskDefinition", family="app", containerDefinitions=[{**HELPER, "essential": True}])
    imported = from_service(aws, "prod/web", Destination(), adopt=True)
    data = data_of(imported)
    assert data["services"]["web"]["taskDefinition"] == "app:1"
    assert "taskDefinitions" not in data
    assert any("app:1, which is not the latest" in note for note in notes_of(imported))
    prepared = planned(aws, imported, tmp_path)
    assert prepared.plan.empty


def test_by_its_arn(aws: EngineAws) -> None:
    arn = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web"
    assert "web" in data_of(from_service(aws, arn, Destination()))["services"]


@pytest.mark.parametrize("selector", ["web", "a/b/c", "/web", "prod/", ""])
def test_a_selector_without_a_cluster_is_refused(aws: EngineAws, selector: str) -> None:
    with pytest.raises(UsageError, match="is not CLUSTER/SERVICE"):
        from_service(aws, selector, Destination())


def test_what_does_not_exist_is_not_found(aws: EngineAws) -> None:
    with pytest.raises(NotFoundError):
        from_service(aws, "prod/none", Destination())
    with pytest.raises(NotFoundError, match="there is no task definition none"):
        from_task_definition(aws, "none", Destination())
    with pytest.raises(AwsError, match="ClusterNotFound"):
        from_service(aws, "none/web", Destination())


def test_a_family_and_a_revision_of_it(aws: EngineAws) -> None:
    aws.world.call("RegisterTaskDefinition", family="app", containerDefinitions=[{**HELPER, "essential": True}])
    latest = data_of(from_task_definition(aws, "app", Destination(cluster="other")))
    assert latest["cluster"] == "other"
    assert latest["taskDefinitions"]["app"]["containerDefinitions"][0]["name"] == "helper"
    first = data_of(from_task_definition(aws, "app:1", Destination(name="mine")))
    assert first["name"] == "mine"
    assert len(first["taskDefinitions"]["app"]["containerDefinitions"]) == 2


def test_secrets_in_clear_are_named_and_not_told(aws: EngineAws) -> None:
    box = {**HELPER, "essential": True, "environment": [{"name": "DB_PASSWORD", "value": "hunter2"}]}
    aws.world.call("RegisterTaskDefinition", family="leaky", containerDefinitions=[box])
    notes = notes_of(from_task_definition(aws, "leaky", Destination()))
    assert any("DB_PASSWORD" in note for note in notes)
    assert not any("hunter2" in note for note in notes)


NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}}
ON_FARGATE = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "1 vCPU", "memory": "2 GB"}
PUBLIC = {"awsvpcConfiguration": {**NETWORK["awsvpcConfiguration"], "assignPublicIp": "ENABLED"}}
MAPPED = {
    "name": "c",
    "image": "c:1",
    "memory": 64,
    "portMappings": [{"containerPort": 80, "hostPort": 80, "name": "web"}],
}
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/tg/0123456789abcdef"
BEHIND = {"containerName": "c", "containerPort": 80}
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
# Kinds of services: what is special of the task definition, and of the service.
SERVICES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "fargate": (
        {**ON_FARGATE, "ephemeralStorage": {"sizeInGiB": 40}, "runtimePlatform": {"cpuArchitecture": "ARM64"}},
        {"launchType": "FARGATE", "networkConfiguration": PUBLIC, "desiredCount": 2, "platformVersion": "1.4.0"},
    ),
    "capacity providers": (
        ON_FARGATE,
        {
            "capacityProviderStrategy": [
                {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
                {"capacityProvider": "FARGATE_SPOT", "weight": 3},
            ],
            "networkConfiguration": NETWORK,
            "desiredCount": 0,
        },
    ),
    "a target group": (
        ON_FARGATE,
        {
            "launchType": "FARGATE",
            "networkConfiguration": NETWORK,
            "loadBalancers": [{**BEHIND, "targetGroupArn": GROUP}],
            "healthCheckGracePeriodSeconds": 30,
            "desiredCount": 1,
        },
    ),
    "a classic balancer": (
        {},
        {"loadBalancers": [{**BEHIND, "loadBalancerName": "front"}], "role": "ecsServiceRole", "desiredCount": 1},
    ),
    "a daemon": ({"networkMode": "host"}, {"schedulingStrategy": "DAEMON"}),
    "placement": (
        {"placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}]},
        {
            "launchType": "EC2",
            "desiredCount": 3,
            "placementConstraints": [{"type": "distinctInstance"}],
            "placementStrategy": [{"type": "spread", "field": "instanceId"}, {"type": "binpack", "field": "memory"}],
            "deploymentConfiguration": {**BREAKER, "minimumHealthyPercent": 50, "maximumPercent": 150},
            "availabilityZoneRebalancing": "DISABLED",
            "enableECSManagedTags": True,
            "propagateTags": "TASK_DEFINITION",
        },
    ),
    "service connect": (
        {"networkMode": "awsvpc", "taskRoleArn": "arn:aws:iam::123456789012:role/t"},
        {
            "desiredCount": 1,
            "networkConfiguration": NETWORK,
            "enableExecuteCommand": True,
            "serviceConnectConfiguration": {
                "enabled": True,
                "namespace": "inside",
                "services": [{"portName": "web", "clientAliases": [{"port": 80, "dnsName": "web"}]}],
            },
        },
    ),
    "a volume at launch": (
        {
            "volumes": [{"name": "data", "configuredAtLaunch": True}],
            "containerDefinitions": [{**MAPPED, "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}],
        },
        {
            "desiredCount": 1,
            "volumeConfigurations": [
                {"name": "data", "managedEBSVolume": {"roleArn": "arn:aws:iam::123456789012:role/e", "sizeInGiB": 5}}
            ],
        },
    ),
}


@pytest.mark.parametrize("kind", SERVICES)
def test_the_plan_of_every_kind_of_service_is_empty_and_its_file_valid(kind: str, tmp_path: Path) -> None:
    definition, service = SERVICES[kind]
    world = World()
    world.elb.classics.add("front")
    world.elb.groups[GROUP] = None
    world.call("CreateCluster", clusterName="prod", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    world.call("RegisterTaskDefinition", **{"family": "t", "containerDefinitions": [MAPPED], **definition})
    world.call("CreateService", cluster="prod", serviceName="s", taskDefinition="t", **service)
    aws = EngineAws(world)
    imported = from_service(aws, "prod/s", Destination())
    assert imported.text.startswith("# ")
    prepared = planned(aws, imported, tmp_path)
    assert [(change.key, change.fields) for change in prepared.plan.changes] == []
    assert prepared.plan.conflicts == ()
    said = data_of(imported)["services"]["s"]
    assert said.get("desiredCount") == service.get("desiredCount")
    assert {key for key in service if key not in said} == set()
