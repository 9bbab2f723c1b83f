"""Carrying a plan out: side by side, in order, and going on from what is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ecsctl.deploy.apply import WORKERS, Event, apply
from ecsctl.deploy.changes import CREATE, REMOVE, Change, Conflict, Plan
from ecsctl.deploy.kinds.cluster import Cluster
from ecsctl.deploy.kinds.iam_role import InstanceRole
from ecsctl.deploy.kinds.instance_profile import InstanceProfile
from ecsctl.deploy.kinds.security_group import Ingress, SecurityGroup
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.observe import Snapshot
from ecsctl.deploy.plan import plan
from ecsctl.deploy.resources import Actual, Key, Ref, Resource, Scope
from ecsctl.deploy.tags import FIELDS_TAG
from ecsctl.errors import AwsError, ConflictError
from ecsctl.polling import Deadline
from tests.support.fake_aws import FakeAws, refused

Json = dict[str, Any]
TAGS = {"ecsctl:project": "shop"}
SCOPE = Scope("shop", "shop", "eu-west-1")
MINE = [{"Key": "ecsctl:project", "Value": "shop"}]
THEIRS = [{"Key": "ecsctl:project", "Value": "other"}]


def group(name: str = "g", *rules: Ingress) -> SecurityGroup:
    return SecurityGroup(name, TAGS, vpc="vpc-1", description="d", ingress=rules)


def planned(*resources: Resource) -> tuple[Plan, Snapshot]:
    snapshot = Snapshot(SCOPE)
    return plan({resource.key: resource for resource in resources}, snapshot, prune=True), snapshot


def carried_out(aws: FakeAws, *resources: Resource) -> Any:
    found, snapshot = planned(*resources)
    return apply(aws, found, snapshot)


def groups(*, tags: list[Json], rules: list[Json] | None = None) -> Callable[[Json], Json]:
    found = {"GroupId": "sg-1", "GroupName": "g", "VpcId": "vpc-1", "Tags": tags, "IpPermissions": rules or []}
    return lambda query: {"SecurityGroups": [found]}


def test_what_is_made_meanwhile_by_the_same_project_is_gone_on_with() -> None:
    rule = Ingress(80, 80, "tcp", "0.0.0.0/0")
    aws = FakeAws(
        {
            "ec2:CreateSecurityGroup": refused("ec2:CreateSecurityGroup", "InvalidGroup.Duplicate"),
            "ec2:DescribeSecurityGroups": groups(tags=MINE),
            "ec2:AuthorizeSecurityGroupIngress": lambda query: {},
        }
    )
    report = carried_out(aws, group("g", rule))
    assert report.whole
    [authorized] = [query for name, query in aws.calls if name == "ec2:AuthorizeSecurityGroupIngress"]
    assert authorized["GroupId"] == "sg-1"


def test_what_is_made_meanwhile_by_another_project_is_not_touched() -> None:
    aws = FakeAws(
        {
            "ec2:CreateSecurityGroup": refused("ec2:CreateSecurityGroup", "InvalidGroup.Duplicate"),
            "ec2:DescribeSecurityGroups": groups(tags=THEIRS),
        }
    )
    [(_, error)] = carried_out(aws, group("g", Ingress(80, 80, "tcp", "0.0.0.0/0"))).failed
    assert isinstance(error, ConflictError)
    assert "made by project other in the meantime" in error.message


def test_a_cluster_that_another_project_makes_meanwhile_is_used_as_it_is() -> None:
    message = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
    theirs = {"clusterName": "c", "clusterArn": "arn:c", "status": "ACTIVE"}
    tags = [{"key": "ecsctl:project", "value": "other"}]
    aws = FakeAws(
        {
            "ecs:CreateCluster": refused("ecs:CreateCluster", "ClientException", message),
            "ecs:DescribeClusters": lambda query: {"clusters": [{**theirs, "tags": tags}]},
            "resourcegroupstaggingapi:GetResources": lambda query: {"ResourceTagMappingList": []},
        }
    )
    report = carried_out(aws, Cluster("c", TAGS))
    assert report.whole
    assert report.attributes[Key("cluster", "c")]["arn"] == "arn:c"


def test_without_time_left_nothing_is_tried_again() -> None:
    aws = FakeAws({"ec2:CreateSecurityGroup": refused("ec2:CreateSecurityGroup", "InvalidGroup.Duplicate")})
    found, snapshot = planned(group())
    [(_, error)] = apply(aws, found, snapshot, deadline=Deadline.after(0, clock=aws.clock)).failed
    assert isinstance(error, AwsError)
    assert aws.operations() == ["ec2:CreateSecurityGroup"]


def test_a_removal_waits_until_what_names_it_is_in_service() -> None:
    told: list[str] = []
    old = Actual(Key("target-group", "t"), "arn:t", "shop", {}, {"arn": "arn:t"})

    def delete(query: Json) -> Json:
        told.append("deleted")
        return {}

    removal = Change(REMOVE, old.key, actual=old, waits=frozenset({"service"}))
    waits = {"service": lambda known: told.append("waited")}
    aws = FakeAws({"elbv2:DeleteTargetGroup": delete})
    report = apply(aws, Plan("shop", "shop", (removal,)), Snapshot(SCOPE, {old.key: old}), waits=waits)
    assert report.whole
    assert told == ["waited", "deleted"]


def test_tags_come_before_an_update_and_the_note_of_its_fields_after_it() -> None:
    service = Service(
        "s", {**TAGS, "team": "api", FIELDS_TAG: "propagateTags"}, cluster="shop", definition={"desiredCount": 2}
    )
    has = Actual(service.key, "arn:s", "shop", {"desiredCount": 1}, {}, tags={**TAGS, "team": "web"})
    aws = FakeAws({"ecs:TagResource": lambda query: {}, "ecs:UpdateService": lambda query: {"service": {}}})
    snapshot = Snapshot(SCOPE, {has.key: has})
    assert apply(aws, plan({service.key: service}, snapshot, prune=True), snapshot).whole
    written = [
        tag["key"] for name, query in aws.calls for tag in query.get("tags", ["update"]) if isinstance(tag, dict)
    ]
    assert aws.operations() == ["ecs:TagResource", "ecs:UpdateService", "ecs:TagResource"]
    assert written == ["team", FIELDS_TAG]


def test_a_lost_answer_is_looked_after_and_nothing_is_made_twice() -> None:
    made: list[Json] = []

    def create(query: Json) -> Json:
        made.append(query)
        raise AwsError("ec2:CreateSecurityGroup", "AnswerLost", "lost", ambiguous=True)

    aws = FakeAws({"ec2:CreateSecurityGroup": create, "ec2:DescribeSecurityGroups": groups(tags=MINE)})
    assert carried_out(aws, group()).whole
    assert len(made) == 1


def test_what_depends_on_a_failure_is_not_begun_and_the_rest_is_done() -> None:
    role = InstanceRole("r", TAGS, policies=())
    profile = InstanceProfile("p", TAGS, role=Ref(role.key, "name"))
    aws = FakeAws(
        {
            "iam:CreateRole": refused("iam:CreateRole", "AccessDenied"),
            "ec2:CreateSecurityGroup": lambda query: {"GroupId": "sg-1"},
        }
    )
    report = carried_out(aws, role, profile, group())
    assert [change.key.name for change, _ in report.failed] == ["r"]
    assert [change.key.name for change in report.skipped] == ["p"]
    assert [change.key.name for change in report.done] == ["g"]
    assert "iam:CreateInstanceProfile" not in aws.operations()


def test_nothing_is_removed_where_something_could_not_be_made() -> None:
    old = Actual(Key(SecurityGroup.kind, "old"), "sg-0", "shop", {"vpc": "v", "ingress": frozenset()}, {"id": "sg-0"})
    snapshot = Snapshot(SCOPE, {old.key: old})
    found = plan({group().key: group()}, snapshot, prune=True)
    aws = FakeAws({"ec2:CreateSecurityGroup": refused("ec2:CreateSecurityGroup", "AccessDenied")})
    report = apply(aws, found, snapshot)
    assert [(change.action, change.key.name) for change in report.skipped] == [(REMOVE, "old")]
    assert "ec2:DeleteSecurityGroup" not in aws.operations()


def test_what_can_go_side_by_side_does() -> None:
    # Each call waits for the other: one after another would never end.
    meeting = threading.Barrier(3, timeout=60)

    def create(query: Json) -> Json:
        meeting.wait()
        return {"GroupId": query["GroupName"]}

    aws = FakeAws({"ec2:CreateSecurityGroup": create})
    assert carried_out(aws, group("a"), group("b"), group("c")).whole


def test_a_reference_is_filled_in_with_what_was_made() -> None:
    front = group("front")
    inside = group("inside", Ingress(80, 80, "tcp", Ref(front.key, "id")))
    aws = FakeAws(
        {
            "ec2:CreateSecurityGroup": lambda query: {"GroupId": f"sg-{query['GroupName']}"},
            "ec2:AuthorizeSecurityGroupIngress": lambda query: {},
        }
    )
    assert carried_out(aws, inside, front).whole
    [rule] = [query["IpPermissions"][0] for name, query in aws.calls if name.endswith("Ingress")]
    assert rule["UserIdGroupPairs"][0]["GroupId"] == "sg-front"


def removal(**answers: Any) -> tuple[FakeAws, Any]:
    actual = Actual(Key(SecurityGroup.kind, "g"), "sg-1", "shop", {"vpc": "v", "ingress": frozenset()}, {"id": "sg-1"})
    snapshot = Snapshot(SCOPE, {actual.key: actual})
    aws = FakeAws({f"ec2:{name}": answer for name, answer in answers.items()})
    return aws, apply(aws, plan({}, snapshot, prune=True), snapshot)


def test_what_has_gone_already_is_removed() -> None:
    _, report = removal(
        DeleteSecurityGroup=refused("ec2:DeleteSecurityGroup", "InvalidGroup.NotFound"),
        DescribeSecurityGroups=lambda query: {"SecurityGroups": []},
    )
    assert report.whole


def test_a_namesake_that_came_in_its_place_is_not_removed() -> None:
    aws, report = removal(
        DeleteSecurityGroup=refused("ec2:DeleteSecurityGroup", "InvalidGroup.NotFound"),
        DescribeSecurityGroups=groups(tags=THEIRS),
    )
    assert report.whole
    assert aws.operations().count("ec2:DeleteSecurityGroup") == 1


def test_a_plan_with_conflicts_is_never_begun() -> None:
    aws = FakeAws({})
    found = Plan(
        "shop",
        "shop",
        (Change(CREATE, group().key, resource=group()),),
        (Conflict(Key(Cluster.kind, "c"), "arn", None),),
    )
    with pytest.raises(ConflictError, match="nothing was changed"):
        apply(aws, found, Snapshot(SCOPE))
    assert aws.calls == []


def test_an_interrupted_run_begins_nothing_more_and_says_what_it_waits_for() -> None:
    said: list[str] = []

    def report(event: Event) -> None:
        if event.phase == "done":
            raise KeyboardInterrupt

    role = InstanceRole("r", TAGS)
    profile = InstanceProfile("p", TAGS, role=Ref(role.key, "name"))
    aws = FakeAws({"iam:CreateRole": lambda query: {"Role": {"Arn": "arn"}}})
    found, snapshot = planned(role, profile)
    with pytest.raises(KeyboardInterrupt):
        apply(aws, found, snapshot, report=report, deadline=Deadline.after(10, said.append))
    assert aws.operations() == ["iam:CreateRole"]
    # And the next run of this process waits as ever.
    assert carried_out(FakeAws({"iam:CreateRole": lambda query: {"Role": {"Arn": "arn"}}}), role).whole


def test_what_was_queued_at_an_interrupt_is_neither_begun_nor_waited_for() -> None:
    interrupted = threading.Event()

    def create(query: Json) -> Json:
        assert interrupted.wait(60)
        return {"GroupId": query["GroupName"]}

    def report(event: Event) -> None:
        if event.change.key.name == f"g{2 * WORKERS - 1}":
            raise KeyboardInterrupt

    def say(line: str) -> None:
        interrupted.set()

    aws = FakeAws({"ec2:CreateSecurityGroup": create})
    found, snapshot = planned(*(group(f"g{number:02}") for number in range(2 * WORKERS)))
    with pytest.raises(KeyboardInterrupt):
        apply(aws, found, snapshot, report=report, deadline=Deadline.after(10, say))
    assert len(aws.operations()) == WORKERS
