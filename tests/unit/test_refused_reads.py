"""A read that only helps: without the right to it the rest goes on; a fault or no answer is told."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.aws.failures import FOREIGN, can_go_without
from ecsctl.deploy.kinds.base import arns_of
from ecsctl.deploy.resources import Scope
from ecsctl.deploy.revisions import owned_families
from ecsctl.errors import AwsError
from ecsctl.query.service_detail import service_detail
from tests.support.fake_aws import FakeAws, refused

SERVICE: dict[str, Any] = {
    "serviceName": "svc",
    "serviceArn": "arn:aws:ecs:eu-west-1:1:service/prod/svc",
    "clusterArn": "arn:aws:ecs:eu-west-1:1:cluster/prod",
    "status": "ACTIVE",
    "desiredCount": 1,
    "runningCount": 1,
    "pendingCount": 0,
    "loadBalancers": [{"targetGroupArn": "arn:tg", "containerName": "web", "containerPort": 80}],
    "deployments": [
        {"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": "arn:aws:ecs:x:1:task-definition/web:1"}
    ],
}
READS = {
    "ecs:DescribeServices": lambda query: {"services": [SERVICE], "failures": []},
    "ecs:DescribeTaskDefinition": lambda query: {"taskDefinition": {"containerDefinitions": [{"name": "web"}]}},
    "elbv2:DescribeTargetGroups": lambda query: {"TargetGroups": []},
    "elbv2:DescribeTargetHealth": lambda query: {"TargetHealthDescriptions": []},
}


@pytest.mark.parametrize(
    "operation", ["ecs:DescribeTaskDefinition", "elbv2:DescribeTargetGroups", "elbv2:DescribeTargetHealth"]
)
def test_a_service_is_shown_without_what_may_not_be_asked(operation: str) -> None:
    allowed = FakeAws({**READS, operation: refused(operation, "AccessDenied")})
    assert service_detail(allowed, "prod", "svc").view.name == "svc"
    for code in (FOREIGN, "ValidationError"):
        with pytest.raises(AwsError, match=code):
            service_detail(FakeAws({**READS, operation: refused(operation, code)}), "prod", "svc")


def test_families_are_looked_at_one_by_one_only_where_the_tagging_api_refuses() -> None:
    tagging = "resourcegroupstaggingapi:GetResources"
    families = {"ecs:ListTaskDefinitionFamilies": lambda query: {"families": []}}
    assert owned_families(FakeAws({**families, tagging: refused(tagging, "AccessDenied")}), "shop") == set()
    with pytest.raises(AwsError, match=FOREIGN):
        owned_families(FakeAws({**families, tagging: refused(tagging, FOREIGN)}), "shop")


@pytest.mark.parametrize(
    ("code", "unseen"),
    [
        ("AccessDeniedException", ["what project shop has of ecs:cluster under other names: "]),
        ("UnknownOperationException", []),
        ("NotImplemented", []),
    ],
)
def test_what_cannot_be_found_by_its_tag_is_told_but_where_there_is_no_such_api(code: str, unseen: list[str]) -> None:
    tagging, scope = "resourcegroupstaggingapi:GetResources", Scope("shop", "shop", "eu-west-1")
    assert arns_of(FakeAws({tagging: refused(tagging, code)}), scope, "ecs:cluster") == []
    assert [line.partition(": ")[0] + ": " for line in scope.unseen] == unseen
    with pytest.raises(AwsError, match=FOREIGN):
        arns_of(FakeAws({tagging: refused(tagging, FOREIGN)}), scope, "ecs:cluster")


@pytest.mark.parametrize(
    ("code", "without"),
    [
        ("AccessDeniedException", True),
        ("UnauthorizedOperation", True),
        ("NotImplemented", True),
        ("ThrottlingException", True),
        ("AnswerLost", True),
        ("InternalFailure", True),
        ("ValidationError", False),
        ("InvalidParameterException", False),
    ],
)
def test_what_a_wait_goes_without(code: str, without: bool) -> None:
    assert can_go_without(AwsError("ecs:ListTasks", code, "refused")) == without
