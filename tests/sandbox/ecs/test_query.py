"""The cluster query language."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.refusals.cluster_query import QueryError, Subject, parse

NOW = 1_700_000_000.0
THE_INSTANCE = Subject(
    attributes={"ecs.instance-type": "t3.small", "stack": "blue", "flag": None, "tier": "10"},
    facts={
        "agentConnected": "true",
        "agentVersion": "1.97.0",
        "ec2InstanceId": "i-1",
        "registeredAt": NOW - 3600,
        "runningTasksCount": 2,
    },
    task_groups=frozenset({"service:web", "family:job"}),
    now=NOW,
)


@pytest.mark.parametrize(
    "expression",
    [
        "attribute:ecs.instance-type == t3.small",
        "attribute:ecs.instance-type equals t3.small",
        "attribute:ecs.instance-type =~ t3.*",
        "attribute:ecs.instance-type !~ t2.*",
        "attribute:stack in [red, blue]",
        "attribute:stack !in [red, green]",
        "attribute:stack not_in [red]",
        "attribute:flag exists",
        "attribute:nope !exists",
        "attribute:nope != x",
        "attribute:tier > 9",
        "agentVersion >= 1.9.0",
        "agentConnected == true",
        "runningTasksCount <= 2 and runningTasksCount > 1",
        "task:group == service:web",
        "not(task:group == service:api)",
        "!(task:group == service:api) && ec2InstanceId in ['i-1', 'i-2']",
        "attribute:stack == red or (attribute:stack == blue and runningTasksCount == 2)",
        "registeredAt > -24h",
        "registeredAt < 2023-11-15",
    ],
)
def test_true(expression: str) -> None:
    assert parse(expression)(THE_INSTANCE)
    assert not parse(f"not ({expression})")(THE_INSTANCE)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "   ",
        "attribute:a",
        "attribute:a ==",
        "colour == blue",
        "attribute:a ~~ b",
        "(attribute:a == b",
        "attribute:a == b)",
        "attribute:a in b",
        "attribute:a in [b",
        "attribute:a =~ [",
        "attribute:a =~ '['",
        "x" * 2001,
        "attribute:a == b and",
    ],
)
def test_not_of_the_language(expression: str) -> None:
    with pytest.raises(QueryError):
        parse(expression)


@pytest.mark.slow
@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(QueryError):
        parse(text)(THE_INSTANCE)


def test_and_binds_closer_than_or() -> None:
    yes, no = "ec2InstanceId == i-1", "ec2InstanceId == i-2"
    assert parse(f"{yes} or {no} and {no}")(THE_INSTANCE)
    assert not parse(f"({yes} or {no}) and {no}")(THE_INSTANCE)
