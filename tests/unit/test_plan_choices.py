"""What the planner does with what others made, with what goes, and in which order."""

from __future__ import annotations

from typing import Any

from ecsctl.deploy.changes import REMOVE, UPDATE
from ecsctl.deploy.kinds.cluster import Cluster
from ecsctl.deploy.kinds.iam_role import InstanceRole
from ecsctl.deploy.kinds.instance_profile import InstanceProfile
from ecsctl.deploy.kinds.security_group import Ingress, SecurityGroup
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.observe import Snapshot
from ecsctl.deploy.plan import plan, removals
from ecsctl.deploy.resources import OWNER_TAG, Actual, Key, Ref, Resource, Scope
from tests.support.memory import Memory

SCOPE = Scope("shop", "shop", "eu-west-1")
TAGS = {OWNER_TAG: "shop"}
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/ecsctl-svc/1"
INSTANCE = Actual(Key("instance", "i-1"), "i-1", "shop", {"state": "running"}, {"id": "i-1"})


def found(*actuals: Actual, scope: Scope = SCOPE) -> Snapshot:
    return Snapshot(scope, {actual.key: actual for actual in actuals})


def wanted(*resources: Resource) -> dict[Key, Resource]:
    return {resource.key: resource for resource in resources}


def actual_service(**live: Any) -> Actual:
    live = {"schedulingStrategy": "REPLICA", "launchType": "EC2", "desiredCount": 1, **live}
    return Actual(Key("service", "svc"), "arn:…/shop/svc", "shop", live, {"name": "svc"}, tags=TAGS)


def test_an_instance_by_itself_stays_while_the_project_does_and_goes_with_it() -> None:
    cluster = Actual(Key("cluster", "shop"), "arn:cluster", "shop", {}, {}, tags=TAGS)
    staying = plan(wanted(Cluster("shop", TAGS)), found(cluster, INSTANCE), prune=True)
    assert staying.changes == ()
    assert staying.notes[0].startswith("instance i-1 of the project is running and in no Auto Scaling group")
    leaving = plan({}, found(cluster, INSTANCE), prune=True)
    assert [(change.action, str(change.key)) for change in leaving.changes] == [
        (REMOVE, "instance i-1"),
        (REMOVE, "cluster shop"),
    ]
    assert leaving.notes == ()


def test_what_was_put_by_hand_on_what_another_made_is_their_own_business() -> None:
    group = SecurityGroup("g", TAGS, vpc="vpc-1")
    by_hand = frozenset({Ingress(22, 22, "tcp", "10.0.0.0/8")})
    fields = {"vpc": "vpc-1", "ingress": frozenset(), "unmarked": by_hand}
    theirs, own = (Actual(group.key, "sg-1", owner, fields) for owner in ("other", "shop"))
    named = Scope("shop", "shop", "eu-west-1", named=frozenset({group.key}))
    assert plan(wanted(group), found(theirs, scope=named), prune=False).notes == ()
    [note] = plan(wanted(group), found(own), prune=False).notes
    assert "22/tcp from 10.0.0.0/8 by a rule that ecsctl did not make" in note


def test_a_service_is_taken_off_what_goes_only_where_it_does_go() -> None:
    entry = {"targetGroupArn": GROUP, "containerName": "web", "containerPort": 80}
    target = Actual(Key("target-group", "ecsctl-svc"), GROUP, "shop", {}, {"arn": GROUP})
    there = found(actual_service(loadBalancers=[entry]), target)
    service = Service("svc", TAGS, cluster="shop", definition={"desiredCount": 1})
    kept = plan(wanted(service), there, prune=False)
    assert kept.changes == ()
    gone = plan(wanted(service), there, prune=True)
    assert [(change.action, change.key.kind, change.changed) for change in gone.changes] == [
        (UPDATE, "service", {"loadBalancers"}),
        (REMOVE, "target-group", frozenset()),
    ]


def test_tags_alone_leave_what_refers_to_it_as_it_is() -> None:
    def resources(team: str) -> dict[Key, Resource]:
        role = InstanceRole("r", {**TAGS, "team": team})
        return wanted(role, InstanceProfile("p", TAGS, role=Ref(role.key, "name")))

    memory = Memory(SCOPE)
    memory.carry_out(plan(resources("web"), memory.snapshot(), prune=True))
    again = plan(resources("api"), memory.snapshot(), prune=True)
    assert [(change.action, str(change.key)) for change in again.changes] == [(UPDATE, "iam-role r")]


def test_what_holds_something_waits_for_as_much_as_it() -> None:
    target = Actual(Key("target-group", "ecsctl-svc"), GROUP, "shop")
    front = Actual(Key("load-balancer-v2", "front"), "arn:front", "shop")
    entry = {"targetGroupArn": GROUP, "containerName": "web", "containerPort": 80}
    changes = removals([target, front], [actual_service(loadBalancers=[entry])])
    assert [(change.key.kind, change.waits) for change in changes] == [
        ("load-balancer-v2", {"service"}),
        ("target-group", {"service"}),
    ]
    assert {change.waits for change in removals([target, front])} == {frozenset()}


def test_everything_goes_before_what_it_uses() -> None:
    kinds = (
        "cluster",
        "iam-role",
        "instance-profile",
        "security-group",
        "launch-template",
        "auto-scaling-group",
        "instance",
        "load-balancer",
        "service",
        "target-group",
        "task-definition",
    )
    order = [change.key.kind for change in removals([Actual(Key(kind, "x"), kind, "shop") for kind in kinds])]
    for first, later in (
        ("service", "auto-scaling-group"),
        ("service", "load-balancer"),
        ("service", "task-definition"),
        ("service", "target-group"),
        ("auto-scaling-group", "launch-template"),
        ("auto-scaling-group", "cluster"),
        ("instance", "cluster"),
        ("launch-template", "instance-profile"),
        ("instance-profile", "iam-role"),
        ("load-balancer", "security-group"),
    ):
        assert order.index(first) < order.index(later), f"{later} went before {first}"
