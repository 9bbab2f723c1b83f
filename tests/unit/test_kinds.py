"""The table of kinds is whole: one row a kind, each able to do what the planner may ask of it."""

from __future__ import annotations

import importlib
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import ecsctl.deploy.kinds
from ecsctl.aws.ecs import deregister_instances
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.base import Kind
from ecsctl.deploy.kinds.launch_template import LaunchTemplate
from ecsctl.deploy.kinds.security_group import Ingress, SecurityGroup
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.kinds.task_definition import TaskDefinition
from ecsctl.deploy.resources import OWNER_TAG, Actual, Scope
from ecsctl.deploy.revisions import remove_revisions
from ecsctl.errors import AwsError
from tests.support.fake_aws import FakeAws


def test_the_kinds_of_the_folder_and_the_table_are_the_same() -> None:
    folder = Path(ecsctl.deploy.kinds.__file__).parent
    modules = [importlib.import_module(f"ecsctl.deploy.kinds.{path.stem}") for path in sorted(folder.glob("*.py"))]
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Kind) and value is not Kind
    }
    assert found == {type(kind) for kind in TABLE.values()}
    assert [kind.resource.kind for kind in TABLE.values()] == list(TABLE)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_each_kind_can_do_all_that_is_asked_of_it(name: str) -> None:
    kind = TABLE[name]
    wanted = {"find", "delete", "kept_note" if kind.never_desired else "create"}
    if kind.resource("x").fields():
        wanted.add("update")
    missing = {method for method in wanted if getattr(type(kind), method) is getattr(Kind, method)}
    assert missing == set()


@pytest.mark.parametrize("name", sorted(TABLE))
def test_what_a_kind_says_of_fields_and_kinds_exists(name: str) -> None:
    kind = TABLE[name]
    fields = set(kind.resource("x").fields())
    # A service has the fields of its definition.
    assert name == "service" or kind.force_new | kind.immutable | kind.secret_fields <= fields
    assert kind.depends_on | kind.waits_for <= set(TABLE)
    assert name not in kind.depends_on | kind.waits_for


def test_the_table_is_in_an_order_in_which_all_can_be_made() -> None:
    places = {name: place for place, name in enumerate(TABLE)}
    late = [(name, other) for name, kind in TABLE.items() for other in kind.depends_on if places[other] > places[name]]
    assert late == []


@pytest.mark.parametrize(
    ("said", "sent"),
    [({}, 1), ({"desiredCount": 0}, 0), ({"desiredCount": 3}, 3), ({"schedulingStrategy": "DAEMON"}, None)],
)
def test_a_new_service_begins_with_one_task_where_the_file_says_no_count(
    said: dict[str, Any], sent: int | None
) -> None:
    aws = FakeAws(
        {
            "ecs:DescribeServices": lambda query: {"services": [], "failures": []},
            "ecs:CreateService": lambda query: {"service": {"serviceArn": "arn"}},
        }
    )
    TABLE["service"].create(aws, Service("s", cluster="c", definition={"taskDefinition": "t", **said}))
    [query] = [query for operation, query in aws.calls if operation == "ecs:CreateService"]
    assert query.get("desiredCount") == sent


def test_an_update_of_a_service_sends_what_changed_and_nothing_else() -> None:
    aws = FakeAws({"ecs:UpdateService": lambda query: {"service": {}}})
    service = Service("s", cluster="c", definition={"taskDefinition": "t", "desiredCount": 3, "launchType": "EC2"})
    actual = Actual(service.key, "arn", "p")
    TABLE["service"].update(aws, service, actual, {"desiredCount", "launchType"})
    assert aws.calls == [("ecs:UpdateService", {"cluster": "c", "service": "s", "desiredCount": 3})]


def test_a_service_made_again_after_its_removal_has_another_token() -> None:
    old: list[dict[str, Any]] = []
    aws = FakeAws(
        {
            "ecs:DescribeServices": lambda query: {"services": old},
            "ecs:CreateService": lambda query: {"service": {"serviceArn": "arn"}},
        }
    )
    service = Service("s", cluster="c", definition={"taskDefinition": "t"})
    for _ in range(2):
        TABLE["service"].create(aws, service)
    old.append({"status": "INACTIVE", "createdAt": "2026-01-01"})
    TABLE["service"].create(aws, service)
    first, second, third = (query["clientToken"] for name, query in aws.calls if name == "ecs:CreateService")
    assert first == second
    assert third != first


