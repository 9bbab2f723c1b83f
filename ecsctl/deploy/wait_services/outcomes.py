"""Whether a service is steady, or cannot become so: decided from what was seen of it. Pure.

Steady is: the deployment that was asked for is the primary one, complete, and its targets are healthy. A service that
may yet become steady has not failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ecsctl.deploy.wait_services.observation import Observation
from ecsctl.deploy.wait_services.progress import target_shortage
from ecsctl.query.diagnosis import grouped
from ecsctl.query.placement import NoRoom
from ecsctl.query.service_events import in_force, sentence

# So many tasks of one deployment may fail before the wait gives up: ECS's circuit breaker, too, begins at three.
MAX_FAILURES = 3
# So many of which the cause cannot pass by itself: no image becomes another one by being pulled again.
MAX_CERTAIN_FAILURES = 2
CERTAIN = (
    "not found",
    "manifest unknown",
    "does not exist",
    "pull access denied",
    "does not contain descriptor matching platform",
    "no matching manifest",
    "invalid reference format",
    "exec format error",
    "executable file not found",
    "no such file or directory",
)
# For how long nothing may move before a lack of room is believed: with an event that tells of it, without one, and
# where an agent may come back. By the clock of AWS.
ROOM_WITH_EVENT = timedelta(seconds=5)
ROOM_WITHOUT_EVENT = timedelta(seconds=15)
ROOM_FOR_AGENTS = timedelta(seconds=30)
# IAM takes its time until a new role can be assumed everywhere.
LAUNCH = timedelta(seconds=30)
BLOCKED = timedelta(seconds=10)
UNREADY = timedelta(seconds=20)
UNUSED = timedelta(seconds=30)
# A program that ends as soon as it has started runs for a moment: a service counts as steady when it has been whole for
# so long, and after a task has failed for longer. Where a balancer has probed the tasks, that is proof enough.
SETTLED = timedelta(seconds=2)
SETTLED_AFTER_FAILURE = timedelta(seconds=10)


@dataclass(frozen=True)
class Failure:
    """That a service cannot become steady: what happened, and why where that is not to be read from its tasks."""

    text: str
    cause: str | None = None
    # Whether the deployment failed or gave way to another one by AWS's or somebody's decision (exit code 5).
    deployment_failed: bool = False


def is_steady(seen: Observation, now: datetime) -> bool:
    """Whether the deployment waited for is the primary one and complete, and its targets are healthy."""
    view, primary = seen.view, seen.primary
    if view is None or not seen.shown:
        return False
    if primary is not None and primary.rollout_state:
        whole = primary.rollout_state == "COMPLETED"
    else:
        # Behind a classic balancer ECS tells no rollout state: the counts decide.
        whole = view.running == view.desired and not view.pending and len(view.deployments) <= 1
    if primary is not None and primary.running < primary.desired:
        whole = False
    if not whole or target_shortage(seen):
        seen.whole_since = None
        return False
    seen.whole_since = seen.whole_since or now
    crashed = [task.stopped_at for task in seen.failures.values() if task.stopped_at is not None]
    if crashed:
        return now - max(seen.whole_since, *crashed) >= SETTLED_AFTER_FAILURE
    since = min(seen.whole_since, seen.updated_at or seen.whole_since)
    return seen.vouched_for or now - since >= SETTLED


def superseded(seen: Observation) -> Failure | None:
    """Whether the deployment that is waited for has given way to another one, and by whose decision."""
    own, primary = seen.own, seen.primary
    if primary is not None and primary.id != seen.awaited and seen.failed_unseen:
        return _rolled_back(seen)
    if own is None or primary is None or seen.view is None or primary.id == own.id:
        return None
    about = f"the deployment of {own.definition} to service {seen.name}"
    events = [event.message for event in seen.events()]
    gave_up = own.rollout_state == "FAILED" or any(f"(deployment {own.id}) deployment failed" in e for e in events)
    back = (
        "rolling back" in f"{own.rollout_reason} {primary.rollout_reason}"
        or any(f"rolling back to deployment {primary.id}" in event for event in events)
        or (primary.created_at is not None and own.created_at is not None and primary.created_at < own.created_at)
    )
    if gave_up or back:
        return _rolled_back(seen)
    newer = "the same definition" if primary.definition == own.definition else primary.definition
    return Failure(
        f"{about} was replaced by a newer deployment, of {newer} ({primary.id}), which this command did not start",
        cause="",
        deployment_failed=True,
    )


def _rolled_back(seen: Observation) -> Failure:
    """That the deployment failed and another one is the primary now."""
    primary = seen.primary
    about = f"the deployment of {seen.definition}" if seen.definition else f"deployment {seen.awaited}"
    done = "rolled" if primary is not None and primary.rollout_state == "COMPLETED" else "is rolling"
    target = primary.definition if primary is not None else "the previous revision"
    return Failure(
        f"{about} to service {seen.name} failed{_by(seen)}, and AWS {done} back to {target}", deployment_failed=True
    )


def _by(seen: Observation) -> str:
    """What ended the deployment, as far as ECS says: the circuit breaker, an alarm, somebody's word."""
    own = seen.own
    told = [own.rollout_reason or ""] if own is not None and own.rollout_state == "FAILED" else []
    told += [
        event.message.rpartition("deployment failed: ")[2] for event in seen.events() if seen.awaited in event.message
    ]
    for text, words in (
        ("circuit breaker", "circuit breaker"),
        ("tasks failed", "circuit breaker"),
        ("alarm", "alarm"),
    ):
        if any(text in item for item in told):
            return f" ({words}: {_alarms(seen)})" if words == "alarm" and _alarms(seen) else f" ({words})"
    reason = next((item.rstrip(". ") for item in told if item), "")
    return f" ({reason})" if reason else ""


