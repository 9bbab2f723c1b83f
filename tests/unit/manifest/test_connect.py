"""``connect`` of services, in the API's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ecsctl.manifest import Spec, check, load_spec
from ecsctl.manifest.interpolation.templates import Values
from ecsctl.manifest.schema.editor import file_schema

FILE = """
name: shop
taskDefinitions:
  web: {image: "w:1", memory: 64, portMappings: [80, 8080]}
  api: {image: "a:1", memory: 64, portMappings: [{containerPort: 9000, name: grpc, appProtocol: grpc}]}
services:
  web: {taskDefinition: web, connect: {web: 80, admin: "81:8080"}}
  api: {taskDefinition: api, connect: {api: 9000}}
  worker: {taskDefinition: web, connect: {}}
  other: {taskDefinition: api, connect: true}
"""


def load(folder: Path, text: str = FILE, stage: str | None = None) -> Spec:
    file = folder / "ecsctl.yaml"
    file.write_text(text)
    return load_spec([str(file)], values=Values(stage=stage))


def offer(port_name: str, name: str, port: int) -> dict[str, Any]:
    return {"portName": port_name, "discoveryName": name, "clientAliases": [{"port": port, "dnsName": name}]}


def test_names_lead_to_ports_which_are_named_in_the_definition(tmp_path: Path) -> None:
    found = load(tmp_path)
    said = {name: one.definition["serviceConnectConfiguration"] for name, one in found.services.items()}
    assert said == {
        "web": {"enabled": True, "services": [offer("web", "web", 80), offer("admin", "admin", 81)]},
        "api": {"enabled": True, "services": [offer("grpc", "api", 9000)]},
        "worker": {"enabled": True},
        "other": {"enabled": True},
    }
    [box] = found.task_definitions["web"].definition["containerDefinitions"]
    assert box["portMappings"] == [{"containerPort": 80, "name": "web"}, {"containerPort": 8080, "name": "admin"}]


def test_a_stage_may_say_it_and_names_stay_those_of_the_file(tmp_path: Path) -> None:
    text = FILE + "stages: {dev: {services: {web: {connect: {shop: 80, admin: ~, web: ~}}}}}\n"
    found = load(tmp_path, text, "dev").services["web-dev"].definition["serviceConnectConfiguration"]
    assert found["services"] == [offer("shop", "shop", 80)]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "web: 80,",
            "web: 81,",
            "services.web.connect.web: no container of the task definition has a port 81 (80, 8080)",
        ),
        ("web: 80,", "web: [80],", "services.web.connect.web: a list is not a port"),
        ("connect: {}", "connect: [web]", "services.worker.connect: expected names with their ports, not a list"),
        (
            "connect: {}",
            "connect: {}, serviceConnectConfiguration: {enabled: true}",
            "services.worker.connect: connect and serviceConnectConfiguration cannot be used together",
        ),
    ],
)
def test_what_cannot_be_connected(tmp_path: Path, before: str, after: str, told: str) -> None:
    file = tmp_path / "ecsctl.yaml"
    file.write_text(FILE.replace(before, after, 1))
    found = [str(fault) for fault in check([str(file)])[1] if fault.severity == "error"]
    assert any(told in line for line in found), found


def test_an_editor_knows_it() -> None:
    schema = file_schema()
    validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/Service", "$defs": schema["$defs"]})
    for value, right in (({"web": 80}, True), ({}, True), (True, True), (["web"], False)):
        assert validator.is_valid({"taskDefinition": "web", "connect": value}) is right