def test_instances_answer_the_metadata_service_only_with_tokens_and_over_one_hop() -> None:
    aws = FakeAws({"ec2:CreateLaunchTemplate": lambda query: {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}})
    TABLE["launch-template"].create(aws, LaunchTemplate("t", profile="p", key_name="k"))
    [(_, query)] = aws.calls
    options = query["LaunchTemplateData"]["MetadataOptions"]
    assert options == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}


def test_only_instances_whose_agent_is_off_are_deregistered_before_they_end() -> None:
    rows = [
        {"containerInstanceArn": f"arn:{id_}", "ec2InstanceId": id_, "agentConnected": on}
        for id_, on in (("i-1", True), ("i-2", False), ("i-3", False))
    ]
    aws = FakeAws(
        {
            "ecs:ListContainerInstances": lambda query: {
                "containerInstanceArns": [row["containerInstanceArn"] for row in rows]
            },
            "ecs:DescribeContainerInstances": lambda query: {"containerInstances": rows},
            "ecs:DeregisterContainerInstance": lambda query: {},
        }
    )
    deregister_instances(aws, "c", ["i-1", "i-2"], disconnected=True)
    gone = [query for name, query in aws.calls if name == "ecs:DeregisterContainerInstance"]
    assert gone == [{"cluster": "c", "containerInstance": "arn:i-2", "force": True}]


def test_rules_added_by_hand_are_not_taken_away_by_an_update() -> None:
    aws = FakeAws(
        {"ec2:AuthorizeSecurityGroupIngress": lambda query: {}, "ec2:RevokeSecurityGroupIngress": lambda query: {}}
    )
    old, by_hand, new = (Ingress(port, port, "tcp", "10.0.0.0/8") for port in (80, 22, 443))
    fields = {"vpc": "v", "ingress": frozenset({old}), "unmarked": frozenset({by_hand})}
    group = SecurityGroup("g", vpc="v", ingress=(new,))
    TABLE["security-group"].update(aws, group, Actual(group.key, "sg-1", "p", fields), {"ingress"})
    ports = [
        (name.partition(":")[2], [rule["FromPort"] for rule in query["IpPermissions"]]) for name, query in aws.calls
    ]
    assert ports == [("AuthorizeSecurityGroupIngress", [443]), ("RevokeSecurityGroupIngress", [80])]


def test_of_equal_revisions_made_at_once_the_lowest_stays() -> None:
    definition = {"family": "web", "containerDefinitions": [{"name": "web", "image": "i", "memory": 4}]}
    rows = {
        number: {**definition, "revision": number, "status": "ACTIVE", "taskDefinitionArn": f"arn:x/web:{number}"}
        for number in (1, 2, 3)
    }
    tags = [{"key": "ecsctl:project", "value": "shop"}]
    registered: list[int] = []

    def describe(query: dict[str, Any]) -> dict[str, Any]:
        if query["taskDefinition"] == "web" and not registered:
            raise AwsError("ecs:DescribeTaskDefinition", "ClientException", "Unable to describe task definition.")
        return {"taskDefinition": rows[int(query["taskDefinition"].rpartition(":")[2])], "tags": tags}

    def register(query: dict[str, Any]) -> dict[str, Any]:
        registered.append(3)
        return {"taskDefinition": rows[3]}

    aws = FakeAws(
        {
            "ecs:DescribeTaskDefinition": describe,
            "ecs:RegisterTaskDefinition": register,
            "ecs:ListTaskDefinitions": lambda query: {"taskDefinitionArns": [f"arn:x/web:{n}" for n in rows]},
            "ecs:DeregisterTaskDefinition": lambda query: {},
            "ecs:DeleteTaskDefinitions": lambda query: {},
        }
    )
    made = TABLE["task-definition"].create(
        aws, TaskDefinition("web", {"ecsctl:project": "shop"}, definition=definition)
    )
    assert made["revision"] == "web:1"
    removed = [query["taskDefinition"] for name, query in aws.calls if name == "ecs:DeregisterTaskDefinition"]
    assert removed == ["arn:x/web:3"]


