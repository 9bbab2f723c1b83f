"""Faults of requests: throttled, refused, answered late or not at all."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable, Iterable

from ecsctl.sandbox.ecs.api.throttling import operations_of
from ecsctl.sandbox.faults.registry import Fault, FaultRegistry
from ecsctl.sandbox.http.error_responses import error
from ecsctl.sandbox.http.request import Answer, Request

# How each service says that it was asked too often: HTTP status, code, message.
ECS_THROTTLES = (400, "ThrottlingException", "Rate exceeded")
THROTTLES = {
    "ec2": (503, "RequestLimitExceeded", "Request limit exceeded."),
    "iam": (400, "Throttling", "Rate exceeded"),
    "sts": (400, "Throttling", "Rate exceeded"),
    "autoscaling": (400, "Throttling", "Rate exceeded"),
    "elasticloadbalancing": (400, "Throttling", "Rate exceeded"),
}
SHORT_NAMES = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing", "asg": "autoscaling"}
STATUS = {
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "Unavailable": 503,
    "RequestLimitExceeded": 503,
}
FAILURES = ("ServerException", "InternalFailure", "InternalError", "InternalServerError", "InternalServerException")
MESSAGES = {
    "ServerException": "Service Unavailable.",
    "ThrottlingException": "Rate exceeded",
    "Throttling": "Rate exceeded",
}


def meant(patterns: Iterable[str], service: str, operation: str) -> bool:
    """Whether one of the patterns (``RunTask``, ``ecs:Describe*``) is of this operation."""
    for pattern in patterns:
        named, colon, wanted = pattern.rpartition(":")
        if colon and not fnmatch.fnmatchcase(service.lower(), SHORT_NAMES.get(named.lower(), named.lower())):
            continue
        if fnmatch.fnmatchcase(operation.lower(), wanted.lower()):
            return True
    return False


def throttled(request: Request) -> Answer:
    """The answer of a service that was asked too often."""
    return error(request, *THROTTLES.get(request.service, ECS_THROTTLES))


class RequestFaults:
    """Applies the registry's faults to the requests that they select.

    Args:
        registry: the injected faults.
        wait: waits for seconds; by default of real time, since it is a caller who waits.
    """

    def __init__(self, registry: FaultRegistry, wait: Callable[[float], object] | None = None) -> None:
        self._registry = registry
        self._wait = wait or threading.Event().wait

    def before(self, request: Request) -> tuple[Answer | None, list[str]]:
        """Delay or refuse a request: the refusal, None where it goes on, and the ids of the triggered faults."""
        triggered: list[str] = []
        for fault in self._registry.standing("latency", "throttle", "error"):
            if not _means(fault, request) or not self._registry.triggers(fault):
                continue
            triggered.append(fault.id)
            if fault.kind == "latency":
                self._wait(fault.fields["seconds"])
            elif fault.kind == "throttle":
                return throttled(request), triggered
            else:
                return _refused(fault, request), triggered
        return None, triggered

    def loses(self, request: Request) -> str | None:
        """The fault that loses the answer of a request that took effect, or None."""
        for fault in self._registry.standing("lost-response"):
            if _means(fault, request) and self._registry.triggers(fault):
                return fault.id
        return None


def _means(fault: Fault, request: Request) -> bool:
    if "caller" in fault.fields and not any(fault.selects(caller=name) for name in request.caller.values()):
        return False
    bucket = fault.fields.get("bucket")
    patterns = (
        [*fault.fields.get("operation", ()), *(f"ecs:{name}" for name in operations_of(bucket))]
        if bucket
        else (fault.fields.get("operation") or ["*"])
    )
    return meant(patterns, request.service, request.operation)


def _refused(fault: Fault, request: Request) -> Answer:
    code = fault.fields["code"]
    status = fault.fields.get("status") or STATUS.get(code) or (500 if code in FAILURES else 400)
    message = fault.fields.get("message") or MESSAGES.get(code) or f"The sandbox's fault {fault.id} says so."
    return error(request, status, code, message)
