"""Managed scaling: groups grow for tasks that wait, and shrink when they were too big for long enough."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from ecsctl.sandbox.interfaces import GroupDetails, InstanceDetails
from tests.sandbox.ecs.world import World

GROUP = "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:0:autoScalingGroupName/web"
SIZE = InstanceDetails("", "t3.small", "", 2048, 1900, "")


def provided(world: World, *, most: int = 10, protects: bool = False, **members: Any) -> None:
    """A cluster whose capacity provider has an empty group."""
    world.auto_scaling.groups[GROUP] = GroupDetails(0, most, 0, [], protects, SIZE)
    scaling = {"status": "ENABLED", **members.pop("managedScaling", {})}
    group = {"autoScalingGroupArn": GROUP, "managedScaling": scaling, **members}
    world.call("CreateCapacityProvider", name="web", autoScalingGroupProvider=group)
    strategy = [{"capacityProvider": "web", "weight": 1}]
    world.call("CreateCluster", capacityProviders=["web"], defaultCapacityProviderStrategy=strategy)
    world.family(cpu=512)


def settle(world: World, seconds: float = 1.0) -> None:
    """Let instances come up to the desired capacity, and time pass."""
    world.step(3, seconds=1)
    facts = world.auto_scaling.groups[GROUP]
    while len(facts.instances) < facts.desired:
        machine = world.host(zone="ab"[world.hosts % 2], auto_scaling_group_arn=GROUP)
        facts = GroupDetails(facts.least, facts.most, facts.desired, [*facts.instances, machine], False, SIZE)
        world.auto_scaling.groups[GROUP] = facts
    world.step(8, seconds=seconds)


def desired(world: World) -> int:
    return world.auto_scaling.groups[GROUP].desired


def test_waiting_tasks_bring_instances_and_run(empty: World) -> None:
    provided(empty)
    empty.call("RunTask", taskDefinition="web", count=10)
    empty.step(3)
    assert {t["lastStatus"] for t in empty.tasks()} == {"PROVISIONING"}
    assert desired(empty) == 3  # four tasks of 512 units fill 2048
    settle(empty)
    assert {t["lastStatus"] for t in empty.tasks()} == {"RUNNING"}
    assert {t["capacityProviderName"] for t in empty.tasks()} == {"web"}
    assert desired(empty) == 3


def test_instances_on_their_way_are_not_ordered_twice(empty: World) -> None:
    provided(empty)
    empty.call("RunTask", taskDefinition="web", count=4)
    empty.step(20, seconds=1)
    assert desired(empty) == 1


def test_steps_bound_growth_until_the_warm_up_is_over(empty: World) -> None:
    provided(empty, managedScaling={"maximumScalingStepSize": 1, "instanceWarmupPeriod": 60})
    empty.call("RunTask", taskDefinition="web", count=10)
    empty.step(10, seconds=2)
    assert desired(empty) == 1
    empty.step(10, seconds=6)
    assert desired(empty) == 2


@pytest.mark.parametrize(("members", "expected"), [({"minimumScalingStepSize": 4}, 4), ({"targetCapacity": 50}, 2)])
def test_least_step_and_target_capacity(empty: World, members: dict[str, int], expected: int) -> None:
    provided(empty, managedScaling=members)
    empty.call("RunTask", taskDefinition="web", count=1)
    settle(empty)
    assert desired(empty) == expected


def test_a_group_never_outgrows_its_maximum_and_the_task_says_why_it_failed(empty: World) -> None:
    provided(empty, most=0)
    empty.call("RunTask", taskDefinition="web")
    empty.step(10, seconds=100)
    assert desired(empty) == 0
    (task,) = empty.tasks(desiredStatus="STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == (
        "TaskFailedToStart",
        "TaskFailedToStart: EMPTY CAPACITY PROVIDER",
    )


def test_a_task_too_big_for_the_instances_orders_none(empty: World) -> None:
    provided(empty)
    empty.family("big", cpu=4096)
    empty.call("RunTask", taskDefinition="big")
    empty.step(10, seconds=1)
    assert desired(empty) == 0


def test_an_idle_group_shrinks_after_a_quarter_of_an_hour(empty: World) -> None:
    provided(empty)
    arns = [t["taskArn"] for t in empty.call("RunTask", taskDefinition="web", count=8)["tasks"]]
    settle(empty)
    assert desired(empty) == 2
    for arn in arns:
        empty.call("StopTask", task=arn)
    empty.step(80, seconds=10)
    assert desired(empty) == 2
    empty.step(20, seconds=10)
    assert desired(empty) == 0
    assert empty.auto_scaling.reported[-1] == 0.0
    assert max(empty.auto_scaling.reported) == 200.0


def test_termination_protection_holds_the_instances_that_work(empty: World) -> None:
    provided(empty, protects=True, managedTerminationProtection="ENABLED")
    arns = [t["taskArn"] for t in empty.call("RunTask", taskDefinition="web", count=1)["tasks"]]
    settle(empty)
    assert empty.auto_scaling.protected == set(empty.auto_scaling.groups[GROUP].instances) != set()
    empty.call("StopTask", task=arns[0])
    empty.step(10, seconds=1)
    assert empty.auto_scaling.protected == set()


def test_termination_protection_needs_the_groups_own(empty: World) -> None:
    with pytest.raises(EcsApiError, match="instance protection from scale in enabled"):
        provided(empty, managedTerminationProtection="ENABLED")


def test_a_cluster_shows_what_was_made_for_it_and_a_deleted_provider_leaves(empty: World) -> None:
    provided(empty)
    empty.step(2)
    (cluster,) = empty.call("DescribeClusters", include=["ATTACHMENTS"])["clusters"]
    kinds = {a["type"]: {d["name"]: d["value"] for d in a["details"]} for a in cluster["attachments"]}
    assert kinds["managed_scaling"]["scalingPolicyName"] == empty.auto_scaling.policies[GROUP]
    assert set(kinds) == {"managed_scaling", "managed_draining"}
    empty.call(
        "PutClusterCapacityProviders", cluster="default", capacityProviders=[], defaultCapacityProviderStrategy=[]
    )
    empty.call("DeleteCapacityProvider", capacityProvider="web")
    empty.step(2)
    assert empty.auto_scaling.policies == {}
