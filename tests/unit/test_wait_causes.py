"""Every cause for which a service does not become steady: in the first line of the error, once, with the right code."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.errors import ExitCode
from tests.support.waiting import (
    CLOSEST,
    GROUP,
    Look,
    Story,
    at,
    deployment,
    event,
    instance,
    on_its_way,
    service,
    starting,
    stopped,
)

PULL = (
    "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref x/web:2: not found"
)
SECRET = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable "
    "to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secrets"
    "manager:eu-west-1:123456789012:secret:token from secrets manager: AccessDeniedException: User: arn:aws:sts::1234:"
    "assumed-role/exec/{id} is not authorized, status code: 400, request id: {id}"
)
BALANCED = {"loadBalancers": [{"targetGroupArn": GROUP, "containerName": "web", "containerPort": 80}]}
ELB = {
    "stopCode": "ServiceSchedulerInitiated",
    "stoppedReason": f"Task failed ELB health checks in (target-group {GROUP})",
    "containers": [{"name": "web", "exitCode": 137}],
}
CHECKS = {
    "stopCode": "ServiceSchedulerInitiated",
    "stoppedReason": "Task failed container health checks",
    "containers": [{"name": "web", "exitCode": 137, "healthStatus": "UNHEALTHY"}],
}
EXITED = {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited"}


def failing(*tasks: dict[str, Any]) -> Story:
    """A deployment whose tasks fail, one more at each look."""
    looks = [
        Look(
            service(starting(), events=[event("(service svc) has started 1 tasks: (task x).", number, number)]),
            tasks[:number],
        )
        for number in range(1, len(tasks) + 1)
    ]
    return Story(looks)


def six(**more: Any) -> list[dict[str, Any]]:
    return [stopped(number, **more) for number in range(1, 7)]


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        (six(containers=[{"name": "web", "reason": PULL}]), f"6 tasks failed: container web: {PULL} (the image"),
        (
            [stopped(n, stoppedReason=SECRET.format(id=f"{n:032x}")) for n in range(1, 7)],
            "6 tasks failed: ResourceInit",
        ),
        (
            six(**EXITED, containers=[{"name": "web", "exitCode": 3}]),
            "6 tasks failed: container web ended with exit code 3",
        ),
        (
            six(**EXITED, containers=[{"name": "web", "exitCode": 0}]),
            "6 tasks failed: container web ended with exit code 0",
        ),
        (
            six(**EXITED, containers=[{"name": "proxy", "exitCode": 137}, {"name": "web", "exitCode": 2}]),
            "6 tasks failed: container web ended with exit code 2",
        ),
        (
            six(
                containers=[
                    {"name": "web", "reason": "TaskDependencyError: a dependency of container web failed"},
                    {"name": "migrate", "exitCode": 4},
                ]
            ),
            "6 tasks failed: container migrate ended with exit code 4",
        ),
        (
            six(containers=[{"name": "web", "exitCode": 137, "reason": "OutOfMemoryError: Container killed"}]),
            "6 tasks failed: container web: OutOfMemoryError: Container killed, exit code 137 (it used more memory",
        ),
        (six(**CHECKS), "6 tasks failed: Task failed container health checks (web): web runs `curl -f localhost`"),
        (six(stoppedReason="TaskFailedToStart: RESOURCE:MEMORY"), "6 tasks failed: TaskFailedToStart: RESOURCE:MEMORY"),
    ],
)
def test_what_six_tasks_failed_of_stands_once_in_the_first_line(tasks: list[dict[str, Any]], expected: str) -> None:
    definition = {
        "containerDefinitions": [{"name": "web", "healthCheck": {"command": ["CMD-SHELL", "curl -f localhost"]}}]
    }
    story = Story([Look(service(starting()), tasks)], definition=definition)
    error = story.fails()
    assert error.code == ExitCode.FAILED
    assert error.message.startswith(f"service svc cannot become steady: {expected}"), error.message
    assert not any(expected in line for line in error.details)
    assert sum(expected[17:50] in line for line in story.lines) == 1, "and once while it was waited for"


def test_what_cannot_pass_by_itself_ends_the_wait_at_the_second_failure() -> None:
    pull = [stopped(number, containers=[{"name": "web", "reason": PULL}]) for number in range(5)]
    assert failing(*pull).fails().message.startswith("service svc cannot become steady: 2 tasks failed: container web")
    timeout = [
        stopped(number, containers=[{"name": "web", "reason": PULL[:-9] + "i/o timeout"}]) for number in range(5)
    ]
    assert "3 tasks failed" in failing(*timeout).fails().message


def test_one_failure_that_passes_does_not_end_the_wait() -> None:
    once = stopped(1, containers=[{"name": "web", "reason": PULL}])
    done = service(deployment(state="COMPLETED"))
    assert Story([Look(service(starting()), [once])] * 3 + [Look(done, [once])]).wait() == ["svc"]


@pytest.mark.parametrize(
    "task",
    [
        stopped(1, stopCode="ServiceSchedulerInitiated", stoppedReason="Scaling activity initiated by (deployment x)"),
        stopped(1, stopCode="UserInitiated", stoppedReason="by hand"),
        stopped(1, stopCode="SpotInterruption", stoppedReason="Your Spot Task was interrupted."),
        stopped(1, stopCode="TerminationNotice", stoppedReason="Host EC2 (instance i-1) terminated."),
        stopped(1, startedBy="ecs-svc/0", containers=[{"name": "web", "reason": PULL}]),
    ],
)
def test_tasks_that_others_ended_or_that_are_of_before_are_no_failures(task: dict[str, Any]) -> None:
    tasks = [{**task, "taskArn": f"{task['taskArn'][:-1]}{number}"} for number in range(5)]
    story = Story([Look(service(starting()), tasks)] * 10 + [Look(service(deployment(state="COMPLETED")), tasks)])
    assert story.wait() == ["svc"]


def test_the_last_log_lines_of_what_ended_by_itself() -> None:
    logging = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web", "awslogs-stream-prefix": "web"}}
    definition = {"containerDefinitions": [{"name": "web", "logConfiguration": logging}]}
    tasks = six(**EXITED, containers=[{"name": "web", "exitCode": 1}])
    id_ = tasks[0]["taskArn"].rpartition("/")[2]
    logs = {f"/ecs/web web/web/{id_}": [f"line {number}" for number in range(9)] + ["KeyError: 'DATABASE_URL'\n"]}
    error = Story([Look(service(starting()), tasks)], definition=definition, logs=logs).fails()
    assert error.message == (
        "service svc cannot become steady: 6 tasks failed: container web ended with exit code 1; its last log line: "
        "KeyError: 'DATABASE_URL'"
    )
    assert error.details[0] == f"the last lines of container web of task {id_[:8]}:"
    assert error.details[1:] == ("  line 5", "  line 6", "  line 7", "  line 8", "  KeyError: 'DATABASE_URL'")


@pytest.mark.parametrize(
    ("reason", "description", "expected"),
    [
        (
            "Target.ResponseCodeMismatch",
            "Health checks failed with these codes: [404]",
            "with these codes: [404] (Target.",
        ),
        (
            "Target.Timeout",
            "Request timed out",
            "Request timed out (Target.Timeout: no answer in time: a security group",
        ),
        ("Target.FailedHealthChecks", "Health checks failed", "Health checks failed (Target.FailedHealthChecks: the"),
    ],
)
def test_why_the_balancer_refuses_its_targets(reason: str, description: str, expected: str) -> None:
    """The reason is told while the target is registered, the failure when it no longer is."""
    sick = [{"State": "unhealthy", "Reason": reason, "Description": description}]
    looks = [Look(service(deployment(), **BALANCED), targets=sick)]
    looks += [Look(service(starting(), **BALANCED), tasks=six(**ELB))]
    error = Story(looks).fails()
    assert error.code == ExitCode.FAILED
    assert error.message.startswith("service svc cannot become steady: 6 tasks failed: Task failed ELB health checks")
    assert expected in error.message


def test_targets_that_are_not_healthy_in_time_are_in_the_first_line_of_the_timeout() -> None:
    sick = [{"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"}] * 2
    error = Story([Look(service(deployment(), **BALANCED), targets=sick)]).fails(timeout=20)
    assert error.code == ExitCode.TIMEOUT
    assert error.message.startswith(
        "timed out after 20 s waiting for service svc: 2 of 2 tasks run, deployment IN_PROGRESS: 0 of 2 targets "
        "healthy in target group web: Request timed out (Target.Timeout"
    )
    assert error.message.count("Request timed out") == 1
    assert not any("Request timed out" in line for line in error.details)


def test_a_target_group_that_no_listener_uses_ends_the_wait() -> None:
    unused = [{"State": "unused", "Reason": "Target.NotInUse", "Description": "Target group is not configured"}] * 2
    story = Story([Look(service(deployment(state="COMPLETED"), **BALANCED), targets=unused)])
    error = story.fails()
    assert error.code == ExitCode.FAILED
    assert "Target group is not configured (Target.NotInUse: the balancer has no listener for it" in error.message
    assert 30 <= story.passed < 45


def test_a_sidecar_that_never_gets_healthy_ends_the_wait() -> None:
    definition = {
        "containerDefinitions": [
            {"name": "web", "dependsOn": [{"containerName": "db", "condition": "HEALTHY"}]},
            {"name": "db", "healthCheck": {"command": ["CMD", "pg_isready", "-q"]}},
        ]
    }
    pending = on_its_way(1, containers=[{"name": "web"}, {"name": "db", "healthStatus": "UNHEALTHY"}])
    story = Story([Look(service(starting(pendingCount=2)), [pending])], definition=definition)
    error = story.fails()
    assert error.code == ExitCode.FAILED
    assert error.message == (
        "service svc cannot become steady: container db fails its health check (`pg_isready -q`), and web waits for it"
    )
    assert 20 <= story.passed < 40
    healthy = on_its_way(1, containers=[{"name": "web"}, {"name": "db", "healthStatus": "HEALTHY"}])
    looks = [Look(service(starting(pendingCount=2)), [pending])] * 5 + [
        Look(service(starting(pendingCount=2)), [healthy])
    ] * 20
    assert Story([*looks, service(deployment(state="COMPLETED"))], definition=definition).wait() == ["svc"]


@pytest.mark.parametrize(
    ("definition", "constraints", "instances", "expected"),
    [
        (
            {"runtimePlatform": {"cpuArchitecture": "ARM64"}},
            [],
            [1, 2],
            "ecs.cpu-architecture must be arm64 and is x86_64 on i-1",
        ),
        (
            {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
            [],
            [1],
            "attribute ecs.os-family = WINDOWS_SERVER_2022_CORE is missing on i-1",
        ),
        (
            {"containerDefinitions": [{"name": "web", "resourceRequirements": [{"type": "GPU", "value": "1"}]}]},
            [],
            [1, 2, 3, 4],
            "1 GPU needed, none free on 4 instances",
        ),
        (
            {"requiresAttributes": [{"name": "com.amazonaws.ecs.capability.logging-driver.splunk"}]},
            [],
            [1, 2, 3],
            "attribute com.amazonaws.ecs.capability.logging-driver.splunk is missing on i-1, i-2 and i-3",
        ),
        (
            {},
            [{"type": "memberOf", "expression": "attribute:ecs.instance-type == m5.large"}],
            [1],
            "constraint memberOf(attribute:ecs.instance-type == m5.large) is not met by i-1",
        ),
        ({"memory": "2048"}, [], [1, 2], "2048 MiB of memory needed, and i-1 and i-2 have at most 1900 left"),
        ({"memory": "4096"}, [], [1, 2], "4096 MiB of memory needed, and i-1 and i-2 have at most 3800 in all"),
        ({"cpu": "4096"}, [], [1], "4096 CPU units needed, and i-1 has 2048 in all"),
        ({}, [], [], "the cluster has no container instances"),
    ],
)
def test_what_keeps_tasks_from_every_instance(
    definition: dict[str, Any], constraints: list[dict[str, Any]], instances: list[int], expected: str
) -> None:
    told = event(CLOSEST.format("is missing an attribute required by your task"))
    story = Story(
        [service(starting(), events=[told], placementConstraints=constraints)],
        definition=definition,
        instances=[instance(number) for number in instances],
        matching={"attribute:ecs.instance-type == m5.large": []},
    )
    error = story.fails()
    assert error.code == ExitCode.FAILED
    assert error.message.startswith(f"service svc cannot place its tasks: {expected}"), error.message
    assert story.passed < (40 if not instances else 15)


ROLE = (
    "(service svc) failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::123456789012:"
    "role/exec' that was provided for this task. Please verify that the role being passed has the proper trust "
    "relationship and permissions and that your IAM user has permissions to pass this role.)."
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            ROLE,
            "failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::123456789012:role/",
        ),
        (
            "(service svc) failed to launch a task with (error The subnet ID 'subnet-1' does not exist).",
            "failed to launch a task with (error The subnet ID 'subnet-1' does not exist)",
        ),
        (
            f"(service svc) failed to register targets in (target-group {GROUP}) with (error AccessDenied)",
            "failed to register targets in (target-group",
        ),
        (
            "(service svc) was unable to place a task. Reason: You\u2019ve reached the limit on the number of vCPUs.",
            "was unable to place a task. Reason: You\u2019ve reached the limit on the number of vCPUs",
        ),
    ],
)
def test_what_ecs_cannot_launch_at_all(message: str, expected: str) -> None:
    story = Story([service(starting(), events=[event(message)], launchType="FARGATE")])
    error = story.fails()
    assert error.code == ExitCode.FAILED
    assert error.message.startswith(f"service svc {expected}"), error.message
    assert story.passed < 45


def test_a_role_that_can_be_assumed_a_little_later_is_not_accused() -> None:
    late = [event("(service svc) has started 2 tasks: (task a) (task b).", 20, 2), event(ROLE)]
    looks = [service(starting(), events=[event(ROLE)])] * 8
    looks += [service(starting(pendingCount=2), events=late)] * 30 + [
        service(deployment(state="COMPLETED"), events=late)
    ]
    assert Story(looks).wait() == ["svc"]


def test_a_subnet_without_free_addresses_fails_task_by_task() -> None:
    reason = "Unexpected EC2 error while attempting to Create Network Interface: The subnet has no free addresses"
    assert f"6 tasks failed: {reason}" in Story([Look(service(starting()), six(stoppedReason=reason))]).fails().message


def test_the_circuit_breaker_is_named_beside_the_cause() -> None:
    tasks = six(containers=[{"name": "web", "reason": PULL}])
    breaker = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}}
    failed = starting(
        state="FAILED", failedTasks=6, rolloutStateReason="ECS deployment circuit breaker: tasks failed to start."
    )
    error = Story([Look(service(failed, **breaker), tasks)]).fails()
    assert error.code == ExitCode.ROLLED_BACK
    assert error.message.startswith(
        f"the deployment of web:2 to service svc failed (circuit breaker): 6 tasks failed: container web: {PULL}"
    )


def test_when_time_is_up_the_first_line_says_why() -> None:
    tasks = [stopped(1, containers=[{"name": "web", "reason": PULL}])]
    error = Story([Look(service(starting(1)), tasks)]).fails(timeout=30)
    assert error.code == ExitCode.TIMEOUT
    assert error.message == (
        "timed out after 30 s waiting for service svc: 1 of 2 tasks run, deployment IN_PROGRESS: a task failed: "
        f"container web: {PULL} (the image cannot be pulled: check its name and tag, and the way to the registry)"
    )


def test_what_ecs_muted_since_the_service_was_last_steady_still_explains_a_timeout() -> None:
    events = [
        {"id": "2", "createdAt": at(-400), "message": ROLE},
        {"id": "1", "createdAt": at(-500), "message": "(service svc) has reached a steady state."},
        {"id": "0", "createdAt": at(-600), "message": "(service svc) operations are being throttled."},
    ]
    error = Story([service(starting(1), events=events)]).fails(timeout=10)
    assert "unable to assume the role" in error.message
    assert not any("throttled" in line for line in [error.message, *error.details])


def test_tasks_that_are_just_slow_are_counted_where_nobody_complains() -> None:
    tasks = [on_its_way(1, lastStatus="PROVISIONING"), on_its_way(2, lastStatus="PROVISIONING")]
    error = Story([Look(service(starting(pendingCount=2)), tasks)]).fails(timeout=10)
    assert error.message.endswith(": 2 tasks are PROVISIONING")