@pytest.mark.parametrize(
    ("apart", "other", "used"),
    [(5, "i", "web:1"), (5, "another", "web:2"), (3600, "i", "web:2")],
    ids=["made at once", "another one", "an older one"],
)
def test_a_revision_that_its_maker_is_about_to_take_away_is_not_used(apart: int, other: str, used: str) -> None:
    """Two have registered the same at once; the maker of the second has not yet seen the first."""
    definition = {"family": "web", "containerDefinitions": [{"name": "web", "image": "i", "memory": 4}]}
    now = datetime.now(timezone.utc)
    rows = {
        number: {
            "family": "web",
            "containerDefinitions": [{"name": "web", "image": image, "memory": 4}],
            "revision": number,
            "status": "ACTIVE",
            "taskDefinitionArn": f"arn:x/web:{number}",
            "registeredAt": now - timedelta(seconds=ago),
        }
        for number, image, ago in ((1, other, apart), (2, "i", 0))
    }
    tags = [{"key": "ecsctl:project", "value": "shop"}]
    aws = FakeAws(
        {
            "ecs:DescribeTaskDefinition": lambda query: {
                "taskDefinition": rows[int(query["taskDefinition"].rpartition(":")[2])]
                if ":" in query["taskDefinition"]
                else rows[2],
                "tags": tags,
            },
            "ecs:ListTaskDefinitions": lambda query: {"taskDefinitionArns": [f"arn:x/web:{n}" for n in rows]},
        }
    )
    made = TABLE["task-definition"].create(
        aws, TaskDefinition("web", {"ecsctl:project": "shop"}, definition=definition)
    )
    assert made["revision"] == used
    assert "ecs:RegisterTaskDefinition" not in aws.operations()


@pytest.mark.parametrize("others", [0, 40, 400])
def test_log_groups_of_a_common_beginning_are_found_in_one_list_or_else_by_their_names(others: int) -> None:
    existing = {"/ecs/a-1", "/ecs/z-1", "/ecs/z-10", *(f"/ecs/m-{number:03}" for number in range(others))}

    def describe(query: dict[str, Any]) -> dict[str, Any]:
        listed = sorted(name for name in existing if name.startswith(query["logGroupNamePrefix"]))
        start = int(query.get("nextToken", 0))
        more = {"nextToken": str(start + 50)} if start + 50 < len(listed) else {}
        return {
            "logGroups": [{"logGroupName": one, "arn": f"arn:{one}:*"} for one in listed[start : start + 50]],
            **more,
        }

    aws = FakeAws(
        {
            "logs:DescribeLogGroups": describe,
            "logs:ListTagsForResource": lambda query: {
                "tags": {OWNER_TAG: "p"} if "z-1" in query["resourceArn"] else {}
            },
            "resourcegroupstaggingapi:GetResources": lambda query: {"ResourceTagMappingList": []},
        }
    )
    scope = Scope(project="p", region="eu-west-1", cluster="c")
    found = list(TABLE["log-group"].find(aws, scope, {"/ecs/a-1", "/ecs/z-1", "/ecs/missing"}))
    assert [(one.key.name, one.id, one.owner) for one in found] == [
        ("/ecs/a-1", "arn:/ecs/a-1", None),
        ("/ecs/z-1", "arn:/ecs/z-1", "p"),
    ]
    asked = [query for operation, query in aws.calls if operation == "logs:DescribeLogGroups"]
    # As many pages as there are names, and then those that were not among them.
    assert len(asked) == {0: 1, 40: 1, 400: 3 + 2}[others]


GONE = "The specified task definition does not exist. Specify a valid account, family, revision and try again."
ACTIVE = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."


@pytest.mark.parametrize(("reason", "told"), [("MISSING", None), (GONE, None), (ACTIVE, ACTIVE)])
def test_a_revision_that_has_gone_meanwhile_is_no_failure(reason: str, told: str | None) -> None:
    aws = FakeAws(
        {
            "ecs:DeregisterTaskDefinition": lambda query: {},
            "ecs:DeleteTaskDefinitions": lambda query: {"failures": [{"arn": "arn/web:1", "reason": reason}]},
        }
    )
    if told is None:
        remove_revisions(aws, ["arn/web:1"])
        return
    with pytest.raises(AwsError) as caught:
        remove_revisions(aws, ["arn/web:1"])
    assert str(caught.value) == f"ecs:DeleteTaskDefinitions (web:1): Failure: {told}"
