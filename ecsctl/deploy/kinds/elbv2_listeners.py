"""The listeners of application and network balancers, with their rules: part of their balancer, not kinds of their own.

Rules that somebody else added to a listener are not ecsctl's: they are neither seen nor changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.elbv2_tags import tags_by_arn
from ecsctl.deploy.resources import OWNER_TAG, Ref, tag_list
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

OPERATIONS = (
    "elbv2:CreateListener",
    "elbv2:CreateRule",
    "elbv2:DeleteListener",
    "elbv2:DeleteRule",
    "elbv2:DescribeListeners",
    "elbv2:DescribeRules",
    "elbv2:ModifyListener",
    "elbv2:ModifyRule",
)
# What a redirect of ecsctl's leaves as the request has it.
KEPT = ("Host", "Path", "Query")
GONE = frozenset(
    {
        "ListenerNotFound",
        "ListenerNotFoundException",
        "LoadBalancerNotFound",
        "LoadBalancerNotFoundException",
        "RuleNotFound",
        "RuleNotFoundException",
    }
)


@dataclass(frozen=True)
class ListenerRule:
    """What comes for one of ``hosts`` (all, where there are none) and ``paths`` goes to the target group ``group``.

    Both are sorted: their order means nothing.
    """

    priority: int
    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    group: Ref | str

    def __str__(self) -> str:
        return f"{', '.join((*self.hosts, *self.paths))} → {_group_name(self.group)}"

    def conditions(self) -> list[dict[str, Any]]:
        """Its conditions as the API takes them: several values of one only as a configuration."""
        both = (("host-header", "HostHeaderConfig", self.hosts), ("path-pattern", "PathPatternConfig", self.paths))
        return [{"Field": field, config: {"Values": list(values)}} for field, config, values in both if values]


@dataclass(frozen=True)
class Forward:
    """A listener: what no rule takes goes to the target group ``group``, or to the port ``redirect``, or is a 404.

    ``instead``: what a listener that AWS has does that ecsctl never asks for, in words.
    """

    port: int
    protocol: str
    group: Ref | str | None = None
    certificate: str | None = None
    redirect: int | None = None
    rules: tuple[ListenerRule, ...] = ()
    instead: str = ""

    def __str__(self) -> str:
        if self.instead:
            return "; ".join([f"{self.protocol}:{self.port} → {self.instead}", *map(str, self.rules)])
        default = f"redirect to {self.redirect}" if self.redirect else _group_name(self.group) if self.group else "404"
        return "; ".join([f"{self.protocol}:{self.port} → {default}", *map(str, self.rules)])


def _group_name(group: Ref | str | None) -> str:
    return group.split("/")[-2] if isinstance(group, str) and "/" in group else str(group)


def described(aws: Aws, balancer: str, owner: str | None) -> list[Forward]:
    """The listeners of a balancer (its ARN), each with the rules of ``owner``; without rules where that is None."""
    return [_forward(row, _own_rules(aws, row, owner)) for row in _own_listeners(aws, balancer, owner)[0]]


def others_described(aws: Aws, balancer: str, owner: str | None) -> list[Forward]:
    """The listeners that others than ``owner`` put on a balancer, each with the rules of ``owner``."""
    return [_forward(row, _own_rules(aws, row, owner)) for row in _own_listeners(aws, balancer, owner)[1]]


def _own_listeners(aws: Aws, balancer: str, owner: str | None) -> tuple[list[Any], list[Any]]:
    """The listeners of a balancer: those of ``owner`` (all, where that is None), and those of others."""
    rows = _listeners(aws, balancer)
    if owner is None or not rows:
        return rows, []
    tags = tags_by_arn(aws, [str(row["ListenerArn"]) for row in rows], GONE)
    theirs = [arn for arn, said in tags.items() if said.get(OWNER_TAG) != owner]
    return [row for row in rows if row["ListenerArn"] not in theirs], [
        row for row in rows if row["ListenerArn"] in theirs
    ]


def own_arns(aws: Aws, balancer: str, owner: str | None) -> list[str]:
    """The ARNs of the listeners of a balancer, and of the rules of ``owner``."""
    listeners = _listeners(aws, balancer)
    rules = [str(rule["RuleArn"]) for row in listeners for rule in _own_rules(aws, row, owner)]
    return [*(str(row["ListenerArn"]) for row in listeners), *rules]


@dataclass(frozen=True)
class Foreign:
    """A listener or a rule that somebody else put on a balancer: its port, where it forwards to, who uses what."""

    port: int
    targets: frozenset[str]
    use: Use
    rule: bool = False


def of_others(usage: Usage, balancers: Collection[str]) -> Iterator[Foreign]:
    """The listeners and rules of others on these balancers (their ARNs): those that do not carry the project's tag."""
    for balancer in balancers:
        yield from usage.once(("listeners", balancer), lambda arn=balancer: list(_of_others(usage, arn)))  # type: ignore[misc]


