"""Deploying to services, going back, restarting, scaling: on a sandbox, services that somebody else made."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ecsctl.aws.session import Aws
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
WEB = {"name": "web", "image": "example/web:1", "memory": 32}
LOG = {"name": "log", "image": "example/log:3", "memory": 32, "essential": False}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def sandbox(_sandbox: Running) -> Running:
    """A cluster of two instances, for all of the module's services."""
    _sandbox.renew()
    aws = _sandbox.aws()
    assert ecsctl(aws, "cluster", "create", "prod").code == 0
    assert ecsctl(aws, "instance", "bootstrap", "-c", "prod", "--count", "2").code == 0
    return _sandbox


@pytest.fixture
def aws(sandbox: Running) -> Aws:
    return sandbox.aws()


class Service:
    """A service of a family of its own, made by plain boto3."""

    def __init__(self, sandbox: Running, aws: Aws, *containers: dict[str, Any], **more: Any) -> None:
        self.aws, self.ecs = aws, sandbox.client("ecs")
        self.name = f"svc-{next(_numbers)}"
        tags = [{"key": "team", "value": "shop"}]
        self.ecs.register_task_definition(family=self.name, containerDefinitions=containers or [WEB, LOG], tags=tags)
        self.ecs.create_service(
            cluster="prod",
            serviceName=self.name,
            taskDefinition=self.name,
            **{"desiredCount": 1, "deploymentConfiguration": BREAKER, **more},
        )
        assert ecsctl(aws, "service", "restart", self.name, "-c", "prod").code == 0

    def run(self, command: str, *arguments: str) -> Ended:
        return ecsctl(self.aws, "service", command, self.name, *arguments, "-c", "prod")

    @property
    def described(self) -> dict[str, Any]:
        [found] = self.ecs.describe_services(cluster="prod", services=[self.name], include=["TAGS"])["services"]
        return dict(found)

    @property
    def revision(self) -> int:
        return int(self.described["taskDefinition"].rpartition(":")[2])

    def definition(self, revision: int | None = None) -> dict[str, Any]:
        name = f"{self.name}:{revision or self.revision}"
        answer = self.ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
        return {**answer["taskDefinition"], "tags": answer.get("tags", [])}

    def images(self) -> dict[str, str]:
        return {row["name"]: row["image"] for row in self.definition()["containerDefinitions"]}


@pytest.fixture
def service(sandbox: Running, aws: Aws) -> Service:
    return Service(sandbox, aws)


def test_just_the_change_is_deployed_and_shown_before(service: Service) -> None:
    ended = service.run("deploy", "--tag", "2", "-e", "LEVEL=debug", "--memory", "64MB")
    assert ended.code == 0, ended.err
    assert service.images() == {"web": "example/web:2", "log": "example/log:3"}
    [web] = [row for row in service.definition()["containerDefinitions"] if row["name"] == "web"]
    assert (web["memory"], web["environment"]) == (64, [{"name": "LEVEL", "value": "debug"}])
    assert service.definition()["tags"] == [{"key": "team", "value": "shop"}], (
        "the tags go along, and no owner's is added"
    )
    assert service.described.get("tags", []) == []
    shown, _, after = ended.err.partition("changed task-definition")
    assert "containerDefinitions[web].image: example/web:1 → example/web:2" in shown
    assert "debug" not in ended.err, "values of variables are not shown"
    assert f"changed service {service.name}" in after
    row = ended.lines[1].split()
    assert row[0] == service.name
    assert f"{service.name}:2" in row
    assert ended.lines[1].endswith("COMPLETED")


def test_what_is_there_already_is_not_registered_again(service: Service) -> None:
    assert service.run("deploy", "--image", "example/web:2").code == 0
    again = service.run("deploy", "--image", "example/web:2")
    assert again.code == 0
    assert "Nothing to change" in again.err
    assert service.run("rollback").code == 0
    assert service.run("deploy", "--tag", "web=2").code == 0
    assert service.revision == 2, "the family's latest revision says the same"


def test_a_dry_run_shows_it_and_changes_nothing(service: Service) -> None:
    before = service.described
    ended = service.run("deploy", "--image", "log=example/log:4", "--count", "2", "--dry-run")
    assert ended.code == 0
    assert "containerDefinitions[log].image: example/log:3 → example/log:4" in ended.out
    assert "desiredCount: 1 → 2" in ended.out
    assert service.described["deployments"] == before["deployments"]
    assert len(service.ecs.list_task_definitions(familyPrefix=service.name)["taskDefinitionArns"]) == 1
    data = service.run("deploy", "--tag", "2", "--dry-run", "-o", "json").json
    assert [change["kind"] for change in data["changes"]] == ["task-definition", "service"]


