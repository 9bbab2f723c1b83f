"""Eventual consistency: requests that are answered from what a service held some seconds before.

Before each write of a service whose writes lag, its state is kept. A request that does not see the writes of the last
``seconds`` is answered from the state before the first of them: a state that there was, never older than that, and
never one behind an earlier answer's. What writes looks things up there too, where the fault means it: it is tried on
that state first, and refused as it is refused there, or else it takes effect.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ecsctl.sandbox.ecs.engine import Engine
from ecsctl.sandbox.faults.registry import Fault, FaultRegistry
from ecsctl.sandbox.faults.requests import meant
from ecsctl.sandbox.http.request import Answer

KIND = "eventual-consistency"
READS = ("Describe", "List", "Get", "GET ", "HEAD ")
# Whose backends of moto hold the state of a service.
BACKENDS = {
    "iam": ("iam",),
    "ec2": ("ec2",),
    "autoscaling": ("autoscaling",),
    "elasticloadbalancing": ("elb", "elbv2"),
}
# What looks up instance profiles.
LOOKS_AT_IAM = ("ec2:RunInstances", "ec2:AssociateIamInstanceProfile", "autoscaling:*AutoScalingGroup")
# The methods of the engine's ports (ecsctl.sandbox.interfaces) that change nothing.
LOOKS = frozenset(
    {
        "address",
        "availability_zone",
        "classic_exists",
        "facts",
        "health",
        "kind",
        "namespace",
        "security_group_exists",
        "states",
        "subnet_exists",
        "target_group_problem",
        "target_type",
    }
)
# Writes that follow each other within this part of the time are shown together.
TOGETHER = 0.05


@dataclass
class Snapshot:
    """The state of a service before a write; ``view`` is made of it when it is first asked."""

    at: float
    data: bytes
    view: Engine | None = None


class Backends(Protocol):
    """moto's state, service by service."""

    def backends(self, services: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Service → region → backend."""
        ...

    def replace(self, backends: Mapping[str, Mapping[str, Any]]) -> None:
        """Have these services hold these backends, and no others."""
        ...


class StaleReads:
    """Answers reads from states of the last seconds where the registry's faults ask for it. Called under the lock.

    Args:
        registry: the injected faults.
        clock: the sandbox's, in seconds.
        moto: the state of the other services.
    """

    def __init__(self, registry: FaultRegistry, clock: Callable[[], float], moto: Backends) -> None:
        self._registry = registry
        self._clock = clock
        self._moto = moto
        self._kept: dict[tuple[str, str], list[Snapshot]] = {}

    def forget(self) -> None:
        """Everything was written long ago."""
        self._kept.clear()

    def _keep(self, service: str, region: str, dump: Callable[[], bytes]) -> None:
        """Keep the state of a service before it is written, if any fault hides its writes."""
        faults = [fault for fault in self._registry.standing(KIND) if service in fault.fields["of"]]
        if not faults:
            self._kept.pop((service, region), None)
            return
        now, longest = self._clock(), max(fault.fields["seconds"] for fault in faults)
        kept = self._kept.setdefault((service, region), [])
        kept[:] = [snapshot for snapshot in kept if now - snapshot.at < longest]
        shortest = min(fault.fields["seconds"] for fault in faults)
        if not kept or now - kept[-1].at >= shortest * TOGETHER:
            kept.append(Snapshot(now, dump()))

    def _lag(self, held: str, region: str, service: str, operation: str) -> Snapshot | None:
        """The state of the service ``held`` that a request is to see, None where it sees everything."""
        for fault in self._registry.standing(KIND):
            if held not in fault.fields["of"] or not _means(fault, held, service, operation):
                continue
            seen = self._clock() - fault.fields["seconds"]
            found = next((item for item in self._kept.get((held, region), ()) if item.at > seen), None)
            if found is not None and self._registry.triggers(fault):
                return found
        return None

    def ecs(self, engine: Engine, operation: str, body: bytes) -> Answer:
        """Answer an ECS request: from the past, or now."""
        region = engine.store.region
        snapshot = self._lag("ecs", region, "ecs", operation)
        if snapshot is not None:
            if not operation.startswith(READS):
                # Whatever it changes there must not be seen by others.
                answer = engine.past(snapshot.data, Still).handle(operation, body)
                if answer[0] >= 400:
                    return answer
            else:
                if snapshot.view is None:
                    snapshot.view = engine.past(snapshot.data, Still)
                return snapshot.view.handle(operation, body)
        if not operation.startswith(READS):
            self._keep("ecs", region, engine.dump)
        return engine.handle(operation, body)

    def moto(self, service: str, operation: str, perform: Callable[[], Answer]) -> Answer:
        """Answer a request to another service by ``perform``, with moto holding the past or not."""
        reads = operation.startswith(READS)
        # A write that met the past of EC2 or of a balancer would make things there, which then were lost; what looks
        # at IAM changes nothing in it, and what IAM itself writes changes nothing else.
        lagging = {
            held: snapshot.data
            for held in BACKENDS
            if (held == "iam" or (held == service and reads))
            and (snapshot := self._lag(held, "", service, operation)) is not None
        }
        own = lagging.pop(service, None) if not reads else None
        if own is not None:
            with self._held({service: own}):
                refused = perform()
            if refused[0] >= 400:
                return refused
        if not reads and service in BACKENDS:
            self._keep(
                service, "", lambda: pickle.dumps(self._moto.backends(BACKENDS[service]), pickle.HIGHEST_PROTOCOL)
            )
        with self._held(lagging):
            return perform()

    @contextlib.contextmanager
    def _held(self, states: Mapping[str, bytes]) -> Iterator[None]:
        """Have moto hold other states for a while."""
        now = {service: self._moto.backends(BACKENDS[service]) for service in states}
        try:
            for data in states.values():
                self._moto.replace(pickle.loads(data))
            yield
        finally:
            for backends in now.values():
                self._moto.replace(backends)


def _means(fault: Fault, held: str, service: str, operation: str) -> bool:
    patterns = fault.fields.get("operation")
    if patterns:
        return meant(patterns, service, operation)
    if service == held:
        return operation.startswith(READS)
    return held == "iam" and meant(LOOKS_AT_IAM, service, operation)


class Still:
    """A port that is looked at and left alone: what would change anything does nothing."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        if name in LOOKS:
            return getattr(self._port, name)
        return lambda *given, **named: None
