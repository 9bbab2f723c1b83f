"""The table of kinds is whole: one row a kind, each able to do what the planner may ask of it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import ecsctl.deploy.kinds
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.base import Kind
from ecsctl.deploy.kinds.service import Service
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
