"""Files of their own: where they are found, and task definitions and services in every shape that AWS's tools have."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from ecsctl.errors import UsageError
from ecsctl.manifest import load_service, load_spec, load_task_definition
from ecsctl.manifest.model import SpecError
from tests.unit.manifest.test_load import HELLO


def test_definitions_may_be_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "web.json").write_text(json.dumps([{"name": "web", "image": "nginx", "memory": 10}]))
    answer = {"services": [{"serviceName": "s", "serviceArn": "arn", "taskDefinition": "web", "desiredCount": 1}]}
    (tmp_path / "s.json").write_text(json.dumps(answer))
    main = tmp_path / "ecsctl.yaml"
    main.write_text("name: x\ntaskDefinitions: {web: web.json}\nservices: {s: ./s.json}\n")
    spec = load_spec([str(main)])
    assert spec.task_definitions["web"].definition["containerDefinitions"][0]["image"] == "nginx"
    assert spec.services["s"].definition == {"serviceName": "s", "taskDefinition": "web", "desiredCount": 1}


def test_a_fault_in_such_a_file_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "web.json").write_text('[{"name": "web",\n  "imagee": "nginx", "memory": 10}]')
    main = tmp_path / "ecsctl.yaml"
    main.write_text("name: x\ntaskDefinitions: {web: web.json}\n")
    with pytest.raises(SpecError) as caught:
        load_spec([str(main)])
    assert [str(fault.position) for fault in caught.value.faults] == [f"{tmp_path}/web.json:2:3"]


def test_the_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"there is no ecsctl\.yaml"):
        load_spec([], env={})
    (tmp_path / "ecsctl.yml").write_text("name: here\n")
    assert load_spec([], env={}).name == "here"
    (tmp_path / "other.yaml").write_text("name: other\n")
    assert load_spec([], env={"ECSCTL_FILE": "other.yaml"}).name == "other"
    assert load_spec(["-"], stdin=io.BytesIO(b"name: piped\n")).name == "piped"
    with pytest.raises(UsageError, match=r"cannot read none\.yaml: No such file"):
        load_spec(["none.yaml"])
    with pytest.raises(UsageError, match="cannot read"):
        load_spec([str(tmp_path)])


CONTAINERS = [{"name": "nginx", "image": "osones/nginx", "memory": 300, "environment": []}]
REGISTERED = {
    "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:1:task-definition/nginx:3",
        "family": "nginx",
        "revision": 3,
        "status": "ACTIVE",
        "containerDefinitions": CONTAINERS,
        "requiresAttributes": [{"name": "x"}],
        "compatibilities": ["EC2"],
        "registeredAt": 1.5,
        "registeredBy": "arn",
    },
    "tags": [{"key": "a", "value": "b"}, {"key": "ecsctl:project", "value": "other"}],
}


@pytest.mark.parametrize(
    ("content", "noted"),
    [
        (CONTAINERS, "the family is nginx, after the file"),
        ({"family": "nginx", "containerDefinitions": CONTAINERS}, None),
        (REGISTERED, "ignored what only AWS's output has: compatibilities, registeredAt"),
        (REGISTERED["taskDefinition"], "ignored what only AWS's output has"),
        ({"taskDefinitions": {"nginx": {"containerDefinitions": CONTAINERS}}}, None),
        ({"nginx": {"containerDefinitions": CONTAINERS}}, None),
        ({"image": "osones/nginx", "memory": "300", "environment": []}, "the family is nginx"),
    ],
)
def test_task_definitions_are_taken_in_every_shape(tmp_path: Path, content: Any, noted: str | None) -> None:
    path = tmp_path / "nginx.json"
    path.write_text(json.dumps(content))
    specs, notes = load_task_definition(str(path))
    assert [spec.family for spec in specs] == ["nginx"]
    assert specs[0].definition["containerDefinitions"][0]["image"] == "osones/nginx"
    assert "revision" not in specs[0].definition
    assert any(noted in note for note in notes) if noted else not any("family" in note for note in notes)
    renamed, _ = load_task_definition(str(path), family="nginx")
    assert renamed[0].definition["family"] == "nginx"


def test_the_tags_beside_a_described_task_definition_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(REGISTERED))
    specs, _ = load_task_definition(str(path), family="other")
    assert specs[0].family == specs[0].definition["family"] == "other"
    assert specs[0].definition["tags"] == [{"key": "a", "value": "b"}]


def test_what_the_console_exports_is_taken_without_its_nulls(tmp_path: Path) -> None:
    box = {**CONTAINERS[0], "command": None, "logConfiguration": {"logDriver": "json-file", "secretOptions": None}}
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"ipcMode": None, "family": "x", "containerDefinitions": [box], "revision": 12}))
    (spec,), notes = load_task_definition(str(path))
    assert spec.definition["containerDefinitions"] == [
        {**CONTAINERS[0], "logConfiguration": {"logDriver": "json-file"}}
    ]
    assert "ipcMode" not in spec.definition
    assert notes[:2] == ["ignored members that are null", "ignored what only AWS's output has: revision"]
    path = tmp_path / "x.yaml"
    path.write_text("family: x\nipcMode:\ncontainerDefinitions: [{name: a, image: b, memory: 10}]\n")
    with pytest.raises(SpecError, match=r"x\.yaml:2:9: ipcMode: expected a string, got null"):
        load_task_definition(str(path))


def test_several_families_come_together_or_one_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: {image: x, memory: 10}\nb: {image: y, memory: 10}\n")
    assert [spec.family for spec in load_task_definition(str(path))[0]] == ["a", "b"]
    assert [spec.family for spec in load_task_definition(str(path), family="b")[0]] == ["b"]
    with pytest.raises(UsageError, match="has no family 'c'"):
        load_task_definition(str(path), family="c")


def test_the_family_of_standard_input_must_be_said() -> None:
    with pytest.raises(UsageError, match="does not say its family"):
        load_task_definition("-", stdin=io.BytesIO(json.dumps(CONTAINERS).encode()))


def test_faults_of_a_task_definition_stand_at_the_places_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("- name: a\n  image: b\n  memory: 10\n  cpuu: 3\n")
    with pytest.raises(SpecError) as caught:
        load_task_definition(str(path))
    assert str(caught.value).startswith(f"{path}:4:3: containerDefinitions[0].cpuu: unknown key 'cpuu'")


SERVICE = {
    "serviceName": "svc-helloworld",
    "taskDefinition": "helloworld:1",
    "loadBalancers": [{"loadBalancerName": "helloworld-lb", "containerName": "helloworld", "containerPort": 80}],
    "desiredCount": 2,
    "role": "ecsServiceRole",
}


def test_services_are_taken_in_every_shape(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(SERVICE))
    assert load_service(str(path)) == (SERVICE, [])
    answer = {**SERVICE, "serviceArn": "arn", "status": "ACTIVE", "events": [], "runningCount": 2}
    answer["roleArn"] = "arn:aws:iam::123456789012:role/own"
    del answer["role"]
    path.write_text(json.dumps({"services": [answer], "failures": []}))
    service, notes = load_service(str(path))
    assert notes == ["ignored what only AWS's output has: events, roleArn, runningCount, serviceArn, status"]
    assert service == {**SERVICE, "role": "arn:aws:iam::123456789012:role/own"}
    path.write_text(json.dumps({"cluster": "c", **SERVICE}))
    assert load_service(str(path))[0]["cluster"] == "c"


def test_a_service_of_a_whole_file_is_taken_with_its_balancer(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(HELLO)
    service, _ = load_service(str(path))
    assert service["loadBalancers"] == SERVICE["loadBalancers"]
    path.write_text(HELLO + "  other: {taskDefinition: helloworld, desiredCount: 1}\n")
    with pytest.raises(UsageError, match="has 2 services"):
        load_service(str(path))
    assert load_service(str(path), "other")[0]["serviceName"] == "other"
