"""The targets behind target groups: how many are healthy, and why the others are not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = ("elbv2:DescribeTargetHealth",)

# What a reason of elbv2:DescribeTargetHealth comes from, most often.
CAUSES = {
    "Target.Timeout": "no answer in time: a security group that does not admit the balancer, or a slow start",
    "Target.FailedHealthChecks": "the check fails: nothing listens on the port, or it closes the connection",
    "Target.ResponseCodeMismatch": "it answers with another HTTP status than 200: see `healthCheck.path`",
    "Target.NotInUse": "the balancer has no listener for it, or is not in the target's zone",
    "Target.InvalidState": "its instance is stopped",
    "Target.IpUnusable": "its address is the balancer's own",
    "Elb.InternalError": "an error of the balancer's own",
}
# Not yet, but on its way; or of a task that has gone.
PASSING = frozenset({"initial", "draining"})


def unhealthy(aws: Aws, group: str, desired: int) -> str | None:
    """What keeps a target group (ARN) from having so many healthy targets; None where it has them.

    Calls: elasticloadbalancing:DescribeTargetHealth.

    Raises:
        AwsError: AWS refused the call; a group that is gone is told in the text.
    """
    name = group.split("/")[-2] if "/" in group else group
    try:
        rows = aws.call("elbv2", "DescribeTargetHealth", {"TargetGroupArn": group}, about=f"target group {name}")
    except AwsError as error:
        if error.aws_code in ("TargetGroupNotFound", "TargetGroupNotFoundException"):
            return f"target group {name} does not exist"
        raise
    states = [row.get("TargetHealth", {}) for row in rows.get("TargetHealthDescriptions", ())]
    healthy = sum(state.get("State") == "healthy" for state in states)
    if healthy >= desired:
        return None
    reasons = Counter(str(state.get("Reason") or "") for state in states if state.get("State") not in PASSING)
    told = [f"{reason} ({CAUSES[reason]})" if reason in CAUSES else reason for reason in sorted(reasons) if reason]
    return f"{healthy} of {desired} healthy in target group {name}" + (f": {'; '.join(told)}" if told else "")
