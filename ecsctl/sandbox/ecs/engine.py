"""The ECS of one region: the API in front, the control loops behind, the state within.

No method blocks and none locks: whoever shares an engine between threads holds one lock around all its methods.
"""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable, Sequence
from typing import Any

from ecsctl.sandbox.ecs.api import (
    account_settings,
    agent,
    capacity_providers,
    clusters,
    container_instances,
    paging,
    service_deployments,
    services,
    tags,
    task_definitions,
    task_protection,
    task_sets,
    tasks,
    wire,
)
from ecsctl.sandbox.ecs.errors import EcsApiError
from ecsctl.sandbox.ecs.region import OPERATIONS, SIMULATED, Region
from ecsctl.sandbox.ecs.scheduler import (  # the modules of operations declare them on import
    agents,
    circuit_breaker,
    lifecycle,
    managed_instances,
    managed_scaling,
    rollout,
)
from ecsctl.sandbox.ecs.store.store import RETENTION_SECONDS, STORE_VERSION, Store
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

_MODULES_OF_OPERATIONS = (
    agent,
    clusters,
    capacity_providers,
    task_definitions,
    container_instances,
    tasks,
    services,
    service_deployments,
    task_protection,
    account_settings,
    tags,
    task_sets,
)

TOKEN_SECONDS = 24 * 3600.0
AFTER_A_FAULT_SECONDS = 5.0

log = logging.getLogger(__name__)


