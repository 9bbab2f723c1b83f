"""Where a task goes: what every candidate must satisfy, and which of them the strategy prefers.

A :class:`Placer` looks at a cluster once for one task definition and then places task after task, keeping its counts
as it goes, so that n tasks on m instances cost n × m cheap comparisons and no scan over the tasks.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ecsctl.refusals import cluster_query
from ecsctl.sandbox.ecs.errors import invalid
from ecsctl.sandbox.ecs.scheduler.resources import shortage
from ecsctl.sandbox.ecs.store.store import ContainerInstance, Document, Need, Store, TaskDefinition

DEFAULT_STRATEGY: tuple[Document, ...] = (
    {"type": "spread", "field": "attribute:ecs.availability-zone"},
    {"type": "spread", "field": "instanceId"},
)


@dataclass(frozen=True)
class Unfit:
    """Why one instance does not take the task: ``reason`` as in ``failures[]`` (RESOURCE:CPU, AGENT, ATTRIBUTE …)."""

    instance: ContainerInstance
    reason: str


def subject(instance: ContainerInstance, store: Store, now: float) -> cluster_query.Subject:
    """The instance as an expression of the query language sees it."""
    tasks = [store.tasks[arn] for arn in instance.tasks]
    return cluster_query.Subject(
        attributes=instance.attributes,
        facts={
            "agentConnected": "true" if instance.agent_connected else "false",
            "agentVersion": instance.facts.agent_version,
            "ec2InstanceId": instance.facts.ec2_instance_id,
            "registeredAt": instance.registered_at,
            "runningTasksCount": sum(task.last_status == "RUNNING" for task in tasks),
            "pendingTasksCount": sum(task.last_status == "PENDING" for task in tasks),
            "status": instance.status,
            "capacityProviderName": instance.capacity_provider or "",
        },
        task_groups=frozenset(task.group for task in tasks if task.live),
        now=now,
    )


def parsed(expression: str) -> cluster_query.Predicate:
    """The predicate of an expression.

    Raises:
        EcsApiError: ``InvalidParameterException``, saying where the expression is wrong.
    """
    try:
        return cluster_query.parse(expression)
    except cluster_query.QueryError as error:
        raise invalid(f"Invalid expression: {expression}. {error}.") from None


class Placer:
    """Places tasks of one definition and group on the instances of one cluster.

    Args:
        store: the state; read only.
        cluster: the cluster's name.
        definition: its ``requiresAttributes`` and placement constraints hold for every candidate.
        group: the task group, which ``distinctInstance`` and ``spread`` count.
        constraints, strategy: of the service or the call; the strategy may be empty.
        capacity_provider: where given, only its instances.
        zones: where given, only instances there: those of the subnets of a task with an interface of its own.
        now: epoch seconds, for expressions with times.
    """

    def __init__(
        self,
        store: Store,
        cluster: str,
        definition: TaskDefinition,
        need: Need,
        *,
        group: str,
        constraints: Sequence[Document] = (),
        strategy: Sequence[Document] = (),
        capacity_provider: str | None = None,
        only: Iterable[str] | None = None,
        zones: frozenset[str] | None = None,
        now: float = 0.0,
    ) -> None:
        self.cluster = cluster
        self.need = need
        self.store = store
        self.group = group
        everything = [*constraints, *definition.document.get("placementConstraints", ())]
        self.distinct = any(c["type"] == "distinctInstance" for c in everything)
        self.refusals: list[Unfit] = []
        self.candidates: list[ContainerInstance] = []
        predicates = [parsed(c.get("expression", "")) for c in everything if c["type"] == "memberOf"]
        required = definition.document.get("requiresAttributes", ())
        chosen = None if only is None else set(only)
        for instance in store.cluster_instances(cluster):
            if chosen is not None and instance.arn not in chosen:
                continue
            if instance.status != "ACTIVE":
                continue
            if capacity_provider is not None and instance.capacity_provider != capacity_provider:
                continue
            elsewhere = zones is not None and instance.facts.availability_zone not in zones
            reason = "LOCATION" if elsewhere else self._unfit(instance, required, predicates, now)
            if reason:
                self.refusals.append(Unfit(instance, reason))
            else:
                self.candidates.append(instance)
        self._count_group()
        self.key, self._own_key = _rankings(strategy or DEFAULT_STRATEGY, self)
        self._always_new = any(item["type"] == "random" for item in strategy)
        self._lines: list[list[tuple[tuple[float, ...], int]]] = []
        self._fallen_out: tuple[list[tuple[tuple[float, ...], int]], int] | None = None
        self._line_up()

    def _unfit(
        self,
        instance: ContainerInstance,
        required: Sequence[Document],
        predicates: Sequence[cluster_query.Predicate],
        now: float,
    ) -> str | None:
        if not instance.agent_connected:
            return "AGENT"
        for attribute in required:
            name = attribute["name"]
            if name not in instance.attributes:
                return "ATTRIBUTE"
            if attribute.get("value") and instance.attributes[name] != attribute["value"]:
                return "ATTRIBUTE"
        if predicates:
            seen = subject(instance, self.store, now)
            if not all(predicate(seen) for predicate in predicates):
                return "MemberOf placement constraint unsatisfied."
        return None

    def _count_group(self) -> None:
        """How many of the group's tasks each instance has now."""
        self.on_instance: Counter[str] = Counter()
        for task in self.store.group_tasks(self.cluster, self.group):
            if task.live and task.instance is not None:
                self.on_instance[task.instance] += 1
        self.on_value: dict[str, Counter[str | None]] = {}

    def spread_counter(self, attribute: str) -> Counter[str | None]:
        """How many of the group's tasks run under each value of an attribute."""
        counter = self.on_value.get(attribute)
        if counter is None:
            counter = self.on_value[attribute] = Counter()
            for instance in self.candidates:
                counter[instance.attributes.get(attribute)] += self.on_instance[instance.arn]
        return counter

    def choose(self) -> ContainerInstance | None:
        """The instance for the next task, counted as placed; None where no candidate has room.

        The caller reserves the task's resources before it asks again. Why the others refused is in
        :meth:`problems`.
        """
        if self._always_new:
            self._line_up()
        elif self._fallen_out is not None:
            line, index = self._fallen_out
            heapq.heappush(line, (self._own_key(self.candidates[index]), index))
        self._fallen_out = None
        first: tuple[tuple[float, ...], int] | None = None
        for line in self._lines:
            while line and self._full(self.candidates[line[0][1]]):
                heapq.heappop(line)
            if line:
                index = line[0][1]
                rank = (line[0][0] if self._always_new else self.key(self.candidates[index]), index)
                if first is None or rank < first:
                    first, self._fallen_out = rank, (line, index)
        if self._fallen_out is None:
            return None
        line, index = self._fallen_out
        heapq.heappop(line)
        best = self.candidates[index]
        self.on_instance[best.arn] += 1
        for attribute, counter in self.on_value.items():
            counter[best.attributes.get(attribute)] += 1
        return best

    def _full(self, instance: ContainerInstance) -> bool:
        return bool((self.distinct and self.on_instance[instance.arn]) or shortage(instance, self.need))

    def _line_up(self) -> None:
        """Sort the candidates into lines, in each of which they have the same values of what tasks are spread over.

        What ranks them within a line is their own, and changes for the one that is chosen only: a choice looks at the
        first of each line. Chance is drawn anew for each choice.
        """
        lines: dict[tuple[str | None, ...], list[tuple[tuple[float, ...], int]]] = {}
        rank = self.key if self._always_new else self._own_key
        for index, instance in enumerate(self.candidates):
            values = () if self._always_new else tuple(instance.attributes.get(name) for name in self.on_value)
            lines.setdefault(values, []).append((rank(instance), index))
        self._lines = list(lines.values())
        for line in self._lines:
            heapq.heapify(line)

    def problems(self) -> list[Unfit]:
        """Why each instance of the cluster did not take the task, closest match first: resources before all else."""
        found = []
        for instance in self.candidates:
            if self.distinct and self.on_instance[instance.arn]:
                found.append(Unfit(instance, "DistinctInstance placement constraint unsatisfied."))
                continue
            short = shortage(instance, self.need)
            if short:
                found.append(Unfit(instance, f"RESOURCE:{short}"))
        return sorted(found, key=lambda refusal: not refusal.reason.startswith("RESOURCE")) + self.refusals


