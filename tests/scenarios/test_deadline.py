"""One deadline for all of a command: what holds it up is told while it waits, and named at the end."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.deploy.kinds.security_group_users import users_of
from ecsctl.errors import ExitCode
from tests.support.clock import ManualClock
from tests.support.command import Ended, Ready, Terminal, ecsctl
from tests.support.sandbox import REGION, Running

pytestmark = pytest.mark.slow

# A security group, and nothing that takes time to go.
FILE = """
name: shop
loadBalancers:
  front: {type: application}
taskDefinitions:
  web: {containerDefinitions: [{name: web, image: example/web, memory: 32, portMappings: ["80:80"]}]}
services:
  svc: {taskDefinition: web, desiredCount: 0, loadBalancer: "front:80"}
"""


class Shop:
    def __init__(self, sandbox: Running, folder: Path) -> None:
        self.aws, self.ec2 = sandbox.aws(), sandbox.client("ec2")
        self.file = folder / "ecsctl.yaml"
        self.file.write_text(FILE)
        assert self.run("up").code == 0
        self.group = self.groups()[0]

    def run(self, command: str, timeout: str = "10m") -> Ended:
        return ecsctl(self.aws, command, "-f", str(self.file), "--yes", "--timeout", timeout)

    def groups(self) -> list[dict[str, Any]]:
        filters = [{"Name": "tag:ecsctl:project", "Values": ["shop"]}]
        found: list[dict[str, Any]] = self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        return found


@pytest.fixture
def shop(sandbox: Running, tmp_path: Path) -> Shop:
    return Shop(sandbox, tmp_path)


def held(shop: Shop, words: str, *, timeout: str = "10s") -> Ended:
    """``down`` while something uses the group: it ends in time, says who while it waits, and who in the error."""
    began = shop.aws.clock.monotonic()
    ended = shop.run("down", timeout)
    passed = shop.aws.clock.monotonic() - began
    assert ended.code == ExitCode.TIMEOUT, ended.err
    assert 8 <= passed <= 11
    line = f"security group {shop.group['GroupName']} is still used by {words}"
    before, _, after = ended.err.partition("error: ")
    assert before.count(line) == 1, ended.err
    assert f"  {line}" in after
    assert shop.group["GroupId"] in after
    assert "bug" not in ended.err
    return ended


def test_a_network_interface_made_by_hand(shop: Shop) -> None:
    subnet = shop.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = shop.ec2.create_network_interface(
        SubnetId=subnet, Groups=[shop.group["GroupId"]], Description="of the night job"
    )["NetworkInterface"]["NetworkInterfaceId"]
    # Somebody else's is known before: nothing is begun, and nothing waited for.
    ended = shop.run("down", "10s")
    assert ended.code == 1, ended.err
    said = f"network interface {interface}, which ecsctl did not make ('of the night job', attached to nothing)"
    assert f"{said}; nothing was changed" in ended.err
    assert f"`aws ec2 delete-network-interface --network-interface-id {interface}`" in ended.err
    # One that carries the project's tag is waited for, and named.
    shop.ec2.create_tags(Resources=[interface], Tags=[{"Key": "ecsctl:project", "Value": "shop"}])
    held(shop, f"network interface {interface} ('of the night job', attached to nothing)")
    assert [group["GroupId"] for group in shop.groups()] == [shop.group["GroupId"]]
    shop.ec2.delete_network_interface(NetworkInterfaceId=interface)
    ended = shop.run("down")
    assert ended.code == 0, ended.err
    assert shop.groups() == []


@pytest.mark.parametrize(
    ("direction", "does"), [("ingress", "allows traffic from it"), ("egress", "allows traffic to it")]
)
def test_a_rule_of_another_group(shop: Shop, direction: str, does: str) -> None:
    vpc = shop.group["VpcId"]
    other = shop.ec2.create_security_group(GroupName="other", Description="theirs", VpcId=vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": shop.group["GroupId"]}]}
    getattr(shop.ec2, f"authorize_security_group_{direction}")(GroupId=other, IpPermissions=[rule])
    # That is known before: nothing is begun, and nothing waited for.
    ended = shop.run("down", "10s")
    assert ended.code == 1, ended.err
    said = f"security-group other ({other}), which ecsctl did not make (a rule of it {does}); nothing was changed"
    assert said in ended.err
    assert f"`aws ec2 revoke-security-group-{direction} --group-id {other} …`" in ended.err
    assert users_of(shop.aws, shop.group["GroupId"])[-1] == f"a rule of security group {other} (other), which {does}"


def test_an_instance_of_somebody(shop: Shop) -> None:
    image = shop.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    query = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "SecurityGroupIds": [shop.group["GroupId"]]}
    instance = shop.ec2.run_instances(**query)["Instances"][0]["InstanceId"]
    ended = shop.run("down", "10s")
    assert ended.code == 1
    said = f"instance {instance}, which ecsctl did not make (it is in the group); nothing was changed"
    assert said in ended.err
    assert any(f"instance {instance}" in line for line in users_of(shop.aws, shop.group["GroupId"]))


@pytest.fixture
def silent() -> Iterator[str]:
    """An endpoint that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_an_endpoint_that_never_answers(silent: str, tmp_path: Path) -> None:
    file = tmp_path / "ecsctl.yaml"
    file.write_text(FILE)
    aws = Aws(Target(region=REGION, endpoint_url=silent, credentials=("a", "b")), fast=False)
    began = time.monotonic()
    ended = ecsctl(aws, "down", "-f", str(file), "--yes", "--timeout", "5s")
    assert time.monotonic() - began < 15
    assert ended.code != 0
    assert silent in ended.err


class Hesitant(io.StringIO):
    """Somebody who thinks for a minute before the answer."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__("y\n")
        self.clock = clock

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1) -> str:
        self.clock.sleep(60)
        return super().readline()


def test_the_time_of_a_question_does_not_count(sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    settings = Ready(Aws(sandbox.target, clock=clock))
    settings.timeout = 10.0
    assert settings.deadline(600.0).left() == 10
    clock.sleep(4)
    assert settings.deadline(600.0).left() == 6
    monkeypatch.setattr("sys.stdin", Hesitant(clock))
    monkeypatch.setattr("sys.stderr", Terminal())
    settings.confirm("Really?")
    assert clock.passed == 64
    assert settings.deadline(600.0).left() == 10
    deadline = settings.aws().deadline
    assert deadline is not None
    assert deadline.left() == 10
