"""Sessions into containers: which container is meant, whether it can be entered and if not why, and opening them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecsctl.aws import ecs
from ecsctl.aws.session import Aws, is_error
from ecsctl.errors import AwsError, EcsctlError, NotFoundError, UsageError, WaitTimeoutError
from ecsctl.polling import Deadline, Progress, poll
from ecsctl.query import selectors
from ecsctl.query.diagnosis import task_causes
from ecsctl.query.views import TaskView, name_of, task_view

AWS_OPERATIONS = (
    "ecs:ExecuteCommand",
    "ssm:StartSession",
    "ssm:TerminateSession",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeRouteTables",
    "iam:SimulatePrincipalPolicy",
    "kms:GenerateDataKey",
)

Json = Mapping[str, Any]
RIGHTS = tuple(
    f"ssmmessages:{name}"
    for name in ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
)
# The agent takes these for its own credentials, and they are the application's.
OWN_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY", "AWS_SECRET_KEY")
AGENT = "ExecuteCommandAgent"
LEAST_AGENT = (1, 50, 2)
FARGATE_LEAST = (1, 4, 0)
PORT_DOCUMENT = "AWS-StartPortForwardingSession"
HOST_DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"


@dataclass(frozen=True)
class Target:
    """A container that is to be entered, with its task as DescribeTasks tells of it and the task's definition."""

    task: TaskView
    described: Json
    definition: Json
    container: str
    runtime_id: str

    @property
    def id(self) -> str:
        """As Session Manager names it."""
        return f"ecs:{self.task.cluster}_{self.task.id}_{self.runtime_id}"


@dataclass(frozen=True)
class Session:
    """A session that was opened: where its data channel is, and the word that opens it."""

    id: str
    url: str
    token: str
    target: str

    def response(self) -> str:
        """The answer of StartSession, as session-manager-plugin takes it."""
        return json.dumps({"SessionId": self.id, "StreamUrl": self.url, "TokenValue": self.token})


def choose(aws: Aws, cluster: str, name: str, container: str | None) -> tuple[Target, list[str]]:
    """The container that a task's or a service's name stands for, and what to tell of the choice.

    Of a service it is the task that was started last; of a task's containers the first essential one.

    Raises:
        NotFoundError, UsageError: there is none, or no container of that name.
    """
    notes: list[str] = []
    task = _task(aws, cluster, name, notes)
    [described] = ecs.describe_tasks(aws, task.cluster or cluster, [task.arn]).found or ({},)
    view = task_view(described) if described else task
    if view.stopped:
        raise EcsctlError(f"task {view.short_id} ({view.definition}) has stopped", details=task_causes(view))
    definition = ecs.describe_task_definition(aws, view.definition_arn) or {}
    rows = {row["name"]: row for row in described.get("containers", ())}
    if container is None:
        essential = [r["name"] for r in definition.get("containerDefinitions", ()) if r.get("essential", True)]
        container = next((name for name in essential if name in rows), next(iter(rows), None))
        if len(rows) > 1:
            notes.append(f"container {container} of {', '.join(rows)} (--container chooses)")
    if container is None or container not in rows:
        raise UsageError(
            f"task {view.short_id} has no container {container}", hint=f"it has {', '.join(rows) or 'none yet'}"
        )
    runtime_id = str(rows[container].get("runtimeId") or "")
    return Target(view, described, definition, container, runtime_id), notes


