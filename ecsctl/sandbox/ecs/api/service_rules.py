"""What CreateService and UpdateService refuse. Refusals are ``InvalidParameterException``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ecsctl.sandbox.ecs.api.capacity_providers import checked_strategy
from ecsctl.sandbox.ecs.api.service_connections import check_connections
from ecsctl.sandbox.ecs.errors import invalid
from ecsctl.sandbox.ecs.region import Region, Request
from ecsctl.sandbox.ecs.scheduler.capacity_strategy import launch_type_of
from ecsctl.sandbox.ecs.scheduler.launching import check_compatible, check_network
from ecsctl.sandbox.ecs.scheduler.placement import check_placement
from ecsctl.sandbox.ecs.store.store import Cluster, Document, TaskDefinition

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
MAX_TOKEN = 36


def check_name(request: Request) -> None:
    if not NAME.fullmatch(request["serviceName"]):
        raise invalid(
            "Service name contains invalid characters or is longer than 255 characters: "
            "up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed."
        )
    if len(request.get("clientToken", "")) > MAX_TOKEN:
        raise invalid(f"clientToken can have at most {MAX_TOKEN} characters.")


def check_settings(region: Region, cluster: Cluster, definition: TaskDefinition, settings: Document) -> None:
    """Refuse what contradicts itself or the task definition.

    Args:
        settings: members of CreateService, merged with the service's own on an update; defaults are filled in
            (``deploymentConfiguration``, ``schedulingStrategy``, ``availabilityZoneRebalancing``).
    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    if settings.get("launchType") and settings.get("capacityProviderStrategy"):
        raise invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    checked_strategy(settings.get("capacityProviderStrategy", ()), cluster.capacity_providers)
    launch_type = launch_type_of(settings)
    check_compatible(definition, launch_type)
    check_network(definition, settings.get("networkConfiguration"), launch_type)
    _check_launch_type(settings, launch_type)
    constraints, strategy = settings.get("placementConstraints", ()), settings.get("placementStrategy", ())
    check_placement(constraints, strategy, len(definition.document.get("placementConstraints", ())))
    _check_deployment(settings)
    _check_scheduling(settings)
    _check_balancers(region, definition, settings, launch_type)
    check_connections(cluster, definition, settings)
    if settings.get("enableExecuteCommand") and not definition.document.get("taskRoleArn"):
        raise invalid("The service couldn't be created because a valid taskRoleArn is not being used. "
                      "Specify a valid task role in your task definition and try again.")  # fmt: skip


