"""Deploy to services, begin their deployments anew, and go back: plans about services that the user named.

The way is that of ``up``: what is wanted, what AWS has, a plan, and a wait. A service that was named is changed whoever
made it, as ``stop`` stops the task that was named; nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecsctl.actions.definition_changes import DefinitionChange, changed, name_of_container
from ecsctl.aws import ecs
from ecsctl.aws.session import Aws
from ecsctl.deploy.desired.services import deployment, revision
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.observe import Snapshot
from ecsctl.deploy.pipeline import Prepared
from ecsctl.deploy.plan import plan
from ecsctl.deploy.resources import Actual, Key, Resource, Scope
from ecsctl.ecs_definitions.described import completed, registrable
from ecsctl.ecs_definitions.differences import diff_task_definitions
from ecsctl.ecs_definitions.field_changes import FieldChange, to_field_change
from ecsctl.errors import ConflictError, NotFoundError, UsageError
from ecsctl.query.service_deployments import (
    UNFINISHED,
    describe_revisions,
    list_deployments,
    steady_revisions,
)
from ecsctl.query.views import name_of

Json = Mapping[str, Any]
# What a revision of a service has besides its task definition, and UpdateService takes.
OF_REVISION = (
    "capacityProviderStrategy",
    "loadBalancers",
    "networkConfiguration",
    "platformVersion",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)
# What takes it away again where it was not there.
EMPTY: Mapping[str, Any] = {
    "loadBalancers": [],
    "serviceConnectConfiguration": {"enabled": False},
    "serviceRegistries": [],
    "volumeConfigurations": [],
    "vpcLatticeConfigurations": [],
}


@dataclass(frozen=True)
class Deployment:
    """A plan of deployments, and what they change of what runs.

    ``differences``: (what runs, what comes, the fields) of services that go to a revision that exists; those that get a
    new revision have it in the plan. ``notes``: what the user should know besides.
    """

    prepared: Prepared
    differences: tuple[tuple[str, str, tuple[FieldChange, ...]], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeployRequest:
    """What is to be deployed; ``pin`` gives the digest of an image's name, None leaves the names as they are."""

    change: DefinitionChange = field(default_factory=DefinitionChange)
    task_definition: str | None = None
    count: int | None = None
    force: bool = False
    pin: Callable[[str], str] | None = None


def prepare_deployment(aws: Aws, cluster: str, names: Sequence[str], request: DeployRequest) -> Deployment:
    """Plan new revisions of what these services run, each with just the change asked for.

    Raises:
        NotFoundError: there is no such service or task definition.
        UsageError: a container is not known, or not clear.
        ConflictError: a service is not deployed by ECS itself, or is being deleted.
    """
    plans = _Plans(aws, cluster)
    for service in named_services(aws, cluster, names):
        running = _definition(aws, str(service["taskDefinition"]))
        base = _definition(aws, request.task_definition) if request.task_definition else running
        fronted = [str(row["containerName"]) for row in service.get("loadBalancers", ()) if row.get("containerName")]
        wanted = changed(registrable(base), request.change, fronted)
        if request.pin is not None:
            _pin(wanted, request, fronted)
        said: dict[str, Any] = {} if request.count is None else {"desiredCount": request.count}
        plans.deploy(service, running, base, wanted, said, anew=request.force)
    return plans.made()


def _pin(wanted: dict[str, Any], request: DeployRequest, fronted: Sequence[str]) -> None:
    """Put the digest into the images that are changed, or into all where none is."""
    assert request.pin is not None
    rows = {str(row["name"]): row for row in wanted.get("containerDefinitions", ())}
    chosen = [
        name_of_container(rows, name or request.change.container, wanted, fronted)
        for name in request.change.image_containers
    ]
    for name in chosen or rows:
        rows[name]["image"] = request.pin(str(rows[name]["image"]))


def prepare_restart(aws: Aws, cluster: str, names: Sequence[str]) -> Deployment:
    """Plan a new deployment of what these services run already.

    Raises:
        NotFoundError, ConflictError: as :func:`prepare_deployment`.
    """
    plans = _Plans(aws, cluster)
    for service in named_services(aws, cluster, names):
        plans.add(service, {}, anew=True)
    return plans.made()