def _of_others(usage: Usage, balancer: str) -> Iterator[Foreign]:
    name = balancer.split("/")[-2] if "/" in balancer else balancer
    rows = _listeners(usage.aws, balancer)
    tags = tags_by_arn(usage.aws, [str(row["ListenerArn"]) for row in rows], GONE) if rows else {}
    for row in rows:
        arn, port = str(row["ListenerArn"]), int(row.get("Port", 0))
        owner = tags.get(arn, {}).get(OWNER_TAG)
        if arn in tags and owner != usage.scope.project:
            ends = f"aws elbv2 delete-listener --listener-arn {arn}"
            use = Use(f"listener {port} of load balancer {name}", owner, ends=ends)
            yield Foreign(port, frozenset(map(_group_of, row.get("DefaultActions", ()))), use)
        for rule, whose in _rules_with_owners(usage.aws, row):
            if whose == usage.scope.project:
                continue
            ends = f"aws elbv2 delete-rule --rule-arn {rule['RuleArn']}"
            use = Use(f"rule {rule['Priority']} of listener {port} of load balancer {name}", whose, ends=ends)
            yield Foreign(port, frozenset(map(_group_of, rule.get("Actions", ()))), use, rule=True)


def make(aws: Aws, balancer: str, name: str, listener: Forward, tags: Mapping[str, str]) -> None:
    """Make a listener with its rules. ``name``: of the balancer, for messages."""
    query = {"LoadBalancerArn": balancer, **_input(listener), "Tags": tag_list(tags)}
    made = aws.call("elbv2", "CreateListener", query, about=f"load balancer {name}")
    arn = str(made["Listeners"][0]["ListenerArn"])
    for rule in listener.rules:
        _make_rule(aws, arn, name, rule, tags)


def change(aws: Aws, balancer: str, name: str, listeners: Sequence[Forward], tags: Mapping[str, str]) -> None:
    """Have a balancer listen as wanted: changed in place, made where missing, removed where not wanted."""
    wanted = {listener.port: listener for listener in listeners}
    own = {row["ListenerArn"] for row in _own_listeners(aws, balancer, tags.get(OWNER_TAG))[0]}
    for row in _listeners(aws, balancer):
        listener = wanted.pop(int(row["Port"]), None)
        if listener is None:
            if row["ListenerArn"] not in own:
                continue
            aws.call("elbv2", "DeleteListener", {"ListenerArn": row["ListenerArn"]}, about=f"load balancer {name}")
            continue
        shown = _forward(row, [])
        if shown.instead or _input(shown) != _input(listener):
            query = {"ListenerArn": row["ListenerArn"], **_input(listener)}
            aws.call("elbv2", "ModifyListener", query, about=f"load balancer {name}")
        _change_rules(aws, row, name, listener, tags)
    for listener in wanted.values():
        make(aws, balancer, name, listener, tags)


def _change_rules(aws: Aws, row: Mapping[str, Any], name: str, listener: Forward, tags: Mapping[str, str]) -> None:
    """Have a listener's own rules as wanted, so that no request is ever without the rule that it had.

    Where rules come in between, those below move down first, the last one before all; where rules go, those below
    move up, the first one before all.
    """
    own = {int(rule["Priority"]): rule for rule in _own_rules(aws, row, tags.get(OWNER_TAG))}
    wanted = {rule.priority: rule for rule in listener.rules}
    for priority in sorted(wanted, reverse=len(wanted) >= len(own)):
        rule = wanted[priority]
        if priority not in own:
            _make_rule(aws, str(row["ListenerArn"]), name, rule, tags)
        elif _rule(own[priority]) != rule:
            query = {"RuleArn": own[priority]["RuleArn"], "Conditions": rule.conditions(), "Actions": _to(rule.group)}
            aws.call("elbv2", "ModifyRule", query, about=f"load balancer {name}")
    for priority in own.keys() - wanted.keys():
        aws.call("elbv2", "DeleteRule", {"RuleArn": own[priority]["RuleArn"]}, about=f"load balancer {name}")


