"""The listeners of application and network balancers, with their rules: part of their balancer, not kinds of their own.

Listeners and rules that somebody else added are not ecsctl's: they are told of, and never changed. The changes are in
``elbv2_listener_changes``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ecsctl.aws.failures import cannot_be_asked
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.elbv2_tags import tags_by_arn
from ecsctl.deploy.resources import OWNER_TAG, Actual, Ref
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

OPERATIONS = (
    "elbv2:CreateListener",
    "elbv2:CreateRule",
    "elbv2:DeleteListener",
    "elbv2:DeleteRule",
    "elbv2:DescribeListenerCertificates",
    "elbv2:DescribeListeners",
    "elbv2:DescribeRules",
    "elbv2:ModifyListener",
    "elbv2:ModifyRule",
)
# What AWS gives a listener for which no policy is named.
DEFAULT_TLS_POLICY = "ELBSecurityPolicy-2016-08"
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

    Both are sorted: their order means nothing. ``instead``: what a rule that AWS has does besides, or in place of it.
    ``other``: the target group that deployments shift the traffic to and fro with; how it is shared, and which of the
    two has it, is theirs to say then. ``targets``: the groups that a rule of AWS forwards to.
    """

    priority: int
    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    group: Ref | str
    instead: str = ""
    other: Ref | str = ""
    targets: frozenset[str] = field(default=frozenset(), compare=False)

    def is_shared(self, live: ListenerRule) -> bool:
        """Whether a live rule is this one, however its two target groups share the traffic."""
        if not self.other or live.targets != {self.group, self.other}:
            return False
        return (live.hosts, live.paths) == (self.hosts, self.paths) and "where" not in live.instead

    def actions(self, first: str = "") -> list[dict[str, Any]]:
        """What it does as the API takes it.

        Args:
            first: which of the two groups has the traffic to begin with, where it is not ``group``.
        """
        if not self.other:
            return [{"Type": "forward", "TargetGroupArn": str(self.group)}]
        both = [str(self.group), str(self.other)]
        if first == both[1]:
            both.reverse()
        groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(both, (100, 0), strict=True)]
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]

    def __str__(self) -> str:
        said = f" ({self.instead})" if self.instead else ""
        other = f" or {_group_name(self.other)}" if self.other else ""
        return f"{', '.join((*self.hosts, *self.paths))} → {_group_name(self.group)}{other}{said}"

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


@dataclass(frozen=True)
class Foreign:
    """A listener that somebody else put on a balancer, or a rule (with its ``priority``): where it forwards to, whose.

    ``forward`` is what a listener does, with the project's own rules on it.
    """

    arn: str
    port: int
    owner: str | None
    balancer: str
    targets: frozenset[str] = frozenset()
    priority: int | None = None
    forward: Forward | None = None

    def __str__(self) -> str:
        part = f"rule {self.priority} of " if self.priority is not None else ""
        return f"{part}listener {self.port} of load balancer {self.balancer}"

    @property
    def use(self) -> Use:
        """It as a user of its balancer and its targets."""
        what = "listener" if self.priority is None else "rule"
        return Use(str(self), self.owner, ends=f"aws elbv2 delete-{what} --{what}-arn {self.arn}")

    def does(self, wanted: Forward) -> bool:
        """Whether it is a listener of nobody that does just what one that is wanted would do, rules aside."""
        return self.owner is None and self.forward is not None and replace(self.forward, rules=wanted.rules) == wanted


@dataclass(frozen=True)
class Listed:
    """What a balancer listens by: the project's own listeners by their ARNs, and what others put on it.

    ``more``: what somebody set on own listeners that no file says, in words.
    """

    own: Mapping[str, Forward] = field(default_factory=dict)
    others: tuple[Foreign, ...] = ()
    rules: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    more: tuple[str, ...] = ()

    def arns(self) -> list[str]:
        """The ARNs of all that is the project's own."""
        return [*self.own, *(arn for rules in self.rules.values() for arn in rules.values())]


def listed(aws: Aws, balancer: str, owner: str | None, *, whole: bool = False) -> Listed:
    """The listeners of a balancer (its ARN) and their rules. All are own, and without rules, where no owner is named.

    Args:
        whole: with ``more``, which takes a call for each listener that has certificates.
    """
    rows = _listeners(aws, balancer)
    if owner is None:
        return Listed({str(row["ListenerArn"]): _forward(row, ()) for row in rows})
    name = balancer.split("/")[-2] if "/" in balancer else balancer
    tags = tags_by_arn(aws, [str(row["ListenerArn"]) for row in rows], GONE) if rows else {}
    own: dict[str, Forward] = {}
    own_rules: dict[str, dict[int, str]] = {}
    others: list[Foreign] = []
    more: list[str] = []
    for row in rows:
        arn, port = str(row["ListenerArn"]), int(row.get("Port", 0))
        rules = _rules_with_owners(aws, row)
        mine = [rule for rule, whose in rules if whose == owner]
        forward = _forward(row, mine)
        own_rules[arn] = {int(rule["Priority"]): str(rule["RuleArn"]) for rule in mine}
        whose = tags.get(arn, {}).get(OWNER_TAG)
        if arn in tags and whose != owner:
            others.append(Foreign(arn, port, whose, name, _targets(row.get("DefaultActions", ())), forward=forward))
        else:
            own[arn] = forward
            more += _more(aws, row) if whole else ()
        others += [
            Foreign(str(rule["RuleArn"]), port, by, name, _targets(rule.get("Actions", ())), int(rule["Priority"]))
            for rule, by in rules
            if by != owner
        ]
    return Listed(own, tuple(others), own_rules, tuple(more))


