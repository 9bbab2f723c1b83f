"""Listeners of load balancers: certificates, redirects, and the rules by which requests find their service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecsctl.manifest.model import SHIFTING
from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Definition, Project
from ecsctl.manifest.yaml.nodes import Path

SECURE = ("HTTPS", "TLS", "SSL")
# Condition values of one rule.
MOST_VALUES = 5
SLOWEST_START = 30


def _kind(balancer: Definition) -> str:
    return str(balancer.get("type", "classic"))


def _listeners(balancer: Definition) -> Iterator[tuple[Path, dict[str, Any]]]:
    yield from balancer.items("listeners")


def _references(project: Project) -> Iterator[tuple[Path, dict[str, Any], Definition]]:
    """Each service's ``loadBalancer`` that names a balancer of the file: its place, itself, the balancer."""
    for service in project.services.values():
        reference = service.get("loadBalancer")
        balancer = project.load_balancers.get(reference.get("name", "")) if isinstance(reference, dict) else None
        if balancer is not None and isinstance(reference, dict):
            yield (*service.path, "loadBalancer"), reference, balancer


@rule(
    "ECS083",
    "Only application balancers read requests.",
    why="Hosts, paths, cookies, redirects and HTTP codes are of HTTP; network and classic balancers carry bytes.",
)
def of_application_balancers(project: Project) -> Iterator[Finding]:
    """``host``, ``path``, ``priority``, ``redirect``, ``matcher``, ``stickiness``, ``slowStart``, ``domain``."""
    for balancer in project.load_balancers.values():
        kind = _kind(balancer)
        if kind == "application":
            continue
        places: list[Path] = [(*balancer.path, name) for name in ("stickiness", "slowStart") if balancer.get(name)]
        check = balancer.get("healthCheck")
        if isinstance(check, dict) and check.get("matcher"):
            places.append((*balancer.path, "healthCheck", "matcher"))
        for path, item in _listeners(balancer):
            places += [(*path, "redirect")] if item.get("redirect") else []
            places += [(*path, "domain")] if item.get("domain") and kind == "classic" else []
        for place in places:
            yield Finding(place, f"a {kind} balancer has no {place[-1]}", "type: application, or leave it out")
    for path, reference, balancer in _references(project):
        for name in ("host", "path", "priority"):
            if reference.get(name) and _kind(balancer) != "application":
                message = f"the {_kind(balancer)} balancer {balancer.name} has no rules by {name}"
                yield Finding((*path, name), message, "type: application, or leave it out")


@rule(
    "ECS084",
    "A redirect leads to an HTTPS listener of the same balancer.",
    why="Whoever comes is told to come again by HTTPS on that port; where nothing listens, nobody answers.",
)
def redirects(project: Project) -> Iterator[Finding]:
    """``listeners[].redirect``."""
    for balancer in project.load_balancers.values():
        secure = {
            item.get("port")
            for _, item in _listeners(balancer)
            if item.get("protocol") == "HTTPS" or (not item.get("protocol") and _has_certificate(item))
        }
        for path, item in _listeners(balancer):
            target = item.get("redirect")
            if target and target not in secure:
                known = ", ".join(map(str, sorted(port for port in secure if port))) or "a listener with a certificate"
                yield Finding((*path, "redirect"), f"no HTTPS listener has the port {target}", known)


def _has_certificate(item: dict[str, Any]) -> bool:
    return bool(item.get("certificate") or item.get("domain"))


@rule(
    "ECS085",
    "A listener that ends TLS has a certificate, and one only.",
    why="It is what the balancer shows to clients: by its ARN, or found in ACM by its domain.",
)
def certificates(project: Project) -> Iterator[Finding]:
    """``certificate`` and ``domain``."""
    for balancer in project.load_balancers.values():
        for path, item in _listeners(balancer):
            protocol = item.get("protocol")
            if protocol in SECURE and not _has_certificate(item):
                yield Finding(
                    (*path, "protocol"), f"a listener of {protocol} needs a certificate", "domain: example.com"
                )
            if item.get("certificate") and item.get("domain"):
                yield Finding((*path, "domain"), "a listener has a certificate or a domain, not both", "one of them")
            if protocol == "HTTP" and _has_certificate(item):
                place = (*path, "certificate" if item.get("certificate") else "domain")
                yield Finding(place, "a listener of HTTP has no certificate", "protocol: HTTPS")