def test_several_services_side_by_side(sandbox: Running, aws: Aws) -> None:
    services = [Service(sandbox, aws), Service(sandbox, aws)]
    names = [service.name for service in services]
    ended = ecsctl(aws, "service", "deploy", *names, "--tag", "2", "-c", "prod", "-q")
    assert ended.code == 0, ended.err
    assert ended.lines == [f"{name}:2" for name in names]


def test_services_of_one_family_share_its_new_revision(sandbox: Running, aws: Aws, service: Service) -> None:
    service.ecs.create_service(cluster="prod", serviceName="twin", taskDefinition=service.name, desiredCount=1)
    ended = ecsctl(aws, "service", "deploy", service.name, "twin", "--tag", "2", "-c", "prod", "-q")
    assert ended.lines == [f"{service.name}:2"] * 2, ended.err
    assert ecsctl(aws, "service", "deploy", "twin", "--tag", "3", "-c", "prod").code == 0
    ended = ecsctl(aws, "service", "deploy", service.name, "twin", "-e", "A=1", "-c", "prod")
    assert ended.code == 1
    assert "different revisions" in ended.err


def test_another_definition_is_deployed_with_its_difference_shown(service: Service) -> None:
    service.ecs.register_task_definition(family=service.name, containerDefinitions=[{**WEB, "image": "example/web:9"}])
    ended = service.run("deploy", "--task-definition", service.name)
    assert ended.code == 0, ended.err
    assert service.revision == 2
    assert f"{service.name}:1 → {service.name}:2:" in ended.err
    assert "example/web:1 → example/web:9" in ended.err
    assert service.run("deploy", "--task-definition", "nope").code == 6


def test_a_failed_deployment_is_exit_5_with_its_cause_and_is_rolled_back(service: Service) -> None:
    ended = service.run("deploy", "--image", "broken.invalid/web:1")
    assert ended.code == 5
    first = next(line for line in ended.err.splitlines() if line.startswith("error:"))
    assert f"the deployment of {service.name}:2 to service {service.name} failed (circuit breaker)" in first
    assert "CannotPullContainerError" in first
    assert service.revision == 1
    assert ended.out == ""


def test_a_restart_replaces_the_tasks_and_nothing_else(service: Service) -> None:
    [before] = service.ecs.list_tasks(cluster="prod", serviceName=service.name)["taskArns"]
    assert service.run("restart").code == 0
    [after] = service.ecs.list_tasks(cluster="prod", serviceName=service.name)["taskArns"]
    assert before != after
    assert service.revision == 1


def test_back_step_by_step_and_to_a_named_revision(service: Service) -> None:
    for tag in ("2", "3"):
        assert service.run("deploy", "--tag", tag).code == 0
    service.run("deploy", "--image", "broken.invalid/web")
    ended = service.run("rollback")
    assert ended.code == 0, ended.err
    assert service.revision == 2, "3 was rolled back to by AWS, and is left now"
    assert "example/web:3 → example/web:2" in ended.err
    assert service.run("rollback").code == 0
    assert service.revision == 1
    none = service.run("rollback")
    assert none.code == 6
    assert "no revision to go back to" in none.err
    assert service.run("rollback", "--to", "3").code == 0
    assert service.revision == 3
    assert service.run("rollback", "--to", "77").code == 6


def test_a_revision_that_was_deregistered_is_gone_back_to_by_a_new_one(service: Service) -> None:
    assert service.run("deploy", "--tag", "2").code == 0
    service.ecs.deregister_task_definition(taskDefinition=f"{service.name}:1")
    ended = service.run("rollback")
    assert ended.code == 0, ended.err
    assert f"{service.name}:1 was deregistered" in ended.err
    assert service.revision == 3
    assert service.images()["web"] == "example/web:1"


def test_a_rollback_that_was_cut_off_is_taken_up_again(service: Service) -> None:
    for tag in ("2", "3"):
        assert service.run("deploy", "--tag", tag).code == 0
    # Its tasks cannot be placed, so that it stays on its way.
    service.ecs.update_service(
        cluster="prod",
        service=service.name,
        placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.instance-type == x1.large"}],
    )
    assert service.run("rollback", "--no-wait").code == 0
    assert service.revision == 2
    ended = service.run("rollback", "--no-wait")
    assert (ended.code, service.revision) == (0, 2)
    assert "already rolling back" in ended.err


