"""Which revisions a service was steady with, and so which one it goes back to."""

from __future__ import annotations

from typing import Any

from ecsctl.query.service_deployments import list_deployments, steady_revisions
from tests.support.fake_aws import FakeAws
from tests.support.waiting import at

Json = dict[str, Any]


def history(*deployments: tuple[int, str] | tuple[int, str, int]) -> FakeAws:
    """A service's deployments, oldest first: (revision of the definition, status, what it was rolled back to)."""
    rows: list[Json] = []
    revisions: dict[str, Json] = {}
    for number, (target, status, *back) in enumerate(deployments):
        arns = [f"rev-{number}", f"back-{number}"]
        revisions[arns[0]] = {"serviceRevisionArn": arns[0], "taskDefinition": f"web:{target}"}
        row: Json = {"serviceDeploymentArn": f"dep-{number}", "createdAt": at(number), "status": status}
        row["targetServiceRevisionArn"] = arns[0]
        if back:
            revisions[arns[1]] = {"serviceRevisionArn": arns[1], "taskDefinition": f"web:{back[0]}"}
            row["rollback"] = {"serviceRevisionArn": arns[1], "reason": "circuit breaker"}
        rows.insert(0, row)

    def listed(query: Json) -> Json:
        wanted = [row for row in rows if row["status"] in query.get("status", [row["status"]])]
        start = int(query.get("nextToken", 0))
        page = [{key: value for key, value in row.items() if key != "rollback"} for row in wanted[start : start + 3]]
        more = {"nextToken": str(start + 3)} if start + 3 < len(wanted) else {}
        return {"serviceDeployments": page, **more}

    def described(query: Json) -> Json:
        assert 0 < len(query["serviceDeploymentArns"]) <= 20
        chosen = [row for row in rows if row["serviceDeploymentArn"] in query["serviceDeploymentArns"]]
        return {
            "serviceDeployments": [
                {**row, "targetServiceRevision": {"arn": row.pop("targetServiceRevisionArn")}}
                for row in [dict(row) for row in chosen]
            ]
        }

    return FakeAws(
        {
            "ecs:ListServiceDeployments": listed,
            "ecs:DescribeServiceDeployments": described,
            "ecs:DescribeServiceRevisions": lambda query: {
                "serviceRevisions": [revisions[arn] for arn in query["serviceRevisionArns"]]
            },
        }
    )


def way(*deployments: Any) -> list[str]:
    return [str(step["taskDefinition"]) for step in steady_revisions(history(*deployments), "prod", "svc")]


def test_each_deployment_that_succeeded_is_a_step() -> None:
    good = "SUCCESSFUL"
    assert way((1, good), (2, good), (3, good), (4, good), (5, good)) == ["web:1", "web:2", "web:3", "web:4", "web:5"]
    assert way((1, good), (2, "STOPPED"), (3, "IN_PROGRESS"), (4, "ROLLBACK_FAILED")) == ["web:1"]
    assert way() == []


def test_a_restart_is_no_step_and_going_back_takes_steps_away() -> None:
    good = "SUCCESSFUL"
    assert way((1, good), (2, good), (2, good)) == ["web:1", "web:2"]
    assert way((1, good), (2, good), (3, good), (2, good)) == ["web:1", "web:2"]
    assert way((1, good), (2, good), (1, good), (3, good)) == ["web:1", "web:3"]


def test_what_aws_rolled_back_was_steady_with_what_it_went_back_to() -> None:
    good = "SUCCESSFUL"
    assert way((1, good), (2, good), (3, "ROLLBACK_SUCCESSFUL", 2)) == ["web:1", "web:2"]


def test_the_history_is_read_page_by_page_newest_first() -> None:
    aws = history(*((number, "SUCCESSFUL") for number in range(8)))
    arns = [row["serviceDeploymentArn"] for row in list_deployments(aws, "prod", "svc")]
    assert arns == [f"dep-{number}" for number in reversed(range(8))]
