"""What somebody set on what ecsctl made, and no file says: told, each with the command that changes it."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.resources import Actual, Scope
from tests.support.fake_aws import FakeAws

SCOPE = Scope("p", "p", "eu-west-1")
OWNER = [{"Key": "ecsctl:project", "Value": "p"}]
ALL_OUT = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
ALL_OUT_IPV6 = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
HTTPS_OUT = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def told(kind: str, aws: FakeAws) -> list[str]:
    [actual] = TABLE[kind].find(aws, SCOPE, ["it"])
    return list(TABLE[kind].drift(TABLE[kind].resource("it"), actual, {}))


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([ALL_OUT], []),
        ([ALL_OUT, ALL_OUT_IPV6], []),
        ([], ["lets nothing out, which"]),
        ([HTTPS_OUT], ["lets out only 443/tcp to 0.0.0.0/0, which"]),
        ([ALL_OUT, HTTPS_OUT], ["lets out 443/tcp to 0.0.0.0/0 by a rule that ecsctl did not make"]),
        (None, []),
    ],
)
def test_outgoing_rules_of_a_security_group(rules: Any, said: list[str]) -> None:
    row = {"GroupId": "sg-1", "GroupName": "it", "VpcId": "v", "IpPermissions": [], "Tags": OWNER}
    row.update({} if rules is None else {"IpPermissionsEgress": rules})
    lines = told("security-group", FakeAws({"ec2:DescribeSecurityGroups": lambda query: {"SecurityGroups": [row]}}))
    assert len(lines) == len(said)
    for line, part in zip(lines, said, strict=True):
        assert line.startswith(f"security-group it {part}")
        assert "--group-id sg-1" in line


def test_a_group_that_lets_out_to_another_goes_before_it() -> None:
    pair = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-2"}]}
    row = {"GroupId": "sg-1", "GroupName": "it", "VpcId": "v", "IpPermissions": [], "IpPermissionsEgress": [pair]}
    aws = FakeAws({"ec2:DescribeSecurityGroups": lambda query: {"SecurityGroups": [{**row, "Tags": OWNER}]}})
    kind = TABLE["security-group"]
    [first] = kind.find(aws, SCOPE, ["it"])
    other = Actual(kind.resource("other").key, "sg-2", "p", {})
    assert kind.depends(first, other)
    assert not kind.depends(other, first)


def a_group(row: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The answers for one Auto Scaling group on which nobody put anything."""
    nothing: dict[str, Any] = {
        "autoscaling:DescribeLifecycleHooks": lambda query: {"LifecycleHooks": []},
        "autoscaling:DescribePolicies": lambda query: {"ScalingPolicies": []},
        "autoscaling:DescribeScheduledActions": lambda query: {"ScheduledUpdateGroupActions": []},
    }
    return {"autoscaling:DescribeAutoScalingGroups": lambda query: {"AutoScalingGroups": [row]}, **nothing, **more}


@pytest.mark.parametrize(
    ("set_", "said"),
    [
        ({}, []),
        ({"HealthCheckType": "EC2", "TerminationPolicies": ["Default"], "NewInstancesProtectedFromScaleIn": False}, []),
        ({"HealthCheckType": "ELB"}, ["the health check ELB"]),
        ({"TerminationPolicies": ["OldestInstance", "Default"]}, ["the termination policy OldestInstance, Default"]),
        ({"NewInstancesProtectedFromScaleIn": True}, ["new instances protected from scale-in"]),
    ],
)
def test_how_a_group_ends_instances(set_: dict[str, Any], said: list[str]) -> None:
    row = {"AutoScalingGroupName": "it", "Tags": OWNER, **set_}
    lines = told("auto-scaling-group", FakeAws(a_group(row)))
    assert [line.partition(", which ecsctl did not set")[0] for line in lines] == [
        f"auto-scaling-group it has {part}" for part in said
    ]


def test_hooks_and_providers_of_others_on_a_group() -> None:
    names = ("theirs", "ecs-managed-draining-termination-hook")
    hooks = [{"AutoScalingGroupName": "it", "LifecycleHookName": name} for name in names]
    through = {"autoScalingGroupProvider": {"autoScalingGroupArn": "arn/it"}, "status": "ACTIVE"}
    found = [
        {"name": "own", "tags": [{"key": "ecsctl:project", "value": "p"}], **through},
        {"name": "guests", **through},
        {"name": "gone", **through, "status": "INACTIVE"},
        {"name": "elsewhere", "autoScalingGroupProvider": {"autoScalingGroupArn": "arn/other"}, "status": "ACTIVE"},
    ]
    row = {"AutoScalingGroupName": "it", "AutoScalingGroupARN": "arn/it", "Tags": OWNER}
    more = {
        "autoscaling:DescribeLifecycleHooks": lambda query: {"LifecycleHooks": hooks},
        "ecs:DescribeCapacityProviders": lambda query: {"capacityProviders": found},
    }
    managed = {**row, "Tags": [*OWNER, {"Key": "AmazonECSManaged", "Value": ""}]}
    hook, provider = told("auto-scaling-group", FakeAws(a_group(managed, **more)))
    assert hook.startswith("auto-scaling-group it has the lifecycle hook theirs, which ecsctl did not make")
    assert "`aws autoscaling delete-lifecycle-hook --auto-scaling-group-name it --lifecycle-hook-name theirs`" in hook
    assert "the capacity provider guests, which ecsctl did not make" in provider
    # Providers are asked for only where ECS has marked the group.
    aws = FakeAws(a_group(row, **more))
    assert len(told("auto-scaling-group", aws)) == 1
    assert "ecs:DescribeCapacityProviders" not in aws.operations()
    kind = TABLE["auto-scaling-group"]
    [actual] = kind.find(aws, SCOPE, ["it"])
    assert list(kind.goes_with(actual)) == [
        "the lifecycle hook theirs, which ecsctl did not make, goes with auto-scaling-group it"
    ]


def test_what_may_not_be_asked_of_a_group_is_left_out() -> None:
    row = {"AutoScalingGroupName": "it", "Tags": OWNER}
    aws = FakeAws({"autoscaling:DescribeAutoScalingGroups": lambda query: {"AutoScalingGroups": [row]}})
    assert told("auto-scaling-group", aws) == []


def test_a_permissions_boundary_of_the_role() -> None:
    role = {"Arn": "arn:aws:iam::1:role/it", "Tags": OWNER, "AssumeRolePolicyDocument": {}}
    role["PermissionsBoundary"] = {"PermissionsBoundaryArn": "arn:aws:iam::1:policy/bounds"}
    aws = FakeAws(
        {
            "iam:GetRole": lambda query: (
                {"Role": role} if query["RoleName"] == "it" else {"Role": {**role, "Tags": []}}
            ),
            "iam:ListAttachedRolePolicies": lambda query: {"AttachedPolicies": []},
            "iam:ListRolePolicies": lambda query: {"PolicyNames": []},
        }
    )
    kind = TABLE["iam-role"]
    [actual] = [item for item in kind.find(aws, SCOPE, ["it"]) if item.key.name == "it"]
    [line] = kind.drift(kind.resource("it"), actual, {})
    assert "has the permissions boundary arn:aws:iam::1:policy/bounds, which ecsctl did not set" in line
    assert "`aws iam delete-role-permissions-boundary --role-name it`" in line
