"""The listeners of application and network balancers, and the rules by which requests find their service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ecsctl.deploy.desired.routes import Route
from ecsctl.deploy.kinds.elbv2_listeners import Forward, ListenerRule
from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.kinds.target_group import TargetGroup
from ecsctl.deploy.resources import Key, Ref
from ecsctl.errors import EcsctlError

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import DataSources
    from ecsctl.manifest.model import ListenerSpec, LoadBalancerSpec

# Between the priorities of rules that the file does not number: room for what somebody else puts there.
PRIORITY_STEP = 100
LAST_PRIORITY = 50000
# A deployment shifts the traffic of a rule, so what a listener would get by default has one that takes everything.
EVERYTHING = ("/*",)


def forwards(
    sources: DataSources,
    balancer: LoadBalancerSpec,
    groups: Mapping[Route, TargetGroup],
    others: Mapping[Route, TargetGroup],
) -> list[Forward]:
    """The listeners of a balancer with their rules.

    Args:
        groups: the target group of each route.
        others: that which its deployments shift the traffic to, of those routes that have one.

    Raises:
        EcsctlError: a listener leads nowhere, or it cannot be told which one has the traffic of a route.
    """
    priorities = _priorities(groups)
    direct = [route for route in groups if not route.by_rule]
    made = []
    for item in _serving(balancer, groups):
        certificate = item.certificate or sources.certificates.get(item.domain or "")
        if item.redirect:
            made.append(Forward(item.port, item.protocol, None, certificate, item.redirect))
            continue
        rules: list[ListenerRule] = []
        if balancer.type == "application":
            rules = [_rule(route, priorities, groups, others) for route in groups if route.by_rule]
        behind = _behind(balancer, item, direct) if direct or not rules else None
        if behind is not None and behind.shifts:
            rules.append(_rule(behind, priorities, groups, others))
        group = Ref(groups[behind].key, "arn") if behind is not None else None
        made.append(Forward(item.port, item.protocol, group, certificate, None, _sorted(rules)))
    for port in dict.fromkeys(route.test_listener for route in others if route.test_listener):
        tried = [route for route in others if route.test_listener == port]
        front = _test_listener(balancer, port, tried, groups)
        certificate = front.certificate or sources.certificates.get(front.domain or "")
        rules = [_rule(route, priorities, groups, others) for route in tried]
        made.append(Forward(port, front.protocol, None, certificate, None, _sorted(rules)))
    return made


def rules_of(balancer: LoadBalancerSpec, route: Route, routes: Sequence[Route]) -> dict[str, Ref]:
    """The rules by which deployments of a route shift its traffic, as ``advancedConfiguration`` names them.

    Args:
        routes: all of the balancer, in the order of the file.

    Raises:
        EcsctlError: it cannot be told which listener has its traffic.
    """
    key, priority = Key(LoadBalancer.kind, balancer.name), _priorities(routes)[route]
    made = {"productionListenerRule": Ref(key, f"rule:{_production(balancer, route, routes).port}:{priority}")}
    if route.test_listener:
        made["testListenerRule"] = Ref(key, f"rule:{route.test_listener}:{priority}")
    return made


def _serving(balancer: LoadBalancerSpec, routes: Iterable[Route]) -> list[ListenerSpec]:
    """The listeners that are not for tests."""
    tests = {route.test_listener for route in routes if route.shifts}
    return [item for item in balancer.listeners if item.port not in tests]


def _production(balancer: LoadBalancerSpec, route: Route, routes: Iterable[Route]) -> ListenerSpec:
    """The listener that has the traffic of a route whose deployments shift it: there may be only one."""
    routes = list(routes)
    direct = [item for item in routes if not item.by_rule]
    found = [item for item in _serving(balancer, routes) if not item.redirect]
    if not route.by_rule:
        found = [item for item in found if _behind(balancer, item, direct) == route]
    if len(found) != 1:
        ports = ", ".join(str(item.port) for item in found) or "none"
        raise EcsctlError(
            f"services.{route.service}: its deployments shift the traffic of one listener, and load balancer "
            f"{balancer.name} has {len(found)} that lead to it ({ports})",
            hint='keep one, and let the others redirect to it: `listeners: ["80->443", {port: 443, domain: …}]`',
        )
    return found[0]


def _test_listener(
    balancer: LoadBalancerSpec, port: int, tried: Sequence[Route], routes: Iterable[Route]
) -> ListenerSpec:
    """The listener at which deployments are tried: the file's, else one as that of production."""
    said = next((item for item in balancer.listeners if item.port == port), None)
    return said or replace(_production(balancer, tried[0], routes), port=port, redirect=None)


def _rule(
    route: Route,
    priorities: Mapping[Route, int],
    groups: Mapping[Route, TargetGroup],
    others: Mapping[Route, TargetGroup],
) -> ListenerRule:
    other = Ref(others[route].key, "arn") if route in others else ""
    paths = route.paths if route.by_rule else EVERYTHING
    return ListenerRule(priorities[route], route.hosts, paths, Ref(groups[route].key, "arn"), other=other)


def _sorted(rules: Iterable[ListenerRule]) -> tuple[ListenerRule, ...]:
    return tuple(sorted(rules, key=lambda rule: rule.priority))


def _priorities(routes: Iterable[Route]) -> dict[Route, int]:
    """The priorities of the rules to routes; those that the file does not say in its order: 100, 200 …, where free."""
    routes = list(routes)
    taken = {route.priority for route in routes if route.priority}
    free = (number for number in range(PRIORITY_STEP, LAST_PRIORITY, PRIORITY_STEP) if number not in taken)
    return {
        route: route.priority or next(free) if route.by_rule else LAST_PRIORITY
        for route in routes
        if route.by_rule or route.shifts
    }


def _behind(balancer: LoadBalancerSpec, listener: ListenerSpec, routes: Sequence[Route]) -> Route:
    """The route that a listener leads to: by the port of the container, else the only one."""
    for port in (listener.instance_port, None if listener.instance_port else listener.port):
        for route in routes:
            if port and port in (route.container_port, route.host_port):
                return route
    if len(routes) == 1 and not listener.instance_port:
        return routes[0]
    raise EcsctlError(
        f"loadBalancers.{balancer.name}: it cannot be told which service the listener {listener.port} leads to",
        hint='name the container\'s port: `listeners: ["80:8080"]`, and `loadBalancer: '
        f"{balancer.name}:8080` in the service",
    )
