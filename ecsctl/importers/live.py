"""What runs already as a project file: a service with its task definition, or a family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.aws import ecs
from ecsctl.deploy.desired.services import fields_tags
from ecsctl.deploy.kinds.base import ecs_tags
from ecsctl.deploy.resources import OWNER_TAG
from ecsctl.deploy.revisions import same
from ecsctl.deploy.tags import KEYS_TAG, listed
from ecsctl.ecs_definitions.described import completed
from ecsctl.ecs_definitions.differences import normalize_service, normalize_tags, normalize_task_definition
from ecsctl.errors import AwsError, NotFoundError, UsageError
from ecsctl.importers import yaml_style
from ecsctl.importers.document import Draft, Target, finish
from ecsctl.importers.names import project_name
from ecsctl.importers.report import Imported, Report
from ecsctl.importers.write import Commented, strip
from ecsctl.manifest.secrets import looks_secret
from ecsctl.units import plural

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = ("ecs:TagResource",)

OURS = "ecsctl:"
# Kinds of what a project owns that a file made of its services does not describe.
BESIDES = {"cluster", "service", "task-definition"}


def from_service(aws: Aws, selector: str, target: Target, *, adopt: bool = False) -> Imported:
    """Make a project file of a live service (ecs:DescribeServices, DescribeTaskDefinition).

    Args:
        selector: ``CLUSTER/SERVICE``, or the ARN of either form.
        adopt: put the project's tags on the service and on the revision of its task definition that the file has
            (ecs:TagResource), so that the project may change them, and its first plan is empty.

    Raises:
        UsageError: the selector names no cluster.
        NotFoundError: there is no such service.
        AwsError: AWS refused a call.
    """
    cluster, name = _selected(selector)
    found = _service(aws, cluster, name)
    report = Report()
    tags = normalize_tags(found.get("tags"))
    owner = tags.get(OWNER_TAG)
    whole = _owned(aws, owner, cluster, report) if owner else [found]
    project = owner if owner and whole else project_name(target.name or name)
    if target.name and target.name != project:
        report.note(None, ("name",), f"the service belongs to project {project}: its name is kept")
    draft = Draft(project)
    described = [one for service in whole or [found] if (one := _add_service(aws, service, draft, report))]
    if adopt and owner is None:
        # With the tags that list what the file says, so that its first plan has nothing to do.
        said = {name_: value for name_, value in strip(draft.services[name]).items() if name_ != "tags"}
        _adopt(aws, str(found["serviceArn"]), project, found.get("tags"), fields_tags(said))
        for one in described:
            if _is_free(aws, one):
                _adopt(aws, str(one["taskDefinitionArn"]), project, one.get("tags"))
    elif owner is None:
        report.note(
            None,
            ("services", name),
            f"ecsctl did not make it, and leaves it as it is: before the file may change it, "
            f"`ecsctl init --from-service {cluster}/{name} --adopt` puts the tag {OWNER_TAG}={project} on it",
        )
    return _finished(draft, target, cluster, aws.region, report, f"the service {cluster}/{name}")


def from_task_definition(aws: Aws, family: str, target: Target) -> Imported:
    """Make a project file of a registered task definition (ecs:DescribeTaskDefinition).

    Args:
        family: ``family`` (its latest revision), ``family:revision`` or an ARN.

    Raises:
        NotFoundError: there is no such task definition.
        AwsError: AWS refused a call.
    """
    described = ecs.describe_task_definition(aws, family)
    if described is None:
        raise NotFoundError(
            f"there is no task definition {family} in {aws.region}",
            hint="`ecsctl task definitions` lists the families",
        )
    report = Report()
    draft = Draft(project_name(target.name or str(described["family"])))
    _add_definition(described, draft, report)
    title = f"the task definition {described['family']}:{described['revision']}"
    return _finished(draft, target, target.cluster or "default", aws.region, report, title)


def _adopt(aws: Aws, arn: str, project: str, tags: Any, more: Mapping[str, str] | None = None) -> None:
    """Put the owner tag on a resource, and the tag that lists the tags that the file has of it (ecs:TagResource)."""
    wanted = {OWNER_TAG: project, **listed(KEYS_TAG, _own_tags(tags)), **(more or {})}
    aws.call("ecs", "TagResource", {"resourceArn": arn, "tags": ecs_tags(wanted)}, about=arn.rpartition("/")[2])


def _is_free(aws: Aws, definition: Mapping[str, Any]) -> bool:
    """Whether a definition is nobody's: untagged, or registered by `task register`, whose owner tag is the family.

    That a project of that name has anything besides the family (resourcegroupstaggingapi:GetResources) says that it is
    the project's.
    """
    family = str(definition["family"])
    owner = normalize_tags(definition.get("tags")).get(OWNER_TAG)
    if owner != family:
        return owner is None
    query = {"TagFilters": [{"Key": OWNER_TAG, "Values": [family]}]}
    rows = list(aws.pages("resourcegroupstaggingapi", "GetResources", query, "ResourceTagMappingList"))
    return all(f":task-definition/{family}:" in str(row["ResourceARN"]) for row in rows)


def _selected(selector: str) -> tuple[str, str]:
    parts = selector.split(":service/")[-1].split("/") if selector.startswith("arn:") else selector.split("/")
    if len(parts) != 2 or not all(parts):
        raise UsageError(f"{selector!r} is not CLUSTER/SERVICE", hint="write it as --from-service CLUSTER/SERVICE")
    return parts[0], parts[1]


def _service(aws: Aws, cluster: str, name: str) -> Mapping[str, Any]:
    for row in ecs.describe_services(aws, cluster, [name]).found:
        if row.get("status") != "INACTIVE":
            return row
    raise ecs.no_service(aws, cluster, name)


def _owned(aws: Aws, owner: str, cluster: str, report: Report) -> list[Mapping[str, Any]]:
    """All services of the project in the cluster; none where the project has what such a file does not describe."""
    from ecsctl.deploy.observe import observe
    from ecsctl.deploy.resources import Scope

    try:
        found = observe(aws, Scope(owner, cluster, aws.region), ()).found
    except AwsError as error:
        report.note(
            None,
            ("name",),
            f"the service belongs to project {owner}, and what else that has could not be read ({error.aws_code}): "
            "the file has another name, so that `ecsctl up` removes nothing of it",
        )
        return []
    others = sorted({key.kind for key, actual in found.items() if actual.owner == owner} - BESIDES)
    if others:
        report.note(
            None,
            ("name",),
            f"the service belongs to project {owner}, which has more than this file says ({', '.join(others)}): "
            "the file has another name, so that `ecsctl up` removes nothing of it",
        )
        return []
    names = [key.name for key, actual in found.items() if key.kind == "service" and actual.owner == owner]
    rows = ecs.describe_services(aws, cluster, sorted(names)).found
    return [row for row in rows if row.get("status") == "ACTIVE"]


def _add_service(aws: Aws, row: Mapping[str, Any], draft: Draft, report: Report) -> Mapping[str, Any] | None:
    """Put a service into the draft; gives its task definition where that is in the draft too."""
    name = str(row["serviceName"])
    wanted = normalize_service(completed(row))
    wanted.setdefault("desiredCount", row.get("desiredCount", 0))
    if wanted.get("schedulingStrategy") == "DAEMON":
        wanted.pop("desiredCount", None)
    reference = str(row.get("taskDefinition", "")).rpartition("/")[2]
    family = reference.rpartition(":")[0]
    described = ecs.describe_task_definition(aws, reference)
    latest = ecs.describe_task_definition(aws, family)
    wanted["taskDefinition"] = family
    added: Mapping[str, Any] | None = None
    if described is None or latest is None or not same(described, latest):
        # The file's definition would be compared with the latest revision, which is another one.
        wanted["taskDefinition"] = Commented(reference, beside="the family's latest revision says something else")
        report.note(None, ("services", name), f"it runs {reference}, which is not the latest: named by its revision")
        if described is None:
            report.note(None, ("services", name), f"{reference} cannot be described any more")
    else:
        _add_definition(latest, draft, report)
        added = latest
    tags = _own_tags(row.get("tags"))
    made = yaml_style.service(wanted)
    if tags:
        made["tags"] = tags
    draft.services[name] = made
    return added


def _add_definition(described: Mapping[str, Any], draft: Draft, report: Report) -> None:
    family = str(described["family"])
    wanted = normalize_task_definition(described)
    # The canonical form sorts; people read containers in the order they were written in.
    places = {box.get("name"): index for index, box in enumerate(described.get("containerDefinitions", ()))}
    wanted["containerDefinitions"] = sorted(
        wanted.get("containerDefinitions", ()), key=lambda box: places.get(box.get("name"), 0)
    )
    made = yaml_style.task_definition(wanted)
    tags = _own_tags(described.get("tags"))
    if tags:
        made["tags"] = tags
    draft.task_definitions[family] = made
    secret = [
        str(item.get("name"))
        for box in described.get("containerDefinitions", ())
        for item in box.get("environment", ())
        if looks_secret(str(item.get("name")), str(item.get("value") or ""))
    ]
    if secret:
        what = plural(len(secret), "variable")
        report.note(
            None,
            ("taskDefinitions", family),
            f"{what} in plain text look like secrets ({', '.join(sorted(set(secret)))}): they belong under secrets:",
        )


def _own_tags(tags: Any) -> dict[str, str]:
    return {key: value for key, value in normalize_tags(tags).items() if not key.startswith(OURS)}


def _finished(draft: Draft, target: Target, cluster: str, region: str, report: Report, title: str) -> Imported:
    document = draft.document(target)
    document = {"name": document.pop("name"), "region": target.region or region, **document, "cluster": cluster}
    # What runs already has its capacity.
    document.pop("instances", None)
    order = ("name", "region", "cluster", "taskDefinitions", "services")
    header = [f"Made of {title} by `ecsctl init`."]
    return finish({key: document[key] for key in order if key in document}, report, header, title)
