"""Waiting until what was made works: instances have joined, services are steady. A wait that fails says why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from ecsctl.causes import service_causes
from ecsctl.errors import AwsError, EcsctlError, RolledBackError, WaitTimeoutError
from ecsctl.views import ServiceView, service_view, task_view
from ecsctl.wait import Progress, Waited, poll

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

SERVICES_A_CALL = 10
# So many tasks of one deployment may fail before the wait gives up: ECS's circuit breaker, too, begins at three.
FAILURES = 3
# How long (seconds) a service may stay without a task for want of room before the wait believes the event.
PATIENCE = 30.0
INTERVAL = 1.0


def wait_for_instances(
    aws: Aws, cluster: str, group: str, count: int, *, timeout: float, report: Callable[[str], None]
) -> None:
    """Wait until ``count`` instances of an Auto Scaling group are ACTIVE container instances with a connected agent.

    Args:
        timeout: seconds.
        report: told of each change of the state.

    Raises:
        WaitTimeoutError: not in time; its details say of each instance what is known (exit 4).
        EcsctlError: Auto Scaling cannot launch any.
    """
    start = datetime.now(timezone.utc)

    def probe() -> Progress:
        members = _members(aws, group)
        joined = _joined(aws, cluster)
        here = [id_ for id_ in members if joined.get(id_)]
        lines = (f"instances of {cluster}: {len(here)} of {count} have joined",)
        if len(here) >= count:
            return Progress(True, lines=lines)
        refused = None if members else _refused(aws, group, start)
        return Progress(False, failed=refused, lines=lines)

    ended = poll(probe, timeout=timeout, report=report, interval=INTERVAL)
    if ended.outcome == "done":
        return
    if ended.outcome == "failed":
        raise EcsctlError(
            f"the Auto Scaling group {group} cannot launch instances: {ended.last.failed}",
            hint="correct the cause and run the same command again",
        )
    raise WaitTimeoutError(
        f"{ended.last.lines[0]} after {timeout:.0f} s",
        details=_why_not_joined(aws, cluster, group),
        hint=f"`ecsctl instance list -c {cluster}` shows who joined; a later run of the same command waits on",
    )


def _members(aws: Aws, group: str) -> list[str]:
    query = {"AutoScalingGroupNames": [group]}
    found = list(aws.pages("autoscaling", "DescribeAutoScalingGroups", query, "AutoScalingGroups"))
    return [item["InstanceId"] for item in found[0].get("Instances", ())] if found else []


def _joined(aws: Aws, cluster: str) -> dict[str, bool]:
    """EC2 instance id → whether it is ACTIVE with a connected agent."""
    from ecsctl.aws.ecs import describe_container_instances, list_container_instances

    arns = list(list_container_instances(aws, cluster))
    found = describe_container_instances(aws, cluster, arns).found if arns else ()
    return {
        str(item.get("ec2InstanceId")): item.get("status") == "ACTIVE" and bool(item.get("agentConnected"))
        for item in found
    }


def _refused(aws: Aws, group: str, since: datetime) -> str | None:
    """What Auto Scaling's newest activity says, where it failed (autoscaling:DescribeScalingActivities)."""
    try:
        answer = aws.call("autoscaling", "DescribeScalingActivities", {"AutoScalingGroupName": group, "MaxRecords": 5})
    except AwsError:
        return None
    for activity in answer.get("Activities", ()):
        started = activity.get("StartTime")
        if activity.get("StatusCode") in ("Failed", "Cancelled") and (started is None or started >= since):
            return str(activity.get("StatusMessage") or activity.get("Description") or "no reason given")
        return None
    return None


def _why_not_joined(aws: Aws, cluster: str, group: str) -> list[str]:
    members, joined = _members(aws, group), _joined(aws, cluster)
    missing = [id_ for id_ in members if not joined.get(id_)]
    if not members:
        return [f"the group {group} has no instances yet"]
    lines = []
    query = {"Filters": [{"Name": "instance-id", "Values": missing}]}
    found = {
        item["InstanceId"]: item
        for reservation in (aws.pages("ec2", "DescribeInstances", query, "Reservations") if missing else ())
        for item in reservation["Instances"]
    }
    for id_ in missing:
        if id_ in joined:
            lines.append(f"{id_} is registered, but its agent is disconnected")
            continue
        instance = found.get(id_, {})
        state = instance.get("State", {}).get("Name", "unknown to EC2")
        known = [f"it is {state}"]
        if state == "running" and not instance.get("IamInstanceProfile"):
            known.append("it has no instance profile, so its agent may not register")
        if state == "running" and not instance.get("PublicIpAddress"):
            known.append("it has no public address: its agent needs NAT or VPC endpoints to reach ECS")
        known += _console(aws, id_)
        lines.append(f"{id_} has not registered: {'; '.join(known)}")
    return lines


def _console(aws: Aws, instance: str) -> list[str]:
    """What the boot said of the agent. Lines of user data are not repeated (ec2:GetConsoleOutput)."""
    import base64
    import binascii
    import contextlib

    try:
        output = str(aws.call("ec2", "GetConsoleOutput", {"InstanceId": instance}).get("Output") or "")
    except AwsError:
        return []
    # The API says base64; botocore has decoded it where it could.
    with contextlib.suppress(binascii.Error, ValueError):
        output = base64.b64decode(output, validate=True).decode(errors="replace")
    telling = [
        line.strip()
        for line in output.splitlines()
        if any(word in line.lower() for word in ("ecs-agent", "ecs agent", "amazon-ecs", "cluster not found", "docker"))
        and any(word in line.lower() for word in ("error", "fail", "denied", "not found", "exit", "unable", "refus"))
    ]
    return [f"its console says: {line[:200]}" for line in telling[-2:]]


