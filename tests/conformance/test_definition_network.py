"""Validation: networks of a task definition.

Every refusal is a ``ClientException``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import CLIENT, Aws, refused

Register = Callable[..., dict[str, Any]]
TOLD_APART = {"portMappings": [{"containerPort": 80, "hostPort": 8080}]}


def test_host_ports_match(register: Register) -> None:
    """ "When networkMode=host, the host ports and container ports in port mappings must match."""
    with refused(CLIENT, "When networkMode=host, the host ports and container ports in port mappings must match"):
        register(app=TOLD_APART, networkMode="host")


def test_awsvpc_ports_match(register: Register) -> None:
    """ "When networkMode=awsvpc, the host ports and container ports in port mappings must match."""
    with refused(CLIENT, "When networkMode=awsvpc, the host ports and container ports in port mappings must match"):
        register(app=TOLD_APART, networkMode="awsvpc")


def test_bridge_ports_differ(register: Register) -> None:
    """In bridge mode host ports and container ports may differ."""
    ports = register(app=TOLD_APART, networkMode="bridge")["containerDefinitions"][0]["portMappings"]
    assert ports == [{"containerPort": 80, "hostPort": 8080, "protocol": "tcp"}]


def test_no_ports_without_a_network(register: Register) -> None:
    """Network mode none has no port mappings."""
    with refused(CLIENT):
        register(app={"portMappings": [{"containerPort": 80}]}, networkMode="none")


def test_no_links_in_awsvpc(aws: Aws, register: Register) -> None:
    """ "Links are not supported when networkMode=awsvpc."""
    containers = [
        {"name": "app", "image": aws.image, "memory": 32, "links": ["db"]},
        {"name": "db", "image": aws.image, "memory": 32},
    ]
    with refused(CLIENT, "Links are not supported when networkMode=awsvpc"):
        register(containerDefinitions=containers, networkMode="awsvpc")
    assert register(containerDefinitions=containers, networkMode="bridge")["status"] == "ACTIVE"


@pytest.mark.parametrize(
    "setting",
    [
        {"hostname": "web"},
        {"extraHosts": [{"hostname": "db", "ipAddress": "10.0.0.1"}]},
        {"dnsServers": ["10.0.0.2"]},
        {"disableNetworking": True},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_awsvpc_bars(register: Register, setting: dict[str, Any]) -> None:
    """Network mode awsvpc bars hostname, extraHosts, dnsServers and disableNetworking."""
    with refused(CLIENT):
        register(app=setting, networkMode="awsvpc")


@pytest.mark.parametrize("mode", ["bridge", "host", "awsvpc", "none"])
def test_network_modes(register: Register, mode: str) -> None:
    """The network modes are bridge, host, awsvpc and none."""
    assert register(networkMode=mode)["networkMode"] == mode


def test_no_other_network_mode(register: Register) -> None:
    """Another network mode is refused."""
    with refused((CLIENT, "InvalidParameterException")):
        register(networkMode="overlay")


@pytest.mark.parametrize("port", [-1, 65536])
def test_port_bounds(register: Register, port: int) -> None:
    """Ports end at 65535."""
    with refused((CLIENT, "InvalidParameterException")):
        register(app={"portMappings": [{"containerPort": port}]})


def test_a_host_port_serves_once(aws: Aws, register: Register) -> None:
    """Two containers of a task can't both have the same host port."""
    ports = [{"containerPort": 80, "hostPort": 8080}]
    containers = [{"name": name, "image": aws.image, "memory": 32, "portMappings": ports} for name in ("one", "two")]
    with refused(CLIENT):
        register(containerDefinitions=containers)


def test_awsvpc_fills_in_host_ports(register: Register) -> None:
    """In awsvpc and host mode the host port is filled in: the container port."""
    for mode in ("awsvpc", "host"):
        definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode=mode)
        assert definition["containerDefinitions"][0]["portMappings"] == [
            {"containerPort": 80, "hostPort": 80, "protocol": "tcp"}
        ]


def test_bridge_fills_in_a_dynamic_host_port(register: Register) -> None:
    """In bridge mode an absent host port is answered as 0, a port of the instance's choice; the protocol as tcp."""
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="bridge")
    assert definition["containerDefinitions"][0]["portMappings"] == [
        {"containerPort": 80, "hostPort": 0, "protocol": "tcp"}
    ]


def test_awsvpc_is_not_for_external_instances(register: Register) -> None:
    """Network mode awsvpc is not compatible with EXTERNAL."""
    assert "EXTERNAL" not in register(networkMode="awsvpc")["compatibilities"]
    assert "EXTERNAL" in register(networkMode="bridge")["compatibilities"]
