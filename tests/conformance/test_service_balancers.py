"""Validation: load balancers of services.

Every refusal is an ``InvalidParameterException``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import CLIENT, EITHER, INVALID, Aws, Ledger, refused
from tests.conformance.balancing import make_alb, make_classic, make_listener, make_target_group
from tests.conformance.made import Network

pytestmark = pytest.mark.costs
Create = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def group(aws: Aws, ledger: Ledger, network: Network) -> str:
    """A target group of instances, behind an application load balancer."""
    arn = make_target_group(aws, ledger, network)
    make_listener(aws, ledger, make_alb(aws, ledger, network), arn)
    return arn


@pytest.fixture(scope="module")
def ip_group(aws: Aws, ledger: Ledger, network: Network) -> str:
    arn = make_target_group(aws, ledger, network, TargetType="ip")
    make_listener(aws, ledger, make_alb(aws, ledger, network), arn)
    return arn


@pytest.fixture(scope="module")
def classic(aws: Aws, ledger: Ledger, network: Network) -> str:
    return make_classic(aws, ledger, network)


@pytest.fixture(scope="module")
def definition(register: Callable[..., dict[str, Any]]) -> str:
    ports = [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 443}]
    return str(register(app={"portMappings": ports}, networkMode="bridge")["taskDefinitionArn"])


@pytest.fixture
def create(aws: Aws, cluster: str, definition: str) -> Create:
    def call(*balancers: dict[str, Any], **params: Any) -> dict[str, Any]:
        given = {
            "cluster": cluster,
            "serviceName": aws.unique("service"),
            "taskDefinition": definition,
            "desiredCount": 0,
            "loadBalancers": [{"containerName": "app", "containerPort": 80, **balancer} for balancer in balancers],
            **params,
        }
        return dict(aws.client("ecs").create_service(**given)["service"])

    return call


def test_a_target_group(create: Create, group: str) -> None:
    """A service behind a target group is taken, and has the service-linked role."""
    service = create({"targetGroupArn": group})
    assert service["loadBalancers"] == [{"targetGroupArn": group, "containerName": "app", "containerPort": 80}]
    assert service["roleArn"].endswith("AWSServiceRoleForECS")


def test_the_container_exists(create: Create, group: str) -> None:
    """ "The container nope does not exist in the task definition."""
    with refused(INVALID, "The container nope does not exist in the task definition"):
        create({"targetGroupArn": group, "containerName": "nope"})


def test_the_port_exists(create: Create, group: str) -> None:
    """ "The container app did not have a container port 8080 defined."""
    with refused(INVALID, "The container app did not have a container port 8080 defined"):
        create({"targetGroupArn": group, "containerPort": 8080})


def test_one_kind_of_balancer(create: Create, group: str, classic: str) -> None:
    """ "loadBalancerName and targetGroupArn cannot both be specified…" """
    with refused(INVALID, "loadBalancerName and targetGroupArn cannot both be specified"):
        create({"targetGroupArn": group, "loadBalancerName": classic})


def test_a_group_without_a_balancer(aws: Aws, ledger: Ledger, create: Create, network: Network) -> None:
    """ "The target group … does not have an associated load balancer": the listener has to be there first."""
    with refused(INVALID, "does not have an associated load balancer"):
        create({"targetGroupArn": make_target_group(aws, ledger, network)})


def test_a_group_that_is_not_there(create: Create, group: str) -> None:
    """A target group that is not there is refused."""
    with refused(EITHER):
        create({"targetGroupArn": group.rsplit("/", 1)[0] + "/0123456789abcdef"})


def test_a_classic_balancer_that_is_not_there(aws: Aws, create: Create) -> None:
    """A classic load balancer that is not there is refused."""
    with refused(EITHER):
        create({"loadBalancerName": aws.unique("nope")})


def test_five_target_groups(create: Create, group: str) -> None:
    """ "load balancers can have at most 5 items."""
    with refused(INVALID, "can have at most 5 items"):
        create(*({"targetGroupArn": group, "containerPort": port} for port in (80, 443, 80, 443, 80, 443)))


def test_one_classic_balancer(aws: Aws, ledger: Ledger, network: Network, create: Create, classic: str) -> None:
    """A service has one classic load balancer at most."""
    other = make_classic(aws, ledger, network)
    with refused(INVALID):
        create({"loadBalancerName": classic}, {"loadBalancerName": other})


def test_a_classic_balancer(create: Create, classic: str) -> None:
    """A service behind a classic load balancer is taken; its deployments have no rolloutState."""
    service = create({"loadBalancerName": classic})
    assert service["loadBalancers"] == [{"loadBalancerName": classic, "containerName": "app", "containerPort": 80}]
    assert "rolloutState" not in service["deployments"][0]


def test_no_classic_balancer_in_awsvpc(
    create: Create, classic: str, register: Callable[..., dict[str, Any]], network: Network
) -> None:
    """Classic load balancers are not for awsvpc tasks."""
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="awsvpc")
    with refused(INVALID):
        create(
            {"loadBalancerName": classic},
            taskDefinition=definition["taskDefinitionArn"],
            networkConfiguration=network.awsvpc(),
        )


def test_no_role_in_awsvpc(
    create: Create, ip_group: str, register: Callable[..., dict[str, Any]], network: Network
) -> None:
    """ "You cannot specify an IAM role for services that require a service linked role." (awsvpc)"""
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="awsvpc")
    with refused(INVALID, "You cannot specify an IAM role for services that require a service linked role"):
        create(
            {"targetGroupArn": ip_group},
            taskDefinition=definition["taskDefinitionArn"],
            networkConfiguration=network.awsvpc(),
            role="ecsServiceRole",
        )


def test_awsvpc_needs_targets_by_address(
    create: Create, group: str, register: Callable[..., dict[str, Any]], network: Network
) -> None:
    """awsvpc tasks need a target group of the target type ip: instance is incompatible."""
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="awsvpc")
    with refused(INVALID, "target type instance"):
        create(
            {"targetGroupArn": group},
            taskDefinition=definition["taskDefinitionArn"],
            networkConfiguration=network.awsvpc(),
        )


def test_grace_period(create: Create, group: str) -> None:
    """A service behind a balancer has a health check grace period: 0 unless it is given."""
    assert create({"targetGroupArn": group})["healthCheckGracePeriodSeconds"] == 0
    assert create({"targetGroupArn": group}, healthCheckGracePeriodSeconds=60)["healthCheckGracePeriodSeconds"] == 60


def test_blue_green_needs_two_groups(create: Create, group: str) -> None:
    """BLUE_GREEN behind a target group needs advancedConfiguration: the alternate group, the rule, the role."""
    with refused(EITHER):
        create(
            {"targetGroupArn": group},
            deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0},
        )


def test_a_balancer_needs_a_container(create: Create, group: str) -> None:
    """A load balancer names a container and its port."""
    with refused((INVALID, CLIENT)):
        create({"targetGroupArn": group, "containerName": None, "containerPort": None})