class Engine:
    """One account's ECS in one region. It implements :class:`ecsctl.sandbox.interfaces.AgentApi`.

    Args:
        account: twelve digits.
        region: as ``eu-west-1``.
        runtime, ec2, elb, auto_scaling, cloudwatch, cloud_map: the ports; see ``ecsctl.sandbox.interfaces``.
        clock: epoch seconds; the engine never reads another one.
        seed: of identifiers and random choices; None draws one.
    """

    def __init__(
        self,
        account: str,
        region: str,
        runtime: Runtime,
        ec2: Ec2,
        elb: ElasticLoadBalancing,
        auto_scaling: AutoScaling,
        cloudwatch: CloudWatch,
        cloud_map: CloudMap,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
    ) -> None:
        self._clock = clock
        self._now: float | None = None
        self._region = Region(
            Store(account, region, seed), runtime, ec2, elb, self._time, auto_scaling, cloudwatch, cloud_map
        )

    def _time(self) -> float:
        return self._clock() if self._now is None else self._now

    @property
    def store(self) -> Store:
        """The state, to read."""
        return self._region.store

    def handle(self, operation: str, body: bytes) -> wire.Answer:
        """Answer one HTTP request.

        Args:
            operation: the operation's name, or the value of ``X-Amz-Target``.
            body: the request's JSON.
        Returns:
            (status, headers, body); errors are answers too, and a bug is a 500 ``ServerException``.
        """
        return wire.answer(operation, body, self.call)

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Perform one operation: the request checked and the response shaped by the model of the service.

        Raises:
            EcsApiError: as the service would answer.
        """
        perform = OPERATIONS.get(operation)
        if perform is None:
            raise EcsApiError("UnknownOperationException", "")
        request = wire.checked_request(operation, params)
        # Before anything is looked for: a wrong size is told even where the cluster is unknown.
        paging.check_size(request)
        return wire.shaped_response(operation, perform(self._region, request))

    def step(self, now: float, events: Sequence[ContainerEvent] | None = None) -> None:
        """One turn of the control loops.

        Args:
            now: epoch seconds, never before the last step's.
            events: news of containers of this region; None takes them from the runtime.
        """
        self._now = now
        try:
            self._step(now, self._region.runtime.events() if events is None else events)
        finally:
            self._now = None

    def _step(self, now: float, events: Sequence[ContainerEvent]) -> None:
        region, store = self._region, self._region.store
        for event in events:
            lifecycle.receive(region, event)
        for arn in list(store.moving):
            task = store.tasks.get(arn)
            if task is None or task.last_status == "STOPPED":
                store.moving.pop(arn, None)
                continue
            try:
                lifecycle.advance(region, task)
                if task.last_status == "STOPPED":
                    circuit_breaker.stopped(region, task)
            except Exception:
                log.exception("the loop failed at task %s", arn)
        touched = list(store.touched_services)
        store.touched_services.clear()
        due = [service.key for service in store.services.values() if service.wake_at <= now]
        for key in dict.fromkeys((*touched, *due)):
            service = store.services.get(key)
            if service is None:
                continue
            try:
                rollout.reconcile(region, service)
            except Exception:
                log.exception("the loop failed at service %s", service.arn)
                service.wake_at = now + AFTER_A_FAULT_SECONDS
        managed_scaling.manage(region)
        managed_instances.manage(region)
        store.forget_stopped(now - RETENTION_SECONDS)
        task_definitions.finish_deletions(store)
        capacity_providers.finish_deletions(region)
        if store.tokens:
            for key_of_token in [k for k, token in store.tokens.items() if now - token.at > TOKEN_SECONDS]:
                del store.tokens[key_of_token]

    def register_agent(self, cluster: str, facts: InstanceDetails) -> str:
        """An agent came up: the ARN of its container instance. See :class:`ecsctl.sandbox.interfaces.AgentApi`."""
        return agents.register_agent(self._region, cluster, facts)

    def agent_connected(self, ec2_instance_id: str, connected: bool) -> None:
        """An agent's connection came or went."""
        agents.agent_connected(self._region, ec2_instance_id, connected)

    def instance_terminated(self, ec2_instance_id: str) -> None:
        """EC2 terminated a machine."""
        agents.instance_terminated(self._region, ec2_instance_id)

    def drain(self, ec2_instance_id: str) -> int:
        """A machine will go: its container instance drains. How many tasks are still there; of an unknown one none."""
        return agents.drain(self._region, ec2_instance_id)

    def stop_task(self, arn: str, code: str, reason: str) -> None:
        """Have a task stop as its containers allow, with this ``stopCode`` and ``stoppedReason``."""
        lifecycle.begin_stop(self._region, self.store.tasks[arn], code, reason)

    def kill_task(self, arn: str, code: str, reason: str) -> None:
        """Have a task STOPPED at once: what hosted it has gone."""
        lifecycle.kill(self._region, self.store.tasks[arn], code, reason)

    def end_tasks(self, cluster: str, service: str) -> None:
        """Have all tasks of a service STOPPED at once, and what that ends ended: for whoever waits for its deletion."""
        for task in list(self.store.tasks.values()):
            if task.cluster == cluster and task.group == f"service:{service}" and task.last_status != "STOPPED":
                self.kill_task(task.arn, "ServiceSchedulerInitiated", "Task stopped since its service was deleted")
        self.step(self._time(), ())

    def tagged_resources(self) -> list[tuple[str, dict[str, str]]]:
        """Every resource with tags, as (ARN, tags): what the Resource Groups Tagging API lists of ECS."""
        return list(tags.tagged(self.store))

    def operations(self) -> dict[str, str]:
        """Every operation of the service's model → ``works``, ``simulated`` or ``missing`` (answered as unknown)."""

        def state(name: str) -> str:
            return "missing" if name not in OPERATIONS else "simulated" if name in SIMULATED else "works"

        return {name: state(name) for name in sorted(wire.known_operations())}

    def expected_containers(self) -> list[ContainerRequest]:
        """The containers that should be running, for a runtime that has just started.

        It takes over those that it still has and says of each what it is: ``started`` or ``exited``. A container that
        it knows nothing of has exited.
        """
        region = self._region
        return [
            lifecycle.request_of(region, task, container)
            for task in self.store.tasks.values()
            if task.last_status != "STOPPED"
            for container in task.containers
            if container.launched and container.last_status != "STOPPED"
        ]

    def dump(self) -> bytes:
        """The whole state, for :meth:`load`."""
        return pickle.dumps((STORE_VERSION, self.store), protocol=pickle.HIGHEST_PROTOCOL)

    def past(self, data: bytes, still: Callable[[Any], Any]) -> Engine:
        """An engine of the same account and region with a state that :meth:`dump` gave earlier.

        Args:
            still: makes a port of one of this engine's ports: one that lets nothing be changed.
        Raises:
            ValueError: as :meth:`load`.
        """
        region, store = self._region, self.store
        earlier = Engine(
            store.account,
            store.region,
            still(region.runtime),
            still(region.ec2),
            still(region.elb),
            still(region.auto_scaling),
            still(region.cloudwatch),
            still(region.cloud_map),
            self._clock,
        )
        earlier.load(data)
        return earlier

    def load(self, data: bytes) -> None:
        """Take over a state that :meth:`dump` gave. Only for data of one's own: it is unpickled.

        Raises:
            ValueError: it is of another version, or of another account or region.
        """
        version, store = pickle.loads(data)
        if version != STORE_VERSION or not isinstance(store, Store):
            raise ValueError(f"the state is of version {version}, not {STORE_VERSION}")
        if (store.account, store.region) != (self.store.account, self.store.region):
            raise ValueError(f"the state is of {store.account} in {store.region}")
        self._region.store = store
