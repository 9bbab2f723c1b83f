"""A ``Spec`` as the inputs that are sent to AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsctl.manifest.model import ServiceSpec, Spec, TaskDefinitionSpec


def inputs(spec: Spec) -> dict[str, Any]:
    """``taskDefinitions`` and ``services``, each the input of its API operation; sections without any are left out."""
    families = {name: task_definition_input(one) for name, one in spec.task_definitions.items()}
    services = {name: service_input(spec, one) for name, one in spec.services.items()}
    sections = {"taskDefinitions": families, "services": services}
    return {name: section for name, section in sections.items() if section}


def task_definition_input(item: TaskDefinitionSpec) -> dict[str, Any]:
    """The input of RegisterTaskDefinition; the ARNs of roles that are made stay ``(known after apply)``."""
    roles = {"taskRoleArn": item.task_role, "executionRoleArn": item.execution_role}
    later = {member: "(known after apply)" for member, role in roles.items() if role is not None}
    return {**item.definition, **later}


# A deployment whose tasks keep failing is ended and undone by ECS, where the file says nothing else.
BREAKER = {"enable": True, "rollback": True}


def creation(definition: Mapping[str, Any], *, classic: bool = False) -> dict[str, Any]:
    """The definition of a new service with what is usual where it says nothing: one task, and a circuit breaker.

    An existing service is left as it is.

    Args:
        classic: whether it stands behind a classic balancer, where ECS has no circuit breaker.
    """
    made = dict(definition)
    replicas = made.get("schedulingStrategy") != "DAEMON"
    if replicas:
        made.setdefault("desiredCount", 1)
    controller = (made.get("deploymentController") or {}).get("type", "ECS")
    classic = classic or any(row.get("loadBalancerName") for row in made.get("loadBalancers") or ())
    configuration = dict(made.get("deploymentConfiguration") or {})
    if replicas and controller == "ECS" and not classic and "deploymentCircuitBreaker" not in configuration:
        made["deploymentConfiguration"] = {**configuration, "deploymentCircuitBreaker": dict(BREAKER)}
    return made


def service_input(spec: Spec, service: ServiceSpec) -> dict[str, Any]:
    """The input of CreateService, but for ``clientToken``, which is made anew for each call.

    A target group's ARN is known only once it exists; ``targetGroupArn`` then stays ``(known after apply)``.
    """
    front = spec.load_balancers.get(service.load_balancer.name) if service.load_balancer else None
    classic = service.load_balancer is not None and (front is None or front.type == "classic")
    definition = creation(service.definition, classic=classic)
    made: dict[str, Any] = {**({"cluster": spec.cluster} if spec.cluster else {}), **definition}
    if service.ingress is not None:
        later = ["(known after apply)"]
        network = (made.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {"subnets": later}
        made["networkConfiguration"] = {"awsvpcConfiguration": {**network, "securityGroups": later}}
    reference = service.load_balancer
    if reference is not None:
        at = {"loadBalancerName": reference.name} if classic else {"targetGroupArn": "(known after apply)"}
        container = {"containerName": reference.container_name, "containerPort": reference.container_port}
        made["loadBalancers"] = [{**at, **container}]
    return made
