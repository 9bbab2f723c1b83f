"""Idempotency: tokens, names, and what is made anew each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import INVALID, Aws, Ledger, refused
from tests.conformance.balancing import make_target_group, name
from tests.conformance.made import AMI, Fleet, Network, Tasks, parameter

Register = Callable[..., dict[str, Any]]


def test_a_service_with_a_token(aws: Aws, ecs: Any, cluster: str, definition: str) -> None:
    """CreateService with the same clientToken answers the same service."""
    call = {
        "cluster": cluster,
        "serviceName": aws.unique("service"),
        "taskDefinition": definition,
        "desiredCount": 0,
        "clientToken": aws.unique("token")[:36],
    }
    arns = {ecs.create_service(**call)["service"]["serviceArn"] for _ in range(2)}
    assert len(arns) == 1


def test_a_service_without_a_token(aws: Aws, ecs: Any, cluster: str, definition: str) -> None:
    """ "Creation of service was not idempotent." """
    call = {"cluster": cluster, "serviceName": aws.unique("service"), "taskDefinition": definition, "desiredCount": 0}
    ecs.create_service(**call)
    with refused(INVALID, "Creation of service was not idempotent"):
        ecs.create_service(**call)


@pytest.mark.costs
def test_run_task_with_a_token(ecs: Any, aws: Aws, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """RunTask with the same clientToken runs nothing again, and answers the same tasks."""
    token = aws.unique("token")
    answers = [tasks.attempt(fleet.cluster, definition, count=2, clientToken=token) for _ in range(2)]
    first, second = ({task["taskArn"] for task in answer["tasks"]} for answer in answers)
    assert len(first) == 2
    assert first == second


@pytest.mark.costs
def test_run_task_without_a_token(fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """A second RunTask without a token runs again: boto3 fills in another one."""
    arns = [tasks.attempt(fleet.cluster, definition)["tasks"][0]["taskArn"] for _ in range(2)]
    assert len(set(arns)) == 2


@pytest.mark.costs
def test_a_token_for_something_else(ecs: Any, aws: Aws, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """A clientToken with other parameters: ConflictException."""
    token = aws.unique("token")
    tasks.attempt(fleet.cluster, definition, clientToken=token)
    with refused("ConflictException"):
        ecs.run_task(cluster=fleet.cluster, taskDefinition=definition, count=2, clientToken=token)


@pytest.mark.costs
def test_instances_with_a_token(aws: Aws, ledger: Ledger) -> None:
    """RunInstances with the same ClientToken launches nothing again."""
    ec2, token = aws.client("ec2"), aws.unique("token")
    call = {"ImageId": parameter(aws, AMI), "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1}
    ids = {ec2.run_instances(**call, ClientToken=token)["Instances"][0]["InstanceId"] for _ in range(2)}
    ec2.terminate_instances(InstanceIds=list(ids))
    assert len(ids) == 1


def test_launch_templates_have_one_name(aws: Aws) -> None:
    """A second launch template of a name: InvalidLaunchTemplateName.AlreadyExistsException."""
    ec2, named = aws.client("ec2"), aws.unique("template")
    data = {"InstanceType": "t3.small"}
    ec2.create_launch_template(LaunchTemplateName=named, LaunchTemplateData=data)
    with refused("InvalidLaunchTemplateName.AlreadyExistsException"):
        ec2.create_launch_template(LaunchTemplateName=named, LaunchTemplateData=data)
    ec2.delete_launch_template(LaunchTemplateName=named)


def test_target_groups_of_the_same_settings(aws: Aws, ledger: Ledger, network: Network) -> None:
    """CreateTargetGroup with identical settings succeeds; with others: DuplicateTargetGroupName."""
    elb, named = aws.client("elbv2"), name()
    first = make_target_group(aws, ledger, network, Name=named)
    again = make_target_group(aws, ledger, network, Name=named)
    assert first == again
    with refused("DuplicateTargetGroupName"):
        elb.create_target_group(Name=named, Protocol="HTTP", Port=8080, VpcId=network.vpc, TargetType="instance")


def test_stopping_is_idempotent(ecs: Any, register: Register) -> None:
    """DeregisterTaskDefinition of an INACTIVE revision changes nothing."""
    arn = register()["taskDefinitionArn"]
    first = ecs.deregister_task_definition(taskDefinition=arn)["taskDefinition"]["deregisteredAt"]
    assert ecs.deregister_task_definition(taskDefinition=arn)["taskDefinition"]["deregisteredAt"] == first
