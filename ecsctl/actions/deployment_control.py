"""Have a say in a deployment that is on its way: it goes on, goes back, or stays where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ecsctl.deploy.wait_services import wait_for_services
from ecsctl.errors import EcsctlError, NotFoundError, WaitTimeoutError
from ecsctl.polling import Deadline, Progress, poll
from ecsctl.query.service_deployments import UNFINISHED, describe_deployments, list_deployments
from ecsctl.query.views import ServiceView

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = ("ecs:ContinueServiceDeployment", "ecs:StopServiceDeployment")

StopType = Literal["ROLLBACK", "ABORT"]


def stop_deployment(aws: Aws, cluster: str, service: str, how: StopType) -> str:
    """Have AWS stop the deployment of a service that is on its way (ecs:StopServiceDeployment).

    Args:
        how: ROLLBACK goes back to the revision that was steady before; ABORT leaves both as they are.

    Returns:
        the ARN of the service deployment.

    Raises:
        NotFoundError: there is no such service, or no deployment of it is on its way.
        AwsError: AWS refused it: there is nothing to go back to, or it has just ended.
    """
    found = list_deployments(aws, cluster, service, UNFINISHED)
    if not found:
        raise NotFoundError(
            f"service {service} has no deployment in progress",
            hint=f"`ecsctl service show {service}` shows the last one; `ecsctl service rollback {service}` goes back",
        )
    arn = str(found[0]["serviceDeploymentArn"])
    aws.call("ecs", "StopServiceDeployment", {"serviceDeploymentArn": arn, "stopType": how}, about=f"service {service}")
    return arn


def continue_deployment(aws: Aws, cluster: str, service: str, how: Literal["CONTINUE", "ROLLBACK"]) -> tuple[str, str]:
    """Let a deployment that waits at a PAUSE hook go on, or go back (ecs:ContinueServiceDeployment).

    Returns:
        the ARN of the service deployment, and the stage at which it waited.

    Raises:
        NotFoundError: there is no such service, or no deployment of it waits.
    """
    found = list_deployments(aws, cluster, service, UNFINISHED)
    rows = describe_deployments(aws, [str(found[0]["serviceDeploymentArn"])]) if found else []
    hooks = [hook for row in rows for hook in row.get("lifecycleHookDetails") or ()]
    waiting = [hook for hook in hooks if hook.get("status") == "AWAITING_ACTION"]
    if not waiting:
        raise NotFoundError(
            f"no deployment of service {service} is waiting at a hook", hint=f"`ecsctl service show {service}` shows it"
        )
    arn = str(found[0]["serviceDeploymentArn"])
    for hook in waiting:
        query = {"serviceDeploymentArn": arn, "hookId": hook["hookId"], "action": how}
        aws.call("ecs", "ContinueServiceDeployment", query, about=f"service {service}")
    return arn, str(rows[0].get("lifecycleStage") or "")


def wait_until_stopped(
    aws: Aws,
    cluster: str,
    service: str,
    arn: str,
    how: StopType,
    deadline: Deadline,
) -> ServiceView | None:
    """Wait until a deployment that was stopped has ended, and after a rollback until the service is steady again.

    Returns:
        the service after a rollback.

    Raises:
        EcsctlError: AWS could not go back; or the service does not become steady (see :func:`wait_for_services`).
        WaitTimeoutError: not in time.
    """

    def probe() -> Progress:
        rows = describe_deployments(aws, [arn])
        status = str(rows[0].get("status")) if rows else "STOPPED"
        reason = f": {rows[0]['statusReason']}" if rows and rows[0].get("statusReason") else ""
        failed = f"AWS could not roll the deployment of service {service} back{reason}"
        return Progress(
            status not in UNFINISHED,
            failed=failed if status == "ROLLBACK_FAILED" else None,
            lines=(f"deployment of service {service}: {status}",),
        )

    ended = poll(probe, timeout=deadline.left(), report=deadline.report, clock=deadline.clock)
    if ended.outcome == "failed":
        raise EcsctlError(str(ended.last.failed), hint=f"`ecsctl service events {service}` tells more")
    if ended.outcome == "timeout":
        raise WaitTimeoutError(
            f"timed out after {deadline.seconds:.0f} s waiting for the deployment of service {service} to stop",
            details=ended.last.lines,
        )
    if how == "ABORT":
        return None
    found = wait_for_services(aws, cluster, [service], timeout=deadline.left(), report=deadline.report)
    return found[0] if found else None
