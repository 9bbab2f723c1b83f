"""Validation: services.

Every refusal is an ``InvalidParameterException``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import CLIENT, EITHER, INVALID, Aws, refused
from tests.conformance.made import Network

Register = Callable[..., dict[str, Any]]
Create = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def bridge(register: Register) -> str:
    """A definition with a dynamic host port in bridge mode."""
    return str(register(app={"portMappings": [{"containerPort": 80}]}, networkMode="bridge")["taskDefinitionArn"])


@pytest.fixture(scope="module")
def awsvpc(register: Register) -> str:
    ports = [{"containerPort": 80}]
    return str(register(app={"portMappings": ports}, networkMode="awsvpc")["taskDefinitionArn"])


@pytest.fixture
def create(aws: Aws, cluster: str, bridge: str) -> Create:
    """CreateService of the bridge definition, wanting nothing, but for what is given."""

    def call(**params: Any) -> dict[str, Any]:
        given = {
            "cluster": cluster,
            "serviceName": aws.unique("service"),
            "taskDefinition": bridge,
            "desiredCount": 0,
            **params,
        }
        given = {key: value for key, value in given.items() if value is not None}
        return dict(aws.client("ecs").create_service(**given)["service"])

    return call


def test_one_of_launch_type_and_strategy(create: Create) -> None:
    """ "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."""
    phrase = "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again"
    with refused(INVALID, phrase):
        create(launchType="FARGATE", capacityProviderStrategy=[{"capacityProvider": "FARGATE"}])


def test_awsvpc_needs_a_network(create: Create, awsvpc: str) -> None:
    """ "Network Configuration must be provided when networkMode 'awsvpc' is specified."""
    with refused(INVALID, "Network Configuration must be provided when networkMode awsvpc is specified"):
        create(taskDefinition=awsvpc)


def test_fargate_needs_a_network(create: Create, fargate_definition: str) -> None:
    """ "Network Configuration must be provided when networkMode 'awsvpc' is specified." (on Fargate)"""
    with refused(INVALID, "Network Configuration must be provided when networkMode awsvpc is specified"):
        create(taskDefinition=fargate_definition, launchType="FARGATE")


def test_bridge_has_no_network(create: Create, network: Network) -> None:
    """ "Network Configuration is not valid for the given networkMode of this task definition."""
    with refused(INVALID, "Network Configuration is not valid for the given networkMode of this task definition"):
        create(networkConfiguration=network.awsvpc())


def test_least_percent(create: Create) -> None:
    """ "minimumHealthyPercent must be at most 100."""
    with refused(INVALID, "minimumHealthyPercent must be at most 100"):
        create(deploymentConfiguration={"minimumHealthyPercent": 101, "maximumPercent": 200})


def test_most_percent(create: Create) -> None:
    """maximumPercent is at least 100."""
    with refused(INVALID, "maximumPercent"):
        create(
            deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 99},
            availabilityZoneRebalancing="DISABLED",
        )


def test_percents_that_block(create: Create) -> None:
    """ "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."""
    with refused(INVALID, "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments"):
        create(
            deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 100},
            availabilityZoneRebalancing="DISABLED",
        )


def test_rebalancing_needs_room(create: Create) -> None:
    """ "Availability Zone Rebalancing does not support maximumPercent <= 100 % as deployment configuration."

    Rebalancing is ENABLED by default on create.
    """
    phrase = "Availability Zone Rebalancing does not support maximumPercent <= 100 % as deployment configuration"
    configuration = {"minimumHealthyPercent": 50, "maximumPercent": 100}
    for rebalancing in ("ENABLED", None):
        with refused(INVALID, phrase):
            create(deploymentConfiguration=configuration, availabilityZoneRebalancing=rebalancing)
    assert create(deploymentConfiguration=configuration, availabilityZoneRebalancing="DISABLED")["status"] == "ACTIVE"


