"""The load balancers of a Copilot manifest: ``http`` (an application one) and ``nlb`` (a network one)."""

from __future__ import annotations

import re
from typing import Any

from ecsctl.importers.names import safe_name
from ecsctl.importers.report import Section
from ecsctl.importers.write import Commented, strip
from ecsctl.manifest.yaml.nodes import ListNode, MapNode
from ecsctl.units import duration

HTTP_ONLY = {
    "alias": "a name in DNS is yours to make, and a certificate goes to listeners: [{port: 443, certificate: ARN}]",
    "hosted_zone": "a name in DNS is yours to make",
    "redirect_to_https": "a listener of ecsctl forwards",
    "deregistration_delay": "an attribute of the target group, which ecsctl sets for quick deployments",
    "stickiness": "an attribute of the target group",
    "version": "the target group speaks HTTP/1.1",
    "additional_rules": "a listener of ecsctl forwards all to one service",
    "target_port": "see the port of the container",
}
CHECK_ONLY = {
    "success_codes": "an attribute of the target group",
    "port": "the health check goes to the container's port",
}


def read_balancers(
    manifest: Section, service: str, definition: dict[str, Any], made: dict[str, Any], *, internal: bool
) -> dict[str, Any] | None:
    """``http`` and ``nlb``: the balancer by its name, and what the service says of it put into ``made``.

    Args:
        internal: only the VPC reaches the service, as it is with a Backend Service.
    """
    balancer: dict[str, Any] | None = None
    node = manifest.get("http")
    if isinstance(node, MapNode):
        balancer = _application(manifest.section("http"), service, definition, made)
    elif node is not None and manifest.flag("http") is not False:
        manifest.note("http", "a mapping, or false, is expected")
    if "nlb" in manifest:
        if balancer is not None:
            manifest.note(
                "nlb", "a service of ecsctl has one balancer by name: write the other one under loadBalancers"
            )
        else:
            balancer = _network(manifest.section("nlb"), service, definition, made)
    for one in balancer.values() if internal and balancer else ():
        one["scheme"] = Commented("internal", beside="a Backend Service is reached from its VPC only")
    return balancer


def _container(section: Section, definition: dict[str, Any]) -> tuple[str, int] | None:
    """The container and port that requests go to: that of ``target_container``, else the first with a port."""
    boxes = definition["containerDefinitions"]
    wanted = section.plain("target_container") or section.plain("targetContainer")
    for box in boxes:
        if (wanted is None or box["name"] == wanted) and box.get("portMappings"):
            return str(box["name"]), int(re.sub(r"\D.*", "", str(strip(box["portMappings"])[0])))
    section.note_here("no container of it has a port: there is no load balancer")
    for key in section:
        section.note(key, "there is no load balancer")
    return None


def _application(
    http: Section, service: str, definition: dict[str, Any], made: dict[str, Any]
) -> dict[str, Any] | None:
    found = _container(http, definition)
    if found is None:
        return None
    path = http.plain("path")
    if path not in (None, "/"):
        http.note("path", "a balancer of ecsctl is the service's own: every path goes to it")
    balancer: dict[str, Any] = {"type": "application", "listeners": [80]}
    check = _check(http, made)
    if check:
        balancer["healthCheck"] = check
    sources = http.texts("allowed_source_ips")
    if sources:
        balancer["ingress"] = sources
    for key, why in HTTP_ONLY.items():
        http.note(key, why)
    return _referred(balancer, service, found, made)


def _check(section: Section, made: dict[str, Any]) -> dict[str, Any]:
    node = section.get("healthcheck")
    if node is None:
        return {}
    if isinstance(node, ListNode):
        section.note("healthcheck", "a path or a mapping is expected")
        return {}
    if not isinstance(node, MapNode):
        short = section.text("healthcheck") or ""
        if not short.startswith("/"):
            section.note("healthcheck", "a path begins with /")
            return {}
        return {"path": short}
    inner = section.section("healthcheck")
    check: dict[str, Any] = {}
    path = inner.text("path")
    if path and path.startswith("/"):
        check["path"] = path
    elif path:
        inner.note("path", "a path begins with /")
    for key, member, least, most in (("interval", "interval", 5, 300), ("timeout", "timeout", 2, 120)):
        value = inner.parsed(key, duration, "a duration such as 15s")
        if value is not None:
            check[member] = min(max(round(value), least), most)
            if check[member] != value:
                inner.note(key, f"{least} to {most} seconds are accepted; using {check[member]}")
    if check.get("timeout", 5) >= check.get("interval", 30):
        check["timeout"] = check.get("interval", 30) - 1
        inner.note("timeout", "it must be below the interval")
    for key, member in (("healthy_threshold", "healthyThreshold"), ("unhealthy_threshold", "unhealthyThreshold")):
        times = inner.integer(key, least=2, most=10)
        if times is not None:
            check[member] = times
    grace = inner.parsed("grace_period", duration, "a duration such as 2m")
    if grace is not None:
        made["healthCheckGracePeriodSeconds"] = round(grace)
    for key, why in CHECK_ONLY.items():
        inner.note(key, why)
    return check


def _network(nlb: Section, service: str, definition: dict[str, Any], made: dict[str, Any]) -> dict[str, Any] | None:
    found = _container(nlb, definition)
    if found is None:
        return None
    port, _, protocol = (nlb.plain("port") or "80").partition("/")
    protocol = protocol.upper() or "TCP"
    if not (port.isdecimal() and 0 < int(port[:6]) < 65536) or protocol not in ("TCP", "UDP", "TLS"):
        nlb.note("port", "expected a port such as 80/tcp or 443/tls; using 80/tcp")
        port, protocol = "80", "TCP"
    elif protocol == "TLS":
        nlb.note("port", "a TLS listener needs a certificate; using TCP")
        protocol = "TCP"
    balancer: dict[str, Any] = {"type": "network", "listeners": [{"port": int(port), "protocol": protocol}]}
    check = _check(nlb, made)
    if check:
        balancer["healthCheck"] = check
    for key in nlb:
        if key not in ("port", "healthcheck", "target_container"):
            nlb.note(key, "ecsctl's network balancer has one listener, which forwards")
    return _referred(balancer, service, found, made)


def _referred(balancer: dict[str, Any], service: str, found: tuple[str, int], made: dict[str, Any]) -> dict[str, Any]:
    name = safe_name(service, 29).replace("_", "-").strip("-") + "-lb"
    container, port = found
    made["loadBalancer"] = f"{name}:{port}" if container == service else f"{name}:{container}:{port}"
    return {name: balancer}
