"""What Docker is told of a container definition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.sandbox.interfaces import ContainerRequest, PortBinding
from ecsctl.sandbox.runtimes.docker.config import MIB, SECOND, Owner, settings_of
from ecsctl.sandbox.runtimes.docker.network import MACHINES, executable

OWNER = Owner("default", "/home/somebody/sandbox/default")


def request(definition: dict[str, Any] | None = None, **more: Any) -> ContainerRequest:
    values: dict[str, Any] = {
        "task_arn": "arn:aws:ecs:eu-west-1:123456789012:task/c/1",
        "cluster": "c",
        "family": "web",
        "revision": 3,
        "name": "app",
        "image": "web:1",
        "definition": definition or {},
        "environment": {"A": "1"},
        "ports": (),
        "network_mode": "bridge",
        "address": "127.0.1.7",
        "instance_id": "i-1",
        **more,
    }
    return ContainerRequest(**values)


def settings(definition: dict[str, Any] | None = None, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    return settings_of(request(definition, **more), OWNER, {"db": "docker-db"}, namespace)


def test_ports_are_published_on_the_instances_address_only() -> None:
    ports = (PortBinding(80, 8080), PortBinding(80, 8081), PortBinding(53, 53, "udp"))
    assert settings(ports=ports)["ports"] == {
        "80/tcp": [("127.0.1.7", 8080), ("127.0.1.7", 8081)],
        "53/udp": [("127.0.1.7", 53)],
    }


def test_network_mode_host_does_not_open_this_machines_ports() -> None:
    made = settings(ports=(PortBinding(80, 80),), network_mode="host")
    assert "network_mode" not in made
    assert made["ports"] == {"80/tcp": [("127.0.1.7", 80)]}


def test_without_a_network() -> None:
    made = settings(ports=(PortBinding(80, 80),), network_mode="none")
    assert (made["network_mode"], "ports" in made) == ("none", False)


def test_a_shared_network_publishes_nothing_itself() -> None:
    made = settings({"hostname": "web", "dnsServers": ["1.1.1.1"]}, namespace="pause", ports=(PortBinding(80, 80),))
    assert made["network_mode"] == "container:pause"
    assert not {"ports", "hostname", "dns"} & set(made)


def test_sizes() -> None:
    made = settings({"cpu": 0, "memoryReservation": 64}, memory_mib=128)
    assert (made["mem_limit"], made["mem_reservation"], made["cpu_shares"]) == (128 * MIB, 64 * MIB, 2)
    assert "mem_limit" not in settings()


def test_the_members_that_docker_calls_otherwise() -> None:
    made = settings(
        {
            "entryPoint": ["/e"],
            "command": ["c"],
            "workingDirectory": "/w",
            "links": ["db:database"],
            "volumesFrom": [{"sourceContainer": "db", "readOnly": True}],
            "extraHosts": [{"hostname": "h", "ipAddress": "10.0.0.1"}],
            "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}],
            "systemControls": [{"namespace": "net.core.somaxconn", "value": "9"}],
            "linuxParameters": {
                "capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]},
                "initProcessEnabled": True,
                "sharedMemorySize": 16,
                "tmpfs": [{"containerPath": "/t", "size": 8, "mountOptions": ["ro"]}],
            },
            "dockerLabels": {"mine": "1", "ecsctl.sandbox": "forged"},
        }
    )
    assert (made["entrypoint"], made["command"], made["working_dir"]) == (["/e"], ["c"], "/w")
    assert made["links"] == {"docker-db": "database"}
    assert made["volumes_from"] == ["docker-db:ro"]
    assert made["extra_hosts"] == {"h": "10.0.0.1"}
    assert made["ulimits"] == [{"Name": "nofile", "Soft": 1, "Hard": 2}]
    assert made["sysctls"] == {"net.core.somaxconn": "9"}
    assert (made["cap_add"], made["cap_drop"], made["init"]) == (["SYS_PTRACE"], ["ALL"], True)
    assert (made["shm_size"], made["tmpfs"]) == (16 * MIB, {"/t": "size=8m,ro"})
    assert (made["labels"]["mine"], made["labels"]["ecsctl.sandbox"]) == ("1", "default")


@pytest.mark.parametrize("leaning", [{"links": ["absent:x"]}, {"volumesFrom": [{"sourceContainer": "absent"}]}])
def test_what_leans_on_a_container_that_is_not_there_is_no_container(leaning: dict[str, Any]) -> None:
    with pytest.raises(LookupError, match="No such container: absent"):
        settings(leaning)


def test_a_health_check_in_nanoseconds() -> None:
    made = settings({"healthCheck": {"command": ["CMD", "true"], "interval": 5, "startPeriod": 7}})["healthcheck"]
    assert made == {
        "test": ["CMD", "true"], "interval": 5 * SECOND, "timeout": 5 * SECOND, "retries": 3, "start_period": 7 * SECOND
    }  # fmt: skip


def source(volume: dict[str, Any], **more: Any) -> str:
    definition = {"mountPoints": [{"sourceVolume": "v", "containerPath": "/d"}]}
    return str(settings(definition, volumes=({"name": "v", **volume},), **more)["mounts"][0]["Source"])


def test_whose_a_volume_is() -> None:
    path = {"host": {"sourcePath": "/var/data"}}
    assert source(path) == source({"host": {"sourcePath": "/var/data/"}}, task_arn="another")
    assert source(path) != source(path, instance_id="i-2")
    assert source({"host": {}}) != source({"host": {}}, task_arn="another")
    shared = {"dockerVolumeConfiguration": {"scope": "shared"}}
    assert source(shared) == source(shared, task_arn="another")


@given(st.text(min_size=1).map(lambda text: "/" + text))
def test_no_path_of_this_machine_is_ever_mounted(path: str) -> None:
    made = source({"host": {"sourcePath": path}})
    assert made.startswith("ecsctl-default-")
    assert "/" not in made


def test_the_pause_program_is_an_executable_of_each_machine() -> None:
    for number, code in MACHINES.values():
        program = executable(number, code)
        assert program[:4] == b"\x7fELF"
        assert int.from_bytes(program[18:20], "little") == number
        assert program.endswith(code)
        assert len(program) < 200
