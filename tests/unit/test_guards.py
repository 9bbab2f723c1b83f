"""What a plan would take from others, in words."""

from __future__ import annotations

import pytest

from ecsctl.actions.instances import require_own
from ecsctl.deploy.apply import conflict
from ecsctl.deploy.changes import Plan
from ecsctl.deploy.guards import Refusal, Use, refusals, ways_out
from ecsctl.deploy.resources import Key
from ecsctl.errors import ConflictError
from ecsctl.query.views import InstanceView
from tests.support.fake_aws import FakeAws

GROUP, CLUSTER = Key("auto-scaling-group", "g"), Key("cluster", "c")
THEIRS = Use("service oweb", "other", "stop", "2 tasks on i-1", "ecsctl service delete oweb -c c")
OWN = Use("service svc", "shop", "stop", ends="ecsctl service delete svc -c c")
NOBODYS = Use("task 0123", None, "stop", ends="ecsctl stop 0123 -c c")


def test_only_what_others_use_is_refused_and_each_use_once() -> None:
    found = refusals("shop", {("remove", GROUP): [OWN, THEIRS, THEIRS, NOBODYS], ("remove", CLUSTER): [OWN]})
    assert found == (Refusal("remove", GROUP, THEIRS), Refusal("remove", GROUP, NOBODYS))
    assert [str(item) for item in found] == [
        "removing auto-scaling-group g would stop service oweb of project other (2 tasks on i-1)",
        "removing auto-scaling-group g would stop task 0123, which ecsctl did not make",
    ]
    assert refusals("other", {("update", GROUP): [THEIRS]}) == ()


def test_a_plan_with_refusals_is_blocked_and_says_what_to_type_next() -> None:
    one = Plan("shop", "c", refusals=(Refusal("replace", GROUP, THEIRS),))
    assert one.blocked
    error = conflict(one)
    assert error.message.startswith("replacing auto-scaling-group g would stop service oweb of project other")
    assert error.message.endswith("nothing was changed")
    assert "`ecsctl service delete oweb -c c`" in (error.hint or "")
    two = Plan("shop", "c", refusals=(Refusal("update", GROUP, THEIRS), Refusal("remove", CLUSTER, NOBODYS)))
    error = conflict(two)
    assert error.details == tuple(map(str, two.refusals))
    assert two.to_data()["refusals"][1] == {
        "action": "remove",
        "kind": "cluster",
        "name": "c",
        "usedBy": "task 0123",
        "owner": None,
        "message": "removing cluster c would stop task 0123, which ecsctl did not make",
    }


def test_many_ways_out_are_cut_and_none_is_said_as_well() -> None:
    many = [Refusal("remove", GROUP, Use("task", None, ends=f"ecsctl stop {number} -c c")) for number in range(5)]
    assert "`ecsctl stop 2 -c c` and 2 more like it" in ways_out(many)
    assert "`ecsctl stop 3" not in ways_out(many)
    assert (
        ways_out([Refusal("remove", GROUP, Use("x", None))])
        == "move or remove what uses it first, or leave it in place"
    )


def test_a_machine_of_ecs_anywhere_is_not_asked_of_ec2_and_has_a_way_out_of_its_own() -> None:
    aws = FakeAws({})
    view = InstanceView("arn:aws:ecs:eu-west-1:1:container-instance/home/0123", "mi-1", "ACTIVE", True)
    with pytest.raises(ConflictError, match="mi-1 was not made by ecsctl") as caught:
        require_own(aws, [view])
    hint = caught.value.hint
    assert hint == "`aws ecs deregister-container-instance --cluster home --container-instance 0123` does"
    assert aws.operations() == []