@rule(
    "ECS086",
    "Every rule of a balancer has a priority and conditions of its own.",
    why="Of two rules that fit, the one of the lower priority counts; two of the same conditions would hide one.",
)
def own_priorities(project: Project) -> Iterator[Finding]:
    """``loadBalancer.priority``, ``host`` and ``path`` of services behind one balancer."""
    priorities: dict[tuple[str, int], str] = {}
    conditions: dict[tuple[str, frozenset[str], frozenset[str]], str] = {}
    for path, reference, balancer in _references(project):
        hosts, paths = (frozenset(map(str, reference.get(name) or ())) for name in ("host", "path"))
        if reference.get("priority") and not hosts and not paths:
            yield Finding(
                (*path, "priority"), "a priority is of a rule, and this has no host and no path", "leave it out"
            )
        if not hosts and not paths:
            continue
        service = str(path[1])
        priority = reference.get("priority")
        if priority and (other := priorities.setdefault((balancer.name, priority), service)) != service:
            yield Finding(
                (*path, "priority"), f"the rule of service {other} has the priority {priority}", "another one"
            )
        other = conditions.setdefault((balancer.name, hosts, paths), service)
        if other != service:
            place = (*path, "host" if hosts else "path")
            yield Finding(place, f"service {other} gets the same requests", "other hosts or paths")
        if len(hosts) + len(paths) > MOST_VALUES:
            place = (*path, "path" if paths else "host")
            yield Finding(place, f"{len(hosts) + len(paths)} hosts and paths in one rule", f"{MOST_VALUES} at most")


@rule(
    "ECS088",
    "A deployment that shifts traffic does so at one listener of an application balancer.",
    why="ECS moves the weights of one rule, from one target group to the other. What comes by another "
    "listener, or by a network balancer that the file makes, would go on to the old tasks.",
)
def shifted_traffic(project: Project) -> Iterator[Finding]:
    """``deploymentConfiguration.strategy``, ``loadBalancer`` and ``testListener``."""
    for path, reference, balancer in _references(project):
        service = project.services[str(path[1])]
        configuration = service.get("deploymentConfiguration")
        strategy = configuration.get("strategy") if isinstance(configuration, dict) else None
        place = (*service.path, "deploymentConfiguration", "strategy")
        test = reference.get("testListener")
        if strategy not in SHIFTING:
            if test:
                yield Finding((*path, "testListener"), "nothing is tried there in a rolling deployment", "leave it out")
            continue
        if _kind(balancer) != "application":
            message = f"{strategy} needs an application balancer, and {balancer.name} is a {_kind(balancer)} one"
            yield Finding(place, message, "type: application")
        elif not reference.get("host") and not reference.get("path"):
            continue
        else:
            tests = {other.get("testListener") for _, other, front in _references(project) if front is balancer}
            serving = [item.get("port") for _, item in _listeners(balancer) if not item.get("redirect")]
            serving = [port for port in serving if port not in tests]
            if len(serving) > 1:
                message = f"{balancer.name} leads there by {', '.join(map(str, serving))}, and {strategy} shifts one"
                yield Finding(place, message, '"80->443", and one listener beside it')


@rule(
    "ECS087",
    "A slow start takes 30 seconds at least.",
    why="The service's own bounds; 0 turns it off.",
)
def slow_start(project: Project) -> Iterator[Finding]:
    """``slowStart``."""
    for balancer in project.load_balancers.values():
        value = balancer.get("slowStart")
        if isinstance(value, int) and 0 < value < SLOWEST_START:
            yield Finding((*balancer.path, "slowStart"), f"{value} s is too short", "0, or 30 to 900")
