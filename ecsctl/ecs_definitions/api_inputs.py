"""A ``Spec`` as the inputs that are sent to AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsctl.manifest.model import ServiceSpec, Spec


def inputs(spec: Spec) -> dict[str, Any]:
    """``taskDefinitions`` and ``services``, each the input of its API operation; sections without any are left out."""
    families = {name: dict(one.definition) for name, one in spec.task_definitions.items()}
    services = {name: service_input(spec, one) for name, one in spec.services.items()}
    sections = {"taskDefinitions": families, "services": services}
    return {name: section for name, section in sections.items() if section}


def counted(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The definition of a new service with the count that CreateService wants: 1, where the file leaves it out."""
    made = dict(definition)
    if made.get("schedulingStrategy") != "DAEMON":
        made.setdefault("desiredCount", 1)
    return made


def service_input(spec: Spec, service: ServiceSpec) -> dict[str, Any]:
    """The input of CreateService, but for ``clientToken``, which is made anew for each call.

    A target group's ARN is known only once it exists; ``targetGroupArn`` then stays ``(known after apply)``.
    """
    made: dict[str, Any] = {**({"cluster": spec.cluster} if spec.cluster else {}), **counted(service.definition)}
    if service.ingress is not None:
        later = ["(known after apply)"]
        network = (made.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {"subnets": later}
        made["networkConfiguration"] = {"awsvpcConfiguration": {**network, "securityGroups": later}}
    reference = service.load_balancer
    if reference is not None:
        balancer = spec.load_balancers.get(reference.name)
        classic = balancer is None or balancer.type == "classic"
        at = {"loadBalancerName": reference.name} if classic else {"targetGroupArn": "(known after apply)"}
        container = {"containerName": reference.container_name, "containerPort": reference.container_port}
        made["loadBalancers"] = [{**at, **container}]
    return made