def wait_for_agent(aws: Aws, cluster: str, name: str, container: str | None, deadline: Deadline) -> Target:
    """The container of a task, once its ExecuteCommandAgent runs: it comes up some seconds after the container.

    Raises:
        EcsctlError: the task or its agent has stopped; the details say why.
        WaitTimeoutError: the agent does not come up in time.
    """

    def look() -> Progress:
        target, _ = choose(aws, cluster, name, container)
        row: Json = next((r for r in target.described.get("containers", ()) if r["name"] == target.container), {})
        agent: Json = next((a for a in row.get("managedAgents", ()) if a.get("name") == AGENT), {})
        state = agent.get("lastStatus")
        told = f"the {AGENT} of container {target.container} is {state or 'not there yet'}"
        failed = f"{told}: {agent.get('reason') or 'ECS gives no reason'}" if state == "STOPPED" else None
        return Progress(state == "RUNNING" and bool(target.runtime_id), failed, (told,), target)

    waited = poll(look, timeout=deadline.left(), report=deadline.report, clock=deadline.clock)
    target: Target = waited.last.value
    if waited.outcome == "done":
        return target
    details = [f"{what}: {fix}" for what, fix in (*refusals(aws, target), *deep_refusals(aws, target))]
    hint = f"the task keeps running; `ecsctl exec {target.task.short_id}` tries again"
    if waited.outcome == "failed":
        raise EcsctlError(str(waited.last.failed), details=details, hint=hint)
    raise WaitTimeoutError(
        f"timed out after {deadline.seconds:.0f} s: {waited.last.lines[0]}", details=details, hint=hint
    )


def _task(aws: Aws, cluster: str, name: str, notes: list[str]) -> TaskView:
    plain = not name.startswith("arn:") or ":service/" in name
    if plain and not selectors.FULL_ID.fullmatch(name):
        found = [row for row in ecs.describe_services(aws, cluster, [name]).found if row.get("status") != "INACTIVE"]
        if found:
            tasks = [
                task
                for task in selectors.select(aws, cluster, service=name_of(name))
                if task.last_status == "RUNNING" and task.desired_status == "RUNNING"
            ]
            if not tasks:
                raise EcsctlError(f"no task of service {name} runs", hint=f"`ecsctl service show {name}` says why")
            chosen = max(tasks, key=lambda task: task.started_at.timestamp() if task.started_at else 0.0)
            if len(tasks) > 1:
                notes.append(f"task {chosen.short_id}, the newest of {len(tasks)} of service {name_of(name)}")
            return chosen
    try:
        found_tasks = selectors.find(aws, cluster, [name], several=False)
    except NotFoundError as error:
        error.hint = error.hint or "`ecsctl ps` lists tasks, `ecsctl service list` services"
        raise
    return found_tasks[0]


def refusals(aws: Aws, target: Target) -> list[tuple[str, str]]:
    """What keeps the container from being entered, by what ECS says of it: (what is so, how to mend it).

    The likeliest comes first; nothing where nothing is found.
    """
    task, described = target.task, target.described
    found: list[tuple[str, str]] = []
    row: Json = next((r for r in described.get("containers", ()) if r["name"] == target.container), {})
    definition: Json = next(
        (r for r in target.definition.get("containerDefinitions", ()) if r["name"] == target.container), {}
    )
    if row.get("lastStatus") != "RUNNING":
        found.append(
            (f"container {target.container} is {row.get('lastStatus')}", f"`ecsctl wait {task.short_id}` waits for it")
        )
    if not described.get("enableExecuteCommand"):
        fix = f"start it with `ecsctl run --enable-exec {task.family}`"
        if task.service:
            fix = f"set `enableExecuteCommand: true` for service {task.service}, and deploy: only new tasks get it"
        found.append(("the task was started without enableExecuteCommand", fix))
    agent = next((a for a in row.get("managedAgents", ()) if a.get("name") == AGENT), None)
    if described.get("enableExecuteCommand") and agent is not None and agent.get("lastStatus") != "RUNNING":
        why = f": {agent['reason']}" if agent.get("reason") else ""
        found.append(
            (f"the ExecuteCommandAgent in the container is {agent.get('lastStatus')}{why}", "see what follows")
        )
    version = described.get("platformVersion")
    if version and _version(version) < FARGATE_LEAST:
        found.append((f"its platform version is {version}", "ECS Exec needs 1.4.0 or LATEST: deploy with it"))
    if definition.get("readonlyRootFilesystem"):
        found.append(("its root file system is read-only", "the agent writes to it: `readonlyRootFilesystem: false`"))
    names = {pair.get("name") for pair in definition.get("environment", ())}
    names |= {pair.get("name") for pair in definition.get("secrets", ())}
    for name in sorted(names & set(OWN_KEYS)):
        found.append(
            (f"{name} is in its environment", "the agent uses it instead of the task role: give it another name")
        )
    role = (described.get("overrides") or {}).get("taskRoleArn") or target.definition.get("taskRoleArn")
    if not role and described.get("launchType") == "FARGATE":
        rights = ", ".join(RIGHTS)
        found.append(("the task has no task role", f"`taskRoleArn` of a role that has {rights}"))
    return found