DAEMON: dict[str, dict[str, Any]] = {
    "desiredCount": {"desiredCount": 1},
    "maximumPercent": {"deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 0}},
    "placementStrategy": {"placementStrategy": [{"type": "random"}]},
    "rebalancing": {"availabilityZoneRebalancing": "ENABLED"},
    "FARGATE": {"launchType": "FARGATE"},
}


@pytest.mark.parametrize("barred", DAEMON)
def test_daemon_bars(create: Create, barred: str) -> None:
    """A DAEMON service has no desired count, no maximumPercent above 100, no placement strategies, no rebalancing,
    and is not for Fargate."""
    with refused(EITHER):
        create(schedulingStrategy="DAEMON", **{"desiredCount": None, **DAEMON[barred]})


def test_daemon(create: Create) -> None:
    """A DAEMON service without them is taken; its percents are 100 and 0."""
    service = create(schedulingStrategy="DAEMON", desiredCount=None)
    assert service["schedulingStrategy"] == "DAEMON"
    configuration = service["deploymentConfiguration"]
    assert (configuration["maximumPercent"], configuration["minimumHealthyPercent"]) == (100, 0)


def test_replicas_need_a_count(create: Create) -> None:
    """A REPLICA service needs a desired count."""
    with refused(INVALID):
        create(desiredCount=None)


def test_no_negative_count(create: Create) -> None:
    """A desired count is not negative."""
    with refused(INVALID):
        create(desiredCount=-1)


def test_no_constraints_on_fargate(create: Create, fargate_definition: str, network: Network) -> None:
    """ "Placement constraints are not supported with FARGATE launch type."""
    with refused(INVALID, "Placement constraints are not supported with FARGATE launch type"):
        create(
            taskDefinition=fargate_definition,
            launchType="FARGATE",
            networkConfiguration=network.awsvpc(),
            placementConstraints=[{"type": "distinctInstance"}],
        )


def test_no_strategies_on_fargate(create: Create, fargate_definition: str, network: Network) -> None:
    """Placement strategies are not supported with the FARGATE launch type."""
    with refused(INVALID, "Placement strategies are not supported with FARGATE launch type"):
        create(
            taskDefinition=fargate_definition,
            launchType="FARGATE",
            networkConfiguration=network.awsvpc(),
            placementStrategy=[{"type": "random"}],
        )


def test_no_platform_version_on_ec2(create: Create) -> None:
    """ "The platform version must be null when specifying an EC2 launch type."""
    with refused(INVALID, "The platform version must be null when specifying an EC2 launch type"):
        create(launchType="EC2", platformVersion="1.4.0")


def test_unknown_platform_version(create: Create, fargate_definition: str, network: Network) -> None:
    """A platform version that is not there: PlatformUnknownException."""
    with refused("PlatformUnknownException"):
        create(
            taskDefinition=fargate_definition,
            launchType="FARGATE",
            networkConfiguration=network.awsvpc(),
            platformVersion="9.9.9",
        )


def test_the_definition_fits_the_launch_type(create: Create) -> None:
    """A service of the launch type FARGATE needs a definition that is compatible with it."""
    with refused(EITHER):
        create(launchType="FARGATE")


def test_a_role_is_for_balancers(create: Create) -> None:
    """ "IAM roles are only valid for services configured to use load balancers."""
    with refused(INVALID, "IAM roles are only valid for services configured to use load balancers"):
        create(role="ecsServiceRole")


def test_a_grace_period_needs_no_balancer(create: Create) -> None:
    """A health check grace period serves containers' health checks, too."""
    assert create(healthCheckGracePeriodSeconds=30)["healthCheckGracePeriodSeconds"] == 30


def test_one_base(create: Create) -> None:
    """Only one item of a capacity provider strategy has a base."""
    with refused(EITHER):
        create(
            capacityProviderStrategy=[
                {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
                {"capacityProvider": "FARGATE_SPOT", "base": 1, "weight": 1},
            ]
        )


def test_one_weight(create: Create) -> None:
    """At least one item of a capacity provider strategy has a weight above 0."""
    with refused(EITHER):
        create(
            capacityProviderStrategy=[
                {"capacityProvider": "FARGATE", "weight": 0},
                {"capacityProvider": "FARGATE_SPOT", "weight": 0},
            ]
        )


def test_a_provider_of_the_cluster(create: Create) -> None:
    """A strategy's capacity provider is one of the cluster's."""
    with refused(EITHER):
        create(capacityProviderStrategy=[{"capacityProvider": "conf-nope", "weight": 1}])


def test_circuit_breaker_members(create: Create) -> None:
    """A circuit breaker needs `enable` and `rollback`."""
    for breaker in ({"enable": True}, {"rollback": True}):
        with refused(EITHER):
            create(deploymentConfiguration={"deploymentCircuitBreaker": breaker})


def test_unknown_cluster(aws: Aws, create: Create) -> None:
    """ "Cluster not found." """
    with refused("ClusterNotFoundException", "Cluster not found"):
        create(cluster=aws.unique("nope"))


def test_unknown_definition(aws: Aws, create: Create) -> None:
    """ "TaskDefinition not found." """
    with refused(EITHER, "TaskDefinition not found"):
        create(taskDefinition=aws.unique("nope"))


@pytest.mark.parametrize("name", ["a b", "a.b", "x" * 256, ""], ids=lambda name: name[:5] or "empty")
def test_service_names(create: Create, name: str) -> None:
    """Service names have up to 255 letters, digits, hyphens and underscores."""
    with refused(INVALID):
        create(serviceName=name)


def test_token_length(create: Create) -> None:
    """A clientToken has up to 36 characters."""
    with refused(INVALID):
        create(clientToken="x" * 37)
    assert create(clientToken="x" * 36)["status"] == "ACTIVE"


def test_exec_needs_a_task_role(create: Create) -> None:
    """ECS Exec needs a task role: "… a valid taskRoleArn is not being used …" """
    with refused(INVALID, "taskRoleArn"):
        create(enableExecuteCommand=True)


@pytest.mark.parametrize(
    "params",
    [
        {"placementStrategy": [{"type": "binpack", "field": "disk"}]},
        {"placementStrategy": [{"type": "binpack"}]},
        {"placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.instance-type is t3"}]},
        {"placementConstraints": [{"type": "memberOf"}]},
        {"placementConstraints": [{"type": "distinctInstance", "expression": "attribute:a == b"}]},
    ],
    ids=["binpack by disk", "binpack by nothing", "grammar", "no expression", "distinctInstance with expression"],
)
def test_placement_is_checked(create: Create, params: dict[str, Any]) -> None:
    """binpack is by cpu or memory; memberOf has an expression of the cluster query language, distinctInstance none."""
    with refused(EITHER):
        create(**params)