def _alarms(seen: Observation) -> str:
    return ", ".join(seen.configuration("alarms", {}).get("alarmNames") or ())


def failure_of(seen: Observation, now: datetime, room: Callable[[], NoRoom | None]) -> Failure | None:
    """Whether a service that is not steady cannot become so.

    Args:
        now: by the clock of AWS.
        room: asks AWS why no instance can take a task of it; called only where nothing moves.
    """
    primary = seen.primary
    if seen.view is not None and seen.view.status == "DRAINING":
        return Failure(f"service {seen.name} is being deleted", cause="")
    if primary is not None and primary.rollout_state == "FAILED":
        return Failure(
            f"the deployment of {primary.definition} to service {seen.name} failed{_by(seen)}", deployment_failed=True
        )
    return (
        _keeps_failing(seen)
        or _unready(seen, now)
        or _blocked(seen, now)
        or _cannot_launch(seen, now)
        or _cannot_place(seen, now, room)
        or _unused(seen, now)
    )


def _keeps_failing(seen: Observation) -> Failure | None:
    primary = seen.primary
    if primary is None or primary.running >= primary.desired:
        return None
    # A circuit breaker decides for itself when it is enough, of the failures that it counts; ECS then says FAILED.
    if seen.has_breaker and primary.rollout_state in (None, "IN_PROGRESS") and primary.failed > seen.failed_before:
        return None
    causes = grouped(seen.failures.values())
    certain = [cause for cause in causes if any(word in cause.text.lower() for word in CERTAIN)]
    for_good = certain and not primary.running and certain[0].count >= MAX_CERTAIN_FAILURES
    if not for_good and seen.new_failures < MAX_FAILURES:
        return None
    return Failure(f"service {seen.name} cannot become steady")


def _unready(seen: Observation, now: datetime) -> Failure | None:
    """A container that others wait for, which fails its own checks: ECS neither starts nor stops the task then."""
    if seen.unready_since is None or now - seen.unready_since < UNREADY:
        return None
    return Failure(f"service {seen.name} cannot become steady")


def _blocked(seen: Observation, now: datetime) -> Failure | None:
    """A deployment configuration that lets ECS neither stop an old task nor start a new one."""
    stuck = (
        seen.strategy == "ROLLING"
        and seen.old
        and seen.lacking
        and seen.fewest >= seen.desired
        and seen.most <= seen.desired
    )
    if not stuck or seen.still_for(now) < BLOCKED:
        return None
    least, most = seen.configuration("minimumHealthyPercent", 100), seen.configuration("maximumPercent", 200)
    return Failure(
        f"service {seen.name} cannot replace its tasks",
        cause=f"minimumHealthyPercent {least} and maximumPercent {most} of {seen.desired} tasks leave no step: "
        "lower the one or raise the other",
    )


def _cannot_launch(seen: Observation, now: datetime) -> Failure | None:
    event = in_force(seen.events(), "launch")
    if event is None or not seen.lacking or seen.still_for(now) < LAUNCH:
        return None
    meaning = next(meaning for found, meaning in seen.troubles() if found is event)
    return Failure(f"service {seen.name} {sentence(event.message)}", cause=meaning.text)


def _cannot_place(seen: Observation, now: datetime, room: Callable[[], NoRoom | None]) -> Failure | None:
    if seen.view is None or not seen.lacking:
        return None
    still = seen.still_for(now)
    told = in_force(seen.events(), "place")
    # While more old tasks run than must, a rolling deployment stops one of them and has its room.
    yields = seen.strategy == "ROLLING" and seen.old and seen.view.running > seen.fewest
    if still < (ROOM_WITH_EVENT if told else ROOM_WITHOUT_EVENT) or yields:
        return None
    found = room()
    if found is None or ((found.may_come_back or not found.obstacles) and still < ROOM_FOR_AGENTS):
        return None
    cause = str(found)
    if seen.old and found.may_come_free and seen.strategy != "ROLLING":
        cause += (
            f", and a {seen.strategy} deployment keeps the {seen.old} old tasks until the new ones serve: add instances"
        )
    elif seen.old and found.may_come_free and seen.strategy == "ROLLING":
        percent = seen.configuration("minimumHealthyPercent", 100)
        cause += f", and minimumHealthyPercent {percent} keeps the {seen.old} old tasks: lower it or add an instance"
    new = "new " if seen.old else ""
    return Failure(f"service {seen.name} cannot place its {new}tasks", cause=cause)


def _unused(seen: Observation, now: datetime) -> Failure | None:
    """Targets that the balancer does not even check, or a target group that is gone."""
    if seen.unused_since is None or now - seen.unused_since < UNUSED or not seen.running:
        return None
    return Failure(f"service {seen.name} cannot become steady", cause=target_shortage(seen))
