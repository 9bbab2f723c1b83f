"""``task diff``: revisions, families and files side by side, and no value of the environment anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ended, ecsctl
from tests.support.world import World


@pytest.fixture
def world() -> World:
    return World()


def definition(family: str = "web", **members: Any) -> dict[str, Any]:
    box = {"name": "web", "image": "nginx:1", "memory": 64, "environment": [{"name": "KEY", "value": "hunter1"}]}
    return {"family": family, "containerDefinitions": [{**box, **members}]}


def register(world: World, tmp_path: Path, content: dict[str, Any]) -> Path:
    file = tmp_path / "web.json"
    file.write_text(json.dumps(content))
    assert ecsctl(world.aws(), "task", "register", str(file)).code == 0
    return file


def two_revisions(world: World, tmp_path: Path) -> Path:
    register(world, tmp_path, definition())
    pairs = [{"name": "KEY", "value": "hunter2"}, {"name": "LOG", "value": "hunter3"}]
    return register(world, tmp_path, definition(image="nginx:2", environment=pairs))


def diff(world: World, *arguments: str) -> Ended:
    return ecsctl(world.aws(), "task", "diff", *arguments)


def test_a_unified_diff_of_two_revisions(world: World, tmp_path: Path) -> None:
    two_revisions(world, tmp_path)
    ended = diff(world, "web:1", "web:2")
    assert (ended.code, ended.err) == (0, "")
    assert ended.lines[:2] == ["--- web:1", "+++ web:2"]
    changed = [line for line in ended.lines[2:] if line[0] in "+-"]
    assert changed == [
        "-    KEY: (hidden)",
        "-  image: nginx:1",
        "+    KEY: (hidden, changed)",
        "+    LOG: (hidden)",
        "+  image: nginx:2",
    ]
    assert diff(world, "web:1", "web:2", "--exit-code").code == 3


@pytest.mark.parametrize("output", ["table", "json", "yaml", "text"])
def test_values_of_the_environment_are_never_told(world: World, tmp_path: Path, output: str) -> None:
    file = two_revisions(world, tmp_path)
    for sides in (("web:1", "web:2"), ("web:1",), ("web:1", str(file)), (str(file), "web:1")):
        ended = diff(world, *sides, "-o", output)
        assert ended.code == 0
        assert "KEY" in ended.out
        assert "hunter" not in ended.out + ended.err


def test_data_has_each_field(world: World, tmp_path: Path) -> None:
    two_revisions(world, tmp_path)
    (found,) = diff(world, "web:1", "-o", "json").json
    assert (found["before"], found["after"]) == ("web:1", "web:2")
    assert {"path": "containerDefinitions[web].image", "before": "nginx:1", "after": "nginx:2"} in found["fields"]
    assert found["diff"].startswith("--- web:1\n+++ web:2\n")


def test_what_says_the_same_differs_in_nothing(world: World, tmp_path: Path) -> None:
    register(world, tmp_path, definition())
    # The same, said otherwise: another order, the defaults of the API, another type.
    again = definition(cpu=0, essential=True, portMappings=[], mountPoints=[])
    file = tmp_path / "again.json"
    file.write_text(json.dumps({**again, "networkMode": "bridge", "volumes": []}))
    for sides in (("web:1", str(file)), (str(file), "web"), (str(file),), ("web:1", "web")):
        ended = diff(world, *sides, "--exit-code")
        assert (ended.code, ended.out) == (0, ""), ended
        assert "are the same" in ended.err
    assert diff(world, "web:1", "-o", "json").json == []


def test_other_families_and_what_is_not_there(world: World, tmp_path: Path) -> None:
    register(world, tmp_path, definition())
    register(world, tmp_path, definition("other", image="httpd"))
    ended = diff(world, "web", "other")
    assert "+  image: httpd" in ended.lines
    assert not any("family" in line for line in ended.lines)
    missing = diff(world, "web", "nothing:3")
    assert (missing.code, missing.out) == (6, "")
    assert "nothing:3" in missing.err
