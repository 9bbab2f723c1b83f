"""``locate`` over all clusters and several regions, and the browser."""

from __future__ import annotations

import webbrowser
from typing import Any

import pytest

from tests.support.command import ecsctl
from tests.support.fake_aws import FakeAws, refused
from tests.support.world import World, task_id

PORT = {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp"}


def world(first: int, region: str = "eu-west-1") -> World:
    """Clusters web and api with a task each, whose number is also its instance's."""
    made = World()
    for number, cluster in ((first, "web"), (first + 1, "api")):
        on = made.instance(number, cluster=cluster)
        made.task(number, cluster=cluster, on=on, ports=[PORT], group="service:svc")
        for task in made.tasks[cluster]:
            task["taskArn"] = task["taskArn"].replace("eu-west-1", region)
    made.services["api"] = []
    return made


def both() -> tuple[FakeAws, FakeAws]:
    """Two regions; the first one knows of the other."""
    here, there = world(1).aws(), world(11, "us-east-1").aws()
    there.target = type(there.target)(region="us-east-1")
    here.in_region = lambda region: there if region == "us-east-1" else here  # type: ignore[method-assign]
    regions = [{"RegionName": "us-east-1"}, {"RegionName": "eu-west-1"}]
    here.answers["ec2:DescribeRegions"] = lambda query: {"Regions": regions}
    return here, there


def test_all_clusters_of_a_region() -> None:
    ended = ecsctl(both()[0], "locate", "--all-clusters", "--sort", "address")
    assert ended.lines == ["198.51.100.1:80", "198.51.100.2:80"]
    rows = [line.split() for line in ecsctl(both()[0], "locate", "-A", "-o", "table").lines]
    assert {"REGION", "CLUSTER"} <= set(rows[0])
    data = ecsctl(both()[0], "locate", "-A", "-o", "json").json
    assert {(row["region"], row["cluster"]) for row in data} == {("eu-west-1", "web"), ("eu-west-1", "api")}


@pytest.mark.parametrize("regions", ["eu-west-1,us-east-1", "all"])
def test_several_regions(regions: str) -> None:
    ended = ecsctl(both()[0], "locate", "-r", regions, "-c", "web", "--sort", "address")
    assert ended.lines == ["198.51.100.1:80", "198.51.100.11:80"]
    assert len(ecsctl(both()[0], "locate", "-r", regions, "-A").lines) == 4
    named = ecsctl(both()[0], "locate", "-r", regions, "-A", task_id(12)[:7])
    assert (named.code, named.lines) == (0, ["198.51.100.12:80"]), named.err


def test_what_is_nowhere_is_exit_6() -> None:
    ended = ecsctl(both()[0], "locate", "-r", "all", "-A", task_id(99))
    assert (ended.code, ended.out) == (6, "")
    assert "in any cluster of all" in ended.err


def test_a_region_that_cannot_be_asked_is_told_and_the_others_are() -> None:
    here, there = both()
    there.answers["ecs:ListClusters"] = refused("ecs:ListClusters", "AccessDeniedException", "an SCP says no")
    ended = ecsctl(here, "locate", "-r", "eu-west-1,us-east-1", "-A")
    assert (ended.code, len(ended.lines)) == (0, 2)
    assert "note: us-east-1: ecs:ListClusters" in ended.err
    there.answers["ecs:ListTasks"] = refused("ecs:ListTasks", "AccessDeniedException", "an SCP says no")
    ended = ecsctl(here, "locate", "-r", "eu-west-1,us-east-1", "-c", "web")
    assert ended.lines == ["198.51.100.1:80"]
    assert "cluster web of us-east-1" in ended.err
    here.answers["ecs:ListTasks"] = there.answers["ecs:ListTasks"]
    assert ecsctl(here, "locate", "-r", "eu-west-1,us-east-1", "-c", "web").code == 1


@pytest.mark.parametrize("arguments", [["-r", "eu-west-1,"], ["-r", "all,eu-west-1"], ["-A", "-c", "web"]])
def test_what_contradicts_itself_is_a_usage_error(arguments: list[str]) -> None:
    assert ecsctl(both()[0], "locate", *arguments).code == 2


class Browser(webbrowser.BaseBrowser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def open(self, url: str, *arguments: Any, **more: Any) -> bool:
        self.opened.append(url)
        return True


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    made = Browser()
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    monkeypatch.setattr(webbrowser, "_browsers", {})
    webbrowser.register("test", None, made, preferred=True)
    return made


def test_the_first_address_is_opened(browser: Browser) -> None:
    ended = ecsctl(both()[0], "locate", "-c", "web", task_id(1), "--open")
    assert (ended.code, ended.out) == (0, "198.51.100.1:80\n")
    assert browser.opened == ["http://198.51.100.1:80/"]


def test_nothing_to_open_and_no_browser_are_told(monkeypatch: pytest.MonkeyPatch, browser: Browser) -> None:
    here, _ = both()
    assert ecsctl(here, "locate", "-c", "web", "--service", "nothing", "--open").code == 6
    empty = World()
    ended = ecsctl(empty.aws(), "locate", "-c", "web", "--open")
    assert (ended.code, browser.opened) == (1, [])
    assert "there is no address to open" in ended.err
    monkeypatch.setattr(browser, "open", lambda url, *more: False)
    ended = ecsctl(here, "locate", "-c", "web", "--open")
    assert ended.code == 0
    assert "no browser could be started" in ended.err