def prepare_scaling(aws: Aws, cluster: str, name: str, count: str) -> Deployment:
    """Plan another number of tasks: ``3``, or ``+2`` and ``-1`` from what the service wants now.

    Raises:
        UsageError: it is not a number, or the count would be less than 0.
        NotFoundError, ConflictError: as :func:`prepare_deployment`.
    """
    if not re.fullmatch(r"[+-]?\d{1,4}", count):
        raise UsageError(f"{count} is not a number of tasks", hint="write it as 3, +2 or -1")
    plans = _Plans(aws, cluster)
    # The number of tasks is UpdateService's, whoever deploys.
    [service] = named_services(aws, cluster, [name], any_controller=True)
    now = int(service.get("desiredCount", 0))
    wanted = now + int(count) if count[0] in "+-" else int(count)
    if wanted < 0:
        raise UsageError(
            f"service {service['serviceName']} has a desired count of {now}: {count} would make it negative"
        )
    plans.add(service, {"desiredCount": wanted})
    return plans.made()


def prepare_rollback(aws: Aws, cluster: str, names: Sequence[str], to: str | None = None) -> Deployment:
    """Plan the way back to the last revision that was steady before, or to the one that is named.

    Args:
        to: ``7``, ``family:7`` or an ARN of a task definition.

    Raises:
        NotFoundError: there is no such service or revision, or none to go back to.
        ConflictError: as :func:`prepare_deployment`.
    """
    plans = _Plans(aws, cluster)
    for service in named_services(aws, cluster, names):
        running = _definition(aws, str(service["taskDefinition"]))
        if to is not None:
            reference = f"{running['family']}:{to}" if to.isdigit() else to
            target = _definition(aws, reference)
            said: dict[str, Any] = {}
        else:
            target, said = _way_back(aws, cluster, service, running, plans)
        if target.get("status") == "INACTIVE":
            plans.notes.append(f"{_revision_name(target)} was deregistered: what it says is registered again")
            plans.deploy(service, running, target, registrable(target), said, again=True)
        else:
            plans.add(service, {**said, "taskDefinition": _revision_name(target)}, running, target)
    return plans.made()


def _way_back(aws: Aws, cluster: str, service: Json, running: Json, plans: _Plans) -> tuple[Json, dict[str, Any]]:
    """The definition that was steady before, and what else the service had with it."""
    name = str(service["serviceName"])
    deployments = list_deployments(aws, cluster, name)
    now = str(deployments[0].get("targetServiceRevisionArn")) if deployments else ""
    current = describe_revisions(aws, [now]).get(now, {}) if now else {}
    way = steady_revisions(aws, cluster, name)
    places = [place for place, step in enumerate(way) if step.get("taskDefinition") == service["taskDefinition"]]
    if places and places[0] < len(way) - 1 and deployments[0].get("status") in UNFINISHED:
        # This command was cut off, or AWS goes back by itself: no step more.
        plans.notes.append(f"service {name} is already rolling back to {_revision_name(running)}")
        return running, {}
    if places and places[0] == len(way) - 1:
        way = way[:-1]
    if way:
        before = way[-1]
        said = {
            member: before.get(member) or EMPTY[member]
            for member in OF_REVISION
            if current and before.get(member) != current.get(member) and (before.get(member) or member in EMPTY)
        }
        return _definition(aws, str(before["taskDefinition"])), said
    family, number = str(running["family"]), int(running["revision"])
    earlier = [arn for arn in ecs.list_task_definitions(aws, family) if int(arn.rpartition(":")[2]) < number]
    if not earlier:
        raise NotFoundError(
            f"service {name} has no revision to go back to: it runs {family}:{number}",
            hint=f"`ecsctl task definitions --family {family}` lists the revisions; --to names one",
        )
    plans.notes.append(
        f"AWS knows no deployment of service {name} that was steady before (it keeps 90 days): the revision before"
    )
    return _definition(aws, earlier[-1]), {}


