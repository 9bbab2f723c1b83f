"""ECS services."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.aws.ecs import describe_services, list_services
from ecsctl.deploy.changes import Conflict
from ecsctl.deploy.compare import compare_fields, summarize
from ecsctl.deploy.kinds.base import (
    Actual,
    Deadline,
    Kind,
    Scope,
    Waiting,
    arns_of,
    ecs_tags,
    last,
    owner_of,
    retag_ecs,
    tags_of,
    until_gone,
)
from ecsctl.deploy.kinds.service_updates import (
    OF_OTHERS,
    STRATEGY,
    Leaving,
    additions,
    dropped,
    left_to_others,
    refused,
    refused_anew,
)
from ecsctl.deploy.resources import OWNER_TAG, Known, Resource, refs, resolve
from ecsctl.deploy.tags import FIELDS_TAG, words_of
from ecsctl.deploy.wait_services import wait_for_services
from ecsctl.ecs_definitions.api_inputs import creation
from ecsctl.ecs_definitions.canonical import normalize_service
from ecsctl.ecs_definitions.described import completed
from ecsctl.ecs_definitions.differences import diff_services, keyed
from ecsctl.ecs_definitions.field_changes import FieldChange, to_field_change
from ecsctl.errors import AwsError, ConflictError, EcsctlError
from ecsctl.manifest.model import log_group_of
from ecsctl.polling import Progress
from ecsctl.refusals.service_context import controller, launch_type

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

# What UpdateService takes; all else that CreateService takes can only be had anew.
UPDATABLE = frozenset(
    {
        "availabilityZoneRebalancing",
        "capacityProviderStrategy",
        "deploymentConfiguration",
        "deploymentController",
        "desiredCount",
        "enableECSManagedTags",
        "enableExecuteCommand",
        "healthCheckGracePeriodSeconds",
        "loadBalancers",
        "networkConfiguration",
        "placementConstraints",
        "placementStrategy",
        "platformVersion",
        "propagateTags",
        "serviceConnectConfiguration",
        "serviceRegistries",
        "taskDefinition",
        "volumeConfigurations",
        "vpcLatticeConfigurations",
    }
)


# The member of UpdateService that no service has: it begins a new deployment.
ANEW = "forceNewDeployment"
# Fields that are named in several ways: by name or by ARN.
BY_NAME = frozenset({"taskDefinition", "role"})


@dataclass(frozen=True)
class Service(Resource):
    """A service of ``cluster``; ``definition`` is the input of CreateService, in which Refs may stand.

    ``anew``: begin a new deployment even where nothing differs. ``runs``: what its task definition says, where that is
    known. ``default_launch``: the launch type that it goes back to where the file no longer says one. ``besides``: what
    an update has to say besides. ``dropped``: what only a new service can be without, with what the present one has.
    ``first_count``: with how many tasks a new service begins whose number is somebody else's to say then.
    """

    kind: ClassVar[str] = "service"
    cluster: str = ""
    definition: Mapping[str, Any] = field(default_factory=dict)
    anew: bool = False
    runs: Mapping[str, Any] | None = None
    default_launch: str | None = None
    besides: Mapping[str, Any] = field(default_factory=dict)
    dropped: Mapping[str, Any] = field(default_factory=dict)
    first_count: int | None = None

    def at_first(self) -> Mapping[str, Any]:
        """The input of CreateService."""
        return self.definition if self.first_count is None else {**self.definition, "desiredCount": self.first_count}

    def fields(self) -> dict[str, Any]:
        said = {**self.definition, **self.besides}
        return {name: value for name, value in said.items() if name not in ("serviceName", "tags")}


class ServiceKind(Kind[Service]):
    """Found by its name and its owner tag in the scope's cluster, and by its owner tag in all others."""

    resource = Service
    retagging = "ecs tag-resource --resource-arn {id} --tags key={tag},value={project}"
    operations = (
        "ecs:CreateService",
        "ecs:DeleteService",
        "ecs:DescribeContainerInstances",
        "ecs:DescribeServices",
        "ecs:DescribeTasks",
        "ecs:ListServices",
        "ecs:ListTasks",
        "ecs:TagResource",
        "ecs:UntagResource",
        "ecs:UpdateService",
        "elb:DescribeInstanceHealth",
        "elbv2:DescribeTargetHealth",
        "resourcegroupstaggingapi:GetResources",
    )
    permissions = ("iam:PassRole",)
    depends_on = frozenset(
        {
            "auto-scaling-group",
            "cluster",
            "instance",
            "load-balancer",
            "load-balancer-v2",
            "log-group",
            "security-group",
            "service-role",
            "target-group",
            "task-definition",
        }
    )
    # A service that is made before its instances are there begins its life with failures to place.
    waits_for = frozenset({"auto-scaling-group"})
    force_new = frozenset({"launchType", "role", "schedulingStrategy"})
    adoptable = True
    gone = frozenset({"ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"})

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        yield from self._of_cluster(aws, scope, scope.cluster, names)
        if scope.alone:
            return
        # A file that names another cluster than before leaves its services behind in the old one.
        others = {cluster_of(arn) for arn in arns_of(aws, scope, "ecs:service")} - {"", scope.cluster}
        for cluster in sorted(others):
            for found in self._of_cluster(aws, scope, cluster, ()):
                yield replace(found, key=self.resource(f"{cluster}/{found.key.name}").key)

    def _of_cluster(self, aws: Aws, scope: Scope, cluster: str, names: Collection[str]) -> Iterable[Actual]:
        try:
            listed = {last(arn) for arn in list_services(aws, cluster)}
            # Services that drain are not listed, only described: those of the file are asked for by name.
            described = describe_services(aws, cluster, sorted({*listed, *names})).found
        except AwsError as error:
            if error.aws_code == "ClusterNotFoundException":
                return
            raise
        for found in described:
            if found.get("status") == "INACTIVE":
                continue
            actual = self.actual(found)
            if actual.key.name in names or actual.owner == scope.project:
                yield actual

    def actual(self, described: Mapping[str, Any]) -> Actual:
        name = str(described["serviceName"])
        return Actual(
            self.resource(name).key,
            str(described["serviceArn"]),
            owner_of(described.get("tags", ()), "key", "value"),
            fields=_fields(described),
            attributes={"name": name, "arn": str(described["serviceArn"])},
            tags=tags_of(described.get("tags"), "key", "value"),
            status="" if described.get("status") == "ACTIVE" else str(described.get("status", "")),
        )

    def is_race(self, error: AwsError) -> bool:
        return super().is_race(error) or "not idempotent" in error.aws_message

    def create(self, aws: Aws, resource: Service) -> Mapping[str, str]:
        query = {
            **creation(resource.at_first()),
            "cluster": resource.cluster,
            "serviceName": resource.name,
            "tags": ecs_tags(resource.tags),
        }
        # The same request is the same service, however often its answer is lost or two runs meet; but it is another
        # one than the service of that name that was deleted before.
        past = _incarnation(aws, resource.cluster, resource.name)
        text = json.dumps([query, past], sort_keys=True, default=str)
        query.setdefault("clientToken", hashlib.sha256(text.encode()).hexdigest()[:32])
        answer = aws.call("ecs", "CreateService", query, about=f"service {resource.name}")
        return {
            "name": resource.name,
            "arn": str(answer["service"]["serviceArn"]),
            "deployment": _deployment(answer["service"]),
        }

    def update(self, aws: Aws, resource: Service, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        query = {name: value for name, value in resource.fields().items() if name in changed and name in UPDATABLE}
        query.update(cluster=resource.cluster, service=resource.name)
        if resource.anew or "capacityProviderStrategy" in query:
            # ECS takes another strategy only together with a new deployment.
            query["forceNewDeployment"] = True
        answer = aws.call("ecs", "UpdateService", query, about=f"service {resource.name}")
        return {**actual.attributes, "deployment": _deployment(answer.get("service") or {})}

    def amend(self, resource: Service, actual: Actual, known: Known, leaving: Collection[Actual] = ()) -> Service:
        wanted, live = resolve(resource.definition, known), actual.fields
        before = words_of(FIELDS_TAG, actual.tags or {}) if OWNER_TAG in resource.tags else frozenset()
        more = additions(wanted, live, before, _leaving(leaving))
        gone = dropped(wanted, live, before, resource.default_launch)
        return replace(resource, besides=more, dropped=gone) if more or gone else resource

    def forces_new(self, field: str, resource: Service) -> bool:
        return field not in UPDATABLE and field != ANEW

    def replacement(self, resource: Service, actual: Actual, fields: Collection[str], known: Known) -> str | None:
        live, wanted = actual.fields, resolve(resource.fields(), known)
        left = left_to_others(live, fields)
        if left:
            raise _left_to_others(actual, left)
        if "launchType" in fields and live.get(STRATEGY) and launch_type(live) == wanted.get("launchType"):
            # An empty strategy is the way back to the launch type.
            fields = {name for name in fields if name != "launchType"}
        reason = super().replacement(resource, actual, fields, known)
        if reason is not None:
            return reason
        both = [*(live.get("loadBalancers") or ()), *(wanted.get("loadBalancers") or ())]
        if "loadBalancers" in fields and any(row.get("loadBalancerName") for row in both):
            return "the classic load balancer of a service cannot be changed"
        if fields == {ANEW}:
            return None
        return _reason_of_refusal(resource, wanted, resolve(resource.definition, known), live)

    def interruption(self, actual: Actual) -> str:
        if actual.fields.get("desiredCount") == 0 and actual.fields.get("schedulingStrategy") != "DAEMON":
            return ""
        return "its tasks are stopped first, and none runs until those of the new service have started"

    def refers_to(self, actual: Actual) -> Collection[str]:
        family = str(actual.fields.get("taskDefinition", "")).rpartition(":")[0]
        network = (actual.fields.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        named = {
            f"task-definition {family}",
            f"log-group {log_group_of(family)}",
            *(network.get("securityGroups") or ()),
        }
        for row in actual.fields.get("loadBalancers") or ():
            more = (row.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
            named |= {str(name) for name in (row.get("targetGroupArn"), row.get("loadBalancerName"), more) if name}
        return named

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        retag_ecs(aws, actual.id, put, drop)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        name, cluster = last(actual.id), cluster_of(actual.id) or scope.cluster
        if actual.status != "DRAINING":
            query = {"cluster": cluster, "service": name, "force": True}
            aws.call("ecs", "DeleteService", query, about=f"service {name}")
        hint = f"run the same command again; `ecsctl ps -c {cluster} --all` shows the tasks that it waits for"
        until_gone(lambda: _inactive(aws, cluster, name), f"service {name}", deadline, hint)

    def wait(self, aws: Aws, resources: Sequence[Service], waiting: Waiting) -> None:
        """Wait until the services are steady; those of one cluster together."""
        for cluster in sorted({service.cluster for service in resources}):
            names = [service.name for service in resources if service.cluster == cluster]
            made = {
                key.name: told.get("deployment", "")
                for key, told in waiting.applied.items()
                if key.kind == self.resource.kind
            }
            wait_for_services(
                aws,
                cluster,
                names,
                timeout=waiting.deadline.left(),
                report=waiting.deadline.report,
                since=waiting.since,
                deployments=made,
            )

    def differences(self, resource: Service, actual: Actual, known: Known) -> Iterator[FieldChange]:
        fields = resolve(resource.fields(), known)
        simple = {name: value for name, value in fields.items() if name not in BY_NAME and not any(refs(value))}
        yield from (to_field_change(*change) for change in diff_services(simple, actual.fields))
        rest = {name: _short_name(value) for name, value in fields.items() if name not in simple}
        have = {**actual.fields, **{name: _short_name(actual.fields.get(name)) for name in BY_NAME}}
        yield from compare_fields(have, rest)
        yield from (FieldChange(name, str(value), None) for name, value in resource.dropped.items())
        if resource.anew:
            yield FieldChange(ANEW, None, "true")

    def summary(self, resource: Service) -> Iterator[FieldChange]:
        first = {} if resource.first_count is None else {"desiredCount": resource.first_count}
        yield from summarize(creation({**resource.fields(), **first}))

    def conflict_hint(self, conflict: Conflict, cluster: str) -> str | None:
        if conflict.owner:
            return None
        name = conflict.key.name
        return f"`ecsctl init --from-service {cluster}/{name} --adopt --stdout` takes it over"

    def forms(self, resource: Service | None, actual: Actual | None, known: Known) -> tuple[Any, Any]:
        """Of what AWS has only what the file says, or all of it where the service is to go."""
        has = _form(actual.fields if actual else {})
        if resource is None:
            return has, {}
        said = {name: value for name, value in resource.fields().items() if value is not None}
        wants = _form(resolve(said, known))
        shown: dict[str, Any] = {"status": actual.status} if actual and actual.status else {}
        for name, value in said.items():
            if name not in has:
                continue
            if isinstance(value, Mapping) and isinstance(has[name], Mapping):
                shown[name] = {key: item for key, item in has[name].items() if key in value}
            else:
                shown[name] = has[name]
        return (shown if actual else {}), wants


def _leaving(actuals: Collection[Actual]) -> Leaving:
    """What of a project goes, as services name it."""
    ids: dict[str, set[str]] = {}
    for actual in actuals:
        ids.setdefault(actual.key.kind, set()).add(actual.id)
    kinds = ("target-group", "load-balancer", "security-group")
    return Leaving(*(frozenset(ids.get(kind, ())) for kind in kinds))


def _left_to_others(actual: Actual, fields: Sequence[str]) -> EcsctlError:
    kind = controller(actual.fields)
    by = "AWS CodeDeploy" if kind == "CODE_DEPLOY" else "its task sets"
    return ConflictError(
        f"{actual.key}: its deployment controller is {kind}, so Amazon ECS does not take {', '.join(fields)} of it",
        hint=f"that is deployed by {by}; `ecsctl task register` registers a new revision for it",
    )


def _reason_of_refusal(
    resource: Service, wanted: Mapping[str, Any], anew: Mapping[str, Any], live: Mapping[str, Any]
) -> str | None:
    """Why Amazon ECS takes what is wanted only as a new service; None where it takes the update.

    Args:
        wanted: what the update says, ``anew`` what a new service would be made with.

    Raises:
        EcsctlError: it takes it in neither way, or something that the file does not say stands against it.
    """
    found = refused(wanted, live, resource.runs)
    for item in found:
        name = str(item.path[0]) if item.path else ""
        if name in OF_OTHERS and wanted.get(name) is None:
            empty = '{"enabled": false}' if name == "serviceConnectConfiguration" else "[]"
            raise ConflictError(
                f"{resource.key}: Amazon ECS would refuse the update: {item.message}",
                hint=f"the service has {name}, which the file does not say; `{name}: {empty}` takes it away",
            )
    if not found:
        return None
    always = {item.refusal.id for item in refused_anew(anew, resource.runs)}
    for item in found:
        if item.refusal.id in always:
            raise ConflictError(
                f"{resource.key}: Amazon ECS would refuse it: {item.message}",
                hint="nothing was changed; `ecsctl validate` checks the file",
            )
    return f"Amazon ECS refuses the update: {found[0].message}"


def _short_name(value: Any) -> Any:
    """An ARN or a name as the name that ends it."""
    return last(value) if isinstance(value, str) else value


def _form(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A service in canonical form, its named lists as mappings."""
    plain = {name: value for name, value in definition.items() if name not in ("serviceName", "tags")}
    form = normalize_service({**plain, "taskDefinition": None, "role": None})
    form.update({name: _short_name(str(plain[name])) for name in BY_NAME if plain.get(name)})
    return dict(sorted(keyed(_plain(form)).items()))


def _plain(value: Any) -> Any:
    """What is not known before it is made, as text."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def cluster_of(arn: str) -> str:
    """The cluster in a service's ARN; empty in ARNs of the old form, which do not name it."""
    parts = arn.split("/")
    return parts[-2] if len(parts) > 2 else ""


def _incarnation(aws: Aws, cluster: str, name: str) -> str:
    """When the deleted service of that name was made, as far as AWS still knows; empty where there was none."""
    answer = aws.call("ecs", "DescribeServices", {"cluster": cluster, "services": [name]}, about=f"service {name}")
    rows = [item for item in answer.get("services", ()) if item.get("status") == "INACTIVE"]
    return str(max((str(item.get("createdAt")) for item in rows), default=""))


def _inactive(aws: Aws, cluster: str, name: str) -> Progress:
    query = {"cluster": cluster, "services": [name]}
    try:
        found = aws.call("ecs", "DescribeServices", query, about=f"service {name}").get("services", ())
    except AwsError as error:
        if error.aws_code == "ClusterNotFoundException":
            return Progress(True)
        raise
    alive = [item for item in found if item.get("status") != "INACTIVE"]
    if not alive:
        return Progress(True)
    running = alive[0].get("runningCount", 0)
    return Progress(False, lines=(f"service {name} is {alive[0].get('status')}: {running} tasks run",))


def _deployment(service: Mapping[str, Any]) -> str:
    """The id of the primary deployment, by which what ECS shows later can be told from what was before; or empty."""
    primary = [str(item.get("id", "")) for item in service.get("deployments", ()) if item.get("status") == "PRIMARY"]
    return primary[0] if primary else ""


def _fields(found: Mapping[str, Any]) -> dict[str, Any]:
    """A described service in the words of CreateService."""
    whole = completed(found)
    fields = {name: value for name, value in whole.items() if name in UPDATABLE or name in ServiceKind.force_new}
    fields["taskDefinition"] = last(str(found.get("taskDefinition", "")))
    fields["role"] = last(str(found.get("roleArn", "")))
    return {name: value for name, value in fields.items() if value is not None}
