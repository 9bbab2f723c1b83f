"""The aws CLI: the life of a cluster as its users type it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.support import Account, until
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

Aws = Callable[..., Any]


@pytest.fixture
def aws(run: Callable[..., subprocess.CompletedProcess[str]]) -> Aws:
    """Runs ``aws …`` and returns what it prints: its JSON, or its text with ``--output text``."""

    def call(*words: str) -> Any:
        done = run("aws", *words)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.strip() if "text" in words else json.loads(done.stdout or "null")

    return call


def test_a_service_from_nothing_to_nothing(aws: Aws, account: Account, tmp_path: Path) -> None:
    name = "cli-whole"
    assert aws("ecs", "create-cluster", "--cluster-name", name)["cluster"]["status"] == "ACTIVE"
    script = tmp_path / "user-data.sh"
    script.write_text(f"#!/bin/bash\necho ECS_CLUSTER={name} >> /etc/ecs/ecs.config\n")
    image = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
    machine = aws(
        "ec2", "run-instances", "--image-id", image, "--instance-type", "t3.small", "--user-data", f"file://{script}",
        "--iam-instance-profile", f"Name={account.profile(name)}", "--query", "Instances[0].InstanceId",
        "--output", "text",
    )  # fmt: skip
    account.member(name, machine)
    aws("ec2", "wait", "instance-running", "--instance-ids", machine)

    definition = tmp_path / "web.json"
    ports = [{"containerPort": 80}]
    container = {"name": "web", "image": "nginx", "memory": 64, "portMappings": ports}
    definition.write_text(json.dumps({"family": name, "containerDefinitions": [container]}))
    made = aws("ecs", "register-task-definition", "--cli-input-json", f"file://{definition}")
    assert made["taskDefinition"]["revision"] == 1

    aws("ecs", "create-service", "--cluster", name, "--service-name", "web", "--task-definition", name,
        "--desired-count", "2")  # fmt: skip
    until(lambda: aws("ecs", "describe-services", "--cluster", name, "--services", "web",
                      "--query", "services[0].runningCount") == 2, "two tasks run")  # fmt: skip
    aws("ecs", "wait", "services-stable", "--cluster", name, "--services", "web")
    tasks = aws("ecs", "list-tasks", "--cluster", name, "--service-name", "web")["taskArns"]
    aws("ecs", "wait", "tasks-running", "--cluster", name, "--tasks", *tasks)
    host_port = aws(
        "ecs", "describe-tasks", "--cluster", name, "--tasks", tasks[0],
        "--query", "tasks[0].containers[0].networkBindings[0].hostPort", "--output", "text",
    )  # fmt: skip
    assert 32768 <= int(host_port) <= 65535

    aws("ecs", "update-service", "--cluster", name, "--service", "web", "--desired-count", "0")
    until(lambda: aws("ecs", "list-tasks", "--cluster", name)["taskArns"] == [], "no task is left")
    aws("ecs", "delete-service", "--cluster", name, "--service", "web")
    until(lambda: aws("ecs", "describe-services", "--cluster", name, "--services", "web",
                      "--query", "services[0].status", "--output", "text") == "INACTIVE", "it is INACTIVE")  # fmt: skip
    aws("ecs", "wait", "services-inactive", "--cluster", name, "--services", "web")
    aws("ecs", "deregister-task-definition", "--task-definition", f"{name}:1")
    aws("ec2", "terminate-instances", "--instance-ids", machine)
    until(lambda: not account.members(name), "the instance has gone")
    assert aws("ecs", "delete-cluster", "--cluster", name)["cluster"]["status"] == "INACTIVE"


def test_a_one_off_task(aws: Aws, cluster: str) -> None:
    overrides = json.dumps({"containerOverrides": [{"name": "web", "command": ["sh", "-c", "exit 3"]}]})
    answer = aws("ecs", "run-task", "--cluster", cluster, "--task-definition", cluster, "--overrides", overrides)
    assert answer["failures"] == []
    task = answer["tasks"][0]["taskArn"]
    look = ("ecs", "describe-tasks", "--cluster", cluster, "--tasks", task, "--query", "tasks[0].lastStatus")
    until(lambda: aws(*look) == "STOPPED", "the task has stopped")
    aws("ecs", "wait", "tasks-stopped", "--cluster", cluster, "--tasks", task)
    found = aws("ecs", "describe-tasks", "--cluster", cluster, "--tasks", task)["tasks"][0]
    assert (found["stopCode"], found["containers"][0]["exitCode"]) == ("EssentialContainerExited", 3)


def test_pages_and_queries(aws: Aws, cluster: str) -> None:
    arns = [
        aws("ecs", "run-task", "--cluster", cluster, "--task-definition", cluster, "--query", "tasks[0].taskArn")
        for _ in range(3)
    ]
    listed = aws("ecs", "list-tasks", "--cluster", cluster, "--page-size", "1")["taskArns"]
    assert sorted(listed) == sorted(arns)
    first = aws("ecs", "list-tasks", "--cluster", cluster, "--max-items", "2")
    rest = aws("ecs", "list-tasks", "--cluster", cluster, "--starting-token", first["NextToken"])
    assert sorted(first["taskArns"] + rest["taskArns"]) == sorted(arns)


def test_refusals_are_told(run: Callable[..., subprocess.CompletedProcess[str]], cluster: str) -> None:
    done = run("aws", "ecs", "list-tasks", "--cluster", "not-there")
    assert done.returncode in (254, 255), "of aws 2 and aws 1"
    told = "An error occurred (ClusterNotFoundException) when calling the ListTasks operation: Cluster not found."
    assert told in done.stderr
    done = run("aws", "ecs", "delete-cluster", "--cluster", cluster)
    assert done.returncode in (254, 255), "of aws 2 and aws 1"
    assert "ClusterContainsContainerInstancesException" in done.stderr


def test_it_is_no_other_account(aws: Aws, running: Running) -> None:
    assert aws("sts", "get-caller-identity")["Account"] == "123456789012"
    assert aws("ecs", "list-clusters", "--endpoint-url", running.endpoint)["clusterArns"] is not None
