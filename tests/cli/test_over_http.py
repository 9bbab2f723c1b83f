"""The reading and task commands as users run them: processes of their own, against a sandbox, beside boto3."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.command import ecsctl as in_process
from tests.support.sandbox import Running

# The project is made once.
PROJECT = """\
name: shop
cluster: shop
instances: {count: 2}
taskDefinitions:
  web:
    containerDefinitions:
      - {name: web, image: "example/web", memory: 64, portMappings: ["8080:80"]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("http")
    (made / "ecsctl.yaml").write_text(PROJECT)
    return made


@pytest.fixture(scope="module")
def sandbox(_sandbox: Running, folder: Path) -> Running:
    """This worker's, with the project made. The commands wait by the real clock: the sandbox's runs faster."""
    _sandbox.renew()
    assert in_process(_sandbox.aws(), "up", "-y", "-q", "-f", str(folder / "ecsctl.yaml")).code == 0
    _sandbox.run(20)
    return _sandbox


@pytest.fixture(scope="module")
def task(sandbox: Running, folder: Path) -> str:
    """A running task."""
    ran = ecsctl(sandbox, folder, "run", "web", "-q")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def ecsctl(sandbox: Running, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["ecsctl", *arguments]
    return subprocess.run(command, cwd=folder, env=sandbox.environment, capture_output=True, text=True, timeout=60)


def test_the_files_cluster_is_the_one_that_is_read(sandbox: Running, folder: Path, task: str) -> None:
    assert ecsctl(sandbox, folder, "ps", "-q").stdout.split() == [task]
    assert "shop" in ecsctl(sandbox, folder, "cluster", "show").stdout
    outside = ecsctl(sandbox, folder.parent, "locate", task)
    assert outside.returncode == 6
    assert "add -c shop" in outside.stderr


def test_locate_says_what_boto3_says(sandbox: Running, folder: Path, task: str) -> None:
    [row] = json.loads(ecsctl(sandbox, folder, "locate", task, "-o", "json").stdout)
    ecs, ec2 = sandbox.client("ecs"), sandbox.client("ec2")
    told = ecs.describe_tasks(cluster="shop", tasks=[task])["tasks"][0]
    host = ecs.describe_container_instances(cluster="shop", containerInstances=[told["containerInstanceArn"]])
    instance = host["containerInstances"][0]["ec2InstanceId"]
    machine = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert row["instanceId"] == instance
    assert row["publicAddress"] == machine["PublicIpAddress"]
    assert row["privateAddress"] == machine["PrivateIpAddress"]
    assert row["hostPort"] == told["containers"][0]["networkBindings"][0]["hostPort"] == 8080
    assert ecsctl(sandbox, folder, "locate", "-q", task).stdout == f"{machine['PublicIpAddress']}:8080\n"
    listed = json.loads(ecsctl(sandbox, folder, "instance", "list", "-o", "json").stdout)
    assert {one["ec2InstanceId"]: one["publicAddress"] for one in listed}[instance] == machine["PublicIpAddress"]


def test_what_was_run_is_tagged_as_ecsctls(sandbox: Running, folder: Path, task: str) -> None:
    told = sandbox.client("ecs").describe_tasks(cluster="shop", tasks=[task], include=["TAGS"])["tasks"][0]
    assert {"key": "ecsctl:project", "value": "shop"} in told["tags"]
    assert told["startedBy"].startswith("ecsctl/")


def test_an_interrupted_run_says_what_goes_on(sandbox: Running, folder: Path) -> None:
    command = ["ecsctl", "run", "web", "--wait"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=sandbox.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job inherits an ignored SIGINT; the one at a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    task = next(line.split()[1] for line in process.stderr if line.endswith("(web:1) started\n"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert f"ecsctl stop -c shop {task[:8]}" in err
    stopped = ecsctl(sandbox, folder, "stop", "-c", "shop", task[:8])
    assert stopped.stdout.strip() == task
    told = sandbox.client("ecs").describe_tasks(cluster="shop", tasks=[task])["tasks"][0]
    assert told["lastStatus"] == "STOPPED"


def test_no_free_port_is_told_with_its_owner(sandbox: Running, folder: Path, task: str) -> None:
    ended = ecsctl(sandbox, folder, "run", "web", "--count", "3")
    assert ended.returncode == 1
    assert "RESOURCE:PORTS" in ended.stderr
    assert "already uses 8080" in ended.stderr