def as_shared(live: Forward, wanted: Forward) -> Forward:
    """A live listener, with those of its rules as wanted whose share of the traffic is the deployments' to say."""
    rules = {rule.priority: rule for rule in wanted.rules if rule.other}
    return replace(
        live,
        rules=tuple(
            mine if (mine := rules.get(rule.priority)) is not None and mine.is_shared(rule) else rule
            for rule in live.rules
        ),
    )


def left_behind(actual: Actual, wanted: Iterable[Forward]) -> Iterator[str]:
    """What would be cut off where deployments no longer shift the traffic, and have left it with the other group."""
    by_port = {listener.port: listener for listener in wanted}
    for live in actual.fields["listeners"]:
        listener = by_port.get(live.port)
        if listener is None:
            continue
        for rule in live.rules:
            after = next((item for item in listener.rules if item.priority == rule.priority), None)
            group = after.group if after else listener.group
            if len(rule.targets) > 1 and not (after and after.other) and group and group != rule.group:
                yield (
                    f"{actual.key}: the traffic of rule {rule.priority} of listener {live.port} is with the target "
                    f"group {_group_name(rule.group)} now, and would go to {_group_name(group)} before tasks are "
                    "there: deploy once more with the old strategy first"
                )


def attributes(found: Listed) -> dict[str, str]:
    """The ARNs of a project's own rules, by ``rule:PORT:PRIORITY``."""
    ports = {**{arn: forward.port for arn, forward in found.own.items()}, **{one.arn: one.port for one in found.others}}
    return {
        f"rule:{ports[arn]}:{priority}": rule for arn, rules in found.rules.items() for priority, rule in rules.items()
    }


def in_the_way(others: Iterable[Foreign], wanted: Iterable[Forward]) -> Iterator[Foreign]:
    """What others have in the place of listeners and rules that are wanted: on a port, at a priority."""
    by_port = {listener.port: listener for listener in wanted}
    for item in others:
        listener = by_port.get(item.port)
        if listener is None:
            continue
        if item.priority is not None:
            if any(rule.priority == item.priority for rule in listener.rules):
                yield item
        elif not item.does(listener):
            yield item


def of_others(usage: Usage, balancers: Collection[str]) -> Iterator[Foreign]:
    """The listeners and rules of others on these balancers (their ARNs): those that do not carry the project's tag."""
    for balancer in balancers:
        found = usage.once(("listeners", balancer), lambda arn=balancer: listed(usage.aws, arn, usage.scope.project))  # type: ignore[misc]
        yield from found.others


def _more(aws: Aws, row: Mapping[str, Any]) -> Iterator[str]:
    """What a listener has that no file says: certificates besides its own, a TLS policy that is not AWS's default."""
    if not row.get("Certificates"):
        return
    port, arn = row.get("Port"), str(row["ListenerArn"])
    policy = str(row.get("SslPolicy") or DEFAULT_TLS_POLICY)
    if policy != DEFAULT_TLS_POLICY:
        yield f"uses the TLS policy {policy} on {port}: `aws elbv2 modify-listener --listener-arn {arn}` changes it"
    try:
        found = list(aws.pages("elbv2", "DescribeListenerCertificates", {"ListenerArn": arn}, "Certificates"))
    except AwsError as error:
        if error.aws_code not in GONE and not cannot_be_asked(error):
            raise
        return
    default = row["Certificates"][0].get("CertificateArn")
    for item in found:
        if not item.get("IsDefault") and item.get("CertificateArn") != default:
            yield (
                f"serves the certificate {item['CertificateArn']} on {port} besides the file's: "
                f"`aws elbv2 remove-listener-certificates --listener-arn {arn} --certificates …` takes it off"
            )


def _listeners(aws: Aws, balancer: str) -> list[Any]:
    try:
        return list(aws.pages("elbv2", "DescribeListeners", {"LoadBalancerArn": balancer}, "Listeners"))
    except AwsError as error:
        if error.aws_code in GONE:
            return []
        raise


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
    if kind == "forward":
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
        shares = {str(item.get("TargetGroupArn")): _weight(item) for item in groups}
        shares = {group: share for group, share in shares.items() if share}
        return "" if len(shares) < 2 else ", ".join(f"{_group_name(arn)} {share}" for arn, share in shares.items())
    return kind


def _rule(row: Mapping[str, Any]) -> ListenerRule:
    values: dict[str, tuple[str, ...]] = {}
    for condition in row.get("Conditions", ()):
        config = condition.get("HostHeaderConfig") or condition.get("PathPatternConfig") or {}
        values[str(condition.get("Field"))] = tuple(sorted(config.get("Values") or condition.get("Values") or ()))
    hosts, paths = values.pop("host-header", ()), values.pop("path-pattern", ())
    only = [f"where {field}" for field in sorted(values)]
    actions = row.get("Actions") or [{}]
    instead = "; ".join([*only, *filter(None, map(_unasked, actions))])
    group = next((_group_of(action) for action in actions if action.get("Type") == "forward"), "")
    return ListenerRule(int(row["Priority"]), hosts, paths, group, instead, targets=_targets(actions))


def _targets(actions: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """All target groups that actions forward to."""
    groups = {_group_of(action) for action in actions}
    for action in actions:
        groups |= {
            str(item.get("TargetGroupArn")) for item in (action.get("ForwardConfig") or {}).get("TargetGroups", ())
        }
    return frozenset(groups - {""})


def _group_of(action: Mapping[str, Any]) -> str:
    """The target group that an action forwards to: of several, the one that gets most."""
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or [{}]
    most = max(groups, key=_weight)
    return str(most.get("TargetGroupArn") or action.get("TargetGroupArn") or "")


def _weight(group: Mapping[str, Any]) -> int:
    weight = group.get("Weight")
    return 1 if weight is None else int(weight)
