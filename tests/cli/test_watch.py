"""``-w`` on listings: changes in a pipe, a redrawn screen on a terminal, an end by Ctrl-C."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ecsctl.render.redraw import ENTER, LEAVE
from tests.support.command import Ended, ecsctl
from tests.support.fake_aws import FakeAws, refused
from tests.support.world import World, task_id

PORT = {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp"}


@pytest.fixture
def world() -> World:
    world = World()
    world.task(1, on=world.instance(1), ports=[PORT])
    return world


def watch(aws: FakeAws, *arguments: str, steps: list[Callable[[], Any]], **more: Any) -> Ended:
    """Run a watch; before each further look the next step happens, and after the last one comes Ctrl-C."""
    left = iter(steps)

    def during(passed: float) -> None:
        try:
            step = next(left)
        except StopIteration:
            raise KeyboardInterrupt from None
        step()

    return ecsctl(aws, *arguments, "-c", "web", during=during, **more)


def changes(world: World) -> list[Callable[[], Any]]:
    """Nothing; one comes; one is unhealthy; one goes."""
    return [
        lambda: None,
        lambda: world.task(2, on=world.instance(2), ports=[PORT]),
        lambda: world.tasks["web"][0].update(healthStatus="UNHEALTHY"),
        lambda: world.tasks["web"].pop(0),
    ]


def test_a_pipe_gets_a_line_for_each_change(world: World) -> None:
    ended = watch(world.aws(), "ps", "-w", steps=changes(world))
    rows = [line.split() for line in ended.lines]
    assert rows[0][:3] == ["EVENT", "TASK", "DEFINITION"]
    assert [row[:2] for row in rows[1:]] == [
        ["ADDED", task_id(1)[:8]],
        ["ADDED", task_id(2)[:8]],
        ["MODIFIED", task_id(1)[:8]],
        ["DELETED", task_id(1)[:8]],
    ]
    assert "UNHEALTHY" in ended.lines[3]
    assert ended.code == 130


def test_data_has_the_events_of_kubernetes(world: World) -> None:
    ended = watch(world.aws(), "ps", "--watch", "-o", "json", steps=changes(world))
    events = [json.loads(line) for line in ended.lines]
    assert [event["type"] for event in events] == ["ADDED", "ADDED", "MODIFIED", "DELETED"]
    assert events[2]["object"]["healthStatus"] == "UNHEALTHY"
    assert events[1]["object"]["addresses"] == ["198.51.100.2:80"]


def test_yaml_has_a_document_an_event_and_text_a_line(world: World) -> None:
    ended = watch(world.aws(), "ps", "-w", "-o", "yaml", steps=[])
    assert [document["type"] for document in yaml.safe_load_all(ended.out)] == ["ADDED"]
    text = watch(world.aws(), "ps", "-w", "-o", "text", "--columns", "task,status", steps=[])
    assert text.lines == [f"ADDED\t{task_id(1)[:8]}\tRUNNING"]
    bare = watch(world.aws(), "ps", "-w", "-q", steps=changes(world)[:3])
    assert bare.lines == [task_id(1), task_id(2)]


def test_every_listing_can_be_watched(world: World) -> None:
    world.definitions["nginx"] = {"family": "nginx"}
    for command in (["cluster", "list"], ["instance", "list"], ["task", "definitions"], ["locate"]):
        ended = watch(world.aws(), *command, "-w", steps=[lambda: None])
        assert [line.split()[0] for line in ended.lines] == ["EVENT", "ADDED"], command
        assert ended.code == 130


def test_locate_tells_where_a_task_is_now(world: World) -> None:
    def moves() -> None:
        world.tasks["web"][0]["containers"][0]["networkBindings"] = [{**PORT, "hostPort": 32768}]

    ended = watch(world.aws(), "locate", "-w", steps=[moves])
    assert [line.split()[:2] for line in ended.lines[1:]] == [
        ["ADDED", "198.51.100.1:80"],
        ["MODIFIED", "198.51.100.1:32768"],
    ]


def test_a_terminal_is_redrawn_and_keeps_the_last_look(world: World) -> None:
    ended = watch(world.aws(), "ps", "-w", steps=changes(world), columns=80)
    before, drawn = ended.out.split(ENTER)
    screens, last = drawn.split(LEAVE)
    assert before == ""
    frames = screens.split("\x1b[H")[1:]
    assert len(frames) == 5
    assert task_id(1)[:8] in frames[1]
    assert task_id(2)[:8] not in frames[1]
    assert "EVENT" not in frames[0]
    assert [line.split()[0] for line in last.splitlines()] == ["TASK", task_id(2)[:8]]


def test_a_dumb_terminal_is_not_redrawn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in watch(world.aws(), "ps", "-w", steps=[], columns=80).out


def test_a_throttle_is_looked_past_and_told_once(world: World) -> None:
    aws = world.aws()
    works = aws.answers["ecs:ListTasks"]

    def throttled() -> None:
        aws.answers["ecs:ListTasks"] = refused("ecs:ListTasks", "ThrottlingException", "Rate exceeded")

    def again() -> None:
        aws.answers["ecs:ListTasks"] = works
        world.tasks["web"].pop()

    ended = watch(aws, "ps", "-w", steps=[throttled, lambda: None, lambda: None, again])
    assert [line.split()[0] for line in ended.lines] == ["EVENT", "ADDED", "DELETED"]
    assert ended.err.count("Rate exceeded") == 1


def test_what_does_not_pass_ends_the_watch(world: World) -> None:
    ended = watch(world.aws(), "ps", "-w", steps=[lambda: world.tasks.pop("web")])
    assert ended.code == 6
    denied = world.aws()
    denied.answers["ecs:ListClusters"] = refused("ecs:ListClusters", "AccessDeniedException")
    assert watch(denied, "cluster", "list", "-w", steps=[]).code == 1