def deep_refusals(aws: Aws, target: Target) -> list[tuple[str, str]]:
    """The same, by what has to be asked of other services: the agent's version, the roles' rights, the way out.

    What may not be asked is left out. Calls: ecs:DescribeContainerInstances, DescribeClusters;
    iam:SimulatePrincipalPolicy; sts:GetCallerIdentity; ec2:DescribeVpcEndpoints, DescribeRouteTables, DescribeSubnets.
    """
    found: list[tuple[str, str]] = []
    for check in (_agent_version, _task_rights, _caller_rights, _way_out):
        try:
            found += check(aws, target)
        except EcsctlError:
            continue
    return found


def _agent_version(aws: Aws, target: Target) -> list[tuple[str, str]]:
    arn = target.task.container_instance_arn
    if not arn:
        return []
    for row in ecs.describe_container_instances(aws, target.task.cluster, [arn]).found:
        version = str((row.get("versionInfo") or {}).get("agentVersion") or "")
        if version and _version(version) < LEAST_AGENT:
            return [(f"the agent of {row.get('ec2InstanceId')} is {version}", "ECS Exec needs 1.50.2: update it")]
        if not row.get("agentConnected", True):
            return [(f"the agent of {row.get('ec2InstanceId')} is disconnected", "`ecsctl instance list` shows it")]
    return []


def _task_rights(aws: Aws, target: Target) -> list[tuple[str, str]]:
    role = (target.described.get("overrides") or {}).get("taskRoleArn") or target.definition.get("taskRoleArn")
    if not role:
        return []
    wanted = list(RIGHTS)
    clusters = ecs.describe_clusters(aws, [target.task.cluster]).found
    configuration = (clusters[0].get("configuration") or {}) if clusters else {}
    key = (configuration.get("executeCommandConfiguration") or {}).get("kmsKeyId")
    denied = _denied(aws, str(role), wanted)
    found = []
    if denied:
        found.append((f"the task role {name_of(str(role))} lacks {', '.join(denied)}", "add them to its policy"))
    if key and _denied(aws, str(role), ["kms:Decrypt"], str(key)):
        found.append((f"the task role may not use the cluster's KMS key {key}", "give it kms:Decrypt of that key"))
    return found


def _caller_rights(aws: Aws, target: Target) -> list[tuple[str, str]]:
    arn = str(aws.call("sts", "GetCallerIdentity")["Arn"])
    if ":assumed-role/" in arn:
        account, name = arn.split(":")[4], arn.split("/")[1]
        arn = f"arn:{aws.partition()}:iam::{account}:role/{name}"
    denied = _denied(aws, arn, ["ecs:ExecuteCommand", "ssm:StartSession"])
    return [(f"you ({name_of(arn)}) lack {', '.join(denied)}", "add them to your policy")] if denied else []


def _denied(aws: Aws, principal: str, actions: Sequence[str], resource: str = "*") -> list[str]:
    query = {"PolicySourceArn": principal, "ActionNames": list(actions), "ResourceArns": [resource]}
    answer = aws.call("iam", "SimulatePrincipalPolicy", query, about=principal)
    denied = []
    for row in answer.get("EvaluationResults", ()):
        if row.get("EvalDecision") == "allowed":
            continue
        scp = (row.get("OrganizationsDecisionDetail") or {}).get("AllowedByOrganizations") is False
        denied.append(f"{row['EvalActionName']}{' (an SCP of the organization denies it)' if scp else ''}")
    return denied


