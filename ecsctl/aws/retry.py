"""Refusals that pass by themselves: AWS is eventually consistent, and these errors mean "not yet".

botocore retries throttles, lost connections and 5xx by itself; here are the refusals that only the caller can know to
be temporary. The table is from the retries of long-lived clients of these APIs (Terraform's AWS provider) and
from public reports of the messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ecsctl.errors import AwsError

T = TypeVar("T")


@dataclass(frozen=True)
class Passing:
    """A refusal worth another try: its code, a part of its message, and for how many seconds."""

    code: str
    message: str = ""
    seconds: float = 120.0


ROLE = "Unable to assume the service linked role"
PASSING: dict[str, tuple[Passing, ...]] = {
    "ec2:CreateLaunchTemplate": (Passing("InvalidParameterValue", "Invalid IAM Instance Profile"),),
    "autoscaling:CreateAutoScalingGroup": (
        Passing("ValidationError", "Invalid IAM Instance Profile"),
        Passing("ValidationError", "You must use a valid fully-formed launch template"),
    ),
    "autoscaling:UpdateAutoScalingGroup": (
        Passing("ScalingActivityInProgress"),
        Passing("ResourceContention"),
    ),
    "autoscaling:DeleteAutoScalingGroup": (
        Passing("ScalingActivityInProgress"),
        Passing("ResourceInUse"),
        Passing("ResourceContention"),
    ),
    "ecs:CreateCluster": (Passing("InvalidParameterException", ROLE),),
    "ecs:RunTask": (Passing("InvalidParameterException", ROLE),),
    "ecs:CreateService": (
        Passing("InvalidParameterException", ROLE),
        Passing("ClusterNotFoundException", "", 20),
        Passing("InvalidParameterException", "Unable to Start a service that is still Draining", 600),
        Passing(
            "InvalidParameterException",
            "verify that the ECS service role being passed has the proper permissions",
        ),
        Passing("InvalidParameterException", "does not have an associated load balancer"),
    ),
    "ecs:DeleteService": (
        Passing("InvalidParameterException", "The service cannot be stopped while deployments are active"),
        Passing("DependencyViolation"),
    ),
    "ecs:DeleteCluster": (
        Passing("ClusterContainsContainerInstancesException", "", 600),
        Passing("ClusterContainsTasksException", "", 600),
        Passing("ClusterContainsCapacityProviderException", "", 600),
        Passing("UpdateInProgressException", "", 600),
    ),
    "ec2:DeleteSecurityGroup": (Passing("DependencyViolation", "", 300),),
    "elbv2:DeleteTargetGroup": (Passing("ResourceInUse", "", 120),),
    # What was taken from the role before may not be seen yet.
    "iam:DeleteRole": (
        Passing("DeleteConflict", "must remove roles from instance profile first", 30),
        Passing("DeleteConflict", "must detach all policies first", 30),
        Passing("DeleteConflict", "must delete policies first", 30),
    ),
    "iam:DeleteInstanceProfile": (Passing("DeleteConflict", "", 30),),
}


class Retrier:
    """Runs a call again while AWS refuses it for a reason that passes.

    Args:
        sleep: returns after that many seconds.
    """

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep

    def run(self, operation: str, once: Callable[[], T]) -> T:
        """Call ``once``; repeat it at growing intervals (1 to 5 s) while its refusal is a passing one.

        Raises:
            AwsError: any other refusal at once, or the last one when the seconds of its row are spent.
        """
        waited, pause = 0.0, 1.0
        while True:
            try:
                return once()
            except AwsError as error:
                row = passing(operation, error)
                if row is None or waited >= row.seconds:
                    raise
            self._sleep(pause)
            waited += pause
            pause = min(pause * 1.5, 5.0)


def passing(operation: str, error: AwsError) -> Passing | None:
    """The row of the table that says this refusal of ``operation`` passes by itself, or None."""
    for row in PASSING.get(operation, ()):
        if row.code == error.aws_code and row.message.lower() in error.aws_message.lower():
            return row
    return None
