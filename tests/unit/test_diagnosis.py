from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ecsctl.actions.tasks import exit_code
from ecsctl.query.diagnosis import (
    Needs,
    failed,
    needed,
    placement_causes,
    root_cause,
    service_causes,
    task_causes,
)
from ecsctl.query.service_events import event_meaning
from ecsctl.query.views import instance_view, service_view, task_view
from tests.support.world import World

NOW = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)


def task(**more):  # type: ignore[no-untyped-def]
    world = World()
    containers = more.pop("containers", None)
    made = world.task(1, status="STOPPED", **more)
    if containers is not None:
        made["containers"] = containers
    return task_view(made)


def test_a_running_task_has_no_causes() -> None:
    assert task_causes(task_view(World().task(1))) == []


def test_the_tasks_reason_then_each_containers() -> None:
    found = task_causes(
        task(
            stoppedReason="Essential container in task exited",
            stopCode="EssentialContainerExited",
            containers=[
                {"name": "web", "exitCode": 1},
                {"name": "job", "exitCode": 0},
                {"name": "db", "reason": "ResourceInitializationError: no secret"},
            ],
        )
    )
    assert found[0] == "Essential container in task exited (EssentialContainerExited)"
    assert found[1] == "container web ended with exit code 1"
    assert found[2].startswith("container db: ResourceInitializationError: no secret (secrets, logs")
    assert len(found) == 3


def test_137_is_a_kill_and_memory_only_where_the_agent_says_so() -> None:
    [killed] = task_causes(task(containers=[{"name": "web", "exitCode": 137}]))
    assert "SIGKILL" in killed
    assert "memory" not in killed
    reason = "OutOfMemoryError: Container killed due to memory usage"
    [starved] = task_causes(task(containers=[{"name": "web", "exitCode": 137, "reason": reason}]))
    assert "exit code 137" in starved
    assert "raise its `memory`" in starved


def test_a_kill_on_purpose_is_no_cause() -> None:
    stopped = task(stopCode="UserInitiated", stoppedReason="enough", containers=[{"name": "web", "exitCode": 137}])
    assert task_causes(stopped) == ["enough (UserInitiated)"]


@pytest.mark.parametrize(
    ("codes", "essential", "container", "expected"),
    [
        ({"web": 3}, ["web"], None, 3),
        ({"web": 0, "sidecar": 137}, ["web"], None, 0),
        ({"web": 0, "sidecar": 137}, ["web", "sidecar"], None, 0),
        ({"web": 143, "sidecar": 2}, ["web", "sidecar"], None, 2),
        ({"web": 137}, ["web"], None, 137),
        ({"web": 0, "job": 9}, ["web"], "job", 9),
        ({"web": None}, ["web"], None, None),
        ({}, [], None, None),
    ],
)
def test_the_exit_code_that_counts(codes, essential, container, expected) -> None:  # type: ignore[no-untyped-def]
    containers = [{"name": name, **({"exitCode": code} if code is not None else {})} for name, code in codes.items()]
    assert exit_code(task(containers=containers), essential, container) == expected


def service(**more):  # type: ignore[no-untyped-def]
    return service_view({"serviceArn": "arn:aws:ecs:r:1:service/web/svc", "serviceName": "svc", **more})


def test_a_services_causes_are_those_since_it_began() -> None:
    port = (
        "(service svc) was unable to place a task because no container instance met all of its requirements. The "
        "closest matching container-instance 1 is already using a port required by your task."
    )
    found = service_causes(
        service(
            deployments=[{"status": "PRIMARY", "rolloutState": "FAILED", "rolloutStateReason": "circuit breaker"}],
            events=[
                {"id": "3", "createdAt": NOW, "message": port},
                {"id": "2", "createdAt": NOW, "message": "(service svc) has reached a steady state."},
                {"id": "1", "createdAt": NOW - timedelta(hours=1), "message": "(service svc) is AGENT"},
            ],
        ),
        [
            task(stoppedReason="Task failed ELB health checks in (elb x)", stoppedAt=NOW),
            task(stoppedReason="an old story", stoppedAt=NOW - timedelta(hours=1)),
            task(stoppedReason="Scaling activity", stopCode="ServiceSchedulerInitiated", stoppedAt=NOW),
        ],
        NOW - timedelta(minutes=5),
    )
    assert found[0] == "the deployment failed: circuit breaker"
    assert found[1] == "a task failed: Task failed ELB health checks in (elb x)"
    assert "a fixed host port is taken" in found[2]
    assert len(found) == 3


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("... has insufficient CPU units available.", "enough CPU"),
        ("... has insufficient memory available.", "enough memory"),
        ('... encountered error "AGENT".', "disconnected"),
        ("... is missing an attribute required by your task.", "attribute"),
        ("(service x) is unable to consistently start tasks successfully.", "keep failing"),
        (
            "(service x) was unable to place a task. Reason: No Container Instances were found in your cluster.",
            "no inst",
        ),
        ("(service x) has begun draining connections on 1 tasks.", None),
        ("(service x) has started 2 tasks: (task a) (task b).", None),
    ],
)
def test_what_events_mean(message: str, meaning: str | None) -> None:
    found = event_meaning(message)
    assert found is None if meaning is None else found is not None and meaning in found.text


