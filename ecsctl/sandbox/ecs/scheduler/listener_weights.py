"""Which target group a deployment stands behind, and how much of the traffic the listener rules send there."""

from __future__ import annotations

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import service_events
from ecsctl.sandbox.ecs.store.store import Deployment, Document, Service


def strategy_of(service: Service) -> str:
    """ROLLING, BLUE_GREEN, LINEAR or CANARY."""
    return str(service.settings["deploymentConfiguration"].get("strategy", "ROLLING"))


def balancers_of(service: Service, deployment: Deployment | None) -> list[Document]:
    """``loadBalancers`` for the tasks of a deployment, with the alternate target group where it has that."""
    settings = deployment.settings if deployment is not None else service.settings
    return [
        {**balancer, "targetGroupArn": _group(balancer, alternate=deployment is not None and deployment.alternate)}
        if balancer.get("targetGroupArn")
        else balancer
        for balancer in settings.get("loadBalancers", ())
    ]


def _group(balancer: Document, *, alternate: bool) -> str:
    other = (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
    return str(other if alternate and other else balancer["targetGroupArn"])


def route(region: Region, service: Service, green: Deployment, *, test: bool = False) -> None:
    """Have the production rules (or those for tests) send a deployment its weight, and its source the rest.

    A rule that has gone is told in the service's events.
    """
    for balancer in green.settings.get("loadBalancers", ()):
        advanced = balancer.get("advancedConfiguration") or {}
        rule = advanced.get("testListenerRule" if test else "productionListenerRule")
        if not rule or not balancer.get("targetGroupArn"):
            continue
        weight = green.test_weight if test else green.weight
        new, old = _group(balancer, alternate=green.alternate), _group(balancer, alternate=not green.alternate)
        weights = {new: weight} if new == old else {new: weight, old: 100.0 - weight}
        try:
            region.elb.route(rule, weights)
        except Exception as error:
            message = f"(service {service.name}) failed to modify (listener-rule {rule}) with (error {error})"
            service_events.complain(region, service, message)


def give_all(region: Region, service: Service, deployment: Deployment) -> None:
    """Send all traffic to a deployment."""
    deployment.weight = deployment.test_weight = 100.0
    route(region, service, deployment)
    route(region, service, deployment, test=True)
