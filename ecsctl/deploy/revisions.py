"""Task definitions in AWS: registering only what is new, and removing one's own revisions.

RegisterTaskDefinition has no client token: a repeated call (a lost answer, two runs at once) makes another revision. So
whoever registers looks at the family afterwards, and everybody keeps the lowest of equal revisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ecsctl.aws.concurrency import map_concurrently
from ecsctl.aws.ecs import describe_task_definition, failures_of, list_families, list_task_definitions
from ecsctl.aws.failures import is_no_answer
from ecsctl.aws.session import batches
from ecsctl.deploy.resources import OWNER_TAG
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

DELETE_BATCH = 10
# Registrations of several runs at once are no further apart.
AT_ONCE = timedelta(seconds=60)


@dataclass(frozen=True)
class Registered:
    """A revision: ``name`` is ``family:revision``; ``made`` says whether it is new."""

    name: str
    arn: str
    made: bool


def register(aws: Aws, definition: Mapping[str, Any], tags: Mapping[str, str]) -> Registered:
    """Register a definition, unless the family's latest ACTIVE revision says the same.

    Args:
        definition: the input of RegisterTaskDefinition, without tags.
        tags: put on a new revision; the owner tag among them decides which revisions are one's own.

    Raises:
        AwsError: AWS refuses it (ecs:RegisterTaskDefinition, ClientException).
    """
    family = str(definition["family"])
    owner = tags.get(OWNER_TAG)
    latest = describe_task_definition(aws, family)
    if latest is not None and same(definition, latest):
        kept = _kept(aws, definition, latest)
        return Registered(_name(kept), str(kept["taskDefinitionArn"]), False)
    known = int(latest["revision"]) if latest is not None else 0
    answer = aws.call(
        "ecs",
        "RegisterTaskDefinition",
        {**definition, "tags": [{"key": key, "value": tags[key]} for key in sorted(tags)]},
        about=f"task definition {family}",
    )
    mine = answer["taskDefinition"]
    # Equal revisions since then are the same registration made twice: the lowest stays, whoever made it.
    twins = [
        found
        for arn in list_task_definitions(aws, family)
        if known < _revision(arn) < int(mine["revision"])
        and (found := describe_task_definition(aws, arn)) is not None
        and _owner(found) == owner
        and same(definition, found)
    ]
    if not twins:
        return Registered(_name(mine), str(mine["taskDefinitionArn"]), True)
    keep = min(twins, key=lambda found: int(found["revision"]))
    remove_revisions(aws, [str(mine["taskDefinitionArn"])])
    return Registered(_name(keep), str(keep["taskDefinitionArn"]), True)


def _kept(aws: Aws, definition: Mapping[str, Any], latest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Which of equal revisions stays, where others may be registering at this moment: the lowest of the last ones.

    Whoever made the latest one a moment ago takes it away again, if a lower one was made at the same time.
    """
    made = latest.get("registeredAt")
    if not isinstance(made, datetime) or aws.now() - made > AT_ONCE:
        return latest
    kept = latest
    for arn in sorted(list_task_definitions(aws, str(latest["family"])), key=_revision, reverse=True):
        if _revision(arn) >= int(latest["revision"]):
            continue
        found = describe_task_definition(aws, arn)
        before = found.get("registeredAt") if found is not None else None
        recent = isinstance(before, datetime) and made - before <= AT_ONCE
        if found is None or not recent or _owner(found) != _owner(latest) or not same(definition, found):
            break
        kept = found
    return kept


def same(definition: Mapping[str, Any], described: Mapping[str, Any]) -> bool:
    """Whether a definition says what a described revision says, in normalised form."""
    from ecsctl.ecs_definitions.differences import diff_task_definitions

    return not diff_task_definitions(described, definition)


def owned_families(aws: Aws, project: str) -> set[str]:
    """The families with a revision that this project made.

    Asked of the Resource Groups Tagging API (resourcegroupstaggingapi:GetResources); where that is denied or missing,
    the region's families are looked at one by one.
    """
    query = {
        "TagFilters": [{"Key": OWNER_TAG, "Values": [project]}],
        "ResourceTypeFilters": ["ecs:task-definition"],
    }
    try:
        found = aws.pages("resourcegroupstaggingapi", "GetResources", query, "ResourceTagMappingList")
        arns = [str(item["ResourceARN"]) for item in found]
    except AwsError as error:
        if is_no_answer(error):
            raise
        families = list(list_families(aws))
        latest = map_concurrently(lambda family: describe_task_definition(aws, family), families)
        return {str(item["family"]) for item in latest if item is not None and _owner(item) == project}
    names = (arn.rsplit("/", 1)[-1].rpartition(":")[0] for arn in arns if ":task-definition/" in arn)
    return {name for name in names if name}


def own_revisions(aws: Aws, family: str, project: str, *, statuses: Sequence[str] = ("ACTIVE",)) -> list[str]:
    """The ARNs of the family's revisions of these statuses that carry the project's owner tag, oldest first."""
    arns = [arn for status in statuses for arn in list_task_definitions(aws, family, status=status)]
    described = map_concurrently(lambda arn: describe_task_definition(aws, arn), arns)
    own = [str(item["taskDefinitionArn"]) for item in described if item is not None and _owner(item) == project]
    return sorted(own, key=_revision)


def remove_revisions(aws: Aws, arns: Sequence[str]) -> None:
    """Deregister revisions, then delete them (ecs:DeregisterTaskDefinition, DeleteTaskDefinitions).

    Their numbers are never given again. Running tasks keep the definition that they were started with.
    """
    for batch in batches(arns, DELETE_BATCH):
        for arn in batch:
            aws.call("ecs", "DeregisterTaskDefinition", {"taskDefinition": arn}, about=arn.rsplit("/", 1)[-1])
        answer = aws.call("ecs", "DeleteTaskDefinitions", {"taskDefinitions": list(batch)})
        for failure in failures_of(answer):
            # Refused with HTTP 200, by a word or in a sentence. That somebody else deleted it in the meantime is no
            # refusal.
            if failure.reason == "MISSING" or "does not exist" in failure.reason:
                continue
            code, said = (failure.reason, failure.detail or "no detail")
            if " " in code:
                code, said = "Failure", code
            raise AwsError("ecs:DeleteTaskDefinitions", code, said, resource=failure.arn.rsplit("/", 1)[-1])


def _name(described: Mapping[str, Any]) -> str:
    return f"{described['family']}:{described['revision']}"


def _revision(arn: str) -> int:
    return int(arn.rsplit(":", 1)[-1])


def _owner(described: Mapping[str, Any]) -> str | None:
    for tag in described.get("tags", ()):
        if tag.get("key") == OWNER_TAG:
            return str(tag.get("value", ""))
    return None
