"""Rules whose traffic deployments shift: how it is shared is no difference, and what is changed keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsctl.deploy.kinds.elbv2_listeners import Forward, ListenerRule, as_shared, left_behind
from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.resources import Actual

BLUE, GREEN, OLD = (f"arn:x:targetgroup/{name}/1" for name in ("blue", "green", "old"))
WANTED = ListenerRule(5, (), ("/*",), BLUE, other=GREEN)


def live(*groups: str, **more: Any) -> ListenerRule:
    """A rule as AWS has it; the first group gets most."""
    return replace(ListenerRule(5, (), ("/*",), groups[0], targets=frozenset(groups)), **more)


def listener(*rules: ListenerRule) -> Forward:
    return Forward(80, "HTTP", BLUE, rules=rules)


@pytest.mark.parametrize(
    ("rule", "same"),
    [
        (live(BLUE, GREEN), True),
        (live(GREEN, BLUE), True),
        (live(GREEN, BLUE, instead="green 90, blue 10"), True),
        (live(BLUE), False),
        (live(BLUE, OLD), False),
        (live(BLUE, GREEN, paths=("/a",)), False),
        (live(BLUE, GREEN, instead="where http-header"), False),
    ],
)
def test_the_share_of_each_group_is_the_deployments_to_say(rule: ListenerRule, same: bool) -> None:
    assert (as_shared(listener(rule), listener(WANTED)) == listener(WANTED)) is same


def test_a_rule_that_becomes_shared_keeps_its_traffic_where_it_is() -> None:
    def shares(first: str) -> list[tuple[str, int]]:
        [action] = WANTED.actions(first)
        return [(row["TargetGroupArn"], row["Weight"]) for row in action["ForwardConfig"]["TargetGroups"]]

    assert shares("") == shares(BLUE) == [(BLUE, 100), (GREEN, 0)]
    assert shares(GREEN) == [(GREEN, 100), (BLUE, 0)]
    assert replace(WANTED, other="").actions() == [{"Type": "forward", "TargetGroupArn": BLUE}]


def test_traffic_that_would_be_left_behind_is_told() -> None:
    def told(rule: ListenerRule, *wanted: ListenerRule) -> list[str]:
        actual = Actual(LoadBalancer("front").key, "arn", "p", fields={"listeners": frozenset({listener(rule)})})
        return list(left_behind(actual, [listener(*wanted)]))

    [line] = told(live(GREEN, BLUE))
    assert line.startswith(
        "load-balancer-v2 front: the traffic of rule 5 of listener 80 is with the target group green now"
    )
    assert not told(live(GREEN, BLUE), WANTED)
    assert not told(live(BLUE, GREEN))
    assert not told(live(BLUE))
    assert told(live(GREEN, BLUE), replace(WANTED, other=""))
