"""Waiting until services are steady. A wait that fails says why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ecsctl.errors import AwsError, EcsctlError, RolledBackError, WaitTimeoutError
from ecsctl.polling import Progress, Waited, pause, poll
from ecsctl.query.diagnosis import service_causes
from ecsctl.query.target_health import unhealthy
from ecsctl.query.views import DeploymentView, ServiceView, service_view, task_view

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

SERVICES_A_CALL = 10
# So many tasks of one deployment may fail before the wait gives up: ECS's circuit breaker, too, begins at three.
FAILURES = 3
# How long (seconds) a service may stay without a task for want of room before the wait believes the event.
PATIENCE = 30.0
INTERVAL = 1.0
# How long (seconds) ECS may not show yet what it has made.
UNSEEN = 120.0
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
    sleep: Callable[[float], None] = pause,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> list[ServiceView]:
    """Wait until the newest deployment of each service is complete, and its balancers find its tasks healthy.

    Where ECS tells a rollout state, that decides; behind a classic balancer it tells none, and counts do.

    Args:
        timeout: seconds, for all together.
        since: events and failures of before do not count; None: those before the call.
        deployments: service → the id of the deployment that ECS answered to the change: what it shows without that
            one is of before.
        now: the time of day, to judge how long a service has been without room.

    Raises:
        RolledBackError: a deployment failed or was rolled back (exit 5).
        EcsctlError: a service cannot become steady: its tasks keep failing, or there is no room for them.
        WaitTimeoutError: not in time (exit 4). Each says the causes.
    """
    if not services:
        return []
    # A second of slack: the clock of AWS and ours differ.
    begin = (since or now()) - timedelta(seconds=1)
    watch = _Watch(aws, cluster, sorted(services), begin, now, {name: id_ for name, id_ in deployments.items() if id_})
    ended = poll(watch.look, timeout=timeout, report=report, sleep=sleep, interval=INTERVAL)
    if ended.outcome == "done":
        return watch.views
    raise _unsteady(watch, ended, timeout)


class _Watch:
    def __init__(
        self,
        aws: Aws,
        cluster: str,
        names: Sequence[str],
        since: datetime,
        now: Callable[[], datetime],
        awaited: dict[str, str],
    ) -> None:
        self.aws = aws
        self.cluster = cluster
        self.names = names
        self.since = since
        self.now = now
        self.views: list[ServiceView] = []
        self.seen: set[str] = set()
        # The deployments that ECS has not shown yet, by service.
        self.awaited = awaited
        self.first: dict[str, DeploymentView] = {}
        self.failed_before: dict[str, int] = {}
        self.rolled_back = False

    def look(self) -> Progress:
        described = self._describe()
        self.views = [service_view(item) for item in described]
        lines, pending = [], 0
        missing = set(self.names) - {view.name for view in self.views}
        gone = missing if self._late() else missing & self.seen
        if gone:
            return Progress(False, failed=f"service {', '.join(sorted(gone))} does not exist any more")
        for name in sorted(missing):
            lines.append(f"service {name}: ECS does not show it yet")
            pending += 1
        for view, item in zip(self.views, described, strict=True):
            if self._is_old(view):
                lines.append(f"service {view.name}: ECS does not show the change yet")
                pending += 1
                continue
            done, line = self._state(view, item)
            lines.append(line)
            pending += not done
            failed = self._superseded(view) or (None if done else self._hopeless(view, breaker=_has_breaker(item)))
            if failed:
                return Progress(False, failed=failed, lines=tuple(lines))
        return Progress(not pending, lines=tuple(lines))

    def _is_old(self, view: ServiceView) -> bool:
        """Whether ECS still answers what was before the change."""
        if self._late() or any(item.id == self.awaited.get(view.name) for item in view.deployments):
            self.awaited.pop(view.name, None)
        return view.name in self.awaited

    def _late(self) -> bool:
        return self.now() - self.since > timedelta(seconds=UNSEEN)

    def _describe(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for start in range(0, len(self.names), SERVICES_A_CALL):
            query = {"cluster": self.cluster, "services": list(self.names[start : start + SERVICES_A_CALL])}
            answer = self.aws.call("ecs", "DescribeServices", query, about=f"cluster {self.cluster}")
            shown = answer.get("services", ())
            # Nothing but a service that was deleted is INACTIVE: it is not on its way.
            self.seen |= {str(item["serviceName"]) for item in shown}
            found += [item for item in shown if item.get("status") != "INACTIVE"]
        return found

    def _state(self, view: ServiceView, item: Mapping[str, Any]) -> tuple[bool, str]:
        primary = view.deployments[0] if view.deployments else None
        state = primary.rollout_state if primary else None
        text = f"service {view.name}: {view.running} of {view.desired} tasks run"
        if state:
            done = state == "COMPLETED"
            text += f", deployment {state}"
        else:
            done = view.running == view.desired and not view.pending and len(view.deployments) <= 1
        if done and primary is not None and primary.running < primary.desired:
            done = False
        if done:
            out = self._out_of_service(item, view.desired)
            if out:
                return False, f"{text}, {out}"
        return done, text

    def _out_of_service(self, item: Mapping[str, Any], desired: int) -> str | None:
        """What the balancers say, where not yet as many targets are in service as tasks are desired."""
        for balancer in item.get("loadBalancers", ()):
            name, group = balancer.get("loadBalancerName"), balancer.get("targetGroupArn")
            why = unhealthy(self.aws, group, desired) if group and desired else None
            if why:
                return why
            if not name or not desired:
                continue
            answer = self.aws.call("elb", "DescribeInstanceHealth", {"LoadBalancerName": name}, about=name)
            states = answer.get("InstanceStates", ())
            healthy = sum(state.get("State") == "InService" for state in states)
            if healthy < desired:
                return f"{healthy} of {desired} in service behind {name}"
        return None

    def _superseded(self, view: ServiceView) -> str | None:
        """Whether the deployment that is waited for has given way to one of another definition: a rollback."""
        if not view.deployments:
            return None
        primary = view.deployments[0]
        first = self.first.setdefault(view.name, primary)
        if primary.id == first.id or primary.definition == first.definition:
            return None
        self.rolled_back = True
        told = next((item for item in view.deployments if item.id == first.id), first)
        why = f": {told.rollout_reason}" if told.rollout_state == "FAILED" and told.rollout_reason else ""
        return f"the deployment of {first.definition} to service {view.name} gave way to {primary.definition}{why}"

    def _hopeless(self, view: ServiceView, *, breaker: bool) -> str | None:
        primary = view.deployments[0] if view.deployments else None
        if primary is not None and primary.rollout_state == "FAILED":
            self.rolled_back = True
            return f"the deployment of service {view.name} failed"
        failures = primary.failed - self.failed_before.setdefault(primary.id, primary.failed) if primary else 0
        # A circuit breaker decides for itself when it is enough, and then ECS says FAILED.
        if primary is not None and failures >= FAILURES and not breaker and primary.running < primary.desired:
            return f"the tasks of service {view.name} keep failing"
        age = (self.now() - self.since).total_seconds()
        if age > PATIENCE and view.running < view.desired and not view.pending:
            for event in view.events[:1]:
                if "unable to place" in event.message and (event.at is None or event.at >= self.since):
                    return f"service {view.name} finds no place for its tasks"
        return None


def _has_breaker(item: Mapping[str, Any]) -> bool:
    configuration = item.get("deploymentConfiguration") or {}
    return bool((configuration.get("deploymentCircuitBreaker") or {}).get("enable"))


def _unsteady(watch: _Watch, ended: Waited, timeout: float) -> EcsctlError:
    causes: list[str] = []
    for view in watch.views:
        tasks = _recent_tasks(watch, view.name)
        # ECS mutes an event that it has told before: where nothing new is said, what was said since the service was
        # last steady still holds.
        found = service_causes(view, tasks, watch.since) or service_causes(view, tasks, _last_steady(view))[:3]
        causes += [f"{view.name}: {cause}" if len(watch.names) > 1 else cause for cause in found]
    names = " ".join(watch.names)
    where = f"-c {watch.cluster}"
    hint = f"`ecsctl service events {watch.names[0]} {where}` and `ecsctl ps {where} --all` tell more"
    if ended.outcome == "failed":
        message = ended.last.failed or f"services {names} cannot become steady"
        if watch.rolled_back:
            return RolledBackError(message, details=causes, hint=hint)
        return EcsctlError(message, details=causes, hint=hint)
    details = [*ended.last.lines, *causes]
    return WaitTimeoutError(f"not steady after {timeout:.0f} s", details=details, hint=hint)


def _last_steady(view: ServiceView) -> datetime | None:
    steady = (event.at for event in view.events if "has reached a steady state" in event.message)
    return next(steady, None)


def _recent_tasks(watch: _Watch, service: str) -> list[Any]:
    from ecsctl.aws.ecs import describe_tasks, list_tasks

    try:
        stopped = list(list_tasks(watch.aws, watch.cluster, service=service, desired_status="STOPPED"))[:100]
        running = list(list_tasks(watch.aws, watch.cluster, service=service))[:100]
        found = describe_tasks(watch.aws, watch.cluster, [*stopped, *running]).found if stopped or running else ()
    except AwsError:
        return []
    return [task_view(item) for item in found]
