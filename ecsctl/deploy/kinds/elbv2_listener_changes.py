"""Changes of the listeners of application and network balancers, and of their rules: part of their balancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.kinds.elbv2_listeners import Forward, ListenerRule, as_shared, in_the_way, listed
from ecsctl.deploy.resources import OWNER_TAG, tag_list
from ecsctl.errors import ConflictError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws


def make(aws: Aws, balancer: str, name: str, listener: Forward, tags: Mapping[str, str]) -> None:
    """Make a listener with its rules. ``name``: of the balancer, for messages."""
    query = {"LoadBalancerArn": balancer, **_input(listener), "Tags": tag_list(tags)}
    made = aws.call("elbv2", "CreateListener", query, about=f"load balancer {name}")
    arn = str(made["Listeners"][0]["ListenerArn"])
    for rule in listener.rules:
        _make_rule(aws, arn, name, rule, tags)


def change(aws: Aws, balancer: str, name: str, listeners: Sequence[Forward], tags: Mapping[str, str]) -> None:
    """Have a balancer listen as wanted: changed in place, made where missing, removed where not wanted.

    Raises:
        ConflictError: somebody else's listener or rule is in the place of one that is wanted.
    """
    wanted = {listener.port: listener for listener in listeners}
    found = listed(aws, balancer, tags.get(OWNER_TAG))
    for item in in_the_way(found.others, listeners):
        raise ConflictError(
            f"{item} is in the way, and was made by {f'project {item.owner}' if item.owner else 'somebody else'}",
            hint="run the same command again to see what is in the way",
        )
    there = {**found.own, **{item.arn: item.forward for item in found.others if item.forward}}
    for arn, shown in there.items():
        listener = wanted.pop(shown.port, None)
        if listener is None:
            if arn in found.own:
                aws.call("elbv2", "DeleteListener", {"ListenerArn": arn}, about=f"load balancer {name}")
            continue
        if replace(shown, rules=()) != replace(listener, rules=()):
            query = {"ListenerArn": arn, **_input(listener)}
            aws.call("elbv2", "ModifyListener", query, about=f"load balancer {name}")
        _change_rules(aws, arn, name, shown, found.rules.get(arn, {}), listener, tags)
    for listener in wanted.values():
        make(aws, balancer, name, listener, tags)


def _change_rules(
    aws: Aws,
    arn: str,
    name: str,
    shown: Forward,
    arns: Mapping[int, str],
    listener: Forward,
    tags: Mapping[str, str],
) -> None:
    """Have a listener's own rules as wanted, so that no request is ever without the rule that it had.

    Where rules come in between, those below move down first, the last one before all; where rules go, those below
    move up, the first one before all.
    """
    own = {rule.priority: rule for rule in as_shared(shown, listener).rules}
    wanted = {rule.priority: rule for rule in listener.rules}
    for priority in sorted(wanted, reverse=len(wanted) >= len(own)):
        rule = wanted[priority]
        if priority not in own:
            _make_rule(aws, arn, name, rule, tags)
        elif own[priority] != rule:
            query = {
                "RuleArn": arns[priority],
                "Conditions": rule.conditions(),
                "Actions": rule.actions(str(own[priority].group)),
            }
            aws.call("elbv2", "ModifyRule", query, about=f"load balancer {name}")
    for priority in own.keys() - wanted.keys():
        aws.call("elbv2", "DeleteRule", {"RuleArn": arns[priority]}, about=f"load balancer {name}")


def _make_rule(aws: Aws, listener: str, name: str, rule: ListenerRule, tags: Mapping[str, str]) -> None:
    query = {
        "ListenerArn": listener,
        "Priority": rule.priority,
        "Conditions": rule.conditions(),
        "Actions": rule.actions(),
        "Tags": tag_list(tags),
    }
    aws.call("elbv2", "CreateRule", query, about=f"load balancer {name}")


def _input(listener: Forward) -> dict[str, Any]:
    """A listener without its rules as CreateListener and ModifyListener take it."""
    action: dict[str, Any] = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    if listener.redirect:
        to = {"Protocol": "HTTPS", "Port": str(listener.redirect), "StatusCode": "HTTP_301"}
        action = {"Type": "redirect", "RedirectConfig": to}
    elif listener.group:
        action = {"Type": "forward", "TargetGroupArn": str(listener.group)}
    query: dict[str, Any] = {"Port": listener.port, "Protocol": listener.protocol, "DefaultActions": [action]}
    if listener.certificate:
        query["Certificates"] = [{"CertificateArn": listener.certificate}]
    return query
