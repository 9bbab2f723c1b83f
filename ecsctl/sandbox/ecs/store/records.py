"""A service and its deployments, as the store keeps them: plain data, picklable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
"""A structure of the API, in the API's own member names."""


@dataclass
class Deployment:
    """One deployment of a service; ``settings`` are the service's members as they were when it began."""

    id: str
    number: str
    revision_arn: str
    task_definition: str
    status: str
    created_at: float
    updated_at: float
    settings: Document
    desired: int = 0
    failed_tasks: int = 0
    proven: bool = False
    rollout_state: str = "IN_PROGRESS"
    rollout_reason: str | None = None
    rollback_of: str | None = None
    finished_at: float | None = None
    stalled: bool = False
    superseded: bool = False
    watches_alarms: bool = False
    triggered_alarms: tuple[str, ...] = ()
    tripped: bool = False
    # Of blue/green, linear and canary ones: the deployment that serves until this one does, the stage and its hooks,
    # the percentages of the traffic, and which of the two target groups.
    source: str | None = None
    stage: str | None = None
    stage_at: float = 0.0
    shifted_at: float = 0.0
    weight: float = 0.0
    test_weight: float = 0.0
    alternate: bool = False
    hooks: tuple[Document, ...] = ()
    rolled_back_at: float | None = None
    # Service Connect: the Cloud Map services that stand for its ports; and the digest of each container's image.
    connections: tuple[Document, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    # Since when all of its tasks have been there and healthy.
    whole_since: float | None = None


@dataclass
class TaskSet(Deployment):
    """A deployment that somebody else controls: CodeDeploy, or a controller of the user's (EXTERNAL).

    ``scale`` is in percent of the service's desired count; the service decides nothing but how many tasks that is.
    """

    scale: float = 0.0
    external_id: str | None = None
    started_by: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    stable: bool = False
    stable_at: float = 0.0


@dataclass
class ServiceEvent:
    id: str
    created_at: float
    message: str


@dataclass
class Service:
    arn: str
    name: str
    cluster: str
    created_at: float
    task_definition: str
    # Members of CreateService and UpdateService kept in their own names: networkConfiguration, loadBalancers …
    settings: Document
    desired: int
    scheduling: str = "REPLICA"
    status: str = "ACTIVE"
    tags: dict[str, str] = field(default_factory=dict)
    deployments: list[Deployment] = field(default_factory=list)
    history: list[Deployment] = field(default_factory=list)
    events: list[ServiceEvent] = field(default_factory=list)
    muted: dict[str, float] = field(default_factory=dict)
    # Sentence with a place for a number → the number, until the scheduler next looks at the service.
    tallies: dict[str, int] = field(default_factory=dict)
    role_arn: str | None = None
    steady: bool = False
    wake_at: float = 0.0
    start_failures: int = 0
    quick_exits: int = 0
    start_after: float = 0.0
    last_good: Deployment | None = None
    # Of Availability Zone rebalancing: whether it is told to be in progress, the task that moves, the next try.
    rebalancing: bool = False
    moving_to: str | None = None
    rebalance_at: float = 0.0

    @property
    def key(self) -> tuple[str, str]:
        return self.cluster, self.name

    @property
    def controller(self) -> str:
        """ECS, CODE_DEPLOY or EXTERNAL."""
        return str((self.settings.get("deploymentController") or {}).get("type", "ECS"))

    @property
    def task_sets(self) -> list[TaskSet]:
        """Its deployments, where another controller than ECS makes them."""
        return [deployment for deployment in self.deployments if isinstance(deployment, TaskSet)]

    @property
    def primary(self) -> Deployment:
        return next(d for d in self.deployments if d.status == "PRIMARY")
