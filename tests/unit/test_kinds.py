"""The table of kinds is whole: one row a kind, each able to do what the planner may ask of it."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.base import Kind
from ecsctl.deploy.plan import topological
from ecsctl.deploy.resources import KINDS, Key, Service
from tests.support.fake_aws import FakeAws


def test_every_kind_has_its_row_and_no_row_is_of_no_kind() -> None:
    assert set(TABLE) == {kind.kind for kind in KINDS}
    assert [TABLE[kind.kind].resource for kind in KINDS] == list(KINDS)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_each_kind_can_do_all_that_is_asked_of_it(name: str) -> None:
    kind = TABLE[name]
    wanted = {"find", "create", "delete"}
    if kind.resource("x").fields():
        wanted.add("update")
    missing = {method for method in wanted if getattr(type(kind), method) is getattr(Kind, method)}
    assert missing == set()


@pytest.mark.parametrize("name", sorted(TABLE))
def test_what_a_kind_says_of_fields_and_kinds_exists(name: str) -> None:
    kind = TABLE[name]
    fields = set(kind.resource("x").fields())
    # A service has the fields of its definition.
    assert name == "service" or kind.fixed | kind.rooted <= fields
    assert kind.held_by <= set(TABLE)
    assert name not in kind.held_by


def test_there_is_an_order_in_which_all_can_go() -> None:
    keys = {name: Key(name, "x") for name in TABLE}
    order = topological({keys[name]: frozenset(keys[kind] for kind in TABLE[name].held_by) for name in TABLE})
    places = {key.kind: place for place, key in enumerate(order)}
    assert [name for name in TABLE for holder in TABLE[name].held_by if places[holder] > places[name]] == []


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
