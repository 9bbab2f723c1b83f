"""Suspend and resume the scaling of a service, whoever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsctl.errors import NotFoundError
from ecsctl.query.scaling import API, scaling_of, target_of
from ecsctl.query.views import name_of

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = (f"{API}:RegisterScalableTarget",)
PARTS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def suspend(aws: Aws, cluster: str, service: str, *, suspended: bool) -> None:
    """Stop what moves the number of a service's tasks, or let it go on.

    Calls: application-autoscaling:RegisterScalableTarget.

    Raises:
        NotFoundError: nothing moves it.
    """
    cluster = name_of(cluster)
    if scaling_of(aws, cluster, service, whole=False) is None:
        raise NotFoundError(
            f"service {service} of cluster {cluster} is not scaled by Application Auto Scaling",
            hint="`scaling: {min: 1, max: 4, cpu: 60}` of the service in the file, and `ecsctl up`, scales it",
        )
    query = {**target_of(cluster, service), "SuspendedState": dict.fromkeys(PARTS, suspended)}
    aws.call(API, "RegisterScalableTarget", query, about=f"scaling of {service}")