def _way_out(aws: Aws, target: Target) -> list[tuple[str, str]]:
    """For tasks with a network of their own: an endpoint of ssmmessages, or a route out of the subnet."""
    details = {
        pair.get("name"): pair.get("value")
        for attachment in target.described.get("attachments", ())
        for pair in attachment.get("details", ())
    }
    subnet = details.get("subnetId")
    if not subnet:
        return []
    [row] = list(aws.pages("ec2", "DescribeSubnets", {"SubnetIds": [subnet]}, "Subnets"))
    service = f"com.amazonaws.{aws.region}.ssmmessages"
    filters = [{"Name": "vpc-id", "Values": [row["VpcId"]]}, {"Name": "service-name", "Values": [service]}]
    if list(aws.pages("ec2", "DescribeVpcEndpoints", {"Filters": filters}, "VpcEndpoints")):
        return []
    routes: list[Json] = []
    for name, value in (("association.subnet-id", subnet), ("vpc-id", row["VpcId"])):
        tables = list(
            aws.pages("ec2", "DescribeRouteTables", {"Filters": [{"Name": name, "Values": [value]}]}, "RouteTables")
        )
        if name == "vpc-id":
            tables = [t for t in tables if any(a.get("Main") for a in t.get("Associations", ()))]
        routes = [route for table in tables for route in table.get("Routes", ())]
        if tables:
            break
    out = [r for r in routes if r.get("DestinationCidrBlock") == "0.0.0.0/0" and r.get("State") != "blackhole"]
    if not out:
        return [
            (
                f"subnet {subnet} has neither a route to the internet nor an endpoint of ssmmessages",
                f"make an interface endpoint of {service}, or a NAT gateway",
            )
        ]
    return []


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(int(part) for part in parts if part.isdigit()) or (999,)


def cannot_enter(target: Target, found: Sequence[tuple[str, str]], said: str | None = None) -> EcsctlError:
    """The error that names what keeps the container from being entered: the first, with its fix; the others below."""
    (what, fix), *others = found
    details = [f"also: {other} ({mend})" for other, mend in others]
    return EcsctlError(
        f"container {target.container} of task {target.task.short_id} cannot be entered: {what}",
        details=[*([f"AWS says: {said}"] if said else []), *details],
        hint=fix,
    )


def execute(aws: Aws, target: Target, command: str) -> Session:
    """Open a session with a command in a container (ecs:ExecuteCommand).

    Raises:
        EcsctlError: it cannot be entered, and why, with what to do about it.
    """
    found = refusals(aws, target)
    if found:
        raise cannot_enter(target, found)
    query = {
        "cluster": target.task.cluster,
        "task": target.task.arn,
        "container": target.container,
        "command": command,
        "interactive": True,
    }
    try:
        answer = aws.call("ecs", "ExecuteCommand", query, about=f"task {target.task.short_id}")
    except AwsError as error:
        raise _explained(aws, target, error) from error
    row = answer["session"]
    return Session(row["sessionId"], row["streamUrl"], row["tokenValue"], target.id)


def forward(aws: Aws, target: Target, port: int, local: int, host: str | None) -> Session:
    """Open a session that carries connections to a port of the task, or of a host that it reaches (ssm:StartSession).

    Raises:
        EcsctlError: it cannot be entered, and why.
    """
    found = refusals(aws, target)
    if found:
        raise cannot_enter(target, found)
    parameters = {"portNumber": [str(port)], "localPortNumber": [str(local)]}
    if host:
        parameters["host"] = [host]
    query = {
        "Target": target.id,
        "DocumentName": HOST_DOCUMENT if host else PORT_DOCUMENT,
        "Parameters": parameters,
    }
    try:
        answer = aws.call("ssm", "StartSession", query, about=target.id)
    except AwsError as error:
        raise _explained(aws, target, error) from error
    return Session(answer["SessionId"], answer["StreamUrl"], answer["TokenValue"], target.id)


def _explained(aws: Aws, target: Target, error: AwsError) -> EcsctlError:
    if not is_error(error, "TargetNotConnectedException", "TargetNotConnected", "InvalidParameterException"):
        return error
    found = deep_refusals(aws, target)
    if found:
        return cannot_enter(target, found, error.aws_message)
    error.hint = "the agent in the task is not connected: a task that has just started takes half a minute"
    return error


def end(aws: Aws, session: Session) -> None:
    """End a session; one that has ended is no error (ssm:TerminateSession)."""
    try:
        aws.call("ssm", "TerminateSession", {"SessionId": session.id}, about=session.id)
    except EcsctlError:
        return


def plain(command: Sequence[str]) -> str:
    """A command as ECS takes it: one line, which the agent splits as a shell would."""
    return shlex.join(command)