def test_without_a_history_the_revision_before_is_meant(sandbox: Running, aws: Aws) -> None:
    ecs = sandbox.client("ecs")
    for image in ("old", "new"):
        ecs.register_task_definition(family="young", containerDefinitions=[{**WEB, "image": image}])
    ecs.create_service(cluster="prod", serviceName="young", taskDefinition="young:2", desiredCount=1)
    ended = ecsctl(aws, "service", "rollback", "young", "-c", "prod", "--dry-run")
    assert "taskDefinition: young:2 → young:1" in ended.out
    assert "90 days" in ended.err


@pytest.mark.parametrize("how", ["--rollback", "--abort"])
def test_a_deployment_on_its_way_is_stopped(service: Service, how: str) -> None:
    service.run("deploy", "--cpu", "8192", "--no-wait")  # more than any instance has
    ended = service.run("stop-deployment", how)
    assert ended.code == 0, ended.err
    assert service.revision == (1 if how == "--rollback" else 2)
    if how == "--rollback":
        assert ended.lines[1].endswith("COMPLETED")
    none = service.run("stop-deployment")
    assert none.code == 6
    assert "has no deployment in progress" in none.err


def test_counts_from_what_the_service_wants(service: Service) -> None:
    for count, wanted in (("3", 3), ("-2", 1), ("+1", 2), ("0", 0)):
        ended = service.run("scale", count)
        assert ended.code == 0, ended.err
        assert service.described["desiredCount"] == wanted
    assert service.run("scale", "-1").code == 2
    assert service.run("scale", "many").code == 2


def test_what_cannot_be_meant_is_refused_before_anything_is_changed(service: Service) -> None:
    before = service.described["deployments"]
    for arguments, code, told in [
        ([], 2, "nothing to deploy"),
        (["--env", "LEVEL"], 2, "must be NAME=VALUE"),
        (["--image", "nope=x"], 2, "has no container nope"),
        (["--memory", "much"], 2, "--memory much"),
    ]:
        ended = service.run("deploy", *arguments)
        assert (ended.code, told in ended.err) == (code, True), ended.err
    assert ecsctl(service.aws, "service", "restart", "nope", "-c", "prod").code == 6
    assert service.described["deployments"] == before


def test_what_ecs_does_not_deploy_itself_is_left_to_its_own_tools(sandbox: Running, aws: Aws) -> None:
    ecs = sandbox.client("ecs")
    ecs.create_service(cluster="prod", serviceName="outside", deploymentController={"type": "EXTERNAL"}, desiredCount=1)
    ended = ecsctl(aws, "service", "restart", "outside", "-c", "prod")
    assert ended.code == 1
    assert "its deployment controller is EXTERNAL" in ended.err


def test_the_number_of_tasks_is_ecs_s_whoever_deploys(sandbox: Running, aws: Aws) -> None:
    ecs = sandbox.client("ecs")
    ecs.create_service(
        cluster="prod", serviceName="of-task-sets", deploymentController={"type": "EXTERNAL"}, desiredCount=1
    )
    ended = ecsctl(aws, "service", "scale", "of-task-sets", "3", "-c", "prod", "--no-wait")
    assert ended.code == 0, ended.err
    assert ecs.describe_services(cluster="prod", services=["of-task-sets"])["services"][0]["desiredCount"] == 3


def test_a_service_that_is_being_deleted_is_not_scaled(sandbox: Running, service: Service) -> None:
    sandbox.client("ecs").delete_service(cluster="prod", service=service.name, force=True)
    ended = service.run("scale", "2")
    assert ended.code == 1
    assert "is being deleted" in ended.err


@pytest.mark.parametrize("answer", [[], ["--rollback"]])
def test_a_deployment_that_waits_at_a_hook_is_told_to_go_on_or_back(
    sandbox: Running, aws: Aws, answer: list[str]
) -> None:
    pause = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}
    strategy = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [pause]}
    service = Service(sandbox, aws, WEB, deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0})
    service.ecs.update_service(cluster="prod", service=service.name, deploymentConfiguration=strategy)
    held = service.run("deploy", "--tag", "2", "--timeout", "4s")
    assert held.code == 4
    assert f"waits for `ecsctl service continue-deployment {service.name}`" in held.err
    ended = service.run("continue-deployment", *answer)
    assert ended.code == 0, ended.err
    assert "from POST_SCALE_UP" in ended.err
    assert service.revision == (1 if answer else 2)
    assert service.run("continue-deployment").code == 6
