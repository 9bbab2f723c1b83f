"""What ecsctl did not make it never changes or deletes: namesakes without an owner, or with another one."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.account import holdings
from tests.support.command import ecsctl
from tests.support.sandbox import Running

FILE = """
name: shop
cluster: shop-cluster
instances: {count: 1}
taskDefinitions:
  web:
    containerDefinitions:
      - {name: web, image: example/web, cpu: 1, memory: 32, portMappings: ["80:80"]}
loadBalancers:
  front: {type: classic, healthCheck: {interval: 5, timeout: 2, healthyThreshold: 2, unhealthyThreshold: 2}}
services:
  svc: {taskDefinition: web, desiredCount: 1, loadBalancer: "front:80"}
"""
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
CONTAINER = {"name": "web", "image": "theirs", "memory": 16}
Make = Callable[[Running, list[dict[str, str]]], None]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "ecsctl.yaml"
    path.write_text(FILE)
    return str(path)


def subnet(sandbox: Running) -> str:
    return str(sandbox.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"])


def ecs_tags(tags: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"key": tag["Key"], "value": tag["Value"]} for tag in tags]


def a_security_group(sandbox: Running, tags: list[dict[str, str]]) -> None:
    specification: Any = [{"ResourceType": "security-group", "Tags": tags}] if tags else []
    vpc = sandbox.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    sandbox.client("ec2").create_security_group(
        GroupName="ecsctl-shop-instances", Description="theirs", VpcId=vpc, TagSpecifications=specification
    )


def a_role(sandbox: Running, tags: list[dict[str, str]]) -> None:
    sandbox.client("iam").create_role(RoleName="ecsctl-shop-eu-west-1", AssumeRolePolicyDocument=TRUST, Tags=tags)


def a_profile(sandbox: Running, tags: list[dict[str, str]]) -> None:
    sandbox.client("iam").create_instance_profile(InstanceProfileName="ecsctl-shop-eu-west-1", Tags=tags)


def a_template(sandbox: Running, tags: list[dict[str, str]], name: str = "ecsctl-shop") -> None:
    specification: Any = [{"ResourceType": "launch-template", "Tags": tags}] if tags else []
    sandbox.client("ec2").create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": "ami-12345678", "InstanceType": "t3.small"},
        TagSpecifications=specification,
    )


def a_group(sandbox: Running, tags: list[dict[str, str]]) -> None:
    a_template(sandbox, [], "theirs")
    sandbox.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="ecsctl-shop",
        LaunchTemplate={"LaunchTemplateName": "theirs", "Version": "$Latest"},
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=0,
        VPCZoneIdentifier=subnet(sandbox),
        Tags=[{**tag, "PropagateAtLaunch": True} for tag in tags],
    )


def a_family(sandbox: Running, tags: list[dict[str, str]]) -> None:
    sandbox.client("ecs").register_task_definition(
        family="web", containerDefinitions=[CONTAINER], **({"tags": ecs_tags(tags)} if tags else {})
    )


def a_balancer(sandbox: Running, tags: list[dict[str, str]]) -> None:
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 8080, "InstancePort": 8080}
    sandbox.client("elb").create_load_balancer(
        LoadBalancerName="front", Listeners=[listener], Subnets=[subnet(sandbox)], **({"Tags": tags} if tags else {})
    )


def a_service(sandbox: Running, tags: list[dict[str, str]]) -> None:
    ecs = sandbox.client("ecs")
    ecs.create_cluster(clusterName="shop-cluster")
    ecs.register_task_definition(family="theirs", containerDefinitions=[CONTAINER])
    ecs.create_service(
        cluster="shop-cluster",
        serviceName="svc",
        taskDefinition="theirs",
        desiredCount=0,
        **({"tags": ecs_tags(tags)} if tags else {}),
    )


MAKERS: dict[str, Make] = {
    "security-group ecsctl-shop-instances": a_security_group,
    "iam-role ecsctl-shop-eu-west-1": a_role,
    "instance-profile ecsctl-shop-eu-west-1": a_profile,
    "launch-template ecsctl-shop": a_template,
    "auto-scaling-group ecsctl-shop": a_group,
    "task-definition web": a_family,
    "load-balancer front": a_balancer,
    "service svc": a_service,
}
OWNERS = [
    pytest.param([], "was not made by ecsctl", id="untagged"),
    pytest.param([{"Key": "ecsctl:project", "Value": "other"}], "belongs to project other", id="others"),
]


@pytest.mark.parametrize("what", MAKERS)
@pytest.mark.parametrize(("tags", "whose"), OWNERS)
@pytest.mark.slow
def test_a_namesake_is_in_the_way_and_nothing_changes(
    sandbox: Running, file: str, what: str, tags: list[dict[str, str]], whose: str
) -> None:
    MAKERS[what](sandbox, tags)
    before = holdings(sandbox)
    aws = sandbox.aws()
    for command in (["plan"], ["up", "--yes"]):
        ended = ecsctl(aws, *command, "-f", file)
        assert ended.code == 1
        assert what in ended.err
        assert whose in ended.err
        assert "nothing was changed" in ended.err
        assert ("ecsctl:project=shop" in ended.err or "ecsctl:project,value=shop" in ended.err.lower()) == (not tags)
        assert holdings(sandbox) == before
    ended = ecsctl(aws, "down", "--yes", "-f", file)
    assert (ended.code, ended.err) == (0, "Nothing to remove: AWS has nothing of project shop.\n")
    assert holdings(sandbox) == before


def test_a_cluster_of_somebody_else_is_used_and_left_behind(sandbox: Running, file: str) -> None:
    ecs = sandbox.client("ecs")
    ecs.create_cluster(clusterName="shop-cluster", tags=[{"key": "team", "value": "x"}])
    a_template(sandbox, [], "theirs")
    before = holdings(sandbox)
    aws = sandbox.aws()
    ended = ecsctl(aws, "up", "--yes", "-f", file)
    assert ended.code == 0, ended.err
    assert "cluster shop-cluster exists, not made by ecsctl: it is used as it is" in ended.err
    assert ecsctl(aws, "plan", "--exit-code", "-f", file).code == 0
    ended = ecsctl(aws, "down", "--yes", "-f", file)
    assert ended.code == 0, ended.err
    assert holdings(sandbox) == before


def test_the_projects_cluster_stays_while_others_use_it(sandbox: Running, file: str) -> None:
    aws = sandbox.aws()
    assert ecsctl(aws, "up", "--yes", "-f", file).code == 0
    ecs = sandbox.client("ecs")
    ecs.register_task_definition(family="theirs", containerDefinitions=[CONTAINER])
    ecs.create_service(cluster="shop-cluster", serviceName="guest", taskDefinition="theirs", desiredCount=1)
    before = holdings(sandbox)
    ended = ecsctl(aws, "down", "--yes", "-f", file)
    assert ended.code == 1
    assert "service guest, which ecsctl did not make" in ended.err
    assert "nothing was changed" in ended.err
    assert holdings(sandbox) == before

    ecs.delete_service(cluster="shop-cluster", service="guest", force=True)
    assert ecsctl(aws, "down", "--yes", "-f", file).code == 0
    assert "cluster shop-cluster" not in holdings(sandbox)


def test_commands_leave_what_they_did_not_make(sandbox: Running) -> None:
    a_service(sandbox, [])
    ec2 = sandbox.client("ec2")
    [instance] = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"]
    before = holdings(sandbox)
    aws = sandbox.aws()
    for command, hint in [
        (["cluster", "delete", "shop-cluster"], "aws ecs delete-cluster"),
        (["service", "delete", "svc", "-c", "shop-cluster"], "aws ecs update-service"),
    ]:
        ended = ecsctl(aws, *command, "--yes")
        assert ended.code == 1
        assert "was not made by ecsctl" in ended.err
        assert hint in ended.err
    assert ecsctl(aws, "instance", "remove", instance["InstanceId"], "-c", "shop-cluster", "--yes").code == 6
    assert holdings(sandbox) == before


def another_network(sandbox: Running) -> str:
    ec2 = sandbox.client("ec2")
    return str(ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"])


def a_group_of(sandbox: Running, vpc: str, owner: str | None) -> str:
    tags: Any = [{"ResourceType": "security-group", "Tags": [{"Key": "ecsctl:project", "Value": owner}]}]
    return str(
        sandbox.client("ec2").create_security_group(
            GroupName="ecsctl-shop-instances",
            Description="a namesake",
            VpcId=vpc,
            TagSpecifications=tags if owner else [],
        )["GroupId"]
    )


def groups_of(sandbox: Running) -> set[str]:
    query = [{"Name": "group-name", "Values": ["ecsctl-shop-instances"]}]
    return {row["GroupId"] for row in sandbox.client("ec2").describe_security_groups(Filters=query)["SecurityGroups"]}


@pytest.mark.slow
def test_security_groups_of_one_name_are_told_apart_by_their_network(sandbox: Running, file: str) -> None:
    """Strangers' in other networks, and the project's own from before: none hides another."""
    aws = sandbox.aws()
    theirs = {a_group_of(sandbox, another_network(sandbox), owner) for owner in (None, "other", None)}
    assert ecsctl(aws, "up", "--yes", "-f", file).code == 0
    [own] = groups_of(sandbox) - theirs
    left_over = a_group_of(sandbox, another_network(sandbox), "shop")
    planned = ecsctl(aws, "plan", "-f", file).out
    assert f"- remove security-group ecsctl-shop-instances ({left_over})" in planned
    assert planned.count("security-group ecsctl-shop-instances") == 1, planned
    assert ecsctl(aws, "up", "--yes", "-f", file).code == 0
    assert groups_of(sandbox) == {*theirs, own}
    assert ecsctl(aws, "plan", "--exit-code", "-f", file).code == 0
    a_group_of(sandbox, another_network(sandbox), "shop")
    ended = ecsctl(aws, "down", "--yes", "-f", file)
    assert ended.code == 0, ended.err
    assert groups_of(sandbox) == theirs


def test_a_namesake_in_the_network_is_in_the_way_whatever_the_project_has_elsewhere(
    sandbox: Running, file: str
) -> None:
    vpc = sandbox.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    theirs = a_group_of(sandbox, vpc, None)
    a_group_of(sandbox, another_network(sandbox), "shop")
    a_group_of(sandbox, another_network(sandbox), None)
    before = holdings(sandbox)
    ended = ecsctl(sandbox.aws(), "up", "--yes", "-f", file)
    assert ended.code == 1
    assert f"security-group ecsctl-shop-instances ({theirs}) was not made by ecsctl" in ended.err
    assert holdings(sandbox) == before
    # The group of a cluster's own instances has the same name.
    sandbox.client("ecs").create_cluster(clusterName="shop")
    ended = ecsctl(sandbox.aws(), "instance", "bootstrap", "--count", "1", "-c", "shop")
    assert ended.code == 1
    assert theirs in ended.err


@pytest.mark.slow
def test_the_command_of_the_hint_gives_back_a_lost_tag(sandbox: Running, file: str) -> None:
    aws = sandbox.aws()
    assert ecsctl(aws, "up", "--yes", "-f", file).code == 0
    [group] = groups_of(sandbox)
    ec2 = sandbox.client("ec2")
    ec2.delete_tags(Resources=[group], Tags=[{"Key": "ecsctl:project"}])
    ended = ecsctl(aws, "up", "--yes", "-f", file)
    assert ended.code == 1
    command = f"aws ec2 create-tags --resources {group} --tags Key=ecsctl:project,Value=shop"
    assert f"`{command}` gives it back" in ended.err
    subprocess.run(shlex.split(command), env=sandbox.environment, check=True, timeout=60)
    assert ecsctl(aws, "plan", "--exit-code", "-f", file).code == 0
