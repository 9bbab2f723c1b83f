"""Instances of the project that have left its Auto Scaling group, and what a removal leaves: told, not forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ecsctl.aws.session import Aws
from tests.scenarios.test_guards import FILE, Shop
from tests.support.account import holdings
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running, SandboxClock

pytestmark = pytest.mark.slow

ROLE = "ecsctl-shop-eu-west-1"


@pytest.fixture
def shop(sandbox: Running, tmp_path: Path) -> Shop:
    return Shop.made_of(sandbox, tmp_path, FILE)


def detached(shop: Shop, *, all_: bool = False) -> list[str]:
    ids = shop.hosts() if all_ else shop.hosts()[:1]
    groups = shop.sandbox.client("autoscaling")
    if all_:
        groups.update_auto_scaling_group(AutoScalingGroupName="ecsctl-shop", MinSize=0)
    groups.detach_instances(InstanceIds=ids, AutoScalingGroupName="ecsctl-shop", ShouldDecrementDesiredCapacity=all_)
    shop.sandbox.sandbox.advance(60)
    return ids


def state(shop: Shop, id_: str) -> str:
    [reservation] = shop.sandbox.client("ec2").describe_instances(InstanceIds=[id_])["Reservations"]
    return str(reservation["Instances"][0]["State"]["Name"])


def test_a_detached_instance_is_told_and_goes_with_down(shop: Shop) -> None:
    [id_] = detached(shop)
    assert state(shop, id_) == "running"
    note = f"instance {id_} of the project is running and in no Auto Scaling group: it goes with `ecsctl down`"
    for command in (["plan"], ["up", "--yes"]):
        ended = shop.run(command[0], FILE, *command[1:])
        assert ended.code == 0, ended.err
        assert note in ended.err
    assert state(shop, id_) == "running"
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 0, ended.err
    assert f"- remove instance {id_}" in ended.err
    assert state(shop, id_) == "terminated"
    assert not [name for name in holdings(shop.sandbox) if "shop" in name or "home" in name]


def test_instances_without_a_group_go_with_down(shop: Shop) -> None:
    ids = detached(shop, all_=True)
    shop.sandbox.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="ecsctl-shop")
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 0, ended.err
    assert {state(shop, id_) for id_ in ids} == {"terminated"}
    assert not [name for name in holdings(shop.sandbox) if "shop" in name or "home" in name]


def test_a_detached_instance_on_which_others_run_tasks_stays(shop: Shop) -> None:
    shop.started(4)
    [id_] = detached(shop)
    before = shop.holdings()
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 1
    assert f"removing instance {id_} would stop task " in ended.err
    assert shop.holdings() == before


class Forgetful(Aws):
    """An AWS that says it has done one operation, and has not."""

    forgets: tuple[str, ...] = ()

    def call(self, service: str, operation: str, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
        return {} if operation in self.forgets else super().call(service, operation, params, **options)


def down_with(shop: Shop, *forgets: str) -> Ended:
    aws = Forgetful(shop.sandbox.target, clock=SandboxClock(shop.sandbox.sandbox))
    aws.forgets = forgets
    return ecsctl(aws, "down", "-f", str(shop.folder / "ecsctl.yaml"), "--yes")


def test_what_is_left_after_a_removal_is_named(shop: Shop) -> None:
    ended = down_with(shop, "DeleteLaunchTemplate", "DeleteRole")
    assert ended.code == 1
    assert "2 resources of project shop are still there" in ended.err
    assert f"  iam-role {ROLE} (" in ended.err
    assert "  launch-template ecsctl-shop (" in ended.err
    ended = down_with(shop, "DeleteRole")
    assert ended.code == 1
    assert f"iam-role {ROLE} (" in ended.err
    assert "of project shop is still there" in ended.err
    assert "Nothing is left" not in ended.err
    assert shop.run("down", FILE, "--yes").code == 0


def test_instances_of_another_project_are_none_of_this_one(shop: Shop) -> None:
    [id_] = detached(shop)
    other = FILE.replace("name: shop", "name: other").replace("cluster: home", "cluster: theirs")
    assert f"instance {id_}" not in shop.run("plan", other).err
    assert "Nothing to remove" in shop.run("down", other, "--yes").err
    assert state(shop, id_) == "running"
