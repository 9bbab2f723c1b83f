from __future__ import annotations

import pytest

from ecsctl.actions.tasks import UNSEEN, wait_for
from ecsctl.errors import EcsctlError, WaitTimeoutError
from ecsctl.query.views import task_view
from tests.support.clock import ManualClock
from tests.support.world import World


@pytest.fixture
def world() -> World:
    return World()


def wait(world: World, clock: ManualClock, until="RUNNING", timeout=600.0, tasks=None):  # type: ignore[no-untyped-def]
    lines: list[str] = []
    views = [task_view(task) for task in tasks or world.tasks["web"]]
    seen = wait_for(world.aws(clock), views, until, timeout=timeout, report=lines.append)
    return seen, lines


def test_each_change_is_told_once(world: World) -> None:
    task = world.task(1, status="PROVISIONING")
    clock = ManualClock()
    clock.then = {3: lambda: task.update(lastStatus="PENDING"), 5: lambda: task.update(lastStatus="RUNNING")}
    [seen], lines = wait(world, clock)
    assert seen.last_status == "RUNNING"
    assert [line.rpartition(" ")[2] for line in lines] == ["PROVISIONING", "PENDING", "RUNNING"]


def test_one_that_stops_ends_the_wait_at_once_with_its_cause(world: World) -> None:
    world.task(1, status="PENDING")
    other = world.task(2, status="PENDING")
    clock = ManualClock()
    clock.then = {2: lambda: other.update(lastStatus="STOPPED", stoppedReason="no image")}
    with pytest.raises(EcsctlError) as raised:
        wait(world, clock)
    assert len(clock.slept) == 2
    assert "1 of 2 tasks" in raised.value.message
    assert raised.value.details[0].endswith("no image")


def test_ecs_may_not_know_a_new_task_yet_but_not_for_ever(world: World) -> None:
    made = world.task(1, status="PENDING")
    world.tasks["web"].clear()
    clock = ManualClock()

    def appears() -> None:
        made.update(lastStatus="RUNNING")
        world.tasks["web"].append(made)

    clock.then = {4: appears}
    [seen], _ = wait(world, clock, tasks=[made])
    assert seen.last_status == "RUNNING"
    world.tasks["web"].clear()
    made.update(lastStatus="PENDING")
    clock = ManualClock()
    with pytest.raises(EcsctlError):
        wait(world, clock, tasks=[made])
    assert UNSEEN < clock.passed < UNSEEN + 5


def test_time_runs_out_with_the_state_of_each(world: World) -> None:
    world.task(1, status="PENDING")
    world.task(2)
    with pytest.raises(WaitTimeoutError) as raised:
        wait(world, ManualClock(), timeout=20)
    assert "1 of 2 tasks not RUNNING after 20 s" in raised.value.message
    assert "it is PENDING" in raised.value.details[0]


def test_a_task_on_its_way_down_does_not_run(world: World) -> None:
    task = world.task(1, desiredStatus="STOPPED")
    clock = ManualClock()
    clock.then = {2: lambda: task.update(lastStatus="STOPPED", stopCode="SpotInterruption")}
    with pytest.raises(EcsctlError) as raised:
        wait(world, clock)
    assert "SpotInterruption" in raised.value.details[0]


def test_a_crowd_is_told_in_counts_and_asked_in_batches(world: World) -> None:
    tasks = [world.task(number, status="PENDING") for number in range(150)]
    clock = ManualClock()

    def run() -> None:
        for task in tasks:
            task["lastStatus"] = "RUNNING"

    clock.then = {1: run}
    seen, lines = wait(world, clock)
    assert len(seen) == 150
    assert lines == ["tasks: 150 PENDING", "tasks: 150 RUNNING"]
    assert clock.passed > 1.5, "two calls a look, half as often"


def test_those_stopped_are_not_asked_for_again(world: World) -> None:
    world.task(1, status="STOPPED")
    task = world.task(2)
    clock = ManualClock()
    clock.then = {2: lambda: task.update(lastStatus="STOPPED")}
    seen, _ = wait(world, clock, until="STOPPED")
    assert [one.last_status for one in seen] == ["STOPPED", "STOPPED"]
