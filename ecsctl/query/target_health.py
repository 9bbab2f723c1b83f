"""The targets behind target groups and classic balancers: how many are healthy, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = ("elb:DescribeInstanceHealth", "elbv2:DescribeTargetHealth")

# What a reason of elbv2:DescribeTargetHealth comes from, most often.
CAUSES = {
    "Target.Timeout": "no answer in time: a security group that does not admit the balancer, or a slow start",
    "Target.FailedHealthChecks": "the check fails: nothing listens on the port, or it closes the connection",
    "Target.ResponseCodeMismatch": "it answers with another HTTP status than expected: see `healthCheck.path`",
    "Target.NotInUse": "the balancer has no listener for it, or is not in the target's zone",
    "Target.InvalidState": "its instance is stopped",
    "Target.IpUnusable": "its address is the balancer's own",
    "Elb.InternalError": "an internal error of the load balancer",
}
# Not yet, but on its way; or of a task that has gone.
PASSING = frozenset({"initial", "draining"})
NOT_IN_USE = "Target.NotInUse"


@dataclass(frozen=True)
class Targets:
    """The targets of one target group or classic balancer.

    ``where`` names it in a sentence; ``reasons`` tells why targets are not healthy, each once; ``unused``: the
    balancer does not even check them; ``missing``: it does not exist.
    """

    where: str
    healthy: int = 0
    reasons: tuple[str, ...] = ()
    unused: bool = False
    missing: bool = False

    def shortage(self, desired: int) -> str | None:
        """What keeps it from having ``desired`` healthy targets; None where it has them."""
        if self.missing:
            return f"{self.where} does not exist"
        if self.healthy >= desired:
            return None
        why = f": {'; '.join(self.reasons)}" if self.reasons else ""
        return f"{self.healthy} of {desired} targets healthy in {self.where}{why}"


def of_service(aws: Aws, service: Mapping[str, Any]) -> Iterator[Targets]:
    """The targets of each balancer of a service, which is one of DescribeServices' ``services[]``.

    Raises:
        AwsError: AWS refused a call.
    """
    for balancer in service.get("loadBalancers", ()):
        if balancer.get("targetGroupArn"):
            alternate = (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
            groups = [of_target_group(aws, str(arn)) for arn in (balancer["targetGroupArn"], alternate) if arn]
            yield groups[0] if len(groups) == 1 else _either(groups)
        elif balancer.get("loadBalancerName"):
            yield of_classic(aws, str(balancer["loadBalancerName"]))


def _either(groups: Sequence[Targets]) -> Targets:
    """The targets of two groups that take turns: a deployment moves the tasks from one to the other."""
    missing = next((item for item in groups if item.missing), None)
    if missing is not None:
        return missing
    names = [item.where.removeprefix("target group ") for item in groups]
    busy = [item for item in groups if item.healthy or item.reasons] or groups
    return Targets(
        f"target groups {' and '.join(names)}",
        healthy=sum(item.healthy for item in groups),
        reasons=tuple(dict.fromkeys(reason for item in groups for reason in item.reasons)),
        unused=all(item.unused for item in busy),
    )


def of_target_group(aws: Aws, group: str) -> Targets:
    """The targets of a target group, by its ARN (elasticloadbalancing:DescribeTargetHealth).

    Raises:
        AwsError: AWS refused the call.
    """
    name = group.split("/")[-2] if "/" in group else group
    where = f"target group {name}"
    try:
        rows = aws.call("elbv2", "DescribeTargetHealth", {"TargetGroupArn": group}, about=where)
    except AwsError as error:
        if error.aws_code in ("TargetGroupNotFound", "TargetGroupNotFoundException"):
            return Targets(where, missing=True)
        raise
    states = [row.get("TargetHealth", {}) for row in rows.get("TargetHealthDescriptions", ())]
    sick = [state for state in states if state.get("State") not in PASSING and state.get("State") != "healthy"]
    reasons = Counter(_reason(state) for state in sick)
    return Targets(
        where,
        healthy=sum(state.get("State") == "healthy" for state in states),
        reasons=tuple(reason for reason, _ in sorted(reasons.items(), key=lambda item: -item[1]) if reason),
        unused=bool(sick) and all(state.get("Reason") == NOT_IN_USE for state in sick),
    )


def _reason(state: Mapping[str, Any]) -> str:
    """A target's reason: AWS's description of it, the code, and what it comes from."""
    code, said = str(state.get("Reason") or ""), str(state.get("Description") or "").rstrip(". ")
    meaning = f"{code}: {CAUSES[code]}" if code in CAUSES else code
    return f"{said} ({meaning})" if said and meaning else said or meaning


def of_classic(aws: Aws, name: str) -> Targets:
    """The instances behind a classic balancer (elasticloadbalancing:DescribeInstanceHealth).

    Raises:
        AwsError: AWS refused the call.
    """
    where = f"load balancer {name}"
    try:
        answer = aws.call("elb", "DescribeInstanceHealth", {"LoadBalancerName": name}, about=where)
    except AwsError as error:
        if error.aws_code in ("LoadBalancerNotFound", "AccessPointNotFound"):
            return Targets(where, missing=True)
        raise
    states = answer.get("InstanceStates", ())
    sick = [state for state in states if state.get("State") != "InService" and state.get("ReasonCode") == "Instance"]
    reasons = Counter(str(state.get("Description") or "").rstrip(". ") for state in sick)
    return Targets(
        where,
        healthy=sum(state.get("State") == "InService" for state in states),
        reasons=tuple(reason for reason in reasons if reason and reason != "N/A"),
    )
