"""The wait itself: asks AWS, look after look, until every service is steady or one cannot become so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from ecsctl.aws import ecs
from ecsctl.aws.failures import can_go_without
from ecsctl.deploy.wait_services import outcomes, progress
from ecsctl.deploy.wait_services.causes import Cause, causes_of
from ecsctl.deploy.wait_services.observation import Observation
from ecsctl.deploy.wait_services.outcomes import Failure
from ecsctl.deploy.wait_services.room import no_room
from ecsctl.errors import AwsError, EcsctlError, RolledBackError, WaitTimeoutError
from ecsctl.polling import Clock, Progress, poll
from ecsctl.query import service_deployments, target_health
from ecsctl.query.views import ServiceView, task_view

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

POLL_SECONDS = 1.0
# Between looks while nothing is waited for but that what is whole stays so.
SETTLING_SECONDS = 0.5
# How long ECS may not show yet what it has made.
UNSEEN = timedelta(seconds=120)
# A second of slack: createdAt is cut to milliseconds, and the call takes its time.
SLACK = timedelta(seconds=1)
# How often (seconds) the tasks of a service are listed where nothing else says that something happened.
TASKS_SECONDS = timedelta(seconds=5)
# The most tasks that are described in one look.
TASKS_A_LOOK = 100
# Stopped tasks are listed for an hour: of more than these a few seen are enough.
STOPPED_LISTED = 300
NOTHING: Mapping[str, str] = {}


def wait_for_services(
    aws: Aws,
    cluster: str,
    services: Collection[str],
    *,
    timeout: float,
    report: Callable[[str], None],
    since: datetime | None = None,
    deployments: Mapping[str, str] = NOTHING,
    heartbeat: float = progress.HEARTBEAT_SECONDS,
) -> list[ServiceView]:
    """Wait until the deployment that was asked for is each service's primary one, complete, and its targets healthy.

    Where ECS tells a rollout state, that decides; behind a classic balancer it tells none, and counts do.

    Args:
        timeout: seconds, for all together.
        report: gets a line for each change, with the time passed.
        since: when what is waited for began, by the clock of AWS: events and failures of before do not count. None:
            those before the call.
        deployments: service → the id of the deployment that ECS answered to the change: what it shows without that
            one is of before. Without an id, the primary one of the first look is waited for.
        heartbeat: after so many seconds without a change the last line is told again; 0: never.

    Raises:
        RolledBackError: a deployment failed, was rolled back or gave way to somebody's newer one (exit 5).
        EcsctlError: a service cannot become steady: its tasks keep failing, or there is no room for them.
        WaitTimeoutError: not in time (exit 4). Each says the cause in its first line.

    Calls: ecs:DescribeServices, ListTasks, DescribeTasks, DescribeTaskDefinition, and DescribeServiceDeployments where
    traffic is shifted; DescribeTargetHealth or DescribeInstanceHealth of its balancers; what :func:`no_room` and
    :func:`causes_of` ask.
    """
    if not services:
        return []
    clock = aws.clock
    watch = _Watch(aws, cluster, sorted(services), (since or aws.now()) - SLACK, deployments)
    lines = progress.Lines(report, heartbeat=heartbeat, clock=clock.monotonic)

    def look() -> Progress:
        seen = watch.look()
        lines.tell(seen.lines)
        return seen

    ended = poll(look, timeout=timeout, clock=_Pace(clock, watch), interval=POLL_SECONDS)
    if ended.outcome == "done":
        return [seen.view for seen in watch.observations if seen.view is not None]
    raise watch.error(timeout)


class _Pace(Clock):
    """A clock on which pauses are short while something is about to settle."""

    def __init__(self, clock: Clock, watch: _Watch) -> None:
        self._clock = clock
        self._watch = watch

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def now(self) -> datetime:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(min(seconds, SETTLING_SECONDS) if self._watch.settling else seconds)


class _Watch:
    def __init__(
        self,
        aws: Aws,
        cluster: str,
        names: Collection[str],
        since: datetime,
        deployments: Mapping[str, str],
    ) -> None:
        self.aws = aws
        self.cluster = cluster
        self.since = since
        self.observations = [Observation(name, since, deployments.get(name, "")) for name in names]
        self.failure: tuple[Observation, Failure] | None = None
        self.waiting: list[Observation] = list(self.observations)
        self._definitions: dict[str, Mapping[str, Any] | None] = {}
        self._tasks_known: dict[str, tuple[Any, datetime]] = {}
        self._described: dict[str, set[str]] = {}

    def look(self) -> Progress:
        described = self._describe()
        now = self.aws.now()
        for seen in self.observations:
            seen.see(described.get(seen.name), now, late=now - self.since > UNSEEN)
        self.waiting = []
        for seen in self.observations:
            if seen.view is not None and seen.shown:
                self._look_closer(seen, now)
            if not outcomes.is_steady(seen, now):
                self.waiting.append(seen)
        lines = [line for seen in self.observations for line in (*progress.troubles(seen), progress.state(seen))]
        for seen in self.observations:
            failure = self._failure_of(seen, now)
            if failure is not None:
                self.failure = (seen, failure)
                return Progress(False, failed=failure.text, lines=tuple(lines))
        return Progress(not self.waiting, lines=tuple(lines))

    @property
    def settling(self) -> bool:
        """Whether all services are whole, and shall only stay so for a moment."""
        return bool(self.waiting) and all(seen.whole_since is not None for seen in self.waiting)

    def _describe(self) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for item in ecs.describe_services(self.aws, self.cluster, [seen.name for seen in self.observations]).found:
            name = str(item["serviceName"])
            seen = next((seen for seen in self.observations if seen.name == name), None)
            if seen is not None and item.get("status") == "INACTIVE":
                # Nothing but a service that was deleted is INACTIVE: it is not on its way.
                seen.existed = True
            elif seen is not None:
                found[name] = item
        return found

    def _failure_of(self, seen: Observation, now: datetime) -> Failure | None:
        if seen.view is None:
            if seen.existed or now - self.since > UNSEEN:
                return Failure(f"service {seen.name} does not exist any more", cause="")
            return None
        if not seen.shown:
            return None
        gave_way = outcomes.superseded(seen)
        if gave_way is not None or seen not in self.waiting:
            return gave_way
        return outcomes.failure_of(seen, now, lambda: self._no_room(seen))

    def _no_room(self, seen: Observation) -> Any:
        definition = self._definition(seen)
        return no_room(self.aws, self.cluster, seen.item, definition) if definition else None

    def _look_closer(self, seen: Observation, now: datetime) -> None:
        """Ask for the targets and tasks of a service, as far as something may have happened to them."""
        arn = seen.item.get("currentServiceDeployment")
        if arn and seen.strategy != "ROLLING":
            for row in service_deployments.describe_deployments(self.aws, [str(arn)]):
                seen.see_rollout(row, now)
        if seen.desired and seen.item.get("loadBalancers"):
            seen.see_targets(list(target_health.of_service(self.aws, seen.item)), now)
        newest = seen.view.events[0].id if seen.view is not None and seen.view.events else ""
        state = (seen.primary, seen.running, newest)
        before, at = self._tasks_known.get(seen.name, (None, now))
        if state == before and (now - at < TASKS_SECONDS or outcomes.is_steady(seen, now)):
            return
        self._tasks_known[seen.name] = (state, now)
        try:
            self._look_at_tasks(seen, now)
        except AwsError as error:
            # Without the right to list tasks the wait goes on; it only says less.
            if not can_go_without(error):
                raise

    def _look_at_tasks(self, seen: Observation, now: datetime) -> None:
        known = self._described.setdefault(seen.name, set())
        listed = ecs.list_tasks(self.aws, self.cluster, service=seen.name, desired_status="STOPPED")
        stopped = [arn for arn in islice(listed, STOPPED_LISTED) if arn not in known][:TASKS_A_LOOK]
        pending = seen.running < seen.desired
        live = list(ecs.list_tasks(self.aws, self.cluster, service=seen.name))[:TASKS_A_LOOK] if pending else []
        found = ecs.describe_tasks(self.aws, self.cluster, [*stopped, *live]).found if stopped or live else ()
        tasks = [task_view(item) for item in found]
        known.update(task.arn for task in tasks if task.stopped)
        starting = [task for task in tasks if task.desired_status != "STOPPED" and task.last_status != "RUNNING"]
        seen.see_tasks([task for task in tasks if task.desired_status == "STOPPED"], starting, now)

    def _definition(self, seen: Observation) -> Mapping[str, Any] | None:
        """The task definition of the deployment that is waited for, asked once."""
        name = seen.definition
        if not name:
            return None
        if name not in self._definitions:
            try:
                self._definitions[name] = ecs.describe_task_definition(self.aws, name)
            except AwsError as error:
                if not can_go_without(error):
                    raise
                self._definitions[name] = None
        return self._definitions[name]

    def error(self, timeout: float) -> EcsctlError:
        """The error for a wait that ended without success: the cause in its first line, all else below."""
        names = [seen.name for seen in self.waiting] or [seen.name for seen in self.observations]
        subject = self.failure[0].name if self.failure else names[0]
        hint = (
            f"`ecsctl service events {subject} -c {self.cluster}` and `ecsctl ps -c {self.cluster} --service {subject} "
            "--all` tell more"
        )
        if self.failure is not None:
            seen, failure = self.failure
            # A failure with a cause of its own says it all; what tasks failed of may still stand below.
            causes = [Cause(failure.cause)] if failure.cause is not None else []
            causes += self._causes(seen, events=failure.cause is None)
            first, details = _first(causes)
            message = f"{failure.text}: {first}" if first else failure.text
            kind = RolledBackError if failure.deployment_failed else EcsctlError
            return kind(message, details=details, hint=hint)
        states = {seen.name: progress.counts(seen).partition(": ")[2] for seen in self.waiting}
        what = f"service{'s' if len(names) > 1 else ''} {', '.join(names)}"
        message, details = f"timed out after {timeout:.0f} s waiting for {what}", []
        for position, seen in enumerate(self.waiting):
            first, more = _first(self._causes(seen))
            told = f"{states[seen.name]}{f': {first}' if first else ''}"
            if position == 0:
                message += f": {told}"
            details += [f"{seen.name}: {told}"] if position else []
            details += more
        return WaitTimeoutError(message, details=details, hint=hint)

    def _causes(self, seen: Observation, *, events: bool = True) -> list[Cause]:
        return causes_of(self.aws, seen, self._definition(seen), events=events)


def _first(causes: list[Cause]) -> tuple[str, list[str]]:
    """The first cause for the first line, and all that stands below."""
    if not causes:
        return "", []
    details = [line for cause in causes[:1] for line in cause.details]
    for cause in causes[1:]:
        details += [cause.text, *(f"  {line}" for line in cause.details)] if cause.text else []
    return causes[0].text, details
