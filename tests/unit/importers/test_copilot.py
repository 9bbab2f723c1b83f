"""Copilot's manifests: services, workers and jobs; what is Copilot's own is told by line."""

from __future__ import annotations

import io
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsctl.errors import EcsctlError, UsageError
from ecsctl.importers.copilot import from_copilot
from ecsctl.importers.document import Target
from ecsctl.manifest import check
from tests.unit.importers.support import data_of, faults_of, notes_of

WEB = """
    name: front
    type: Load Balanced Web Service
    image:
      location: registry.example.com/front:${TAG}
      port: 8080
      depends_on: {setup: success}
      healthcheck:
        command: ["CMD-SHELL", "curl -f http://localhost:8080/ || exit 1"]
        interval: 10s
    http:
      path: /
      healthcheck: {path: /health, interval: 15s, timeout: 10s, healthy_threshold: 3, grace_period: 2m, port: 9000}
      alias: shop.example.com
      allowed_source_ips: ["203.0.113.0/24"]
      stickiness: true
    cpu: 512
    memory: 1024
    platform: linux/arm64
    count: {range: 2-10, cpu_percentage: 70}
    exec: true
    network:
      connect: true
      vpc:
        placement: private
        security_groups: [sg-0abc]
    variables:
      LOG_LEVEL: info
      TABLE: {from_cfn: stack-Table}
      WHERE: ${COPILOT_ENVIRONMENT_NAME}
    secrets:
      TOKEN: /shop/token
      DB: {secretsmanager: mysql}
    storage:
      ephemeral: 100
      readonly_fs: true
      volumes:
        files:
          path: /srv/files
          read_only: false
          efs: {id: fs-0123, auth: {access_point_id: fsap-1}}
    sidecars:
      setup:
        image: registry.example.com/setup
        command: prepare --all "two words"
        mount_points: [{source_volume: files, path: /srv/in}]
      proxy:
        port: 443
        image: {location: registry.example.com/proxy}
        essential: false
        variables: {MODE: on}
    deployment: {rolling: recreate}
    observability: {tracing: awsxray}
    environments:
      prod: {count: 5}
"""


def imported(folder: Path, text: str, target: Target | None = None) -> tuple[dict[str, Any], list[str]]:
    """A manifest's import: the data, which must be valid, and the notes."""
    file = folder / "manifest.yml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    result = from_copilot(str(file), target or Target(subnets=("subnet-0a",)))
    assert faults_of(result, folder) == []
    return data_of(result), notes_of(result)