def wait_for_services(
    aws: Aws,
    cluster: str,
    services: Collection[str],
    *,
    timeout: float,
    report: Callable[[str], None],
    since: datetime | None = None,
) -> list[ServiceView]:
    """Wait until the newest deployment of each service is complete, and its balancers find its tasks healthy.

    Where ECS tells a rollout state, that decides; behind a classic balancer it tells none, and counts do.

    Args:
        timeout: seconds, for all together.
        since: events and failures of before do not count; None: those before the call.

    Raises:
        RolledBackError: a deployment failed or was rolled back (exit 5).
        EcsctlError: a service cannot become steady: its tasks keep failing, or there is no room for them.
        WaitTimeoutError: not in time (exit 4). Each says the causes.
    """
    if not services:
        return []
    # A second of slack: the clock of AWS and ours differ.
    begin = (since or datetime.now(timezone.utc)) - timedelta(seconds=1)
    watch = _Watch(aws, cluster, sorted(services), begin)
    ended = poll(watch.look, timeout=timeout, report=report, interval=INTERVAL)
    if ended.outcome == "done":
        return watch.views
    raise _unsteady(watch, ended, timeout)


class _Watch:
    def __init__(self, aws: Aws, cluster: str, names: Sequence[str], since: datetime) -> None:
        self.aws = aws
        self.cluster = cluster
        self.names = names
        self.since = since
        self.views: list[ServiceView] = []
        self.first: dict[str, str] = {}
        self.trouble: list[str] = []
        self.rolled_back = False

    def look(self) -> Progress:
        described = self._describe()
        self.views = [service_view(item) for item in described]
        lines, pending = [], 0
        missing = set(self.names) - {view.name for view in self.views}
        if missing:
            return Progress(False, failed=f"service {', '.join(sorted(missing))} does not exist any more")
        for view, item in zip(self.views, described, strict=True):
            done, line = self._state(view, item)
            lines.append(line)
            pending += not done
            failed = None if done else self._hopeless(view)
            if failed:
                return Progress(False, failed=failed, lines=tuple(lines))
        return Progress(not pending, lines=tuple(lines))

    def _describe(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for start in range(0, len(self.names), SERVICES_A_CALL):
            query = {"cluster": self.cluster, "services": list(self.names[start : start + SERVICES_A_CALL])}
            answer = self.aws.call("ecs", "DescribeServices", query, about=f"cluster {self.cluster}")
            found += [item for item in answer.get("services", ()) if item.get("status") != "INACTIVE"]
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
        """What the classic balancers say, where not yet as many targets are in service as tasks are desired."""
        for balancer in item.get("loadBalancers", ()):
            name = balancer.get("loadBalancerName")
            if not name or not desired:
                continue
            answer = self.aws.call("elb", "DescribeInstanceHealth", {"LoadBalancerName": name}, about=name)
            states = answer.get("InstanceStates", ())
            healthy = sum(state.get("State") == "InService" for state in states)
            if healthy < desired:
                return f"{healthy} of {desired} in service behind {name}"
        return None

    def _hopeless(self, view: ServiceView) -> str | None:
        primary = view.deployments[0] if view.deployments else None
        first = self.first.setdefault(view.name, primary.id if primary else "")
        if primary is not None and primary.rollout_state == "FAILED":
            self.rolled_back = True
            return f"the deployment of service {view.name} failed"
        if (
            primary is not None
            and first
            and primary.id != first
            and any(deployment.id == first and deployment.rollout_state == "FAILED" for deployment in view.deployments)
        ):
            self.rolled_back = True
            return f"the deployment of service {view.name} was rolled back"
        if primary is not None and primary.failed >= FAILURES and primary.running < primary.desired:
            return f"the tasks of service {view.name} keep failing"
        age = (datetime.now(timezone.utc) - self.since).total_seconds()
        if age > PATIENCE and view.running < view.desired and not view.pending:
            for event in view.events[:1]:
                if "unable to place" in event.message and (event.at is None or event.at >= self.since):
                    return f"service {view.name} finds no place for its tasks"
        return None


def _unsteady(watch: _Watch, ended: Waited, timeout: float) -> EcsctlError:
    causes: list[str] = []
    for view in watch.views:
        causes += [
            f"{view.name}: {cause}" if len(watch.names) > 1 else cause
            for cause in service_causes(view, _recent_tasks(watch, view.name), watch.since)
        ]
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


def _recent_tasks(watch: _Watch, service: str) -> list[Any]:
    from ecsctl.aws.ecs import describe_tasks, list_tasks

    try:
        stopped = list(list_tasks(watch.aws, watch.cluster, service=service, desired_status="STOPPED"))[:100]
        running = list(list_tasks(watch.aws, watch.cluster, service=service))[:100]
        found = describe_tasks(watch.aws, watch.cluster, [*stopped, *running]).found if stopped or running else ()
    except AwsError:
        return []
    return [task_view(item) for item in found]
