"""Deleting: what holds what, in which order it goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import INVALID, Aws, Ledger, refused
from tests.conformance.balancing import make_alb, make_listener, make_target_group
from tests.conformance.made import Fleet, Network
from tests.conformance.serving import Services

pytestmark = pytest.mark.costs
MakeCluster = Callable[..., str]


def test_instances_with_tasks(aws: Aws, ecs: Any, new_fleet: Callable[..., Fleet], definition: str) -> None:
    """DeregisterContainerInstance: "Found running tasks on the instance."; by force they stop, and it is INACTIVE."""
    fleet = new_fleet(1)
    call = {"cluster": fleet.cluster, "containerInstance": fleet.arns[0]}
    task = ecs.run_task(cluster=fleet.cluster, taskDefinition=definition)["tasks"][0]["taskArn"]
    with refused(INVALID, "Found running tasks on the instance"):
        ecs.deregister_container_instance(**call)
    gone = ecs.deregister_container_instance(**call, force=True)["containerInstance"]
    assert (gone["status"], gone["agentConnected"]) == ("INACTIVE", False)
    assert ecs.list_container_instances(cluster=fleet.cluster)["containerInstanceArns"] == []

    def stopped() -> dict[str, Any] | None:
        row = ecs.describe_tasks(cluster=fleet.cluster, tasks=[task])["tasks"][0]
        return row if row["lastStatus"] == "STOPPED" else None

    assert aws.until(stopped, "the task is STOPPED", 20.0)["stoppedReason"]


def test_stopped_instances_must_be_deregistered(aws: Aws, ecs: Any, new_fleet: Callable[..., Fleet]) -> None:
    """Terminating a stopped instance does not deregister it: DeregisterContainerInstance(force) does."""
    fleet, ec2 = new_fleet(1), aws.client("ec2")

    def state() -> str:
        found = ec2.describe_instances(InstanceIds=list(fleet.ec2_ids))["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    ec2.stop_instances(InstanceIds=list(fleet.ec2_ids))
    assert aws.until(lambda: state() == "stopped", "the instance is stopped", 20.0)
    row = {"cluster": fleet.cluster, "containerInstances": list(fleet.arns)}
    assert aws.until(
        lambda: not ecs.describe_container_instances(**row)["containerInstances"][0]["agentConnected"],
        "the agent is disconnected",
    )
    ec2.terminate_instances(InstanceIds=list(fleet.ec2_ids))
    assert aws.until(lambda: state() == "terminated", "the instance is terminated", 20.0)
    aws.sleep(1.0)
    assert ecs.list_container_instances(cluster=fleet.cluster)["containerInstanceArns"] == list(fleet.arns)
    with refused("ClusterContainsContainerInstancesException"):
        ecs.delete_cluster(cluster=fleet.cluster)
    ecs.deregister_container_instance(cluster=fleet.cluster, containerInstance=fleet.arns[0], force=True)
    assert ecs.delete_cluster(cluster=fleet.cluster)["cluster"]["status"] == "INACTIVE"


def test_draining_services_keep_no_cluster_from_going(
    aws: Aws, ecs: Any, make_cluster: MakeCluster, definition: str
) -> None:
    """In order — service, then cluster — everything goes, and the service stays described as INACTIVE till the end."""
    services = Services(aws, make_cluster())
    name = services.create(definition, 0)
    ecs.delete_service(cluster=services.cluster, service=name)
    found = services.until(name, lambda row: row["status"] == "INACTIVE", "the service is INACTIVE")
    assert found["serviceName"] == name
    ecs.delete_cluster(cluster=services.cluster)


def test_target_groups_in_use(aws: Aws, ledger: Ledger, network: Network) -> None:
    """DeleteTargetGroup: ResourceInUse "is currently in use by a listener or a rule"."""
    elb = aws.client("elbv2")
    group = make_target_group(aws, ledger, network)
    listener = make_listener(aws, ledger, make_alb(aws, ledger, network), group)
    with refused("ResourceInUse", "is currently in use by a listener or a rule"):
        elb.delete_target_group(TargetGroupArn=group)
    elb.delete_listener(ListenerArn=listener)
    elb.delete_target_group(TargetGroupArn=group)


def test_security_groups_in_use(aws: Aws, ledger: Ledger, network: Network) -> None:
    """DeleteSecurityGroup: DependencyViolation while it is attached or another group refers to it."""
    ec2 = aws.client("ec2")
    made = [
        ec2.create_security_group(GroupName=aws.unique("sg"), Description="conformance", VpcId=network.vpc)["GroupId"]
        for _ in range(2)
    ]
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": made[0]}]}
    ec2.authorize_security_group_ingress(GroupId=made[1], IpPermissions=[rule])
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=made[0])
    ec2.revoke_security_group_ingress(GroupId=made[1], IpPermissions=[rule])
    interface = ec2.create_network_interface(SubnetId=network.subnets[0], Groups=[made[0]])["NetworkInterface"]
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=made[0])
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    for group in made:
        ec2.delete_security_group(GroupId=group)


def test_roles_in_profiles(aws: Aws) -> None:
    """DeleteRole and DeleteInstanceProfile: DeleteConflict, "must remove roles from instance profile first"."""
    iam, name = aws.client("iam"), aws.unique("role")
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    policy = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    with refused("DeleteConflict", "must remove roles from instance profile first", status=409):
        iam.delete_role(RoleName=name)
    with refused("DeleteConflict", status=409):
        iam.delete_instance_profile(InstanceProfileName=name)
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    with refused("DeleteConflict", status=409):
        iam.delete_role(RoleName=name)
    iam.detach_role_policy(RoleName=name, PolicyArn=policy)
    iam.delete_role(RoleName=name)
    iam.delete_instance_profile(InstanceProfileName=name)


def test_capacity_providers_in_use(
    aws: Aws, ecs: Any, make_cluster: MakeCluster, fargate_definition: str, network: Network
) -> None:
    """PutClusterCapacityProviders: "The specified capacity provider is in use and cannot be removed."; it replaces
    the whole list."""
    name = make_cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"])
    services = Services(aws, name)
    services.create(
        fargate_definition,
        0,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
        networkConfiguration=network.awsvpc(),
    )
    with refused("ResourceInUseException", "The specified capacity provider is in use and cannot be removed"):
        ecs.put_cluster_capacity_providers(cluster=name, capacityProviders=[], defaultCapacityProviderStrategy=[])
    answer = ecs.put_cluster_capacity_providers(
        cluster=name, capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
    )
    assert answer["cluster"]["capacityProviders"] == ["FARGATE"]
    services.drop()
