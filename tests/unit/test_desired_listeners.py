"""Listeners with their rules, from the file to resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecsctl.deploy.data_sources import DataSources, Subnet, read
from ecsctl.deploy.desired import desired
from ecsctl.deploy.kinds.elbv2_listeners import Forward
from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.kinds.target_group import TargetGroup
from ecsctl.deploy.resources import Ref, Resource
from ecsctl.errors import EcsctlError, ExitCode, NotFoundError
from ecsctl.manifest import load_spec
from ecsctl.manifest.model import Spec
from tests.support.fake_aws import FakeAws

SOURCES = DataSources(
    "eu-west-1",
    subnets=(Subnet("subnet-a", "vpc-1", "eu-west-1a"), Subnet("subnet-b", "vpc-1", "eu-west-1b")),
    certificates={"shop.example.com": "arn:cert"},
)
FILE = """
name: shop
taskDefinitions:
  web: {image: "web:1", memory: 64, portMappings: [80]}
loadBalancers:
  front:
    type: application
    healthCheck: {matcher: 200-399, path: /up}
    stickiness: 1h
    listeners: ["80->443", {port: 443, domain: shop.example.com}, {port: 8443, certificate: arn:other}]
services:
  web: {taskDefinition: web, loadBalancer: front}
  api: {taskDefinition: web, loadBalancer: {name: front, path: [/v2/*, /v1/*]}}
  admin: {taskDefinition: web, loadBalancer: {name: front, host: admin.example.com, priority: 100}}
  files: {taskDefinition: web, loadBalancer: {name: front, path: /files/*}}
"""


def load(folder: Path, text: str = FILE) -> Spec:
    file = folder / "ecsctl.yaml"
    file.write_text(text)
    return load_spec([str(file)])


def made(spec: Spec) -> dict[str, Resource]:
    return {str(key): resource for key, resource in desired(spec, SOURCES).items()}


def balancer(resources: dict[str, Resource]) -> LoadBalancer:
    found = resources["load-balancer-v2 front"]
    assert isinstance(found, LoadBalancer)
    return found


def service_of(group: Any) -> str:
    assert isinstance(group, Ref)
    return group.key.name.split("-")[1]


def test_each_listener_leads_to_the_service_without_a_rule_and_has_all_rules(tmp_path: Path) -> None:
    first, second, third = balancer(made(load(tmp_path))).listeners
    assert first == Forward(80, "HTTP", None, None, 443, ())
    assert (second.certificate, third.certificate) == ("arn:cert", "arn:other")
    for listener in (second, third):
        assert listener.protocol == "HTTPS"
        assert service_of(listener.group) == "web"
        assert [(r.priority, r.hosts, r.paths, service_of(r.group)) for r in listener.rules] == [
            (100, ("admin.example.com",), (), "admin"),
            (200, (), ("/v1/*", "/v2/*"), "api"),
            (300, (), ("/files/*",), "files"),
        ]


def test_where_all_services_have_rules_the_rest_is_not_found(tmp_path: Path) -> None:
    text = FILE.replace("loadBalancer: front}", "loadBalancer: {name: front, path: /web/*}}")
    listener = balancer(made(load(tmp_path, text))).listeners[1]
    assert listener.group is None
    assert "404" in str(listener)
    assert len(listener.rules) == 4


def test_what_targets_are_asked_and_how_clients_are_kept(tmp_path: Path) -> None:
    groups = [item for item in made(load(tmp_path)).values() if isinstance(item, TargetGroup)]
    assert len(groups) == 4
    for group in groups:
        assert group.health_check["Matcher"] == {"HttpCode": "200-399"}
        assert (group.stickiness, group.slow_start) == (3600, None)
        assert group.attributes()["stickiness.lb_cookie.duration_seconds"] == "3600"
        assert "slow_start.duration_seconds" not in group.attributes(), "left alone"


def test_the_certificate_of_a_domain_is_found_in_acm(tmp_path: Path) -> None:
    rows = [
        {"CertificateArn": "arn:wild", "DomainName": "x", "SubjectAlternativeNameSummaries": ["*.example.com"]},
        {"CertificateArn": "arn:deep", "DomainName": "*.shop.example.com"},
    ]

    def answers(query: dict[str, Any]) -> dict[str, Any]:
        assert query["CertificateStatuses"] == ["ISSUED"]
        assert "EC_prime256v1" in query["Includes"]["keyTypes"]
        return {"CertificateSummaryList": rows}

    default = {
        "ec2:DescribeVpcs": lambda query: {"Vpcs": [{"VpcId": "vpc-1"}]},
        "ec2:DescribeSubnets": lambda query: {
            "Subnets": [{"SubnetId": "subnet-a", "VpcId": "vpc-1", "AvailabilityZone": "eu-west-1a"}]
        },
    }
    spec = load(tmp_path)
    aws = FakeAws({"acm:ListCertificates": answers, **default})
    assert read(aws, spec).certificates == {"shop.example.com": "arn:wild"}
    rows.append({"CertificateArn": "arn:own", "DomainName": "shop.example.com"})
    assert read(aws, spec).certificates == {"shop.example.com": "arn:own"}
    rows[:] = rows[1:2]
    with pytest.raises(NotFoundError, match=r"no issued certificate for shop\.example\.com in eu-west-1") as raised:
        read(aws, spec)
    assert raised.value.code == ExitCode.NOT_FOUND


def test_a_service_that_shifts_traffic_has_two_groups_and_a_rule_of_one_listener(tmp_path: Path) -> None:
    text = FILE.replace(", {port: 8443, certificate: arn:other}", "").replace(
        "web: {taskDefinition: web,", "web: {strategy: {type: canary, testListener: 9443}, taskDefinition: web,"
    )
    resources = made(load(tmp_path, text))
    listeners = {item.port: item for item in balancer(resources).listeners}
    [*others, last] = listeners[443].rules
    assert (last.priority, last.paths) == (50000, ("/*",))
    assert (service_of(last.group), service_of(last.other)) == ("web", "web")
    assert last.group != last.other
    assert all(not rule.other for rule in others)
    # What its rule does not take, as while it is made, goes where it went.
    assert listeners[443].group == last.group
    assert listeners[80].rules == ()
    assert (listeners[9443].protocol, listeners[9443].certificate, listeners[9443].rules) == (
        "HTTPS",
        "arn:cert",
        (last,),
    )
    service = resources["service web"].fields()
    [entry] = service["loadBalancers"]
    advanced = entry["advancedConfiguration"]
    assert (entry["targetGroupArn"], advanced["alternateTargetGroupArn"]) == (
        last.group,
        last.other,
    )
    rules = [str(advanced[f"{name}ListenerRule"]) for name in ("production", "test")]
    assert rules == [f"(rule:{port}:50000 of load-balancer-v2 front)" for port in (443, 9443)]
    role = resources["service-role ecsctl-shop-eu-west-1-deployments"].fields()
    assert role["policies"] == {"arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"}
    assert "ecs.amazonaws.com" in role["trust"]
    assert role["statements"] == ""


def test_it_has_to_be_told_which_listener_is_shifted(tmp_path: Path) -> None:
    text = FILE.replace("web: {taskDefinition: web,", "web: {strategy: blueGreen, taskDefinition: web,")
    with pytest.raises(
        EcsctlError, match=r"services.web: its deployments shift .* has 2 that lead to it \(443, 8443\)"
    ):
        made(load(tmp_path, text))
