"""ecs-deploy, the tool from PyPI: deploy, scale, run, update, diff."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests.sandbox.support import Account, until

pytestmark = pytest.mark.slow

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ROLE = "arn:aws:iam::123456789012:role/task"


@pytest.fixture
def cluster(cluster: str, account: Account) -> str:
    """The cluster, with a definition that has both roles: where one is missing, ecs-deploy sends an empty string."""
    account.register(cluster, command=["sleep", "3600"], role=ROLE)
    return cluster


@pytest.fixture
def service(account: Account, cluster: str) -> str:
    """A service of two tasks that runs."""
    account.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=cluster, desiredCount=2)
    until(lambda: look(account, cluster)["runningCount"] == 2, "two tasks run")
    return "web"


def look(account: Account, cluster: str) -> dict:
    return dict(account.ecs.describe_services(cluster=cluster, services=["web"])["services"][0])


def images(account: Account, cluster: str) -> list[str]:
    """The images of the service's running tasks."""
    arns = account.ecs.list_tasks(cluster=cluster, serviceName="web")["taskArns"]
    found = account.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    return [task["containers"][0]["image"] for task in found if task["lastStatus"] == "RUNNING"]


def test_a_new_image_is_deployed(run: Run, account: Account, cluster: str, service: str) -> None:
    done = run("ecs", "deploy", cluster, service, "--image", "web", "web:2", "--timeout", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Deployment successful" in done.stdout
    assert images(account, cluster) == ["web:2", "web:2"]
    found = look(account, cluster)
    assert found["taskDefinition"].endswith(f"/{cluster}:3")
    assert [row["status"] for row in found["deployments"]] == ["PRIMARY"]
    # What went before is deregistered: that is how ecs-deploy leaves it.
    old = account.ecs.describe_task_definition(taskDefinition=f"{cluster}:2")["taskDefinition"]
    assert old["status"] == "INACTIVE"


def test_a_definition_without_roles_is_refused_as_in_aws(run: Run, account: Account, cluster: str) -> None:
    # fabfuel/ecs-deploy#231
    family = account.register(f"{cluster}-roleless")
    done = run("ecs", "update", family, "--image", "web", "web:9")
    assert done.returncode != 0
    assert "Role is not valid" in done.stdout + done.stderr
    found = account.ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"]
    assert [arn.rsplit("/", 1)[1] for arn in found] == [f"{family}:1"]


def test_an_image_that_is_not_there_fails(run: Run, account: Account, cluster: str, service: str) -> None:
    done = run(
        "ecs", "deploy", cluster, service, "--image", "web", "registry.invalid/web:2", "--timeout", "4", "--rollback"
    )
    assert done.returncode != 0
    assert "Deployment failed" in done.stdout + done.stderr
    assert images(account, cluster) == ["web:1", "web:1"]


def test_scaling(run: Run, account: Account, cluster: str, service: str) -> None:
    done = run("ecs", "scale", cluster, service, "3", "--timeout", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert look(account, cluster)["runningCount"] == 3


def test_a_one_off_task(run: Run, account: Account, cluster: str) -> None:
    done = run("ecs", "run", cluster, cluster, "--command", "web", "sh -c 'exit 0'")
    assert done.returncode == 0, done.stdout + done.stderr
    arns = account.ecs.list_tasks(cluster=cluster, family=cluster)["taskArns"]
    stopped = account.ecs.list_tasks(cluster=cluster, family=cluster, desiredStatus="STOPPED")["taskArns"]
    assert any(arn in done.stdout for arn in (*arns, *stopped))


def test_revisions_are_compared(run: Run, cluster: str) -> None:
    done = run("ecs", "update", cluster, "--image", "web", "web:9", "--env", "web", "COLOUR", "blue")
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("ecs", "diff", cluster, "2", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "web:9" in done.stdout
    assert "COLOUR" in done.stdout
