"""``-o json`` of what changes something, with stable keys, and ``--query`` on all."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml

from tests.support.command import ecsctl
from tests.support.sandbox import Running
from tests.support.world import World, task_id

PORT = {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp"}
SERVICE = """\
serviceName: api
taskDefinition: web
desiredCount: 1
launchType: EC2
"""
DEFINITION = """\
family: web
containerDefinitions:
  - {name: web, image: nginx, memory: 64}
"""


@pytest.fixture
def world() -> World:
    world = World()
    on = world.instance(1)
    world.task(1, on=on, ports=[PORT], family="web")
    world.task(2, on=on, family="db")
    return world


@pytest.mark.parametrize(
    ("query", "form", "out"),
    [
        ("[].family", None, '[\n  "web",\n  "db"\n]\n'),
        ("[?family=='web'].addresses[]", "text", "198.51.100.1:80\n"),
        ("[].[family, lastStatus]", "text", "web\tRUNNING\ndb\tRUNNING\n"),
        ("[0].stoppedAt", "text", "None\n"),
        ("[].family", "text", "web\tdb\n"),
        ("[].{Family: family, Host: instanceId}", "table", "Family  Host\nweb     i-00000000000000001\n"),
        ("[].[family]", "table", "web\ndb\n"),
        ("length(@)", "yaml", "2\n"),
    ],
)
def test_a_query_is_the_aws_commands(world: World, query: str, form: str | None, out: str) -> None:
    world.tasks["web"].sort(key=lambda task: task["taskDefinitionArn"], reverse=True)
    ended = ecsctl(
        world.aws(), "ps", "-c", "web", "--sort", "-family", "--query", query, *(["-o", form] if form else [])
    )
    assert ended.code == 0
    assert ended.out.startswith(out)


def test_a_query_that_is_none_or_does_not_fit_is_a_usage_error(world: World) -> None:
    aws = world.aws()
    ended = ecsctl(aws, "ps", "-c", "web", "--query", "[?family==")
    assert (ended.code, ended.out, aws.calls) == (2, "", [])
    assert "is not a JMESPath expression" in ended.err
    assert "Traceback" not in ended.err
    unfit = ecsctl(world.aws(), "ps", "-c", "web", "--query", "sum([].family)")
    assert (unfit.code, unfit.out) == (2, "")
    assert "sum" in unfit.err


def test_a_query_chooses_of_every_object_of_a_stream(world: World) -> None:
    def stop(passed: float) -> None:
        raise KeyboardInterrupt

    ended = ecsctl(world.aws(), "ps", "-c", "web", "-w", "--query", "object.family", during=stop)
    assert [json.loads(line) for line in ended.lines] == ["db", "web"]


def test_stop_and_wait_tell_of_the_tasks(world: World) -> None:
    waited = ecsctl(world.aws(), "wait", task_id(1), "-c", "web", "-o", "json").json
    assert [(row["task"], row["lastStatus"]) for row in waited] == [(task_id(1), "RUNNING")]
    stopped = ecsctl(world.aws(), "stop", task_id(1), "-c", "web", "-o", "json").json
    assert stopped[0]["lastStatus"] == "STOPPED"
    assert stopped[0]["exitCodes"] == {"web": None}


def test_what_changes_something_says_what_it_changed(sandbox: Running, tmp_path: Path) -> None:
    aws = sandbox.aws()
    made = ecsctl(aws, "cluster", "create", "box", "-o", "json").json
    assert made["clusterName"] == "box"
    assert made["changes"] == [{"action": "create", "kind": "cluster", "name": "box"}]
    again = ecsctl(aws, "cluster", "create", "box", "-o", "yaml")
    assert yaml.safe_load(again.out)["changes"] == []
    assert ecsctl(aws, "cluster", "create", "box", "--query", "clusterName", "-o", "text").out == "box\n"

    joined = ecsctl(aws, "instance", "bootstrap", "-c", "box", "--count", "1", "-o", "json")
    assert joined.code == 0, joined.err
    ids = [row["ec2InstanceId"] for row in joined.json["instances"]]
    assert ids == ecsctl(aws, "instance", "list", "-c", "box", "-q").lines
    assert "auto-scaling-group" in {change["kind"] for change in joined.json["changes"]}

    (tmp_path / "web.yaml").write_text(DEFINITION)
    (tmp_path / "api.yaml").write_text(SERVICE)
    registered = ecsctl(aws, "task", "register", str(tmp_path / "web.yaml"), "-o", "json").json
    assert registered["taskDefinition"] == "web:1"
    created = ecsctl(aws, "service", "create", str(tmp_path / "api.yaml"), "-c", "box", "-o", "json").json
    assert (created["serviceName"], created["runningCount"]) == ("api", 1)
    assert created["changes"][0] == {"action": "create", "kind": "service", "name": "api"}
    scaled = ecsctl(aws, "service", "scale", "api", "2", "-c", "box", "-o", "json").json
    assert (scaled["desiredCount"], scaled["changes"]) == (2, [{"action": "update", "kind": "service", "name": "api"}])
    run = ecsctl(aws, "run", "web", "-c", "box", "-o", "json").json
    assert run[0]["family"] == "web"
    gone = ecsctl(aws, "service", "delete", "api", "-c", "box", "--yes", "-o", "json").json
    assert gone["changes"] == [{"action": "remove", "kind": "service", "name": "api"}]
    assert ecsctl(aws, "stop", run[0]["task"], "-c", "box", "-o", "json").json[0]["task"] == run[0]["task"]

    removed = ecsctl(aws, "instance", "remove", ids[0], "-c", "box", "--yes", "-o", "json").json
    assert [row["ec2InstanceId"] for row in removed["removed"]] == ids
    deleted = ecsctl(aws, "cluster", "delete", "box", "--yes", "-o", "json").json
    assert {"action": "remove", "kind": "cluster", "name": "box"} in deleted["changes"]


def test_up_and_down_say_what_they_made_and_removed(sandbox: Running, tmp_path: Path) -> None:
    file = tmp_path / "ecsctl.yaml"
    file.write_text("name: shop\ntaskDefinitions:\n  web: {image: nginx, memory: 64}\n")
    aws = sandbox.aws()
    assert ecsctl(aws, "up", "-f", str(file), "--yes", "-o", "json").json == []
    down = ecsctl(aws, "down", "-f", str(file), "--yes", "-o", "json").json
    assert (down["project"], down["cluster"]) == ("shop", "shop")
    assert {change["kind"] for change in down["changes"]} == {"task-definition", "cluster"}
    assert ecsctl(aws, "down", "-f", str(file), "--yes", "-o", "json").json["changes"] == []


def test_every_key_is_documented() -> None:
    from ecsctl.cli import cluster, instance, ps, service
    from ecsctl.render import locations

    now = datetime.now(timezone.utc)
    documented = (Path(__file__).parents[2] / "docs" / "output.md").read_text()
    columns = [
        *ps.columns(lambda: now),
        *cluster.columns(),
        *instance.columns(),
        *service.columns(),
        *service.deployment_columns(now),
        *service.event_columns(),
        *locations.columns(),
    ]
    assert [column.key for column in columns if column.data and f"`{column.key}`" not in documented] == []
