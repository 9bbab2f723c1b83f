"""The boot scripts: what they say is what today's agent needs, and they are the same each time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ecsctl.deploy.user_data import AGENTS, FLAVOURS, agent_of, user_data
from ecsctl.errors import UsageError
from ecsctl.sandbox.ec2.user_data import read


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_text_depends_on_its_arguments_only(flavour: str) -> None:
    assert user_data(flavour, "prod") == user_data(flavour, "prod")
    assert user_data(flavour, "prod") != user_data(flavour, "test")
    assert len(user_data(flavour, "c" * 255).encode()) < 16384, "EC2 takes 16 kB of user data"


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("cluster", ["prod", "my-cluster_2"])
def test_whoever_reads_it_finds_the_cluster(flavour: str, cluster: str) -> None:
    assert read(user_data(flavour, cluster)).cluster == cluster


@pytest.mark.parametrize(("flavour", "agent"), [("al2023", "package"), ("ubuntu", "package"), ("ubuntu", "container")])
def test_the_scripts_are_valid_shell(flavour: str, agent: str) -> None:
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash is not installed")
    checked = subprocess.run([bash, "-n"], input=user_data(flavour, "prod", agent), capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_bottlerocket_has_toml_and_no_shell() -> None:
    text = user_data("bottlerocket", "prod")
    assert "#!" not in text
    if sys.version_info >= (3, 11):
        import tomllib

        assert tomllib.loads(text) == {"settings": {"ecs": {"cluster": "prod"}}}


def test_ubuntu_has_the_package_unless_it_is_told_otherwise() -> None:
    text = user_data("ubuntu", "prod")
    assert agent_of(text) == "package"
    # In the region and the partition of the instance, by what it says itself: IMDSv2, since no other is allowed.
    assert "X-aws-ec2-metadata-token" in text
    assert '"https://s3.$region.$domain/amazon-ecs-agent-$region/$package"' in text
    assert "amazon-ecs-init-latest.$(dpkg --print-architecture).deb" in text
    assert "systemctl enable --now --no-block ecs\n" in text
    assert "docker run" not in text


@pytest.mark.parametrize("agent", AGENTS)
def test_apt_is_tried_again_since_it_does_not_wait_for_the_lock_of_the_lists(agent: str) -> None:
    calls = [line.strip() for line in user_data("ubuntu", "prod", agent).splitlines() if "apt-get" in line]
    assert all(line.startswith("retry ") or line.endswith("|| true") for line in calls), calls


@pytest.mark.parametrize(("failures", "code"), [(0, 0), (2, 0), (99, 1)])
def test_what_is_tried_again_ends_the_boot_only_when_it_never_works(tmp_path: Path, failures: int, code: int) -> None:
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash is not installed")
    [retry] = [line for line in user_data("ubuntu", "prod").splitlines() if line.startswith("retry()")]
    script = (
        f"set -euo pipefail\n{retry}\nsleep() {{ :; }}\n"
        f"flaky() {{ echo x >> {tmp_path}/n; [ $(wc -l < {tmp_path}/n) -gt {failures} ]; }}\nretry flaky\necho on\n"
    )
    ended = subprocess.run([bash, "-c", script], capture_output=True, text=True)
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == ("on\n" if code == 0 else "")


def test_systemd_alone_supervises_the_agent_that_runs_as_a_container() -> None:
    text = user_data("ubuntu", "prod", "container")
    assert agent_of(text) == "container"
    [start] = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    unit = text[text.index("[Unit]") : text.index("[Install]")]
    assert "Type=simple" in unit
    assert "Restart=always" in unit
    assert "--restart" not in unit
    assert " -d " not in unit
    assert "--detach" not in unit
    assert start.startswith("ExecStart=/usr/bin/docker run")
    # cloud-init runs the script, and the unit must not wait for cloud-init.
    assert "systemctl enable --now --no-block ecs-agent.service" in text


@pytest.mark.parametrize(
    "needed",
    [
        "--net=host",
        "--env-file=/etc/ecs/ecs.config",
        "--volume=/var/run:/var/run",
        "--volume=/var/log/ecs:/log",
        "--volume=/var/lib/ecs/data:/data",
        "--init",
        "--cap-add=sys_admin",
        "--cap-add=net_admin",
        "ECS_DATADIR=/data/",
        "ECS_LOGFILE=/log/ecs-agent.log",
        "ECS_ENABLE_TASK_IAM_ROLE=true",
        "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true",
        "ECS_ENABLE_TASK_ENI=true",
        "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true",
        '"awslogs"',
        "net.ipv4.conf.all.route_localnet=1",
        "169.254.170.2 --dport 80 -j DNAT --to-destination 127.0.0.1:51679",
        "169.254.170.2 --dport 80 -j REDIRECT --to-ports 51679",
        "--dport 51678 -j DROP",
        # Without it a task's slice cannot be made on cgroup v2, and no container starts.
        "--security-opt apparmor=unconfined",
        # awsvpc.
        "isc-dhcp-client",
    ],
)
def test_ubuntu_gives_a_container_agent_what_it_needs(needed: str) -> None:
    assert needed in user_data("ubuntu", "prod", "container")


@pytest.mark.parametrize(("controllers", "driver"), [(True, "systemd"), (False, "cgroupfs")])
def test_docker_is_told_the_driver_of_the_hosts_cgroups_before_it_first_starts(
    tmp_path: Path, controllers: bool, driver: str
) -> None:
    text = user_data("ubuntu", "prod", "container")
    assert text.index("daemon.json") < text.index("install -y docker.io")
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash is not installed")
    lines = [line for line in text.splitlines() if "cgroup.controllers" in line or "daemon.json" in line]
    if controllers:
        (tmp_path / "cgroup.controllers").touch()
    script = "\n".join(lines).replace("/sys/fs/cgroup", str(tmp_path)).replace("/etc/docker", str(tmp_path))
    subprocess.run([bash, "-c", script], check=True)
    assert json.loads((tmp_path / "daemon.json").read_text()) == {"exec-opts": [f"native.cgroupdriver={driver}"]}


@pytest.mark.parametrize("flavour", ["al2023", "bottlerocket"])
def test_only_ubuntu_has_a_choice_of_agents(flavour: str) -> None:
    with pytest.raises(UsageError, match="own agent"):
        user_data(flavour, "prod", "container")


def test_another_flavour_is_refused() -> None:
    with pytest.raises(UsageError, match="windows"):
        user_data("windows", "prod")


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("cluster", ["x\nEOF\nrm -rf /", "a b", "x$(id)", "", "a" * 256, 'x"', "arn:aws:ecs:x:1:a/b"])
def test_nothing_but_a_name_gets_into_a_script_that_root_runs(flavour: str, cluster: str) -> None:
    with pytest.raises(UsageError, match="is not the name or ARN of a cluster"):
        user_data(flavour, cluster)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_arn_is_taken_by_its_name(flavour: str) -> None:
    arn = "arn:aws-us-gov:ecs:us-gov-west-1:123456789012:cluster/prod"
    assert user_data(flavour, arn) == user_data(flavour, "prod")
