"""Every region of an account, each with an engine of its own that is made when it is first asked for."""

from __future__ import annotations

import pickle
import re
import time
from collections import defaultdict
from collections.abc import Callable

from ecsctl.sandbox.ecs.api.wire import Answer
from ecsctl.sandbox.ecs.engine import Engine
from ecsctl.sandbox.interfaces import (
    AutoScaling,
    CloudMap,
    CloudWatch,
    ContainerEvent,
    ContainerRequest,
    Ec2,
    ElasticLoadBalancing,
    InstanceDetails,
    Runtime,
)

_REGION_OF_ZONE = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-\d+")

Ports = Callable[[str], "tuple[Ec2, ElasticLoadBalancing, AutoScaling, CloudWatch, CloudMap]"]


class Regions:
    """The engines of one account. It implements :class:`ecsctl.sandbox.interfaces.AgentApi` for all of them.

    Args:
        account: twelve digits.
        runtime: runs the containers of every region.
        ports: region → its machines, balancers, Auto Scaling groups, alarms and namespaces.
        clock: epoch seconds.

    Like an engine it neither blocks nor locks: one lock of the caller's is around all methods.
    """

    def __init__(self, account: str, runtime: Runtime, ports: Ports, clock: Callable[[], float] = time.time) -> None:
        self.account = account
        self.runtime = runtime
        self._ports = ports
        self._clock = clock
        self.engines: dict[str, Engine] = {}

    def engine(self, region: str) -> Engine:
        """The engine of a region."""
        found = self.engines.get(region)
        if found is None:
            found = Engine(self.account, region, self.runtime, *self._ports(region), self._clock)
            self.engines[region] = found
        return found

    def handle(self, region: str, operation: str, body: bytes) -> Answer:
        """Answer one HTTP request to a region's endpoint; see :meth:`Engine.handle`."""
        return self.engine(region).handle(operation, body)

    def step(self, now: float) -> None:
        """One turn of every engine's loops (``now``: epoch seconds), with the runtime's news for each."""
        news: defaultdict[str, list[ContainerEvent]] = defaultdict(list)
        for event in self.runtime.events():
            news[event.task_arn.split(":", 4)[3]].append(event)
        for name, engine in list(self.engines.items()):
            engine.step(now, news[name])

    def register_agent(self, cluster: str, facts: InstanceDetails) -> str:
        """An agent came up in the region of its availability zone. See :class:`ecsctl.sandbox.interfaces.AgentApi`."""
        zone = _REGION_OF_ZONE.match(facts.availability_zone)
        if zone is None:
            raise ValueError(f"{facts.availability_zone!r} is no availability zone")
        return self.engine(zone[0]).register_agent(cluster, facts)

    def agent_connected(self, ec2_instance_id: str, connected: bool) -> None:
        """An agent's connection came or went."""
        for engine in self.engines.values():
            engine.agent_connected(ec2_instance_id, connected)

    def instance_terminated(self, ec2_instance_id: str) -> None:
        """EC2 terminated a machine."""
        for engine in self.engines.values():
            engine.instance_terminated(ec2_instance_id)

    def tagged_resources(self, region: str) -> list[tuple[str, dict[str, str]]]:
        """Every tagged ECS resource of a region, as (ARN, tags)."""
        return self.engine(region).tagged_resources()

    def expected_containers(self) -> list[ContainerRequest]:
        """The containers of all regions that should be running; see :meth:`Engine.expected_containers`."""
        return [request for engine in self.engines.values() for request in engine.expected_containers()]

    def dump(self) -> bytes:
        """The state of all regions, for :meth:`load`."""
        return pickle.dumps({name: engine.dump() for name, engine in self.engines.items()})

    def load(self, data: bytes) -> None:
        """Take over a state that :meth:`dump` gave. Only for data of one's own: it is unpickled.

        Raises:
            ValueError: it is of another version or account.
        """
        for name, state in pickle.loads(data).items():
            self.engine(name).load(state)