def test_a_web_service(tmp_path: Path) -> None:
    data, notes = imported(tmp_path, WEB)
    definition = data["taskDefinitions"]["front"]
    assert (definition["cpu"], definition["memory"]) == ("512", "1024")
    assert definition["runtimePlatform"] == {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    assert definition["ephemeralStorage"] == {"sizeInGiB": 100}
    assert definition["volumes"]["files"]["efsVolumeConfiguration"] == {
        "fileSystemId": "fs-0123",
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"},
    }
    front, setup, proxy = definition["containerDefinitions"]
    assert front["image"] == "registry.example.com/front:${TAG:-}"
    assert front["dependsOn"] == {"setup": "SUCCESS"}
    assert front["healthCheck"]["interval"] == 10
    assert front["environment"] == {"LOG_LEVEL": "info", "WHERE": "${COPILOT_ENVIRONMENT_NAME:-test}"}
    assert front["secrets"]["TOKEN"] == "/shop/token"
    assert front["secrets"]["DB"].endswith(":secret:mysql")
    assert front["mountPoints"] == ["files:/srv/files"]
    assert front["readonlyRootFilesystem"] is True
    assert setup["essential"] is False
    assert setup["command"] == ["prepare", "--all", "two words"]
    assert setup["mountPoints"] == ["files:/srv/in:ro"]
    assert (proxy["essential"], proxy["portMappings"]) == (False, ["443"])
    service = data["services"]["front"]
    assert service["desiredCount"] == 2
    assert service["loadBalancer"] == "front-lb:8080"
    assert service["enableExecuteCommand"] is True
    assert service["healthCheckGracePeriodSeconds"] == 120
    assert service["deploymentConfiguration"] == {"minimumHealthyPercent": 0, "maximumPercent": 100}
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    assert network == {"subnets": ["subnet-0a"], "securityGroups": ["sg-0abc"], "assignPublicIp": "DISABLED"}
    assert data["loadBalancers"]["front-lb"] == {
        "type": "application",
        "listeners": [80],
        "healthCheck": {"path": "/health", "interval": 15, "timeout": 10, "healthyThreshold": 3},
        "ingress": ["203.0.113.0/24"],
    }
    for path in (
        "http.alias", "http.stickiness", "http.healthcheck.port", "count.range", "count.cpu_percentage",
        "network.connect", "variables.TABLE.from_cfn", "secrets.DB.secretsmanager", "observability", "environments",
    ):  # fmt: skip
        assert any(f" {path}: " in note for note in notes), path


def test_a_job_has_no_service(tmp_path: Path) -> None:
    text = """
        name: report
        type: Scheduled Job
        on: {schedule: "@daily"}
        image: {build: ./Dockerfile}
        cpu: 256
        memory: 512
        retries: 3
        timeout: 1h
    """
    data, notes = imported(tmp_path, text)
    assert "services" not in data
    assert data["taskDefinitions"]["report"]["containerDefinitions"][0]["image"] == "report"
    for path in ("on", "retries", "timeout", "image.build"):
        assert any(f" {path}: " in note for note in notes), path


def test_a_worker_and_a_backend(tmp_path: Path) -> None:
    worker = (
        "name: w\ntype: Worker Service\nimage: {location: a}\nsubscribe: {topics: [{name: t, service: s}]}\ncount: 3"
    )
    data, notes = imported(tmp_path, worker)
    assert data["services"]["w"]["desiredCount"] == 3
    assert any(" subscribe: " in note for note in notes)
    backend = "name: b\ntype: Backend Service\nimage: {location: a, port: 80}\ncount: {spot: 2}\n"
    data, _ = imported(tmp_path, backend)
    assert data["services"]["b"]["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    assert "launchType" not in data["services"]["b"]


def test_every_kind_is_valid_without_a_warning_and_keeps_its_logs(tmp_path: Path) -> None:
    for kind, more in {
        "Load Balanced Web Service": "http: {path: /}\ncpu: 512\nmemory: 512",
        "Backend Service": "cpu: 300",
        "Worker Service": "exec: true",
        "Scheduled Job": 'on: {schedule: "@daily"}',
        "Request-Driven Web Service": "cpu: 1024\nmemory: 2048",
    }.items():
        image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"
        data, notes = imported(tmp_path, f"name: n\ntype: {kind}\nimage: {{location: {image}, port: 80}}\n{more}\n")
        spec, faults = check(["-"], stdin=io.BytesIO(yaml.safe_dump(data).encode()), env={})
        assert spec is not None
        assert not faults, kind
        options = spec.task_definitions["n"].definition["containerDefinitions"][0]["logConfiguration"]["options"]
        assert options["awslogs-group"] == "/ecs/n"
        assert any(" type: " in note for note in notes) == (kind == "Request-Driven Web Service")
        assert any("no such size" in note for note in notes) == (
            kind in ("Load Balanced Web Service", "Backend Service")
        )


def test_a_network_balancer(tmp_path: Path) -> None:
    text = """
        name: n
        type: Load Balanced Web Service
        image: {location: a, port: 8080}
        http: false
        nlb: {port: 443/tls, target_container: envoy}
        sidecars: {envoy: {port: 80, image: envoy}}
    """
    data, notes = imported(tmp_path, text)
    assert data["loadBalancers"]["n-lb"] == {"type": "network", "listeners": [{"port": 443, "protocol": "TCP"}]}
    assert data["services"]["n"]["loadBalancer"] == "n-lb:envoy:80"
    assert any("certificate" in note for note in notes)


def test_without_subnets_the_place_for_them_is_shown(tmp_path: Path) -> None:
    data, notes = imported(tmp_path, WEB, Target())
    network = data["services"]["front"]["networkConfiguration"]["awsvpcConfiguration"]
    assert network["subnets"] == ["subnet-00000000"]
    assert any("network.vpc.placement" in note for note in notes)


def test_the_env_file_is_relative_to_the_workspace(tmp_path: Path) -> None:
    folder = tmp_path / "copilot" / "web"
    folder.mkdir(parents=True)
    (tmp_path / "own.env").write_text("A=1\nAPI_TOKEN=hunter2\nB='$X'\n", encoding="utf-8")
    data, notes = imported(
        folder, "name: w\ntype: Backend Service\nimage: {location: a}\nenv_file: own.env\nvariables: {A: '2'}\n"
    )
    assert data["taskDefinitions"]["w"]["containerDefinitions"][0]["environment"] == {"A": "2", "B": "$X"}
    assert any("API_TOKEN" in note for note in notes)
    assert not any("hunter2" in note for note in notes)


@pytest.mark.parametrize("text", ["name: a\ntype: Static Site", "name: a", "[]", "a: [", ""])
def test_what_is_no_manifest_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(EcsctlError):
        imported(tmp_path, text)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        from_copilot(str(tmp_path / "none.yml"), Target())


KEYS = st.sampled_from(
    ["image", "http", "nlb", "cpu", "memory", "count", "exec", "network", "variables", "secrets", "storage", "sidecars",
     "deployment", "logging", "platform", "entrypoint", "command", "env_file", "on", "environments", "healthcheck",
     "path", "port", "location", "build", "depends_on", "labels", "vpc", "placement", "security_groups", "volumes",
     "efs", "id", "auth", "range", "spot", "min", "max", "target_container", "mount_points", "source_volume", "odd"]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(
        st.sampled_from(["1-3", "10s", "/", "80", "80/tcp", "${A}", "$", "a 'b", "linux/arm64", "x", "success"]),
        st.integers(-3, 70000), st.booleans(), st.none(), st.text(max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(KEYS, VALUES, max_size=8), st.sampled_from(["Backend Service", "Load Balanced Web Service"]))
def test_wrong_types_anywhere_end_in_a_file_and_notes(data: dict[str, Any], kind: str) -> None:
    manifest = {"name": "web", "type": kind, **data}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "manifest.yml")
        file.write_text(yaml.safe_dump(manifest), encoding="utf-8")
        result = from_copilot(str(file), Target(subnets=("subnet-0a",)))
    assert data_of(result)["taskDefinitions"]
    noted = " ".join(note.path for note in result.notes)
    assert "odd" not in data or data["odd"] is None or "odd" in noted


@pytest.mark.parametrize(("kind", "scheme"), [("Backend Service", "internal"), ("Load Balanced Web Service", None)])
@pytest.mark.parametrize("balancer", ["http: {path: /}", "nlb: {port: 80/tcp}"])
def test_the_balancer_of_a_backend_is_internal(tmp_path: Path, kind: str, scheme: str | None, balancer: str) -> None:
    data, _ = imported(tmp_path, f"name: n\ntype: {kind}\nimage: {{location: a, port: 80}}\n{balancer}\n")
    assert data["loadBalancers"]["n-lb"].get("scheme") == scheme


def test_the_network_of_a_job_is_in_the_command_that_runs_it(tmp_path: Path) -> None:
    text = """
        name: n
        type: Scheduled Job
        image: {location: a}
        network: {vpc: {security_groups: [sg-0c, sg-0d]}}
    """
    _, notes = imported(tmp_path, text)
    run = "`ecsctl run n --subnet subnet-0a --security-group sg-0c --security-group sg-0d --public-ip --wait`"
    assert any(run in note for note in notes), notes


def test_a_password_in_a_url_of_the_env_file_stays_there(tmp_path: Path) -> None:
    (tmp_path / "n.env").write_text("DATABASE_URL=postgres://app:hunter2@db/app\nLOG=debug\n", encoding="utf-8")
    data, notes = imported(tmp_path, "name: n\ntype: Worker Service\nimage: {location: a}\nenv_file: n.env\n")
    assert "hunter2" not in str(data) + " ".join(notes)
    (box,) = data["taskDefinitions"]["n"]["containerDefinitions"]
    assert box["environment"] == {"LOG": "debug"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: web\nimage: {port: 80}\n", "has no type"),
        ("AWSTemplateFormatVersion: 2010-09-09\nResources: {}\n", "is a CloudFormation template, not a manifest"),
        ("name: web\ntype: Static Site\n", "is a manifest of the type 'Static Site', which ecsctl cannot import"),
    ],
)
def test_a_manifest_of_no_kind_is_told_for_what_it_is(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        imported(tmp_path, text)
