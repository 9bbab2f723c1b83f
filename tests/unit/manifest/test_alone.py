"""Files of definitions that are no project are checked and rendered by themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.command import Ended, ecsctl
from tests.support.fake_aws import FakeAws

BOX = {"name": "c", "image": "c:1", "memory": 64, "portMappings": [{"containerPort": 80}]}
TASK = {"family": "web", "containerDefinitions": [BOX]}
ANSWER = {"taskDefinition": {**TASK, "taskDefinitionArn": "arn", "revision": 3, "status": "ACTIVE"}, "tags": []}
SERVICE = {"cluster": "prod", "serviceName": "s", "taskDefinition": "web:3", "desiredCount": 2}
DESCRIBED = {"services": [{**SERVICE, "serviceArn": "arn", "runningCount": 2, "events": []}], "failures": []}


def run(*arguments: str) -> Ended:
    return ecsctl(FakeAws({}), *arguments)


@pytest.mark.parametrize(
    ("content", "rendered"),
    [
        (TASK, TASK),
        (ANSWER, TASK),
        ([BOX], {**TASK, "family": "a"}),
        ({"image": "c:1", "memory": "64MB"}, {"memory": "64", "containerDefinitions": [{"name": "a", "image": "c:1"}]}),
        (SERVICE, SERVICE),
        (DESCRIBED, SERVICE),
        ({"taskDefinition": "web:3"}, {"serviceName": "a", "taskDefinition": "web:3", "desiredCount": 1}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_every_shape_is_valid_and_rendered_by_itself(
    tmp_path: Path, content: Any, rendered: dict[str, Any], suffix: str
) -> None:
    file = tmp_path / f"a.{suffix}"
    file.write_text(json.dumps(content, indent=1) if suffix == "json" else yaml.safe_dump(content))
    ended = run("validate", "-f", str(file))
    assert ended.code == 0, ended.out
    assert ended.err.splitlines()[-1].startswith(f"{file}: 1 ")
    data = run("render", "-f", str(file), "-o", "json").json
    assert {key: data[key] for key in rendered} == rendered


def test_its_faults_stand_at_their_lines_with_their_own_paths(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text(
        json.dumps({**TASK, "networkMode": "awsvp", "containerDefinitions": [{**BOX, "memroy": 1}]}, indent=1)
    )
    ended = run("validate", str(file), "-q")
    assert ended.code == 2
    assert "networkMode: the string 'awsvp' is not an allowed value (did you mean awsvpc?" in ended.out
    assert "containerDefinitions[0].memroy: unknown key 'memroy' (did you mean memory?)" in ended.out
    assert all(line.startswith(f"{file}:") and line.split(":")[1] != "1" for line in ended.lines)


def test_only_a_project_can_be_applied(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text(json.dumps(TASK))
    for command in ("plan", "up"):
        ended = run(command, "-f", str(file))
        assert ended.code == 2
        assert "name is missing" in ended.err


@pytest.mark.parametrize(
    "content",
    [
        "name: p\nservices: [a]\n",
        "services: [{taskDefinition: t}]\nname: p\n",
        "services: []\n",
        "[]\n",
        "[a]\n",
        "nonsense: 1\n",
        "name: p\ntaskDefinition: {image: x}\n",
        "taskDefinitions: {t: {image: 'x:1', memory: 64}}\n",
    ],
)
def test_what_is_meant_as_a_project_is_checked_as_one(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ecsctl.yaml"
    file.write_text(content)
    ended = run("validate", str(file))
    assert ended.code == 2, ended.err
    assert ended.out.startswith(f"{file}:1:") or ended.out.startswith(f"{file}:2:")
