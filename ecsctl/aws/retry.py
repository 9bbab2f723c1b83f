"""Refusals that pass by themselves: AWS is eventually consistent, and these errors mean "not yet".

botocore retries throttles, lost connections and 5xx by itself; here are the refusals that only the caller can know to
be temporary. The table is from the retries of long-lived clients of these APIs (Terraform's AWS provider) and
from public reports of the messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ecsctl.aws.answers import is_read
from ecsctl.aws.failures import CUT
from ecsctl.errors import AwsError, ExitCode
from ecsctl.polling import Deadline

T = TypeVar("T")


@dataclass(frozen=True)
class Passing:
    """A refusal worth another try: its code, a part of its message, and for how many seconds."""

    code: str
    message: str = ""
    seconds: float = 120.0


# A connection that was cut in a way that botocore does not notice: what changes nothing is asked twice more.
CUT_ROW = Passing(CUT, "", 2)
ROLE = "Unable to assume the service linked role"
SERVICE_ROLE = "verify that the ECS service role being passed has the proper permissions"
# For how many seconds AWS may not see yet what it has just made.
UNSEEN = 20.0
PROFILE = "Invalid IAM Instance Profile"
NO_LISTENER = "does not have an associated load balancer"
PASSING: dict[str, tuple[Passing, ...]] = {
    # -- instances
    "ec2:CreateLaunchTemplate": (Passing("InvalidParameterValue", PROFILE),),
    "ec2:CreateLaunchTemplateVersion": (
        Passing("InvalidParameterValue", PROFILE),
        Passing("InvalidLaunchTemplateName.NotFoundException", "", UNSEEN),
        Passing("InvalidLaunchTemplateId.NotFound", "", UNSEEN),
    ),
    "ec2:AuthorizeSecurityGroupIngress": (
        Passing("InvalidGroup.NotFound", "", UNSEEN),
        Passing("InvalidGroupId.NotFound", "", UNSEEN),
    ),
    "autoscaling:CreateAutoScalingGroup": (
        Passing("ValidationError", PROFILE),
        Passing("ValidationError", "You must use a valid fully-formed launch template"),
        Passing("ValidationError", "The specified launch template", UNSEEN),
    ),
    "autoscaling:UpdateAutoScalingGroup": (
        Passing("ScalingActivityInProgress"),
        Passing("ResourceContention"),
        Passing("ValidationError", "The specified launch template", UNSEEN),
    ),
    "autoscaling:DeleteAutoScalingGroup": (
        Passing("ScalingActivityInProgress"),
        Passing("ResourceInUse"),
        Passing("ResourceContention"),
    ),
    # -- clusters, task definitions, services
    "ecs:CreateCluster": (Passing("InvalidParameterException", ROLE),),
    # A role that was made a moment ago.
    "ecs:RegisterTaskDefinition": (Passing("ClientException", "Role is not valid", UNSEEN),),
    "ecs:RunTask": (
        Passing("InvalidParameterException", ROLE),
        Passing("ClientException", "was unable to assume the role", UNSEEN),
    ),
    "ecs:CreateService": (
        Passing("InvalidParameterException", ROLE),
        Passing("ClusterNotFoundException", "", UNSEEN),
        Passing("InvalidParameterException", "Unable to Start a service that is still Draining", 600),
        Passing("InvalidParameterException", SERVICE_ROLE),
        Passing("InvalidParameterException", NO_LISTENER),
    ),
    "ecs:UpdateService": (
        Passing("InvalidParameterException", SERVICE_ROLE),
        Passing("InvalidParameterException", NO_LISTENER),
    ),
    "ecs:DeleteService": (
        Passing("InvalidParameterException", "The service cannot be stopped while deployments are active"),
        Passing("DependencyViolation"),
    ),
    "ecs:PutClusterCapacityProviders": (
        Passing("ClientException", "Cluster was not ACTIVE"),
        Passing("ResourceInUseException"),
        Passing("UpdateInProgressException"),
    ),
    "ecs:UpdateCapacityProvider": (Passing("UpdateInProgressException"),),
    "ecs:DeleteCluster": (
        Passing("ClusterContainsContainerInstancesException", "", 600),
        Passing("ClusterContainsTasksException", "", 600),
        Passing("ClusterContainsCapacityProviderException", "", 600),
        Passing("UpdateInProgressException", "", 600),
        Passing("ClientException", "while Cluster Scoped Capacity Providers are attached", 600),
    ),
    # -- load balancers
    "elb:CreateLoadBalancer": (
        Passing("InvalidSecurityGroup", "", UNSEEN),
        Passing("SubnetNotFound", "", UNSEEN),
        Passing("CertificateNotFound", "", 60),
    ),
    "elb:CreateLoadBalancerListeners": (Passing("CertificateNotFound", "", 60),),
    "elb:ApplySecurityGroupsToLoadBalancer": (Passing("InvalidSecurityGroup", "", UNSEEN),),
    "elbv2:CreateLoadBalancer": (
        Passing("InvalidSecurityGroup", "", UNSEEN),
        Passing("SubnetNotFound", "", UNSEEN),
    ),
    "elbv2:SetSecurityGroups": (Passing("InvalidSecurityGroup", "", UNSEEN),),
    "elbv2:CreateListener": (
        Passing("LoadBalancerNotFound", "", UNSEEN),
        Passing("TargetGroupNotFound", "", UNSEEN),
        Passing("CertificateNotFound", "", 60),
    ),
    "elbv2:ModifyListener": (
        Passing("TargetGroupNotFound", "", UNSEEN),
        Passing("CertificateNotFound", "", 60),
    ),
    "elbv2:DeleteLoadBalancer": (Passing("ResourceInUse"),),
    "elbv2:DeleteTargetGroup": (Passing("ResourceInUse"),),
    # -- scaling of services
    "application-autoscaling:RegisterScalableTarget": (
        Passing("ValidationException", "ECS service doesn't exist", UNSEEN),
        Passing("ConcurrentUpdateException", "", 30),
    ),
    "application-autoscaling:PutScalingPolicy": (Passing("ConcurrentUpdateException", "", 30),),
    "application-autoscaling:DeregisterScalableTarget": (Passing("ConcurrentUpdateException", "", 30),),
    # -- log groups
    "logs:CreateLogGroup": (Passing("OperationAbortedException", "conflicting operation", 30),),
    "logs:DeleteLogGroup": (Passing("OperationAbortedException", "conflicting operation", 30),),
    # -- roles: what was just made, or taken from them, may not be seen yet
    "iam:AttachRolePolicy": (
        Passing("NoSuchEntity", "The role with name", UNSEEN),
        Passing("ConcurrentModification", "", 30),
    ),
    "iam:PutRolePolicy": (
        Passing("NoSuchEntity", "The role with name", UNSEEN),
        Passing("ConcurrentModification", "", 30),
    ),
    "iam:AddRoleToInstanceProfile": (
        Passing("NoSuchEntity", "cannot be found", UNSEEN),
        Passing("ConcurrentModification", "", 30),
    ),
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

    def run(
        self,
        service: str,
        operation: str,
        once: Callable[[], T],
        deadline: Deadline | None = None,
        tell: Callable[[str, str], None] = lambda subject, line: None,
    ) -> T:
        """Call ``once``; repeat it at growing intervals (1 to 5 s) while its refusal is a passing one.

        Args:
            deadline: nothing is repeated after it; None: as long as the table says.
            tell: told what is waited for, as (subject, line), at each repetition.

        Raises:
            AwsError: any other refusal at once, or the last one when the seconds of its row are spent, or the deadline
                has passed (exit 4).
        """
        waited, wait = 0.0, 1.0
        while True:
            try:
                return once()
            except AwsError as error:
                row = passing(f"{service}:{operation}", error)
                if row is None or waited >= row.seconds:
                    raise
                if deadline is not None:
                    left = deadline.left()
                    if left <= 0:
                        raise _out_of_time(error, deadline) from error
                    wait = min(wait, left)
                subject = f"{error.operation} {error.resource or ''} {error.aws_code}"
                until = "trying again" if row is CUT_ROW else "waiting until that has passed"
                tell(subject, f"{error.message}; {until}")
            self._sleep(wait)
            waited += wait
            wait = min(wait * 1.5, 5.0)


def _out_of_time(error: AwsError, deadline: Deadline) -> AwsError:
    return AwsError(
        error.operation,
        error.aws_code,
        f"{error.aws_message} (still so when the {deadline.seconds:.0f} s of --timeout were over)",
        resource=error.resource,
        hint=error.hint or "run the same command again with a longer --timeout: it goes on where it stopped",
        ambiguous=error.ambiguous,
        code=ExitCode.TIMEOUT,
    )


def passing(operation: str, error: AwsError) -> Passing | None:
    """The row of the table that says this refusal of ``operation`` passes by itself, or None."""
    if error.aws_code == CUT and is_read(operation.partition(":")[2]):
        return CUT_ROW
    for row in PASSING.get(operation, ()):
        if row.code == error.aws_code and row.message.lower() in error.aws_message.lower():
            return row
    return None
