from __future__ import annotations

from typing import Any

import pytest

from ecsctl.query.conditions import Expression, of_service, of_task, parse

TASK = {
    "lastStatus": "PENDING",
    "desiredStatus": "RUNNING",
    "enableExecuteCommand": True,
    "containers": [{"name": "a"}],
}
SERVICE = {"status": "ACTIVE", "runningCount": 1, "desiredCount": 2, "pendingCount": 1}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (".lastStatus==PENDING", True),
        ("jsonpath={.lastStatus}=PENDING", True),
        (".lastStatus == 'RUNNING'", False),
        (".lastStatus!=STOPPED", True),
        (".lastStatus==desiredStatus", False),
        ("enableExecuteCommand==true", True),
        (".containers[0].name==a", True),
        ("containers[?name=='a']", True),
        ("containers[?name=='b']", False),
        ("length(containers) > `1`", False),
        (".stoppedAt==null", True),
        (".stoppedAt==soon", False),
        (".stoppedAt!=null", False),
    ],
)
def test_expressions_over_a_task(text: str, holds: bool) -> None:
    assert Expression(text).holds(TASK) is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (".runningCount>=1", True),
        (".runningCount>1", False),
        ("runningCount==desiredCount", False),
        ("pendingCount<desiredCount", True),
        (".runningCount==many", False),
    ],
)
def test_numbers_are_compared_as_numbers(text: str, holds: bool) -> None:
    assert Expression(text).holds(SERVICE) is holds


@pytest.mark.parametrize("text", ["runing", "", "[?", "lastStatus ==", "a b"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)
    if text == "runing":
        with pytest.raises(ValueError, match="did you mean running"):
            parse(text)


def task(**more: Any) -> dict[str, Any]:
    return {**TASK, **more}


def test_tasks() -> None:
    assert not of_task(TASK, "running").met
    assert of_task(task(lastStatus="RUNNING"), "running").met
    assert not of_task(task(lastStatus="RUNNING", desiredStatus="STOPPED"), "running").met
    stopped = task(lastStatus="STOPPED", healthStatus="HEALTHY")
    assert of_task(stopped, "stopped").met
    assert of_task(stopped, "gone").met
    assert of_task(stopped, "healthy").failed == "has stopped"
    assert of_task(stopped, Expression(".lastStatus==RUNNING")).failed
    assert of_task(stopped, Expression(".lastStatus==STOPPED")).failed is None
    assert of_task(task(healthStatus="HEALTHY"), "healthy").met


def test_a_service_has_stopped_when_none_of_its_tasks_is_on_its_way_either() -> None:
    starting = of_service({**SERVICE, "runningCount": 0, "pendingCount": 1}, "stopped", list)
    assert (starting.met, starting.text) == (False, "has 1 tasks left")


def test_a_service_is_healthy_when_it_runs_just_what_it_should() -> None:
    healthy = [{"healthStatus": "HEALTHY"}] * 3
    leaving = of_service({**SERVICE, "runningCount": 3, "desiredCount": 2}, "healthy", lambda: healthy)
    assert not leaving.met, "old tasks of a deployment still run"


def test_services() -> None:
    def none() -> list[Any]:
        return []

    assert of_service(SERVICE, "running", none).text == "has 1 of 2 tasks running"
    assert of_service({**SERVICE, "runningCount": 2}, "running", none).met
    assert of_service({**SERVICE, "runningCount": 0, "pendingCount": 0}, "stopped", none).met
    assert not of_service(SERVICE, "stopped", none).met
    gone = {**SERVICE, "status": "INACTIVE"}
    assert of_service(gone, "gone", none).met
    assert of_service(gone, "running", none).failed
    healthy = [{"healthStatus": "HEALTHY"}] * 2
    assert of_service({**SERVICE, "runningCount": 2}, "healthy", lambda: healthy).met
    assert not of_service({**SERVICE, "runningCount": 2}, "healthy", lambda: healthy[:1]).met
