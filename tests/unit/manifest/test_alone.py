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
        ({"serviceName": "s", "taskDefinition": "web:3"}, {"taskDefinition": "web:3", "desiredCount": 1}),
        ({"serviceName": "s", "deploymentController": {"type": "EXTERNAL"}}, {"serviceName": "s"}),
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
        assert "this is a task definition, not a project (`ecsctl task register FILE`" in ended.err
        assert "name is missing" not in ended.err


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


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ({"launchType": "EC2", "desiredCount": 1}, ["taskDefinition is missing", "serviceName is missing"]),
        ({"taskDefinition": "web:1", "desiredCount": 1}, ["serviceName is missing"]),
        ({"networkMode": "bridge", "cpu": "256"}, ["containerDefinitions is missing"]),
        ({"name": "w", **TASK}, ["name: unknown key 'name' (known: containerDefinitions"]),
        (
            {"cluster": "c", "taskDefinition": "web", "overides": {}, "count": 1},
            ["overides: unknown key 'overides' (did"],
        ),
        ({"serviceName": "s", "taskDefinition": "t:1", "name": "x", "cluster": "c"}, ["name: unknown key 'name' ("]),
        (
            {"cluster": "c", "region": "eu-west-1", "sevices": {}},
            ["name is missing", "sevices: unknown key 'sevices' (did"],
        ),
    ],
)
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_file_is_known_by_all_its_keys(tmp_path: Path, content: Any, faults: list[str], suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    file.write_text(json.dumps(content) if suffix == "json" else yaml.safe_dump(content))
    ended = run("validate", "-q", str(file))
    assert ended.code == 2
    told = [line.split(": ", 1)[1] for line in ended.lines]
    assert len(told) == len(faults), told
    assert all(any(line.startswith(fault) for line in told) for fault in faults), told


@pytest.mark.parametrize(
    "content",
    [
        {"cluster": "c", "taskDefinition": "web", "count": 2, "startedBy": "me"},
        {"cluster": "c", "taskDefinition": "web", "launchType": "EC2", "platformVersion": "LATEST"},
        {"taskDefinition": "web"},
    ],
)
def test_the_input_of_run_task_is_valid_by_itself(tmp_path: Path, content: dict[str, Any]) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(content))
    ended = run("validate", str(file))
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.endswith("the input of run-task: valid\n")


FULL = {"family": "w", "containerDefinitions": [{**BOX, "essential": True}]}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"environment": {"name": "LOG", "value": "debug"}}, "environment: a mapping here is a short form, which JSON"),
        ({"environment": {"LOG": "debug"}}, "environment: a mapping here is a short form, which JSON does not have"),
        ({"environment": [{"name": "N", "value": 80}]}, "environment[0].value: expected a string, got the number 80"),
        ({"portMappings": ["80:80"]}, "portMappings: a list here is a short form, which JSON does not have (as AWS"),
        (
            {"memory": "512MB"},
            "memory: the string '512MB' here is a short form, which JSON does not have (as AWS takes",
        ),
        ({"stopTimeout": "1m"}, "stopTimeout: the string '1m' here is a short form"),
        ({"command": "sleep 1"}, "command: the string 'sleep 1' here is a short form"),
        ({"healthCheck": {"command": "exit 0"}}, "healthCheck.command: the string 'exit 0' here is a short form"),
        ({"dependsOn": {"a": "START"}}, "dependsOn: a mapping here is a short form"),
        ({"logs": "awslogs"}, "logs: unknown key 'logs'"),
        ({"privileged": "yes"}, "privileged: expected true or false, got the string 'yes'"),
    ],
)
def test_json_has_no_short_forms(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    file = tmp_path / "t.json"
    file.write_text(json.dumps({"family": "w", "containerDefinitions": [{**BOX, **change}]}))
    ended = run("validate", "-q", str(file))
    assert ended.code == 2
    assert [line.split(": ", 1)[1].startswith(f"containerDefinitions[0].{fault}") for line in ended.lines] == [True]


def test_json_in_a_project_is_taken_as_json(tmp_path: Path) -> None:
    (tmp_path / "web.json").write_text(json.dumps([{**BOX, "environment": {"LOG": "debug"}}]))
    file = tmp_path / "ecsctl.yaml"
    file.write_text("name: p\ntaskDefinitions: {web: web.json, api: {image: 'a:1', memory: 64, environment: {A: b}}}\n")
    ended = run("validate", "-q", "-f", str(file))
    [line] = ended.lines
    assert line.startswith(f"{tmp_path}/web.json:1:")
    assert "taskDefinitions.web.containerDefinitions[0].environment: a mapping here is a short form" in line


@pytest.mark.parametrize("size", [{"cpu": "1 vCPU", "memory": "2 GB"}, {"cpu": ".5 vcpu", "memory": "1024"}])
def test_the_sizes_of_a_task_are_read_as_ecs_reads_them(tmp_path: Path, size: dict[str, str]) -> None:
    file = tmp_path / "t.json"
    file.write_text(json.dumps({**FULL, **size}))
    assert run("validate", "-q", str(file)).code == 0


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"networkMode": "", "requiresCompatibilities": ["FARGATE"]}, "networkMode"),
        ({"requiresCompatibilities": [""]}, "requiresCompatibilities[0]: an empty string is not an allowed value"),
    ],
)
def test_an_empty_string_is_judged_as_what_is_left_out(tmp_path: Path, members: dict[str, Any], words: str) -> None:
    file = tmp_path / "t.json"
    file.write_text(json.dumps({**FULL, "cpu": "256", "memory": "512", **members}))
    ended = run("validate", "-q", str(file))
    assert ended.code == 2
    assert words in ended.out


def test_an_empty_string_where_one_of_some_words_belongs_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text(json.dumps({**TASK, "ipcMode": "", "pidMode": ""}, indent=1))
    ended = run("validate", str(file))
    assert ended.code == 0, ended.out
    assert "warning: ipcMode: an empty string says nothing here (leave it out, or one of host, " in ended.out
    rendered = run("render", "-f", str(file), "-o", "json").json
    assert not {"ipcMode", "pidMode"} & set(rendered)


def test_an_empty_string_does_not_stand_for_a_word_that_is_required(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    depends = [{"containerName": "d", "condition": ""}]
    other = {**BOX, "name": "d", "portMappings": []}
    file.write_text(json.dumps({**TASK, "containerDefinitions": [{**BOX, "dependsOn": depends}, other]}, indent=1))
    ended = run("validate", "-q", str(file))
    assert ended.code == 2
    assert "condition is empty" in ended.out
