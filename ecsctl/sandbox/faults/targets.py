"""Faults of the targets of load balancers: their health checks fail."""

from __future__ import annotations

from ecsctl.sandbox.elb.health_check import NOTHING_LISTENS, SILENT, ProbeResult
from ecsctl.sandbox.faults.registry import FaultRegistry

WRONG_CODE = ProbeResult(False, "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]")
RESULTS = {"timeout": SILENT, "refused": NOTHING_LISTENS, "response-code": WRONG_CODE}


class TargetFaults:
    """Speaks in the place of the probes that the registry's faults mean."""

    def __init__(self, registry: FaultRegistry) -> None:
        self._registry = registry

    def probe_result(self, owner: str, target: str, port: int) -> ProbeResult | None:
        """What a probe meets by a fault, or None.

        Args:
            owner: a classic load balancer's name, or a target group's ARN.
            target: an instance id or an address.
        """
        name = owner.split("/")[1] if "/" in owner else owner
        for fault in self._registry.standing("unhealthy-target"):
            meant = fault.selects(balancer=name) or fault.selects(balancer=owner)
            if meant and fault.selects(target=target) and self._registry.take(fault, f"{owner} {target}:{port}"):
                return RESULTS[fault.fields["cause"]]
        return None
