"""The calls of terraform-provider-aws's ECS resources, in its order: create, read, update, delete.

What it reads after each change must be what was asked for, or every plan of Terraform's would show a difference.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.support import Account, until

pytestmark = pytest.mark.slow

TAGS = [{"key": "Name", "value": "terraform"}]
INCLUDE = ["TAGS", "CONFIGURATIONS", "SETTINGS"]


def active(account: Account, name: str) -> dict[str, Any]:
    """aws_ecs_cluster's read: waits until the cluster is ACTIVE."""

    def look() -> dict[str, Any] | None:
        found = account.ecs.describe_clusters(clusters=[name], include=INCLUDE)["clusters"]
        return found[0] if found and found[0]["status"] == "ACTIVE" else None

    return until(look, "the cluster is ACTIVE")  # type: ignore[return-value]


def test_a_cluster(account: Account) -> None:
    """aws_ecs_cluster and aws_ecs_cluster_capacity_providers."""
    ecs, name = account.ecs, "terraform-cluster"
    insights = [{"name": "containerInsights", "value": "enabled"}]
    configuration = {"executeCommandConfiguration": {"logging": "DEFAULT"}}
    made = ecs.create_cluster(clusterName=name, tags=TAGS, settings=insights, configuration=configuration)
    arn = made["cluster"]["clusterArn"]
    found = active(account, arn)
    assert (found["tags"], found["settings"], found["configuration"]) == (TAGS, insights, configuration)

    off = [{"name": "containerInsights", "value": "disabled"}]
    ecs.update_cluster(cluster=arn, settings=off, configuration=configuration)
    assert active(account, arn)["settings"] == off
    ecs.untag_resource(resourceArn=arn, tagKeys=["Name"])
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "Team", "value": "blue"}])
    assert active(account, arn)["tags"] == [{"key": "Team", "value": "blue"}]

    strategy = [{"capacityProvider": "FARGATE", "weight": 100, "base": 1}]
    ecs.put_cluster_capacity_providers(
        cluster=name, capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=strategy
    )
    found = active(account, name)
    assert (found["capacityProviders"], found["defaultCapacityProviderStrategy"]) == (["FARGATE"], strategy)
    ecs.put_cluster_capacity_providers(cluster=name, capacityProviders=[], defaultCapacityProviderStrategy=[])

    ecs.delete_cluster(cluster=arn)
    gone = ecs.describe_clusters(clusters=[arn], include=INCLUDE)["clusters"]
    assert [row["status"] for row in gone] == ["INACTIVE"]


def test_a_task_definition(account: Account) -> None:
    """aws_ecs_task_definition: a change is a new revision, the old one is deregistered."""
    ecs, family = account.ecs, "terraform-definition"
    container = {
        "name": "web",
        "image": "nginx",
        "memory": 128,
        "essential": True,
        "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
        "environment": [{"name": "A", "value": "1"}],
    }
    made = ecs.register_task_definition(
        family=family, containerDefinitions=[container], volumes=[{"name": "data"}], tags=TAGS
    )
    arn = made["taskDefinition"]["taskDefinitionArn"]
    assert made["tags"] == TAGS
    read = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    found = read["taskDefinition"]
    assert read["tags"] == TAGS
    assert {key: found["containerDefinitions"][0][key] for key in container} == container
    assert found["volumes"][0]["name"] == "data"
    changed = ecs.register_task_definition(family=family, containerDefinitions=[{**container, "memory": 256}])
    ecs.deregister_task_definition(taskDefinition=arn)
    assert ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["status"] == "INACTIVE"
    newest = changed["taskDefinition"]["taskDefinitionArn"]
    assert ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]["taskDefinitionArn"] == newest


def service_of(account: Account, cluster: str, name: str) -> dict[str, Any]:
    """aws_ecs_service's read."""
    found = account.ecs.describe_services(cluster=cluster, services=[name], include=["TAGS"])
    assert found["failures"] == []
    return dict(found["services"][0])


def steady(account: Account, cluster: str, name: str) -> dict[str, Any]:
    """Its wait for wait_for_steady_state: one deployment, all running, ACTIVE."""

    def look() -> dict[str, Any] | None:
        row = service_of(account, cluster, name)
        whole = len(row["deployments"]) == 1 and row["desiredCount"] == row["runningCount"]
        return row if whole and row["status"] == "ACTIVE" else None

    return until(look, "the service is steady")  # type: ignore[return-value]