def test_defaults_of_a_service(create: Create, bridge: str) -> None:
    """CreateService fills in: REPLICA, EC2, 200 and 100 percent, one PRIMARY deployment IN_PROGRESS, no tags."""
    service = create()
    assert service["status"] == "ACTIVE"
    assert service["schedulingStrategy"] == "REPLICA"
    assert service["launchType"] == "EC2"
    assert service["taskDefinition"] == bridge
    configuration = service["deploymentConfiguration"]
    assert (configuration["maximumPercent"], configuration["minimumHealthyPercent"]) == (200, 100)
    assert (service["desiredCount"], service["runningCount"], service["pendingCount"]) == (0, 0, 0)
    (deployment,) = service["deployments"]
    assert deployment["status"] == "PRIMARY"
    assert deployment["rolloutState"] == "IN_PROGRESS"
    assert deployment["id"].startswith("ecs-svc/")
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} in progress."
    assert service["loadBalancers"] == []
    assert service["serviceRegistries"] == []
    assert service["enableECSManagedTags"] is False
    assert service["enableExecuteCommand"] is False
    assert service["propagateTags"] == "NONE"
    assert service["createdAt"].tzinfo is not None


def test_rebalancing_by_default(create: Create) -> None:
    """Availability Zone rebalancing is ENABLED by default on create."""
    assert create()["availabilityZoneRebalancing"] == "ENABLED"


def test_the_form_of_the_arn(aws: Aws, create: Create, cluster: str, account: str) -> None:
    """A service's ARN has its cluster: service/CLUSTER/NAME."""
    service = create()
    ending = f":ecs:{aws.region}:{account}:service/{cluster}/{service['serviceName']}"
    assert service["serviceArn"].endswith(ending)
    assert service["clusterArn"].endswith(f":cluster/{cluster}")


def test_fargate_services_have_a_platform(create: Create, fargate_definition: str, network: Network) -> None:
    """A Fargate service is answered with platformVersion LATEST and platformFamily Linux."""
    service = create(taskDefinition=fargate_definition, launchType="FARGATE", networkConfiguration=network.awsvpc())
    assert service["platformVersion"] == "LATEST"
    assert service["platformFamily"].lower() == "linux"


def test_unknown_services(aws: Aws, ecs: Any, cluster: str) -> None:
    """ "Service not found.": ServiceNotFoundException of UpdateService and DeleteService."""
    for call in (ecs.update_service, ecs.delete_service):
        with refused("ServiceNotFoundException", "Service not found"):
            call(cluster=cluster, service=aws.unique("nope"))


def test_update_is_checked_as_create_is(ecs: Any, create: Create, cluster: str, network: Network) -> None:
    """UpdateService refuses what CreateService refuses: percents, networks, unknown definitions."""
    name = create()["serviceName"]
    with refused(INVALID, "minimumHealthyPercent must be at most 100"):
        ecs.update_service(cluster=cluster, service=name, deploymentConfiguration={"minimumHealthyPercent": 101})
    with refused(EITHER):
        ecs.update_service(cluster=cluster, service=name, networkConfiguration=network.awsvpc())
    with refused(CLIENT, "TaskDefinition not found"):
        ecs.update_service(cluster=cluster, service=name, taskDefinition="conf-nope-nope")
    service = ecs.describe_services(cluster=cluster, services=[name])["services"][0]
    assert service["deploymentConfiguration"]["minimumHealthyPercent"] == 100
    assert len(service["deployments"]) == 1