def _make_rule(aws: Aws, listener: str, name: str, rule: ListenerRule, tags: Mapping[str, str]) -> None:
    query = {
        "ListenerArn": listener,
        "Priority": rule.priority,
        "Conditions": rule.conditions(),
        "Actions": _to(rule.group),
        "Tags": tag_list(tags),
    }
    aws.call("elbv2", "CreateRule", query, about=f"load balancer {name}")


def _listeners(aws: Aws, balancer: str) -> list[Any]:
    try:
        return list(aws.pages("elbv2", "DescribeListeners", {"LoadBalancerArn": balancer}, "Listeners"))
    except AwsError as error:
        if error.aws_code in GONE:
            return []
        raise


def _own_rules(aws: Aws, listener: Mapping[str, Any], owner: str | None) -> list[Any]:
    """The rules of a listener that carry the owner's tag; those of network balancers are the default one alone."""
    return [row for row, whose in _rules_with_owners(aws, listener) if whose == owner] if owner is not None else []


def _rules_with_owners(aws: Aws, listener: Mapping[str, Any]) -> list[tuple[Any, str | None]]:
    if listener.get("Protocol") not in ("HTTP", "HTTPS"):
        return []
    try:
        rows = list(aws.pages("elbv2", "DescribeRules", {"ListenerArn": listener["ListenerArn"]}, "Rules"))
    except AwsError as error:
        if error.aws_code in GONE:
            return []
        raise
    rows = [row for row in rows if not row.get("IsDefault")]
    tags = tags_by_arn(aws, [str(row["RuleArn"]) for row in rows], GONE) if rows else {}
    return [(row, tags[str(row["RuleArn"])].get(OWNER_TAG)) for row in rows if str(row["RuleArn"]) in tags]


def _to(group: Ref | str) -> list[dict[str, Any]]:
    return [{"Type": "forward", "TargetGroupArn": str(group)}]


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


def _forward(row: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> Forward:
    action = (row.get("DefaultActions") or [{}])[0]
    redirect = (action.get("RedirectConfig") or {}).get("Port")
    instead = _unasked(action)
    certificates = row.get("Certificates") or [{}]
    return Forward(
        int(row.get("Port", 0)),
        str(row.get("Protocol", "")),
        None if instead else _group_of(action) or None,
        certificates[0].get("CertificateArn") or None,
        int(redirect) if redirect and str(redirect).isdigit() and not instead else None,
        tuple(sorted(map(_rule, rules), key=lambda rule: rule.priority)),
        instead,
    )


def _unasked(action: Mapping[str, Any]) -> str:
    """What a listener's default action does, in words, where it is none that ecsctl asks for; else empty."""
    kind = str(action.get("Type") or "")
    if kind == "redirect":
        to = action.get("RedirectConfig") or {}
        same = all(to.get(part) in (None, "", f"#{{{part.lower()}}}", f"/#{{{part.lower()}}}") for part in KEPT)
        if same and (to.get("Protocol"), to.get("StatusCode")) == ("HTTPS", "HTTP_301"):
            return ""
        return (
            f"redirect to {to.get('Protocol', '')}://{to.get('Host') or '…'}:{to.get('Port', '')}{to.get('Path') or ''}"
        )
    if kind == "fixed-response":
        code = str((action.get("FixedResponseConfig") or {}).get("StatusCode", ""))
        return "" if code == "404" else f"fixed response {code}"
    return "" if kind in ("", "forward") else kind


def _rule(row: Mapping[str, Any]) -> ListenerRule:
    values: dict[str, tuple[str, ...]] = {}
    for condition in row.get("Conditions", ()):
        config = condition.get("HostHeaderConfig") or condition.get("PathPatternConfig") or {}
        values[str(condition.get("Field"))] = tuple(sorted(config.get("Values") or condition.get("Values") or ()))
    group = next((_group_of(action) for action in row.get("Actions", ()) if action.get("Type") == "forward"), "")
    return ListenerRule(int(row["Priority"]), values.get("host-header", ()), values.get("path-pattern", ()), group)


def _group_of(action: Mapping[str, Any]) -> str:
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or [{}]
    return str(action.get("TargetGroupArn") or groups[0].get("TargetGroupArn") or "")
