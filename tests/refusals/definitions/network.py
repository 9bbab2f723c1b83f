"""Refused of task definitions: networks, ports, links and proxies."""

from __future__ import annotations

from tests.refusals.bases import AWSVPC, PLAIN, PROXY, TWO, C, one, ports
from tests.refusals.patches import patched

EXAMPLES = (
    one("awsvpc-hostname", AWSVPC, {C + "hostname": "h"}, {"networkMode": "bridge", C + "hostname": "h"}),
    one(
        "awsvpc-extra-hosts",
        AWSVPC,
        {C + "extraHosts": [{"hostname": "h", "ipAddress": "10.0.0.1"}]},
        {C + "extraHosts": []},
    ),
    one("awsvpc-disable-networking", AWSVPC, {C + "disableNetworking": True}, {C + "disableNetworking": False}),
    one(
        "awsvpc-dns-servers",
        AWSVPC,
        {C + "dnsServers": ["10.0.0.2"]},
        {"networkMode": "host", C + "dnsServers": ["10.0.0.2"]},
    ),
    one(
        "awsvpc-dns-search-domains",
        AWSVPC,
        {C + "dnsSearchDomains": ["x"]},
        {"networkMode": "bridge", C + "dnsSearchDomains": ["x"]},
    ),
    one(
        "awsvpc-links",
        patched(TWO, {"networkMode": "awsvpc"}),
        {C + "links": ["d"]},
        {"networkMode": "bridge", C + "links": ["d:e"]},
    ),
    one("links-mode", patched(TWO, {"networkMode": "host"}), {C + "links": ["d"]}, {C + "links": []}),
    one(
        "none-port-mappings",
        PLAIN,
        {"networkMode": "none", **ports({"containerPort": 80})},
        ports({"containerPort": 80}),
    ),
    one(
        "host-ports-match",
        PLAIN,
        {"networkMode": "host", **ports({"containerPort": 80, "hostPort": 0})},
        {"networkMode": "host", **ports({"containerPort": 80, "hostPort": 80})},
    ),
    one("host-ports-match", AWSVPC, ports({"containerPort": 80, "hostPort": 81}), ports({"containerPort": 80})),
    one("port-missing", PLAIN, ports({"protocol": "tcp"}), ports({"containerPort": 80, "protocol": "tcp"})),
    one("port-bounds", PLAIN, ports({"containerPort": 0}), ports({"containerPort": 1})),
    one(
        "port-bounds",
        PLAIN,
        ports({"containerPort": 1, "hostPort": 65536}),
        ports({"containerPort": 1, "hostPort": 65535}),
    ),
    one(
        "port-and-range",
        PLAIN,
        ports({"containerPort": 80, "containerPortRange": "1-2"}),
        ports({"containerPortRange": "1-2"}),
    ),
    one("port-range", PLAIN, ports({"containerPortRange": "2-2"}), ports({"containerPortRange": "2-3"})),
    one(
        "port-range-mode",
        PLAIN,
        {"networkMode": "host", **ports({"containerPortRange": "80-81"})},
        {"networkMode": "host", **ports({"containerPort": 80})},
    ),
    one(
        "port-ranges-count",
        PLAIN,
        ports(*({"containerPortRange": f"{n * 10}-{n * 10 + 1}"} for n in range(1, 102))),
        ports(*({"containerPortRange": f"{n * 10}-{n * 10 + 1}"} for n in range(1, 101))),
    ),
    one(
        "container-port-twice",
        AWSVPC,
        ports({"containerPortRange": "8080-8085"}, {"containerPortRange": "8085-8090"}),
        ports({"containerPortRange": "8080-8085"}, {"containerPortRange": "8085-8090", "protocol": "udp"}),
    ),
    one(
        "port-ranges-overlap",
        PLAIN,
        ports({"containerPortRange": "8080-8085"}, {"containerPort": 8085}),
        ports({"containerPortRange": "8080-8085"}, {"containerPort": 8086}),
    ),
    one(
        "host-port-twice",
        PLAIN,
        ports({"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}),
        ports({"containerPort": 53, "hostPort": 53}, {"containerPort": 53, "hostPort": 53, "protocol": "udp"}),
    ),
    one(
        "host-port-twice",
        patched(TWO, {"networkMode": "awsvpc"}),
        {**ports({"containerPort": 80}), "containerDefinitions.1.portMappings": [{"containerPort": 80}]},
        {**ports({"containerPort": 80}), "containerDefinitions.1.portMappings": [{"containerPort": 81}]},
    ),
    one(
        "port-name-twice",
        AWSVPC,
        ports({"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}),
        ports({"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "b"}),
    ),
    one("port-name", PLAIN, ports({"containerPort": 80, "name": "A.b"}), ports({"containerPort": 80, "name": "a_b-1"})),
    one("proxy-mode", PLAIN, {"proxyConfiguration": PROXY}, {"networkMode": "awsvpc", "proxyConfiguration": PROXY}),
    one(
        "proxy-container",
        patched(AWSVPC, {"proxyConfiguration": PROXY}),
        {"proxyConfiguration.containerName": "envoy"},
        {},
    ),
    one(
        "proxy-ingress-port",
        patched(AWSVPC, {"proxyConfiguration": PROXY}),
        {"proxyConfiguration.properties.0": None},
        {},
    ),
    one(
        "proxy-properties",
        patched(AWSVPC, {"proxyConfiguration": PROXY}),
        {"proxyConfiguration.properties.1": None},
        {},
    ),
)