def check_external(request: Request, settings: Document) -> None:
    """Refuse what a service with an EXTERNAL controller leaves to its task sets; take its defaults away.

    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    if request.get("taskDefinition"):
        raise invalid("TaskDefinition must be blank.")
    for member in ("launchType", "capacityProviderStrategy", "platformVersion", "networkConfiguration"):
        if request.get(member):
            raise invalid(f"{member[0].upper()}{member[1:]} must be blank with the EXTERNAL deployment controller.")
        settings.pop(member, None)
    if settings["schedulingStrategy"] == "DAEMON":
        raise invalid("The daemon scheduling strategy is not supported with the EXTERNAL deployment controller.")
    settings["availabilityZoneRebalancing"] = "DISABLED"
    settings.setdefault("desiredCount", 0)


def _check_launch_type(settings: Document, launch_type: str) -> None:
    if launch_type == "FARGATE":
        if settings.get("placementConstraints"):
            raise invalid("Placement constraints are not supported with FARGATE launch type.")
        if settings.get("placementStrategy"):
            raise invalid("Placement strategies are not supported with FARGATE launch type.")
    elif settings.get("platformVersion"):
        raise invalid("The platform version must be null when specifying an EC2 launch type.")


def _check_deployment(settings: Document) -> None:
    configuration = settings["deploymentConfiguration"]
    least, most = configuration.get("minimumHealthyPercent", 100), configuration.get("maximumPercent", 200)
    if settings["schedulingStrategy"] == "DAEMON":
        if most != 100:
            raise invalid("The daemon scheduling strategy does not support a value for maximumPercent other than 100.")
        if not 0 <= least < 100:
            raise invalid("minimumHealthyPercent must be between 0 and 99 for the daemon scheduling strategy.")
    else:
        if least < 0:
            raise invalid("minimumHealthyPercent must be at least 0")
        if least > 100:
            raise invalid("minimumHealthyPercent must be at most 100")
        if most < 100:
            raise invalid("maximumPercent must be at least 100")
        if most == least == 100:
            raise invalid(
                "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block any deployment"
            )
    breaker = configuration.get("deploymentCircuitBreaker")
    if breaker is not None and ("enable" not in breaker or "rollback" not in breaker):
        raise invalid("Both enable and rollback must be specified for the deployment circuit breaker.")
    threshold = (breaker or {}).get("thresholdConfiguration")
    if threshold is not None and not 1 <= threshold["value"] <= (10000 if threshold["type"] == "COUNT" else 100):
        raise invalid("The value of the thresholdConfiguration is out of range.")
    alarms = configuration.get("alarms") or {}
    if alarms.get("enable") and not alarms.get("alarmNames"):
        raise invalid("At least one alarm name must be specified when deployment alarms are enabled.")
    strategy = configuration.get("strategy", "ROLLING")
    if strategy == "BLUE_GREEN" and "bakeTimeInMinutes" not in configuration:
        raise invalid("bakeTimeInMinutes must be specified with the deployment strategy BLUE_GREEN.")
    if strategy != "ROLLING":
        _check_shifting(settings, strategy)


def _check_shifting(settings: Document, strategy: str) -> None:
    """What the strategies demand that shift traffic."""
    configuration = settings["deploymentConfiguration"]
    if settings["schedulingStrategy"] == "DAEMON":
        raise invalid(f"The deployment strategy {strategy} does not support the daemon scheduling strategy.")
    if not 0 <= configuration.get("bakeTimeInMinutes", 0) <= 1440:
        raise invalid("bakeTimeInMinutes must be between 0 and 1440.")
    step = (configuration.get("linearConfiguration") or {}).get("stepPercent", 10.0)
    first = (configuration.get("canaryConfiguration") or {}).get("canaryPercent", 5.0)
    if strategy == "LINEAR" and not 3.0 <= step <= 100.0:
        raise invalid("stepPercent must be between 3.0 and 100.0.")
    if strategy == "CANARY" and not 0.1 <= first <= 100.0:
        raise invalid("canaryPercent must be between 0.1 and 100.0.")
    for balancer in settings.get("loadBalancers", ()):
        advanced = balancer.get("advancedConfiguration")
        if not advanced:
            raise invalid(
                f"advancedConfiguration must be specified for load balancers with the deployment strategy {strategy}."
            )
        for member in ("alternateTargetGroupArn", "productionListenerRule", "roleArn"):
            if not advanced.get(member):
                raise invalid(f"advancedConfiguration must have {member} with the deployment strategy {strategy}.")


def _check_scheduling(settings: Document) -> None:
    rebalancing = settings.get("availabilityZoneRebalancing") == "ENABLED"
    if settings["schedulingStrategy"] == "DAEMON":
        if settings.get("desiredCount") is not None:
            raise invalid(
                "The daemon scheduling strategy does not support a desired count for services. Remove the"
                " desired count value and try again."
            )
        if settings.get("placementStrategy"):
            raise invalid("Placement strategies are not supported for daemon scheduling strategy.")
        if launch_type_of(settings) == "FARGATE":
            raise invalid("The daemon scheduling strategy is not supported with the FARGATE launch type.")
        if rebalancing:
            raise invalid("Availability Zone Rebalancing does not support DAEMON services")
    elif settings.get("desiredCount") is None:
        raise invalid("Desired count must be specified for the replica scheduling strategy.")
    elif settings["desiredCount"] < 0:
        raise invalid("Desired count must be at least 0.")
    if rebalancing and settings["deploymentConfiguration"].get("maximumPercent", 200) <= 100:
        raise invalid(
            "Availability Zone Rebalancing does not support maximumPercent <= 100 % as deployment configuration"
        )


def _check_balancers(region: Region, definition: TaskDefinition, settings: Document, launch_type: str) -> None:
    balancers: Sequence[Document] = settings.get("loadBalancers", ())
    if settings.get("role"):
        if not balancers:
            raise invalid("IAM roles are only valid for services configured to use load balancers.")
        if definition.network_mode == "awsvpc":
            raise invalid("You cannot specify an IAM role for services that require a service linked role.")
    grace = settings.get("healthCheckGracePeriodSeconds")
    if grace is not None and not balancers:
        raise invalid("Health check grace period is only valid for services configured to use load balancers")
    if grace is not None and grace < 0:
        raise invalid("Health check grace period must be at least 0.")
    if len(balancers) > 5:
        raise invalid("load balancers can have at most 5 items.")
    if sum("loadBalancerName" in balancer for balancer in balancers) and len(balancers) > 1:
        raise invalid("loadBalancers can have at most 1 item when a classic load balancer is used.")
    for balancer in balancers:
        _check_balancer(region, definition, balancer, launch_type)


def _check_balancer(region: Region, definition: TaskDefinition, balancer: Document, launch_type: str) -> None:
    classic, group = balancer.get("loadBalancerName"), balancer.get("targetGroupArn")
    if classic and group:
        raise invalid(
            "loadBalancerName and targetGroupArn cannot both be specified. You must specify either a "
            "loadBalancerName or a targetGroupArn."
        )
    if not classic and not group:
        raise invalid("Either a loadBalancerName or a targetGroupArn must be specified.")
    name, port = balancer.get("containerName"), balancer.get("containerPort")
    container = next((c for c in definition.containers if c["name"] == name), None)
    if container is None:
        raise invalid(f"The container {name} does not exist in the task definition.")
    mapping = next((m for m in container["portMappings"] if m.get("containerPort") == port), None)
    if mapping is None:
        raise invalid(f"The container {name} did not have a container port {port} defined.")
    if classic:
        if definition.network_mode == "awsvpc":
            raise invalid("Classic Load Balancers are not supported with network mode awsvpc.")
        if not mapping.get("hostPort") and definition.network_mode == "bridge":
            raise invalid(
                f"The container {name} does not have a static host port for container port {port}, which a"
                " classic load balancer requires."
            )
        if not region.elb.classic_exists(classic):
            raise invalid(f"Unable to find load balancer {classic}.")
        return
    problem = region.elb.target_group_problem(str(group))
    if problem == "missing":
        raise invalid("Unable to assume role and validate the specified targetGroupArn. "
                      f"The target group {group} was not found.")  # fmt: skip
    if problem is not None:
        raise invalid(f"The target group with targetGroupArn {group} does not have an associated load balancer.")
    target_type = region.elb.target_type(str(group))
    if target_type != ("ip" if definition.network_mode == "awsvpc" else "instance"):
        raise invalid(
            f"The provided target group {group} has target type {target_type}, which is incompatible with the "
            f"{definition.network_mode} network mode specified in the task definition."
        )