def test_a_service(account: Account, cluster: str) -> None:
    """aws_ecs_service: create, wait, update in place, scale to nothing, delete, wait for INACTIVE."""
    ecs = account.ecs
    given: dict[str, Any] = {
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 50,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": True,
        "enableExecuteCommand": False,
        "launchType": "EC2",
        "placementStrategy": [{"type": "spread", "field": "instanceId"}],
        "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
        "propagateTags": "SERVICE",
        "schedulingStrategy": "REPLICA",
    }
    made = ecs.create_service(
        cluster=cluster,
        serviceName="web",
        taskDefinition=cluster,
        desiredCount=1,
        clientToken="terraform-20261124000000000000000001",
        tags=TAGS,
        **given,
    )
    arn = made["service"]["serviceArn"]
    found = steady(account, cluster, arn)
    assert found["tags"] == TAGS
    for key, value in given.items():
        if key == "deploymentConfiguration":
            assert {name: found[key][name] for name in value} == value
        else:
            assert found[key] == value, key
    assert found["clusterArn"].endswith(f"/{cluster}")

    ecs.update_service(
        cluster=cluster, service=arn, desiredCount=2, taskDefinition=cluster, forceNewDeployment=False,
        deploymentConfiguration=given["deploymentConfiguration"], placementConstraints=[], placementStrategy=[],
    )  # fmt: skip
    found = steady(account, cluster, arn)
    assert (found["desiredCount"], found["placementConstraints"], found["placementStrategy"]) == (2, [], [])
    ecs.untag_resource(resourceArn=arn, tagKeys=["Name"])
    assert service_of(account, cluster, arn)["tags"] == []

    assert service_of(account, cluster, "web")["status"] == "ACTIVE"
    ecs.update_service(cluster=cluster, service=arn, desiredCount=0)
    ecs.delete_service(cluster=cluster, service=arn, force=True)
    until(lambda: service_of(account, cluster, arn)["status"] == "INACTIVE", "the service is INACTIVE")


def test_a_capacity_provider(account: Account) -> None:
    """aws_ecs_capacity_provider over aws_autoscaling_group and aws_launch_template."""
    name = "terraform-provider"
    profile = account.profile(name)
    data = {
        "ImageId": account.parameter("/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"),
        "InstanceType": "t3.small",
        "IamInstanceProfile": {"Name": profile},
    }
    account.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    subnets = [row["SubnetId"] for row in account.ec2.describe_subnets()["Subnets"]][:2]
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        MaxSize=2,
        DesiredCapacity=0,
        LaunchTemplate={"LaunchTemplateName": name, "Version": "$Latest"},
        VPCZoneIdentifier=",".join(subnets),
    )
    groups = account.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    scaling = {
        "status": "ENABLED",
        "targetCapacity": 80,
        "minimumScalingStepSize": 1,
        "maximumScalingStepSize": 10,
        "instanceWarmupPeriod": 60,
    }
    made = account.ecs.create_capacity_provider(
        name=name,
        autoScalingGroupProvider={
            "autoScalingGroupArn": groups[0]["AutoScalingGroupARN"],
            "managedScaling": scaling,
            "managedTerminationProtection": "DISABLED",
        },
        tags=TAGS,
    )["capacityProvider"]
    arn = made["capacityProviderArn"]

    def read() -> dict[str, Any]:
        rows = account.ecs.describe_capacity_providers(capacityProviders=[arn], include=["TAGS"])
        return dict(rows["capacityProviders"][0])

    found = read()
    assert (found["status"], found["tags"], found["name"]) == ("ACTIVE", TAGS, name)
    assert found["autoScalingGroupProvider"]["managedScaling"] == scaling
    assert found["autoScalingGroupProvider"]["managedTerminationProtection"] == "DISABLED"

    changed = {**scaling, "targetCapacity": 100}
    account.ecs.update_capacity_provider(name=name, autoScalingGroupProvider={"managedScaling": changed})
    until(lambda: read().get("updateStatus") != "UPDATE_IN_PROGRESS", "the update is over")
    assert read()["autoScalingGroupProvider"]["managedScaling"] == changed

    account.ecs.delete_capacity_provider(capacityProvider=arn)

    def gone() -> bool:
        rows = account.ecs.describe_capacity_providers(capacityProviders=[arn])["capacityProviders"]
        return not rows or rows[0]["status"] == "INACTIVE"

    until(gone, "the capacity provider is INACTIVE")
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


def test_an_account_setting(account: Account) -> None:
    """aws_ecs_account_setting_default."""
    ecs = account.ecs
    made = ecs.put_account_setting_default(name="containerInsights", value="enabled")["setting"]
    assert made["value"] == "enabled"
    listed = ecs.list_account_settings(name="containerInsights", effectiveSettings=True)["settings"]
    assert [row["value"] for row in listed] == ["enabled"]
    ecs.put_account_setting_default(name="containerInsights", value="disabled")


def test_what_is_not_there(account: Account, cluster: str) -> None:
    """A read of what went away outside of Terraform tells so by MISSING, or by its own error."""
    answer = account.ecs.describe_services(cluster=cluster, services=["nope"], include=["TAGS"])
    assert [row["reason"] for row in answer["failures"]] == ["MISSING"]
    with pytest.raises(account.ecs.exceptions.ClusterNotFoundException):
        account.ecs.describe_services(cluster="nope", services=["nope"], include=["TAGS"])
    with pytest.raises(account.ecs.exceptions.ClientException, match="Unable to describe task definition"):
        account.ecs.describe_task_definition(taskDefinition="nope:1", include=["TAGS"])
