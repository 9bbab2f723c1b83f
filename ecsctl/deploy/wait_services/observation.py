"""What was seen of a service that is waited for, from one look to the next. Pure: ``wait`` does the asking."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ecsctl.query.diagnosis import failed
from ecsctl.query.service_events import Meaning, event_meaning
from ecsctl.query.target_health import Targets
from ecsctl.query.views import DeploymentView, EventView, ServiceView, TaskView, service_view

Json = Mapping[str, Any]

# An answer's Date, which AWS's time is known by, has whole seconds.
NEAR = timedelta(seconds=5)


@dataclass
class Observation:
    """A service as it was last seen, and what is remembered of the looks before.

    ``awaited`` is the id of the deployment that is waited for; until ECS shows it (``shown``) what is seen is of
    before. ``since`` is when that which is waited for began, by the clock of AWS: earlier events and failures are
    another story.
    """

    name: str
    since: datetime
    awaited: str = ""
    shown: bool = False
    existed: bool = False
    item: Json = field(default_factory=dict)
    view: ServiceView | None = None
    # The deployment that is waited for, as it was seen last.
    own: DeploymentView | None = None
    failed_before: int = 0
    failures: dict[str, TaskView] = field(default_factory=dict)
    starting: tuple[TaskView, ...] = ()
    # What DescribeServiceDeployments says of a deployment that shifts traffic.
    rollout: Json = field(default_factory=dict)
    targets: tuple[Targets, ...] = ()
    # The last reasons that balancers gave: a target that failed is soon deregistered.
    target_reasons: dict[str, tuple[str, ...]] = field(default_factory=dict)
    moved_at: datetime | None = None
    unready_since: datetime | None = None
    unused_since: datetime | None = None
    whole_since: datetime | None = None
    _moved: tuple[Any, ...] = ()

    def see(self, item: Json | None, now: datetime, *, late: bool) -> None:
        """Take in what DescribeServices answers of the service; None: it answers nothing.

        Args:
            now: by the clock of AWS.
            late: whether ECS has had the time to show what was changed.
        """
        if item is None:
            self.view = None
            return
        self.existed = True
        self.item, self.view = item, service_view(item)
        ids = [deployment.id for deployment in self.view.deployments]
        self.shown = self.shown or not self.awaited or self.awaited in ids or self.failed_unseen or late
        if not self.shown:
            return
        missed = self.own is None and self.awaited not in ids and not self.failed_unseen
        if self.primary is not None and (not self.awaited or missed):
            self.awaited = self.primary.id
        own = next((deployment for deployment in self.view.deployments if deployment.id == self.awaited), None)
        if own is not None and self.own is None and own.created_at is not None and own.created_at > self.since - NEAR:
            # It began what is waited for: ECS's own time of that is exact.
            self.since = own.created_at
        if own is not None and self.own is None:
            self.failed_before = own.failed if self._is_older(own) else 0
        self.own = own or self.own
        self._notice_movement(now)

    def _is_older(self, deployment: DeploymentView) -> bool:
        return deployment.created_at is None or deployment.created_at < self.since

    def _notice_movement(self, now: datetime) -> None:
        view, primary = self.view, self.primary
        if view is None:
            return
        counts = (
            (primary.id, primary.running, primary.pending, primary.desired, primary.rollout_state) if primary else ()
        )
        moved = (*counts, view.running, view.pending, len(view.deployments))
        if moved != self._moved or self.moved_at is None:
            self._moved, self.moved_at = moved, now

    def see_targets(self, targets: Sequence[Targets], now: datetime) -> None:
        """Take in what the balancers say of the service's targets."""
        if [item.healthy for item in targets] != [item.healthy for item in self.targets]:
            self.moved_at = now
        self.targets = tuple(targets)
        self.target_reasons.update({item.where: item.reasons for item in targets if item.reasons})
        unused = any(item.unused or item.missing for item in targets)
        self.unused_since = (self.unused_since or now) if unused else None

    def see_rollout(self, rollout: Json, now: datetime) -> None:
        """Take in how far a deployment is that shifts traffic."""
        if rollout.get("lifecycleStage") != self.rollout.get("lifecycleStage"):
            self.moved_at = now
        self.rollout = rollout

    def see_tasks(self, stopped: Iterable[TaskView], starting: Iterable[TaskView], now: datetime) -> None:
        """Take in tasks of the service: those that have stopped or are stopping, and those that do not run yet."""
        for task in stopped:
            if task.started_by not in (None, self.awaited) or not failed(task):
                continue
            if task.stopped_at is None or task.stopped_at >= self.since:
                self.failures[task.arn] = task
        self.starting = tuple(task for task in starting if task.started_by in (None, self.awaited))
        self.unready_since = (self.unready_since or now) if self.unready() else None

    def unready(self) -> list[str]:
        """The containers of tasks on their way that fail their own health checks, while others wait for them."""
        sick = [c.name for task in self.starting for c in task.containers if c.health == "UNHEALTHY"]
        return list(dict.fromkeys(sick))

    @property
    def failed_unseen(self) -> bool:
        """Whether the awaited deployment failed between two looks: an event says so, and ECS no longer lists it."""
        if self.own is not None or not self.awaited:
            return False
        return any(f"(deployment {self.awaited}) deployment failed" in event.message for event in self.events())

    @property
    def primary(self) -> DeploymentView | None:
        """The deployment that ECS works for now."""
        return self.view.deployments[0] if self.view is not None and self.view.deployments else None

    @property
    def definition(self) -> str:
        """``family:revision`` of the deployment that is waited for; "" where it is not known."""
        if self.failed_unseen:
            return next((task.definition for task in self.failures.values()), "")
        own = self.own or self.primary
        return own.definition if own is not None else ""

    @property
    def running(self) -> int:
        """How many tasks of the primary deployment run; of a service without deployments, how many of all."""
        return self.primary.running if self.primary else self.view.running if self.view else 0

    @property
    def desired(self) -> int:
        """How many tasks of the primary deployment shall run."""
        return self.primary.desired if self.primary else self.view.desired if self.view else 0

    @property
    def lacking(self) -> int:
        """How many tasks of the primary deployment ECS has not even started."""
        pending = self.primary.pending if self.primary else self.view.pending if self.view else 0
        return max(0, self.desired - self.running - pending)

    @property
    def old(self) -> int:
        """How many tasks of earlier deployments run."""
        return sum(item.running for item in self.view.deployments[1:]) if self.view is not None else 0

    @property
    def new_failures(self) -> int:
        """How many tasks of the deployment have failed since it began, as far as ECS tells by any way."""
        counted = self.primary.failed - self.failed_before if self.primary is not None else 0
        return max(counted, len(self.failures))

    def still_for(self, now: datetime) -> timedelta:
        """How long nothing has moved."""
        return now - self.moved_at if self.moved_at is not None else timedelta(0)

    def events(self) -> tuple[EventView, ...]:
        """The events since what is waited for began, newest first."""
        if self.view is None:
            return ()
        return tuple(event for event in self.view.events if event.at is None or event.at >= self.since)

    def troubles(self) -> list[tuple[EventView, Meaning]]:
        """Those of the events that tell of trouble, each with its meaning."""
        found = [(event, event_meaning(event.message)) for event in self.events()]
        return [(event, meaning) for event, meaning in found if meaning is not None]

    def configuration(self, name: str, default: Any = None) -> Any:
        """A member of the service's deploymentConfiguration."""
        value = (self.item.get("deploymentConfiguration") or {}).get(name)
        return default if value is None else value

    @property
    def vouched_for(self) -> bool:
        """Whether more is known of the tasks than that they run: a balancer probes them, or there shall be none."""
        return bool(self.item.get("loadBalancers")) or not self.desired

    @property
    def updated_at(self) -> datetime | None:
        """When ECS last changed the primary deployment, as by calling it complete."""
        rows = [row for row in self.item.get("deployments", ()) if row.get("status") == "PRIMARY"]
        return rows[0].get("updatedAt") if rows else None

    @property
    def strategy(self) -> str:
        """How the service is deployed: ROLLING, BLUE_GREEN, LINEAR or CANARY."""
        return str(self.configuration("strategy", "ROLLING"))

    @property
    def has_breaker(self) -> bool:
        """Whether a circuit breaker watches the deployment."""
        return bool(self.configuration("deploymentCircuitBreaker", {}).get("enable"))

    @property
    def fewest(self) -> int:
        """How many tasks ECS keeps running during a deployment (``minimumHealthyPercent``, rounded up)."""
        default = 0 if self.view is not None and self.view.scheduling == "DAEMON" else 100
        return math.ceil(self.desired * int(self.configuration("minimumHealthyPercent", default)) / 100)

    @property
    def most(self) -> int:
        """How many tasks there may be during a deployment (``maximumPercent``, rounded down)."""
        return math.floor(self.desired * int(self.configuration("maximumPercent", 200)) / 100)
