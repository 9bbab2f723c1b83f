"""The history of a service: its deployments of the last 90 days, and the revisions that they deployed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ecsctl.aws.session import batches

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = (
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:ListServiceDeployments",
)

Json = Mapping[str, Any]
# The most that one describe call takes.
DESCRIBED = 20
# How far back it is looked.
HISTORY = 100
UNFINISHED = ("PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
BEGINNING = datetime(1970, 1, 1, tzinfo=timezone.utc)


def list_deployments(aws: Aws, cluster: str, service: str, statuses: Sequence[str] = ()) -> list[Json]:
    """The service's deployments of these statuses (of all), newest first, at most 100 (ecs:ListServiceDeployments).

    Raises:
        AwsError: ServiceNotFoundException (exit 6), ClusterNotFoundException (exit 6) …
    """
    query: dict[str, Any] = {"cluster": cluster, "service": service, "maxResults": HISTORY}
    if statuses:
        query["status"] = list(statuses)
    found: list[Json] = []
    for row in aws.pages("ecs", "ListServiceDeployments", query, "serviceDeployments", about=f"service {service}"):
        found.append(row)
        if len(found) >= HISTORY:
            break
    return sorted(found, key=lambda row: row.get("createdAt") or BEGINNING, reverse=True)


def describe_deployments(aws: Aws, arns: Sequence[str]) -> list[Json]:
    """Service deployments by their ARNs, 20 a call (ecs:DescribeServiceDeployments)."""
    return [
        row
        for batch in batches(arns, DESCRIBED)
        for row in aws.call("ecs", "DescribeServiceDeployments", {"serviceDeploymentArns": list(batch)}).get(
            "serviceDeployments", ()
        )
    ]


def describe_revisions(aws: Aws, arns: Iterable[str]) -> dict[str, Json]:
    """Service revisions by their ARNs, 20 a call (ecs:DescribeServiceRevisions)."""
    wanted = list(dict.fromkeys(arns))
    return {
        str(row["serviceRevisionArn"]): row
        for batch in batches(wanted, DESCRIBED)
        for row in aws.call("ecs", "DescribeServiceRevisions", {"serviceRevisionArns": list(batch)}).get(
            "serviceRevisions", ()
        )
    }


def steady_revisions(aws: Aws, cluster: str, service: str) -> list[Json]:
    """The revisions that the service was steady with, as a way back: the last is the one to be left or returned to.

    Each deployment that succeeded adds its revision; one that goes back to a task definition of before takes away what
    came after it, so that going back twice goes back two steps.

    Raises:
        AwsError: AWS refused a call.
    """
    deployments = list_deployments(aws, cluster, service, ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL"))
    # Only the description of a deployment that was rolled back tells what it went back to.
    back = [str(row["serviceDeploymentArn"]) for row in deployments if row.get("status") == "ROLLBACK_SUCCESSFUL"]
    whole = {str(row["serviceDeploymentArn"]): row for row in describe_deployments(aws, back)}
    ran = [_deployed({**row, **whole.get(str(row["serviceDeploymentArn"]), {})}) for row in deployments]
    revisions = describe_revisions(aws, ran)
    way: list[Json] = []
    for revision in (revisions[arn] for arn in reversed(ran) if arn in revisions):
        definition = revision.get("taskDefinition")
        places = [place for place, known in enumerate(way) if known.get("taskDefinition") == definition]
        del way[places[0] if places else len(way) :]
        way.append(revision)
    return way


def _deployed(deployment: Json) -> str:
    """The revision that ran after a deployment: its target, or, where AWS rolled it back, the one gone back to."""
    back = (deployment.get("rollback") or {}).get("serviceRevisionArn")
    target = (deployment.get("targetServiceRevision") or {}).get("arn") or deployment.get("targetServiceRevisionArn")
    return str(back or target or "")
