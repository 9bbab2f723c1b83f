"""The examples, run as their readers run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.engine import build_images
from tests.support.sandbox import start_sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"
IMAGES = ("tutum/hello-world", "osones/nginx")


@pytest.fixture(scope="module")
def path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def simulated(tmp_path: Path, path: str):
    with start_sandbox(tmp_path / "sandbox", docker="never") as sandbox:
        yield {**sandbox.environment, "PATH": path}


@pytest.fixture
def real(tmp_path: Path, path: str):
    build_images(*IMAGES)
    with start_sandbox(tmp_path / "sandbox", docker="always") as sandbox:
        yield {**sandbox.environment, "PATH": path}


def everything(env: dict[str, str]) -> dict[str, list[str]]:
    """What the account holds, asked of every API with plain boto3; by kind, what is dead or gone left out."""
    import boto3

    session = boto3.Session(
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        region_name="eu-west-1",
    )

    def client(service: str):
        return session.client(service, endpoint_url=env["AWS_ENDPOINT_URL"])

    ecs, ec2, iam = client("ecs"), client("ec2"), client("iam")
    reservations = ec2.describe_instances()["Reservations"]
    groups = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    classic = client("elb").describe_load_balancers()["LoadBalancerDescriptions"]
    return {
        "clusters": ecs.list_clusters()["clusterArns"],
        "task definitions": ecs.list_task_definitions()["taskDefinitionArns"],
        "inactive task definitions": ecs.list_task_definitions(status="INACTIVE")["taskDefinitionArns"],
        "instances": [
            instance["InstanceId"]
            for reservation in reservations
            for instance in reservation["Instances"]
            if instance["State"]["Name"] != "terminated"
        ],
        "groups": [group["AutoScalingGroupName"] for group in groups],
        "templates": [t["LaunchTemplateName"] for t in ec2.describe_launch_templates()["LaunchTemplates"]],
        "security groups": [g["GroupName"] for g in ec2.describe_security_groups()["SecurityGroups"]],
        "classic balancers": [item["LoadBalancerName"] for item in classic],
        "balancers": [b["LoadBalancerName"] for b in client("elbv2").describe_load_balancers()["LoadBalancers"]],
        # Like AWS's own, the service-linked role that the first cluster brings stays for good.
        "roles": [r["RoleName"] for r in iam.list_roles()["Roles"] if not r["Path"].startswith("/aws-service-role/")],
        "profiles": [profile["InstanceProfileName"] for profile in iam.list_instance_profiles()["InstanceProfiles"]],
    }  # fmt: skip


def sh(command: list[str], env: dict[str, str], cwd: Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=timeout)


@pytest.mark.docker
@pytest.mark.slow
def test_the_walk_through(real: dict[str, str]) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    before = everything(real)
    walked = sh(["bash", "run.sh"], real, EXAMPLES / "walkthrough")
    assert walked.returncode == 0, walked.stdout + walked.stderr
    assert everything(real) == before
    assert before["clusters"] == []


@pytest.mark.slow
def test_the_demo_answers_and_leaves_nothing(tmp_path: Path, path: str) -> None:
    home = tmp_path / "demo"
    home.mkdir()
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ECS"))}
    shown = sh(["sh", "demo.sh"], {**env, "PATH": path, "ECSCTL_SANDBOX_HOME": str(home)}, EXAMPLES)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "$ curl http://127.0.1." in shown.stdout
    assert "<html>" in shown.stdout.lower() or "simulated" in shown.stdout
    assert not home.exists()


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 7])
def test_the_one_off_task_passes_its_exit_code_on(real: dict[str, str], code: int) -> None:
    before = everything(real)
    ran = sh(["sh", "run.sh", str(code)], real, EXAMPLES / "one-off")
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert f"the task ended with exit code {code}" in ran.stdout
    assert everything(real) == before


@pytest.mark.slow
def test_the_script_and_the_makefile(simulated: dict[str, str]) -> None:
    scripts = EXAMPLES / "scripts"
    before = everything(simulated)
    first = sh(["sh", "deploy.sh"], simulated, scripts)
    assert first.returncode == 0, first.stdout + first.stderr
    addresses = [line.removeprefix("running at ") for line in first.stdout.splitlines()]
    assert len(addresses) == 2
    assert all(address.endswith(":80") for address in addresses)

    again = sh(["sh", "deploy.sh"], simulated, scripts)
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, "nothing to do")

    where = sh(["make", "-s", "where"], simulated, scripts)
    assert sorted(where.stdout.split()) == sorted(addresses)
    assert sh(["make", "-s", "status"], simulated, scripts).returncode == 0
    assert sh(["make", "-s", "up"], simulated, scripts).returncode == 0
    down = sh(["make", "-s", "down"], simulated, scripts)
    assert down.returncode == 0, down.stderr
    assert everything(simulated) == before
