"""Waiting for services: what success is, what ends a wait early, with which exit code, and the lines meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.errors import ExitCode
from tests.support.waiting import (
    ARN,
    CLOSEST,
    GROUP,
    Look,
    Story,
    at,
    deployment,
    earlier,
    event,
    instance,
    service,
    starting,
    stopped,
)

BREAKER = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}
BALANCED = {"loadBalancers": [{"targetGroupArn": GROUP, "containerName": "web", "containerPort": 80}]}
CLASSIC = {"loadBalancers": [{"loadBalancerName": "lb", "containerName": "web", "containerPort": 80}]}
DONE = service(deployment(state="COMPLETED"))


def test_a_line_a_change_with_the_time_passed() -> None:
    pending, one = service(starting()), service(starting(1))
    story = Story([pending, pending, pending, one, DONE])
    assert story.wait(step=20, heartbeat=0) == ["svc"]
    assert story.lines == [
        "service svc: 0 of 2 tasks run, deployment IN_PROGRESS (0s)",
        "service svc: 1 of 2 tasks run, deployment IN_PROGRESS (1m00s)",
        "service svc: 2 of 2 tasks run, deployment COMPLETED (1m20s)",
    ]


def test_where_nothing_changes_it_says_so_now_and_then() -> None:
    story = Story([service(starting())] * 8 + [DONE])
    story.wait(step=10, heartbeat=30)
    assert story.lines[1:3] == [
        "still waiting (30s): service svc: 0 of 2 tasks run, deployment IN_PROGRESS",
        "still waiting (1m00s): service svc: 0 of 2 tasks run, deployment IN_PROGRESS",
    ]
    silent = Story([service(starting())] * 8 + [DONE])
    silent.wait(step=10, heartbeat=0)
    assert len(silent.lines) == 2


def test_the_new_deployment_is_judged_and_not_the_sums() -> None:
    """While a rolling update goes on, the old tasks make the sums look whole."""
    story = Story([service(starting(), earlier()), service(starting(1), earlier(1)), DONE])
    assert story.wait() == ["svc"]
    assert story.lines[:2] == [
        "service svc: 0 of 2 tasks run, 2 of earlier deployments, deployment IN_PROGRESS (0s)",
        "service svc: 1 of 2 tasks run, 1 of earlier deployments, deployment IN_PROGRESS (2s)",
    ]


def test_behind_a_classic_balancer_counts_and_health_decide() -> None:
    out = {"State": "OutOfService", "ReasonCode": "Instance", "Description": "Instance has failed its health checks."}
    two = service(deployment(state=None), earlier(rolloutState=None), **CLASSIC)
    one = service(deployment(state=None), **CLASSIC)
    good = {"State": "InService"}
    story = Story([two, Look(one, targets=[out, out]), Look(one, targets=[out, good]), Look(one, targets=[good, good])])
    assert story.wait() == ["svc"]
    assert [line.partition("run")[2] for line in story.lines] == [
        ", 2 of earlier deployments, 0 of 2 targets healthy in load balancer lb (0s)",
        ", 0 of 2 targets healthy in load balancer lb: Instance has failed its health checks (2s)",
        ", 1 of 2 targets healthy in load balancer lb: Instance has failed its health checks (4s)",
        " (6s)",
    ]


def test_complete_is_not_enough_while_its_targets_are_not_healthy() -> None:
    whole = service(deployment(state="COMPLETED"), **BALANCED)
    initial = {"State": "initial", "Reason": "Elb.RegistrationInProgress"}
    story = Story([Look(whole, targets=[initial, initial]), Look(whole, targets=[{"State": "healthy"}] * 2)])
    assert story.wait() == ["svc"]
    assert "0 of 2 targets healthy in target group web" in story.lines[0]
    assert story.passed == 2


def test_a_deployment_that_crashed_is_steady_when_it_has_stayed_whole_for_a_while() -> None:
    crash = stopped(1, 1, stopCode="EssentialContainerExited", containers=[{"name": "web", "exitCode": 1}])
    story = Story([Look(DONE, tasks=[crash])])
    assert story.wait() == ["svc"]
    assert story.passed >= 10, "it had crashed once"


def test_what_runs_without_a_check_counts_when_it_has_run_for_a_moment() -> None:
    """ECS may call a deployment complete while a program is about to end that has only just started."""
    fresh = Story([service(deployment(state="COMPLETED", updatedAt=at(0)))])
    assert fresh.wait(step=1) == ["svc"]
    assert fresh.passed == 2
    old = Story([service(deployment(state="COMPLETED", updatedAt=at(-60)))])
    assert old.wait(step=1) == ["svc"]
    assert old.passed == 0
    probed = Story([Look(service(deployment(state="COMPLETED"), **BALANCED), targets=[{"State": "healthy"}] * 2)])
    assert probed.wait(step=1) == ["svc"]
    assert probed.passed == 0
    crash = stopped(1, 1, stopCode="EssentialContainerExited", containers=[{"name": "web", "exitCode": 3}])
    again = [
        Look(service(starting(), events=[event("(service svc) has started 2 tasks: (task a).")]), tasks=[crash] * 3)
    ]
    crashed = Story([service(deployment(state="COMPLETED", updatedAt=at(0))), *again * 3])
    assert crashed.fails(step=1, timeout=60).message.endswith("container web ended with exit code 3")


# What ends a deployment by somebody's decision: exit code 5, and said so.


def test_a_failed_deployment_ends_the_wait_at_once() -> None:
    failed = starting(state="FAILED", rolloutStateReason="ECS deployment circuit breaker: tasks failed to start.")
    error = Story([service(starting()), service(failed)]).fails()
    assert error.code == ExitCode.ROLLED_BACK
    assert error.message == "the deployment of web:2 to service svc failed (circuit breaker)"


@pytest.mark.parametrize("still_listed", [True, False])
def test_a_rollback_that_succeeded_is_no_success(still_listed: bool) -> None:
    """As AWS tells it: the failed deployment is listed as ACTIVE until its last task has stopped."""
    old = f"{ARN}:task-definition/web:1"
    reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/0."
    back = deployment(2, "COMPLETED", taskDefinition=old, rolloutStateReason=reason)
    failed = starting(state="FAILED", status="ACTIVE", rolloutStateReason="ECS deployment circuit breaker: no luck")
    error = Story([service(starting()), service(back, *([failed] if still_listed else []))]).fails()
    assert error.code == ExitCode.ROLLED_BACK
    assert "the deployment of web:2 to service svc failed" in error.message
    assert "AWS rolled back to web:1" in error.message


def test_an_alarm_that_ended_the_deployment_is_named() -> None:
    alarms = {"deploymentConfiguration": {"alarms": {"enable": True, "rollback": True, "alarmNames": ["too-slow"]}}}
    old = f"{ARN}:task-definition/web:1"
    events = [
        event("(service svc) rolling back to deployment ecs-svc/2.", number=2),
        event("(service svc) (deployment ecs-svc/1) deployment failed: alarm detected."),
    ]
    back = service(deployment(2, taskDefinition=old), events=events, **alarms)
    error = Story([service(starting(), **alarms), back]).fails()
    assert error.code == ExitCode.ROLLED_BACK
    assert error.message.startswith(
        "the deployment of web:2 to service svc failed (alarm: too-slow), and AWS is rolling back to web:1"
    )


@pytest.mark.parametrize(("revision", "named"), [("web:3", "web:3"), ("web:2", "the same definition")])
def test_somebodys_newer_deployment_is_no_success_of_this_one(revision: str, named: str) -> None:
    newer = deployment(2, "COMPLETED", taskDefinition=f"{ARN}:task-definition/{revision}")
    error = Story([service(starting(1)), service(newer)]).fails()
    assert error.code == ExitCode.ROLLED_BACK
    assert error.message == (
        f"the deployment of web:2 to service svc was replaced by a newer deployment, of {named} (ecs-svc/2), which "
        "this command did not start"
    )


def test_a_blue_green_deployment_that_gives_the_traffic_back_was_rolled_back() -> None:
    blue = earlier(status="PRIMARY")
    green = starting(
        state="FAILED", status="ACTIVE", rolloutStateReason="ECS deployment rolled back at a lifecycle hook."
    )
    error = Story([service(starting(), earlier()), service(blue, green)]).fails()
    assert error.code == ExitCode.ROLLED_BACK
    assert "failed (ECS deployment rolled back at a lifecycle hook), and AWS rolled back to web:1" in error.message


# What cannot succeed, and ends the wait early: exit code 1.


def test_tasks_that_keep_failing_end_the_wait() -> None:
    story = Story([service(starting(failedTasks=number)) for number in (0, 1, 2, 3, 4)])
    error = story.fails()
    assert (error.code, story.place) == (ExitCode.FAILED, 3)
    assert error.message == "service svc cannot become steady"


def test_failures_of_before_do_not_count() -> None:
    """A wait that is taken up again later, for a deployment that failed a lot before the cause was removed."""
    before = {"failedTasks": 7, "createdAt": at(-500)}
    old = [stopped(number, -400) for number in range(3)]
    story = Story([Look(service(starting(1, **before)), tasks=old), service(deployment(state="COMPLETED"))])
    assert story.wait(deployment="") == ["svc"]


def test_a_circuit_breaker_is_left_to_decide_of_what_it_counts() -> None:
    tasks = [stopped(number) for number in range(4)]
    counted = [Look(service(starting(failedTasks=n), **BREAKER), tasks=tasks) for n in (1, 2, 3)]
    error = Story([*counted, service(starting(state="FAILED", failedTasks=3), **BREAKER)]).fails()
    assert error.code == ExitCode.ROLLED_BACK

    ended = {"stopCode": "EssentialContainerExited", "containers": [{"name": "web", "exitCode": 1}]}
    loops = [Look(service(starting(), **BREAKER), tasks=[stopped(n, **ended) for n in range(many)]) for many in (1, 3)]
    error = Story(loops).fails()
    assert error.code == ExitCode.FAILED, "ECS does not count tasks that ran before they ended"


def test_a_service_that_is_being_deleted_or_is_gone_is_told() -> None:
    error = Story([service(starting()), service(starting(), status="DRAINING")]).fails()
    assert error.message == "service svc is being deleted"
    error = Story([service(starting()), service(starting(), status="INACTIVE")]).fails()
    assert error.message == "service svc does not exist any more"


@pytest.mark.parametrize(("looks", "passed"), [([service(starting()), None], 1), ([None], 200)])
def test_a_service_that_stays_away_or_goes_is_no_late_one(looks: list[Any], passed: float) -> None:
    assert Story(looks, passed=passed).fails().message == "service svc does not exist any more"


def test_a_service_that_ecs_does_not_show_yet_is_waited_for() -> None:
    story = Story([None, None, DONE])
    assert story.wait() == ["svc"]
    assert story.lines[0] == "service svc: ECS does not show it yet (0s)"


def test_what_was_before_the_change_is_not_taken_for_it() -> None:
    new = deployment(2, "COMPLETED")
    story = Story([DONE, DONE, service(new)])
    assert story.wait(deployment="ecs-svc/2") == ["svc"]
    assert story.lines[0] == "service svc: ECS does not show the change yet (0s)"
    assert story.place >= 2
    assert Story([DONE], passed=200).wait(deployment="ecs-svc/2") == ["svc"], "it had its time to be shown"


def test_a_deployment_that_failed_and_was_rolled_back_between_two_looks_failed() -> None:
    told = event("(service svc) (deployment ecs-svc/1) deployment failed: tasks failed to start.")
    back = service(earlier(status="PRIMARY"), events=[told], **BREAKER)
    tasks = [stopped(1, stoppedReason="CannotPullContainerError: no such image")]
    error = Story([Look(back, tasks=tasks)]).fails()
    assert error.code == ExitCode.ROLLED_BACK
    assert error.message.startswith(
        "the deployment of web:2 to service svc failed (circuit breaker), and AWS rolled back to web:1"
    )
    assert "CannotPullContainerError" in error.message
    unknown = Story([back]).fails()
    assert unknown.message.startswith(
        "deployment ecs-svc/1 to service svc failed (circuit breaker), and AWS rolled back to web:1"
    )


# No room.

PORT = {"containerDefinitions": [{"name": "web", "portMappings": [{"containerPort": 80, "hostPort": 80}]}]}
BUSY = [instance(1, ports=[80]), instance(2, ports=[80])]
UNPLACED = event(CLOSEST.format("is already using a port required by your task"))


def no_room(*deployments: dict[str, Any], events: Any = (UNPLACED,), **more: Any) -> Story:
    given = {"definition": PORT, "instances": BUSY, "looks": [service(*deployments, events=list(events))], **more}
    return Story(**given)


def test_a_rolling_update_without_room_ends_early_and_names_what_keeps_the_room() -> None:
    story = no_room(starting(), earlier())
    error = story.fails()
    assert error.code == ExitCode.FAILED
    assert error.message == (
        "service svc cannot place its new tasks: host port 80 is in use on i-1 and i-2, and minimumHealthyPercent 100 "
        "keeps the 2 old tasks: lower it or add an instance"
    )
    assert story.passed < 15


def test_half_of_three_tasks_that_must_run_are_two() -> None:
    """ECS rounds minimumHealthyPercent up: it stops none of the two old tasks to make room."""
    half = {"desiredCount": 3, "deploymentConfiguration": {"minimumHealthyPercent": 50}}
    story = no_room(looks=[service(starting(desiredCount=3), earlier(), events=[UNPLACED], **half)] * 30)
    assert "minimumHealthyPercent 50 keeps the 2 old tasks" in story.fails().message


def test_ecs_mutes_what_it_has_told_before_and_the_wait_finds_out_by_itself() -> None:
    story = no_room(starting(), earlier(), events=())
    assert "host port 80 is in use" in story.fails().message
    assert story.passed < 30


@pytest.mark.parametrize(
    ("looks", "more", "why"),
    [
        (
            [service(starting(), earlier(), deploymentConfiguration={"minimumHealthyPercent": 50})],
            {},
            "ECS stops an old one",
        ),
        ([Look(service(starting()), tasks=[stopped(1, lastStatus="DEACTIVATING")])], {}, "a task makes room"),
        ([service(starting())], {"groups": [{"AutoScalingGroupName": "g", "DesiredCapacity": 3}]}, "one is launched"),
        ([service(starting())], {"instances": [*BUSY, instance(3, status="REGISTERING")]}, "one registers"),
        ([service(starting())], {"instances": [*BUSY, instance(3)]}, "one has room"),
        ([service(starting(pendingCount=2))], {}, "the tasks are on their way"),
        ([service(starting(), launchType="FARGATE")], {}, "Fargate has no instances"),
    ],
)
def test_a_service_for_which_room_comes_is_not_accused(looks: list[Any], more: dict[str, Any], why: str) -> None:
    story = no_room(**{"looks": [*looks * 20, DONE], **more})
    assert story.wait() == ["svc"], why


def test_no_room_is_in_the_first_line_when_time_is_up_too() -> None:
    story = no_room(starting(1))
    error = story.fails(timeout=0)
    assert error.code == ExitCode.TIMEOUT
    assert error.message.startswith("timed out after 0 s waiting for service svc: 1 of 2 tasks run")
    assert "a fixed host port is taken" in error.message


def test_a_deployment_configuration_without_a_step_ends_the_wait() -> None:
    stuck = {"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 149}, "desiredCount": 2}
    error = Story([service(starting(), earlier(), **stuck)]).fails()
    assert error.message == (
        "service svc cannot replace its tasks: minimumHealthyPercent 100 and maximumPercent 149 of 2 tasks leave no "
        "step: lower the one or raise the other"
    )


def test_an_agent_that_is_disconnected_has_time_to_come_back() -> None:
    away = [instance(1, agentConnected=False)]
    story = no_room(starting(), instances=away, events=[event(CLOSEST.format('encountered error "AGENT"'))])
    assert "the agent is disconnected on i-1" in story.fails().message
    assert story.passed >= 30


# Traffic that is shifted.

CANARY = {
    "deploymentConfiguration": {"strategy": "CANARY", "bakeTimeInMinutes": 5},
    "currentServiceDeployment": f"{ARN}:service-deployment/prod/svc/1",
    "launchType": "FARGATE",
}


def stage(name: str, weight: float | None = None, test: float = 0, hook: str = "SUCCEEDED") -> Look:
    target = {"requestedProductionTrafficWeight": weight, "requestedTestTrafficWeight": test}
    rollout = {"lifecycleStage": name, "targetServiceRevision": target, "lifecycleHookDetails": [{"status": hook}]}
    return Look(service(deployment(), earlier(), **CANARY), rollout=rollout)


def test_stages_weights_bake_time_and_hooks_are_told() -> None:
    looks = [
        stage("SCALE_UP", 0.0),
        stage("POST_TEST_TRAFFIC_SHIFT", 0.0, 100.0, "AWAITING_ACTION"),
        stage("PRODUCTION_TRAFFIC_SHIFT", 12.5),
        stage("BAKE_TIME", 100.0),
    ]
    story = Story([*looks, service(deployment(state="COMPLETED"), **{**CANARY, "currentServiceDeployment": None})])
    assert story.wait() == ["svc"]
    held = "waits for `ecsctl service continue-deployment svc`"
    told = [line.partition("IN_PROGRESS: ")[2].rpartition(" (")[0] for line in story.lines[:4]]
    assert told == [
        "SCALE_UP, 0% of the traffic",
        f"POST_TEST_TRAFFIC_SHIFT, 0% of the traffic, 100% of the test traffic, {held}",
        "PRODUCTION_TRAFFIC_SHIFT, 12.5% of the traffic",
        "BAKE_TIME, 100% of the traffic, for 5 min",
    ]


def test_either_target_group_of_a_service_that_changes_between_two_counts() -> None:
    second = {"advancedConfiguration": {"alternateTargetGroupArn": GROUP.replace("/web/", "/web-2/")}}
    both = {"loadBalancers": [{**BALANCED["loadBalancers"][0], **second}]}
    good = [{"State": "healthy"}]
    whole = service(deployment(state="COMPLETED"), **both)
    assert Story([Look(whole, targets=good)]).wait() == ["svc"], "one healthy target in each group"
    error = Story([Look(whole, targets=[{"State": "unhealthy", "Reason": "Target.Timeout"}])]).fails(timeout=4)
    assert "0 of 2 targets healthy in target groups web and web-2: Target.Timeout" in error.message


def test_a_blue_green_deployment_never_makes_room_by_its_old_tasks() -> None:
    blue = {
        **CANARY,
        "launchType": "EC2",
        "deploymentConfiguration": {"strategy": "BLUE_GREEN", "minimumHealthyPercent": 0},
    }
    story = no_room(looks=[Look(service(starting(), earlier(), events=[UNPLACED], **blue))])
    error = story.fails()
    assert "a BLUE_GREEN deployment keeps the 2 old tasks until the new ones serve: add instances" in error.message
