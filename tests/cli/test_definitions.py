from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from ecsctl.manifest import load_task_definition
from tests.support.command import ecsctl
from tests.support.world import World

CONTAINERS = [
    {
        "image": "osones/nginx",
        "name": "nginx",
        "cpu": 2,
        "memory": 300,
        "essential": True,
        "environment": [],
        "portMappings": [{"containerPort": 80, "hostPort": 80}],
    }
]


@pytest.fixture
def world() -> World:
    return World()


def write(folder: Path, content: Any, name: str = "nginx.json") -> str:
    path = folder / name
    path.write_text(json.dumps(content))
    return str(path)


def with_environment(**values: str) -> list[dict[str, Any]]:
    return [{**CONTAINERS[0], "environment": [{"name": name, "value": value} for name, value in values.items()]}]


def test_registered_once_for_the_same_content(world: World, tmp_path: Path) -> None:
    file = write(tmp_path, CONTAINERS)
    first = ecsctl(world.aws(), "task", "register", file, "--family", "nginx")
    assert (first.code, first.out) == (0, "nginx:1\n")
    assert world.revisions[0]["tags"] == [{"key": "ecsctl:project", "value": "nginx"}]
    again = ecsctl(world.aws(), "task", "register", file, "--family", "nginx")
    assert (again.code, again.out) == (0, "nginx:1\n")
    assert "nothing was registered" in again.err
    assert len(world.revisions) == 1


def test_a_change_is_told_but_no_value_of_the_environment(world: World, tmp_path: Path) -> None:
    ecsctl(world.aws(), "task", "register", write(tmp_path, with_environment(KEY="hunter1")), "--family", "nginx")
    changed = with_environment(KEY="hunter2")
    changed[0]["memory"] = 400
    ended = ecsctl(world.aws(), "task", "register", write(tmp_path, changed), "--family", "nginx")
    assert ended.out == "nginx:2\n"
    assert "differs from revision 1" in ended.err
    assert "memory: 300 → 400" in ended.err
    assert "KEY" in ended.err
    assert "hunter" not in ended.err


def test_what_describe_says_can_be_registered_again(world: World, tmp_path: Path) -> None:
    ecsctl(world.aws(), "task", "register", write(tmp_path, CONTAINERS), "--family", "nginx")
    answer = {"taskDefinition": world.revisions[0], "tags": []}
    ended = ecsctl(world.aws(), "task", "register", write(tmp_path, answer))
    assert (ended.code, ended.out) == (0, "nginx:1\n")
    assert "note:" in ended.err


def test_as_json(world: World, tmp_path: Path) -> None:
    ended = ecsctl(world.aws(), "task", "register", write(tmp_path, CONTAINERS), "--family", "nginx", "-o", "json")
    assert ended.json["taskDefinition"] == "nginx:1"
    assert ended.json["registered"] is True


@pytest.mark.parametrize("content", ["{", "- image: x\n", "containerDefinitions: 3\n", "\0"])
def test_malformed_files_change_nothing(world: World, tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    ended = ecsctl(world.aws(), "task", "register", str(path), "--family", "nginx")
    assert (ended.code, ended.out) == (2, "")
    assert "bad.yaml" in ended.err
    assert world.revisions == []


def test_a_file_that_is_not_there(world: World) -> None:
    ended = ecsctl(world.aws(), "task", "register", "nowhere.json")
    assert ended.code == 2
    assert "nowhere.json" in ended.err


def test_definitions_are_listed(world: World, tmp_path: Path) -> None:
    ecsctl(world.aws(), "task", "register", write(tmp_path, CONTAINERS), "--family", "nginx")
    ecsctl(world.aws(), "task", "register", write(tmp_path, CONTAINERS), "--family", "nginx-two")
    assert ecsctl(world.aws(), "task", "definitions", "-q").lines == ["nginx", "nginx-two"]
    assert ecsctl(world.aws(), "task", "definitions", "nginx", "-q").lines == ["nginx:1"]
    rows = ecsctl(world.aws(), "task", "definitions", "nginx", "-o", "json").json
    assert rows == [{"taskDefinition": "nginx:1", "family": "nginx", "revision": 1}]
    assert ecsctl(world.aws(), "task", "definitions", "nope").code == 6


def test_show_hides_values_unless_told_otherwise(world: World, tmp_path: Path) -> None:
    ecsctl(world.aws(), "task", "register", write(tmp_path, with_environment(KEY="hunter1")), "--family", "nginx")
    hidden = ecsctl(world.aws(), "task", "show", "nginx")
    assert "KEY" in hidden.out
    assert "hunter1" not in hidden.out
    revealed = ecsctl(world.aws(), "task", "show", "nginx:1", "--reveal", "-o", "json").json
    assert revealed["containerDefinitions"][0]["environment"] == [{"name": "KEY", "value": "hunter1"}]
    assert ecsctl(world.aws(), "task", "show", "nope").code == 6


def test_deregister_takes_ones_own_and_leaves_the_others(world: World, tmp_path: Path) -> None:
    for memory in (300, 400):
        content = [{**CONTAINERS[0], "memory": memory}]
        ecsctl(world.aws(), "task", "register", write(tmp_path, content), "--family", "nginx")
    world.revisions[0]["tags"] = []
    assert ecsctl(world.aws(), "task", "deregister", "nginx").code == 2, "nobody to ask"
    assert ecsctl(world.aws(), "task", "deregister", "nginx:1", "--yes").code == 1
    ended = ecsctl(world.aws(), "task", "deregister", "nginx", "--yes")
    assert (ended.code, ended.out) == (0, "nginx:2\n")
    assert "nginx:1 was not registered by ecsctl" in ended.err
    assert [row["status"] for row in world.revisions] == ["ACTIVE", "INACTIVE"]
    assert ecsctl(world.aws(), "task", "deregister", "nope", "--yes").code == 6


def test_the_task_commands_stand_under_task_too(world: World) -> None:
    world.task(1)
    assert ecsctl(world.aws(), "task", "ps", "-c", "web", "-q").lines == [world.tasks["web"][0]["taskArn"][-32:]]


def test_templates_shorthands_and_lenience_of_a_file_of_its_own(world: World, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text("image: ${IMAGE:-nginx:1}\nmemory: 128MB\nlogs: awslogs\nmemroy: 1\nuser: ${WHO}\n")
    ended = ecsctl(world.aws(), "task", "register", str(file))
    assert ended.code == 2
    assert "web.yaml:4:1: memroy: unknown key 'memroy' (did you mean memory?)" in ended.err
    assert "web.yaml:5:7: user: the variable WHO is not set" in ended.err
    assert not world.revisions
    ended = ecsctl(world.aws(), "task", "register", str(file), "--lenient", "--set", "WHO=1000")
    assert (ended.code, ended.out) == (0, "web:1\n")
    assert "warning: memroy: unknown key" in ended.err
    [box] = world.revisions[0]["containerDefinitions"]
    assert (box["image"], box["user"]) == ("nginx:1", "1000")
    assert box["logConfiguration"]["options"]["awslogs-region"] == world.aws().region


def test_json_is_taken_without_templates(world: World, tmp_path: Path) -> None:
    command = ["sh", "-c", "echo ${HOME} $$"]
    file = write(tmp_path, [{**CONTAINERS[0], "command": command}])
    assert ecsctl(world.aws(), "task", "register", file, "--family", "a").code == 0
    assert world.revisions[0]["containerDefinitions"][0]["command"] == command
    [piped], _ = load_task_definition("-", "b", stdin=io.BytesIO(Path(file).read_bytes()))
    assert piped.definition["containerDefinitions"][0]["command"] == command