class _Plans:
    """The plan of one command, service by service."""

    def __init__(self, aws: Aws, cluster: str) -> None:
        self._aws = aws
        self._cluster = cluster
        self._resources: dict[Key, Resource] = {}
        self._found: dict[Key, Actual] = {}
        self._differences: list[tuple[str, str, tuple[FieldChange, ...]]] = []
        self.notes: list[str] = []

    def deploy(
        self,
        service: Json,
        running: Json,
        base: Json,
        wanted: Mapping[str, Any],
        said: Mapping[str, Any],
        *,
        anew: bool = False,
        again: bool = False,
    ) -> None:
        """Deploy what is wanted: the revision that it comes from where it says the same, else a new one.

        Args:
            again: make a new revision even so.
        """
        if not again and not diff_task_definitions(base, wanted):
            same = base["taskDefinitionArn"] == running["taskDefinitionArn"]
            more = {} if same else {"taskDefinition": _revision_name(base)}
            self.add(service, {**said, **more}, running, base, anew=anew)
            return
        resource = revision(str(wanted["family"]), wanted)
        known = self._resources.setdefault(resource.key, resource)
        if known != resource:
            raise ConflictError(
                f"the services run different revisions of {wanted['family']}, and would still differ after the change",
                hint="deploy to them one at a time",
            )
        # The change is shown against what the service runs, or, in another family, against what it comes from.
        shown = running if running["family"] == wanted["family"] else base
        if shown.get("status") != "INACTIVE" or shown is running:
            self._found.setdefault(resource.key, TABLE["task-definition"].actual(shown))
        self.add(service, said, revision_of=str(wanted["family"]), anew=anew)

    def add(
        self,
        service: Json,
        said: Mapping[str, Any],
        running: Json | None = None,
        target: Json | None = None,
        *,
        revision_of: str | None = None,
        anew: bool = False,
    ) -> None:
        """Change members of a service; where it goes from one revision to another, the difference is kept."""
        name = str(service["serviceName"])
        resource = deployment(name, self._cluster, said, revision_of=revision_of, anew=anew)
        self._resources[resource.key] = resource
        self._found[resource.key] = TABLE["service"].actual(completed(service))
        if running is not None and target is not None and running["taskDefinitionArn"] != target["taskDefinitionArn"]:
            fields = tuple(to_field_change(*change) for change in diff_task_definitions(running, target))
            self._differences.append((_revision_name(running), _revision_name(target), fields))

    def made(self) -> Deployment:
        scope = Scope("", self._cluster, self._aws.region, alone=True, named=frozenset(self._found))
        snapshot = Snapshot(scope, self._found)
        prepared = Prepared(plan(self._resources, snapshot, prune=False), snapshot, self._resources)
        return Deployment(prepared, tuple(dict.fromkeys(self._differences)), tuple(self.notes))


def named_services(aws: Aws, cluster: str, names: Sequence[str], *, any_controller: bool = False) -> list[Json]:
    """The services of these names, as described, in their order (ecs:DescribeServices).

    Args:
        any_controller: also those that CodeDeploy or task sets deploy.

    Raises:
        NotFoundError: there is none of a name.
        ConflictError: one is being deleted, or is not deployed by ECS itself.
    """
    wanted = [name_of(name) for name in dict.fromkeys(names)]
    if not wanted:
        raise UsageError("no service is named")
    found = {str(row["serviceName"]): row for row in ecs.describe_services(aws, cluster, wanted).found}
    for name in wanted:
        row = found.get(name)
        if row is None or row.get("status") == "INACTIVE":
            raise NotFoundError(
                f"there is no service {name} in cluster {name_of(cluster)}",
                hint=f"`ecsctl service list -c {name_of(cluster)}` lists them",
            )
        if row.get("status") == "DRAINING":
            raise ConflictError(f"service {name} is being deleted", hint="wait until it is gone, then create it again")
        controller = (row.get("deploymentController") or {}).get("type", "ECS")
        if controller != "ECS" and not any_controller:
            raise ConflictError(
                f"service {name} is not deployed by ECS itself: its deployment controller is {controller}",
                hint="use AWS CodeDeploy"
                if controller == "CODE_DEPLOY"
                else "its task sets are managed by whatever created them",
            )
    return [found[name] for name in wanted]


def _definition(aws: Aws, reference: str) -> Json:
    found = ecs.describe_task_definition(aws, reference)
    if found is None:
        raise NotFoundError(
            f"there is no task definition {name_of(reference)} in {aws.region}",
            hint="`ecsctl task definitions` lists them",
        )
    return found


def _revision_name(definition: Json) -> str:
    return f"{definition['family']}:{definition['revision']}"
