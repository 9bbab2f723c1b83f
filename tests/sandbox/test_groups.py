"""Auto Scaling groups under a capacity provider, over the sandbox's own API."""

from __future__ import annotations

import base64

import pytest

from tests.sandbox.support import AL2023, Account, until

# The group is asked for another size while tasks move: in real time, as scaling does.
SPEED = 1


@pytest.fixture
def group(account: Account, name: str) -> str:
    """A group of no instances, as the capacity provider ``name`` of a cluster of this name."""
    account.profile(name)
    data = f"#!/bin/bash\necho ECS_CLUSTER={name} >> /etc/ecs/ecs.config\n"
    account.ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={
            "ImageId": account.parameter(AL2023),
            "InstanceType": "t3.small",
            "IamInstanceProfile": {"Name": name},
            "UserData": base64.b64encode(data.encode()).decode(),
        },
    )
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        DesiredCapacity=0,
        MaxSize=4,
        LaunchTemplate={"LaunchTemplateName": name},
        AvailabilityZones=["eu-west-1a", "eu-west-1b"],
    )
    found = account.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    arn = found[0]["AutoScalingGroupARN"]
    account.ecs.create_capacity_provider(
        name=f"cp-{name}",
        autoScalingGroupProvider={"autoScalingGroupArn": arn, "managedScaling": {"status": "ENABLED"}},
    )
    account.ecs.create_cluster(
        clusterName=name,
        capacityProviders=[f"cp-{name}"],
        defaultCapacityProviderStrategy=[{"capacityProvider": f"cp-{name}", "weight": 1}],
    )
    return name


def test_a_service_finds_its_instances_and_scale_in_drains_them(account: Account, group: str) -> None:
    container = {"name": "app", "image": "nginx", "cpu": 1024, "memory": 100}
    account.ecs.register_task_definition(family=group, containerDefinitions=[container])
    account.ecs.create_service(cluster=group, serviceName=group, taskDefinition=group, desiredCount=3)

    def state() -> tuple[int, int]:
        service = account.ecs.describe_services(cluster=group, services=[group])["services"][0]
        return service["runningCount"], len(account.members(group))

    until(lambda: state() == (3, 2), "three tasks on two instances")
    asked = account.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    (told,) = asked["AutoScalingGroups"]
    assert "AmazonECSManaged" in [tag["Key"] for tag in told["Tags"]]
    (policy,) = account.autoscaling.describe_policies(AutoScalingGroupName=group)["ScalingPolicies"]
    assert policy["PolicyType"] == "TargetTrackingScaling"
    assert policy["TargetTrackingConfiguration"]["TargetValue"] == 100.0

    account.ecs.update_service(cluster=group, service=group, desiredCount=2)
    until(lambda: state()[0] == 2, "two tasks")
    # One instance has room for both: the other one may go, and its task, if it has one, moves before it ends.
    account.autoscaling.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=1)

    def drained() -> bool:
        service = account.ecs.describe_services(cluster=group, services=[group])["services"][0]
        assert service["runningCount"] >= 2
        return len(account.members(group)) == 1

    until(drained, "one instance left")


def test_without_managed_scaling_nothing_moves(account: Account, group: str) -> None:
    account.ecs.update_capacity_provider(
        name=f"cp-{group}", autoScalingGroupProvider={"managedScaling": {"status": "DISABLED"}}
    )
    until(
        lambda: not account.autoscaling.describe_policies(AutoScalingGroupName=group)["ScalingPolicies"],
        "the policy has gone",
    )
