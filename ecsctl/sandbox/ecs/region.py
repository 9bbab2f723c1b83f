"""What every operation and every loop of one region works on, and the table of the operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ecsctl.sandbox.ecs.store.store import Store
from ecsctl.sandbox.interfaces import AutoScaling, CloudMap, CloudWatch, Ec2, ElasticLoadBalancing, Runtime

Request = dict[str, Any]
Response = dict[str, Any]


@dataclass
class Region:
    """The state of a region and the ports it acts through.

    ``clock`` gives epoch seconds; it is the only clock of the engine.
    """

    store: Store
    runtime: Runtime
    ec2: Ec2
    elb: ElasticLoadBalancing
    clock: Callable[[], float]
    auto_scaling: AutoScaling
    cloudwatch: CloudWatch
    cloud_map: CloudMap

    @property
    def now(self) -> float:
        return self.clock()


Operation = Callable[[Region, Request], Response]

OPERATIONS: dict[str, Operation] = {}
"""Operation name → its function, filled by :func:`operation` when the modules are imported."""


SIMULATED: set[str] = set()
"""Those of :data:`OPERATIONS` that answer rightly but stand for something that the sandbox does not have."""


def operation(name: str, *, simulated: bool = False) -> Callable[[Operation], Operation]:
    """Declare the function that performs an operation of the API."""

    def declare(function: Operation) -> Operation:
        OPERATIONS[name] = function
        if simulated:
            SIMULATED.add(name)
        return function

    return declare
