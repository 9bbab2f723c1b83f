"""One balancer, several services: by path and host, with HTTPS and a redirect, through changes and to the end."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.account import holdings
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

Json = dict[str, Any]


def asked(address: str, port: int, path: str = "/", host: str = "shop.example.com", *, tls: bool = False) -> Any:
    """(status, Location, the start of the body) of a request to a balancer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    kind: Any = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    connection = kind(address, port, timeout=20, **({"context": context} if tls else {}))
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.headers.get("Location"), answer.read().decode()


def _values(condition: Json) -> list[str]:
    config = condition.get("HostHeaderConfig") or condition.get("PathPatternConfig") or condition
    return list(config["Values"])


def test_services_behind_one_balancer(sandbox: Running, tmp_path: Path) -> None:
    elb, acm, aws = sandbox.client("elbv2"), sandbox.client("acm"), sandbox.aws()
    before = holdings(sandbox)
    certificate = acm.request_certificate(DomainName="*.example.com")["CertificateArn"]

    def family(name: str) -> Json:
        return {"image": f"example/{name}", "memory": 32, "portMappings": [8080]}

    data: Json = {
        "name": "shop",
        "cluster": "shop",
        "instances": {"count": 1},
        "taskDefinitions": {name: family(name) for name in ("web", "api", "admin")},
        "loadBalancers": {
            "front": {
                "type": "application",
                "healthCheck": "fast",
                "listeners": ["80->443", {"port": 443, "certificate": certificate}],
                "stickiness": "1m",
            }
        },
        "services": {
            "web": {"taskDefinition": "web", "loadBalancer": "front:8080"},
            "api": {"taskDefinition": "api", "loadBalancer": {"name": "front", "path": "/api/*"}},
        },
    }

    def run(command: str, *arguments: str) -> Ended:
        (tmp_path / "ecsctl.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
        ended = ecsctl(aws, command, "-f", str(tmp_path / "ecsctl.yaml"), *arguments)
        assert ended.code == 0, ended.err
        return ended

    def up() -> None:
        run("up", "--yes")
        assert run("plan", "-o", "json").json["changes"] == []

    def rules() -> list[tuple[str, tuple[str, ...]]]:
        rows = elb.describe_rules(ListenerArn=secure)["Rules"]
        return [
            (row["Priority"], tuple(value for item in row["Conditions"] for value in _values(item)))
            for row in rows
            if not row["IsDefault"]
        ]

    up()
    [front] = elb.describe_load_balancers(Names=["front"])["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=front["LoadBalancerArn"])["Listeners"]
    [secure] = [row["ListenerArn"] for row in listeners if row["Port"] == 443]
    address = front["DNSName"]
    assert asked(address, 80, "/a?b=c")[:2] == (301, "https://shop.example.com/a?b=c")
    status, _, body = asked(address, 443, "/", tls=True)
    assert (status, "container web of" in body) == (200, True), body
    status, _, body = asked(address, 443, "/api/v1", tls=True)
    assert (status, "container api of" in body) == (200, True), body
    assert rules() == [("100", ("/api/*",))]

    # Somebody's own rule stays, whatever changes around it.
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403"}}]
    blocked = [{"Field": "path-pattern", "Values": ["/private/*"]}]
    elb.create_rule(ListenerArn=secure, Priority=150, Conditions=blocked, Actions=fixed)
    assert run("plan", "-o", "json").json["changes"] == []

    services = data["services"]
    data["services"] = {
        "admin": {"taskDefinition": "admin", "loadBalancer": {"name": "front", "host": "admin.example.com"}},
        **services,
    }
    up()
    assert sorted(rules()) == [("100", ("admin.example.com",)), ("150", ("/private/*",)), ("200", ("/api/*",))]
    assert "container admin of" in asked(address, 443, "/x", "admin.example.com", tls=True)[2]
    assert asked(address, 443, "/private/x", tls=True)[0] == 403

    data["services"] = services
    up()
    assert sorted(rules()) == [("100", ("/api/*",)), ("150", ("/private/*",))]

    refused = ecsctl(aws, "down", "--yes", "-f", str(tmp_path / "ecsctl.yaml"))
    assert refused.code == 1
    assert "rule 150 of listener 443 of load balancer front, which ecsctl did not make" in refused.err
    [theirs] = [rule for rule in elb.describe_rules(ListenerArn=secure)["Rules"] if rule["Priority"] == "150"]
    elb.delete_rule(RuleArn=theirs["RuleArn"])
    run("down", "--yes")
    assert holdings(sandbox) == before


def test_a_domain_without_a_certificate_is_refused_before_anything_is_made(sandbox: Running, tmp_path: Path) -> None:
    before = holdings(sandbox)
    data = {
        "name": "shop",
        "taskDefinitions": {"web": {"image": "web", "memory": 32, "portMappings": [80]}},
        "loadBalancers": {"front": {"type": "application", "listeners": [{"port": 443, "domain": "nobody.example"}]}},
        "services": {"web": {"taskDefinition": "web", "loadBalancer": {"name": "front"}}},
    }
    file = tmp_path / "ecsctl.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    ended = ecsctl(sandbox.aws(), "up", "--yes", "-f", str(file))
    assert ended.code == 6
    assert "ACM has no issued certificate for nobody.example" in ended.err
    assert holdings(sandbox) == before
