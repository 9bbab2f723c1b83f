"""Where the load balancers before a service answer: classic ones by name, others through their target groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ecsctl.aws.session import Aws, Json, batches, is_error
from ecsctl.errors import AwsError
from ecsctl.query.views import BalancerView

AWS_OPERATIONS = (
    "elb:DescribeLoadBalancers",
    "elbv2:DescribeListeners",
    "elbv2:DescribeLoadBalancers",
    "elbv2:DescribeTargetGroups",
)

# The most names or ARNs that one describe call takes.
CLASSIC = 20
SECOND = 20


def with_addresses(aws: Aws, balancers: Iterable[BalancerView]) -> dict[BalancerView, BalancerView]:
    """Each balancer with its ``address``: its DNS name, with the listener's port where that is not 80 or 443.

    One that does not exist any more keeps None. Calls: elasticloadbalancing:DescribeLoadBalancers of both generations,
    DescribeTargetGroups, DescribeListeners; only those that are needed.
    """
    wanted = list(dict.fromkeys(balancers))
    classic = _classic(aws, sorted({b.name for b in wanted if b.name}))
    groups = _of_target_groups(aws, sorted({b.target_group for b in wanted if b.target_group}))
    return {b: replace(b, address=classic.get(b.name or "") or groups.get(b.target_group or "")) for b in wanted}


def _classic(aws: Aws, names: Sequence[str]) -> dict[str, str]:
    found: list[Json] = []
    for batch in batches(names, CLASSIC):
        try:
            found += _describe_classic(aws, batch)
        except AwsError as error:
            if not is_error(error, "LoadBalancerNotFound", "AccessPointNotFound"):
                raise
            # One unknown name fails the whole call.
            for name in batch if len(batch) > 1 else ():
                found += _one_classic(aws, name)
    addresses = {}
    for row in found:
        listeners = [item["Listener"] for item in row.get("ListenerDescriptions", ())]
        addresses[row["LoadBalancerName"]] = _address(row["DNSName"], [one["LoadBalancerPort"] for one in listeners])
    return addresses


def _describe_classic(aws: Aws, names: Sequence[str]) -> list[Json]:
    query = {"LoadBalancerNames": list(names)}
    found: list[Json] = aws.call("elb", "DescribeLoadBalancers", query)["LoadBalancerDescriptions"]
    return found


def _one_classic(aws: Aws, name: str) -> list[Json]:
    try:
        return _describe_classic(aws, [name])
    except AwsError as error:
        if is_error(error, "LoadBalancerNotFound", "AccessPointNotFound"):
            return []
        raise


def _of_target_groups(aws: Aws, arns: Sequence[str]) -> dict[str, str]:
    addresses: dict[str, str] = {}
    for arn in arns:
        try:
            groups = aws.call("elbv2", "DescribeTargetGroups", {"TargetGroupArns": [arn]})["TargetGroups"]
        except AwsError as error:
            if is_error(error, "TargetGroupNotFound"):
                continue
            raise
        before = [name for group in groups for name in group.get("LoadBalancerArns", ())]
        for batch in batches(before, SECOND):
            for row in _describe_second(aws, batch):
                asked = {"LoadBalancerArn": row["LoadBalancerArn"]}
                listeners = aws.pages("elbv2", "DescribeListeners", asked, "Listeners")
                addresses.setdefault(arn, _address(row["DNSName"], [one.get("Port", 80) for one in listeners]))
    return addresses


def _describe_second(aws: Aws, arns: Sequence[str]) -> list[Json]:
    query = {"LoadBalancerArns": list(arns)}
    try:
        found: list[Json] = aws.call("elbv2", "DescribeLoadBalancers", query)["LoadBalancers"]
        return found
    except AwsError as error:
        if not is_error(error, "LoadBalancerNotFound"):
            raise
        # One that has gone in the meantime fails the whole call.
        return [row for arn in arns for row in _describe_second(aws, [arn])] if len(arns) > 1 else []


def _address(name: str, ports: Sequence[int]) -> str:
    if not ports or 80 in ports or 443 in ports:
        return name
    return f"{name}:{ports[0]}"
