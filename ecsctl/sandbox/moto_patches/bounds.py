"""Load balancers: the numbers that ELB and ELBv2 refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Range:
    """What a number may be: the request's member, in words, from, to."""

    member: str
    words: str
    least: int
    most: int


_GROUP = (
    Range("HealthCheckIntervalSeconds", "Health check interval", 5, 300),
    Range("HealthCheckTimeoutSeconds", "Health check timeout", 2, 120),
    Range("HealthyThresholdCount", "Healthy threshold count", 2, 10),
    Range("UnhealthyThresholdCount", "Unhealthy threshold count", 2, 10),
)
_CLASSIC = (
    Range("Interval", "HealthCheck interval", 5, 300),
    Range("Timeout", "HealthCheck timeout", 2, 60),
    Range("HealthyThreshold", "HealthCheck healthy threshold", 2, 10),
    Range("UnhealthyThreshold", "HealthCheck unhealthy threshold", 2, 10),
)
_PRIORITY = Range("Priority", "Priority", 1, 50000)


def problem(params: Params, ranges: tuple[Range, ...], interval: str, timeout: str) -> str | None:
    """What is wrong with a health check, or None: a number out of its range, a timeout not below its interval."""
    for each in ranges:
        value = params.get(each.member)
        if value is not None and not each.least <= int(value) <= each.most:
            return f"{each.words} '{value}' must be between {each.least} and {each.most}"
    pair = params.get(timeout), params.get(interval)
    if None not in pair and int(pair[0] or 0) >= int(pair[1] or 0):
        return f"Health check timeout '{pair[0]}' must be smaller than the interval '{pair[1]}'"
    return None


def patch() -> None:
    """Have both services check the numbers of a request before they do anything."""
    from moto.elb.exceptions import ELBClientError
    from moto.elb.responses import ELBResponse
    from moto.elbv2.exceptions import ValidationError
    from moto.elbv2.responses import ELBV2Response

    class ClassicValidationError(ELBClientError):
        code = "ValidationError"

    def before(kind: type, operation: str, check: Callable[[Any], str | None], error: type[Exception]) -> None:
        perform = getattr(kind, operation)

        def checked(self: Any) -> Any:
            wrong = check(self)
            if wrong:
                raise error(wrong)
            return perform(self)

        setattr(kind, operation, checked)

    def group(self: Any) -> str | None:
        return problem(self._get_params(), _GROUP, "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds")

    def classic(self: Any) -> str | None:
        return problem(self._get_params().get("HealthCheck", {}), _CLASSIC, "Interval", "Timeout")

    def rule(self: Any) -> str | None:
        return problem(self._get_params(), (_PRIORITY,), "", "")

    def delay(self: Any) -> str | None:
        for item in self._get_params().get("Attributes", ()):
            if item.get("Key") == "deregistration_delay.timeout_seconds" and not 0 <= int(item["Value"]) <= 3600:
                return "Deregistration delay timeout must be between 0 and 3600 seconds"
        return None

    def zones(self: Any) -> str | None:
        params = self._get_params()
        subnets = [*params.get("Subnets", ()), *(row.get("SubnetId") for row in params.get("SubnetMappings", ()))]
        known = self.elbv2_backend.ec2_backend.get_subnet if subnets else None
        if params.get("Type", "application") != "application" or known is None:
            return None
        if len({known(subnet).availability_zone for subnet in subnets}) < 2:
            return "At least two subnets in two different Availability Zones must be specified"
        return None

    before(ELBV2Response, "create_target_group", group, ValidationError)
    before(ELBV2Response, "modify_target_group", group, ValidationError)
    before(ELBV2Response, "modify_target_group_attributes", delay, ValidationError)
    before(ELBV2Response, "create_rule", rule, ValidationError)
    before(ELBV2Response, "create_load_balancer", zones, ValidationError)
    before(ELBResponse, "configure_health_check", classic, ClassicValidationError)
