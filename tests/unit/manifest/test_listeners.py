"""Listeners in the file: short forms, and what the rules of balancers refuse."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from ecsctl.manifest import check, load_spec
from ecsctl.manifest.model import Spec

HEAD = """\
name: shop
taskDefinitions:
  web: {image: "web:1", memory: 64, portMappings: [80]}
  api: {image: "api:1", memory: 64, portMappings: [8080]}
"""
GOOD = """\
loadBalancers:
  front:
    type: application
    healthCheck: fast
    stickiness: 1h
    slowStart: 45s
    listeners: ["80->443", {port: 443, domain: shop.example.com}]
services:
  web: {taskDefinition: web, loadBalancer: front}
  api:
    taskDefinition: api
    loadBalancer: {name: front, path: /api/*, host: [b.example.com, a.example.com], priority: 5}
"""


def load(folder: Path, text: str) -> Spec:
    file = folder / "ecsctl.yaml"
    file.write_text(HEAD + textwrap.dedent(text))
    return load_spec([str(file)])


def test_the_short_forms(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD)
    front = spec.load_balancers["front"]
    assert (front.stickiness, front.slow_start) == (3600, 45)
    assert (front.health_check.interval, front.health_check.timeout, front.health_check.unhealthy_threshold) == (
        5,
        2,
        2,
    )
    first, second = front.listeners
    assert (first.port, first.redirect, first.protocol, first.instance_port) == (80, 443, "HTTP", None)
    assert (second.port, second.domain, second.protocol) == (443, "shop.example.com", "HTTPS")
    reference = spec.services["api"].load_balancer
    assert reference is not None
    assert (reference.hosts, reference.paths, reference.priority) == (
        ("a.example.com", "b.example.com"),
        ("/api/*",),
        5,
    )


def test_without_listeners_those_of_the_services_that_need_no_rule_are_meant(tmp_path: Path) -> None:
    text = """\
    loadBalancers: {front: {type: application}}
    services:
      web: {taskDefinition: web, loadBalancer: front}
      api: {taskDefinition: api, loadBalancer: {name: front, path: /api/*}}
    """
    assert [item.port for item in load(tmp_path, text).load_balancers["front"].listeners] == [80]
    only = text.replace("loadBalancer: front}", "loadBalancer: {name: front, host: web.example.com}}")
    assert [item.port for item in load(tmp_path, only).load_balancers["front"].listeners] == [80]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "type: application",
            "type: network",
            "ECS083 loadBalancers.front.stickiness: a network balancer has no sticki",
        ),
        (
            "type: application",
            "type: network",
            "services.api.loadBalancer.path: the network balancer front has no rules",
        ),
        ("type: application", "type: network", "loadBalancers.front.listeners[0].redirect: a network balancer has no"),
        ("type: application", "type: classic", "loadBalancers.front.listeners[1].domain: a classic balancer has no"),
        (
            "80->443",
            "80->8443",
            "ECS084 loadBalancers.front.listeners[0].redirect: no HTTPS listener has the port 8443",
        ),
        (
            ", domain: shop.example.com",
            ", protocol: HTTPS",
            "ECS085 loadBalancers.front.listeners[1].protocol: a listener",
        ),
        ("443, domain", "443, certificate: arn, domain", "a listener has a certificate or a domain, not both"),
        ("443, domain", "443, protocol: HTTP, domain", "a listener of HTTP has no certificate"),
        ("loadBalancer: front}", "loadBalancer: {name: front, priority: 3}}", "a priority is of a rule"),
        (
            "loadBalancer: front}",
            "loadBalancer: {name: front, path: /x, priority: 5}}",
            "of service web has the priority 5",
        ),
        (
            "loadBalancer: front}",
            "loadBalancer: {name: front, path: /api/*, host: [a.example.com, b.example.com]}}",
            "service web gets the same requests",
        ),
        ("path: /api/*", "path: [/a, /b, /c, /d]", "6 hosts and paths in one rule"),
        ("slowStart: 45s", "slowStart: 20s", "ECS087 loadBalancers.front.slowStart: 20 s is too short"),
        ("healthCheck: fast", "healthCheck: {matcher: ok}", "healthCheck.matcher"),
        ("80->443", "80=>443", "is not a valid listener"),
    ],
)
def test_what_no_balancer_can_do(tmp_path: Path, before: str, after: str, told: str) -> None:
    assert before in GOOD
    file = tmp_path / "ecsctl.yaml"
    file.write_text(HEAD + GOOD.replace(before, after))
    _, faults = check([str(file)])
    lines = [f"{fault.rule or ''} {fault.path}: {fault.message}" for fault in faults if fault.severity == "error"]
    assert any(told in line for line in lines), lines