Ranking = Callable[[ContainerInstance], "tuple[float, ...]"]


def _rankings(strategy: Sequence[Document], placer: Placer) -> tuple[Ranking, Ranking]:
    """The key of an instance, the smaller, the better; and the same without what it shares with others."""
    parts: list[Callable[[ContainerInstance], float]] = []
    own: list[Callable[[ContainerInstance], float]] = []
    for item in strategy:
        kind, of = item["type"], item.get("field", "")
        if kind == "random":
            parts.append(lambda instance: placer.store.random.random())
        elif kind == "binpack" and of.lower() == "memory":
            parts.append(lambda instance: float(instance.facts.memory_mib - instance.memory_used))
        elif kind == "binpack":
            parts.append(lambda instance: float(instance.facts.cpu_units - instance.cpu_used))
        elif of in ("instanceId", "host", ""):
            parts.append(lambda instance: float(placer.on_instance[instance.arn]))
        else:
            parts.append(_spread(placer, of.removeprefix("attribute:")))
            continue
        own.append(parts[-1])
    return (
        lambda instance: tuple(part(instance) for part in parts),
        lambda instance: tuple(part(instance) for part in own),
    )


def _spread(placer: Placer, attribute: str) -> Callable[[ContainerInstance], float]:
    counter = placer.spread_counter(attribute)
    return lambda instance: float(counter[instance.attributes.get(attribute)])