def instances():  # type: ignore[no-untyped-def]
    world = World()
    world.instance(1)
    world.instance(2, agentConnected=False)
    world.instance(3, status="DRAINING")
    return [instance_view(row) for row in world.instances["web"]]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("RESOURCE:MEMORY", ["needs 512 MiB", "i-00000000000000001 has 1900 of 1900 MiB"]),
        ("RESOURCE:CPU", ["needs 256 CPU", "has 2048 of 2048 CPU"]),
        ("RESOURCE:PORTS", ["host ports 80", "already uses 80"]),
        ("AGENT", ["i-00000000000000002: its agent is disconnected"]),
        ("ATTRIBUTE", ["i-00000000000000001 lacks com.amazonaws.ecs.capability.logging-driver.awslogs"]),
    ],
)
def test_what_instances_lack(reason: str, expected: list[str]) -> None:
    definition = {
        "cpu": "256",
        "containerDefinitions": [
            {"name": "web", "memory": 512, "portMappings": [{"containerPort": 80, "hostPort": 80}]}
        ],
        "requiresAttributes": [
            {"name": "com.amazonaws.ecs.capability.logging-driver.awslogs"},
            {"name": "ecs.instance-type"},
        ],
    }
    lines = placement_causes(reason, definition, instances())
    assert all(any(part in line for line in lines) for part in expected), lines
    assert lines[-1] == "i-00000000000000003 is DRAINING"
    assert not any("ecs.instance-type" in line for line in lines)


def test_hidden_instances_are_counted_among_those_that_may_take_tasks() -> None:
    world = World()
    for number in range(1, 8):
        world.instance(number, **({"status": "DRAINING"} if number > 6 else {}))
    lines = placement_causes("RESOURCE:CPU", None, [instance_view(row) for row in world.instances["web"]])
    assert lines[-2:] == ["i-00000000000000007 is DRAINING", "and 1 more instances"]


@pytest.mark.parametrize(("mode", "wanted"), [("host", (80, 7000, 7001)), ("bridge", (80,))])
def test_a_range_of_ports_is_the_hosts_on_its_own_network_only(mode: str, wanted: tuple[int, ...]) -> None:
    mappings = [{"containerPort": 80, "hostPort": 80}, {"containerPortRange": "7000-7001"}]
    definition = {"networkMode": mode, "containerDefinitions": [{"name": "web", "portMappings": mappings}]}
    assert needed(definition).host_ports == wanted


@pytest.mark.parametrize(
    ("more", "fails"),
    [
        ({"stopCode": "EssentialContainerExited"}, True),
        ({"stopCode": "SpotInterruption"}, False),
        ({"stopCode": "TaskFailedToStart", "stoppedReason": "Host EC2 (instance i-1) terminated."}, False),
        ({"stopCode": "UserInitiated"}, False),
        ({"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity"}, False),
        ({"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Task failed ELB health checks in (x)"}, True),
        # It is stopping, and why is known already.
        ({"stopCode": "EssentialContainerExited", "lastStatus": "DEACTIVATING", "desiredStatus": "STOPPED"}, True),
        ({"lastStatus": "RUNNING", "desiredStatus": "RUNNING"}, False),
    ],
)
def test_a_task_failed_unless_somebody_ended_it_or_its_host_went(more, fails) -> None:  # type: ignore[no-untyped-def]
    assert failed(task(**more)) is fails


def test_what_happens_as_a_deployment_begins_counts_as_its_own() -> None:
    message = 'encountered error "AGENT".'
    event = {"id": "1", "createdAt": NOW, "message": f"(service svc) was unable to place a task because it {message}"}
    found = service_causes(service(events=[event]), [task(stoppedReason="boom", stoppedAt=NOW)], NOW)
    assert found[0] == "a task failed: boom"
    assert len(found) == 2
    assert (
        service_causes(service(events=[event]), [task(stoppedReason="boom", stoppedAt=NOW)], NOW + timedelta(seconds=1))
        == []
    )


def test_the_exit_code_of_what_ended_by_itself_tells_more_than_a_signal() -> None:
    ended = [{"name": "web", "exitCode": 143}, {"name": "job", "exitCode": 2}]
    assert root_cause(task(containers=ended)) == "container job ended with exit code 2"


def test_no_instances_at_all() -> None:
    assert placement_causes("RESOURCE:CPU", None, []) == ["the cluster has no container instances"]


def test_needs_are_the_tasks_or_the_sum_of_its_containers() -> None:
    containers = [{"cpu": 10, "memory": 300, "memoryReservation": 100}, {"cpu": 5, "memory": 50}]
    assert (needed({"containerDefinitions": containers}).cpu, needed({"containerDefinitions": containers}).memory) == (
        15,
        150,
    )
    assert needed({"cpu": "1024", "memory": "2048", "containerDefinitions": containers}).memory == 2048
    assert needed({"cpu": "512", "memory": "much", "containerDefinitions": containers}) == Needs(512, 150, ())
