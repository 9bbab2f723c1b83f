"""The kinds of faults and what each of them takes: one table for the API, the command line and their help."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ecsctl.sandbox.ecs.api.throttling import BUCKET_NAMES


class FaultError(ValueError):
    """A fault that cannot be injected: what is wrong with it."""


@dataclass(frozen=True)
class Field:
    """One thing that a kind takes.

    ``name`` is its member in JSON; on the command line ``exitCode`` is ``--exit-code``. ``form``: ``pattern`` and
    ``text`` are text, ``patterns`` a list of it, ``seconds`` and ``count`` numbers; ``choices`` limits
    text, ``least`` and ``most`` a count.
    """

    name: str
    form: Literal["pattern", "patterns", "text", "seconds", "count"]
    help: str
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int | None = None

    @property
    def option(self) -> str:
        """As it is typed."""
        return "--" + "".join(f"-{char.lower()}" if char.isupper() else char for char in self.name)

    def checked(self, value: Any) -> Any:
        """The value as it is kept.

        Raises:
            FaultError: it has another form.
        """
        if self.form == "patterns":
            items = value if isinstance(value, (list, tuple)) else [value]
            if not items or not all(isinstance(item, str) and item for item in items):
                raise FaultError(f"{self.name} must be a pattern or a list of patterns")
            if self.choices and not set(items) <= set(self.choices):
                raise FaultError(f"{self.name} must be of {', '.join(self.choices)}")
            return list(items)
        if self.form in ("seconds", "count"):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
                raise FaultError(f"{self.name} must be a number, 0 or more")
            if self.form == "count" and value != int(value):
                raise FaultError(f"{self.name} must be a whole number")
            most = math.inf if self.most is None else self.most
            if self.form == "count" and not self.least <= value <= most:
                raise FaultError(f"{self.name} must be from {self.least}" + (f" to {most}" if self.most else ""))
            return int(value) if self.form == "count" else float(value)
        if not isinstance(value, str) or not value:
            raise FaultError(f"{self.name} must be text")
        if self.choices and value not in self.choices:
            raise FaultError(f"{self.name} must be one of {', '.join(self.choices)}")
        return value


@dataclass(frozen=True)
class Kind:
    """A kind of fault. ``times`` is how often it is triggered unless the user says so; None: until it is cleared."""

    name: str
    help: str
    fields: tuple[Field, ...]
    times: int | None = None

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The fields as they are kept: checked, and defaults filled in.

        Raises:
            FaultError: one is missing, unknown or of another form.
        """
        unknown = sorted(set(given) - {field.name for field in self.fields})
        if unknown:
            known = ", ".join(field.name for field in self.fields)
            raise FaultError(f"{self.name} takes no {unknown[0]}; it takes {known}")
        kept: dict[str, Any] = {}
        for field in self.fields:
            value = given.get(field.name)
            if value is not None:
                kept[field.name] = field.checked(value)
            elif field.required:
                raise FaultError(f"{self.name} needs {field.name}")
            elif field.default is not None:
                kept[field.name] = field.default
        return kept


# What every kind takes besides its own.
COMMON = (
    Field("times", "count", "How many times it is triggered at most.", least=1),
    Field("nth", "count", "Trigger it first at the n-th match (once, unless --times says more).", least=1),
    Field("for", "seconds", "Expire after that time."),
)

OPERATION = Field(
    "operation",
    "patterns",
    "Which requests: `RunTask`, `ecs:Describe*`, `ec2:*`. Repeatable; without it, every request.",
)
CALLER = Field("caller", "pattern", "Only requests of that access key id or user agent (`*Terraform*`).")
REQUESTS = (OPERATION, CALLER)
CLUSTER = Field("cluster", "pattern", "Only in clusters of that name.")
INSTANCE = Field("instance", "pattern", "Only the EC2 instances of that id.")
ZONE = Field("zone", "pattern", "Only in that availability zone.")
CONTAINERS = (
    CLUSTER,
    Field("service", "pattern", "Only tasks of the ECS service of that name."),
    Field("family", "pattern", "Only tasks of that task definition family."),
    Field("container", "pattern", "Only containers of that name."),
    Field("image", "pattern", "Only containers of that image."),
    Field("task", "pattern", "Only the task of that id."),
    INSTANCE,
)
HOSTS = (CLUSTER, INSTANCE, ZONE)
AFTER = Field("after", "seconds", "How long after the container's start.", 0.0)

PULL_CAUSES = ("not-found", "denied", "timeout", "rate-limit", "platform", "no-space")
LOSSES = ("terminated", "stopped", "impaired")
TARGET_CAUSES = ("timeout", "refused", "response-code")
STALE_SERVICES = ("ecs", "iam", "ec2", "autoscaling", "elasticloadbalancing")

KINDS = (
    Kind(
        "throttle",
        "Requests are throttled, as the service does it (`ThrottlingException`, `Throttling`, `RequestLimitExceeded`).",
        (*REQUESTS, Field("bucket", "text", "All operations of that bucket of ECS.", choices=BUCKET_NAMES)),
    ),
    Kind(
        "error",
        "Requests are answered with an error, and have no effect.",
        (
            *REQUESTS,
            Field("code", "text", "The error's code.", "ServerException"),
            Field("message", "text", "The error's message."),
            Field("status", "count", "The HTTP status; by default the code's own, 400 or 500.", least=400, most=599),
        ),
    ),
    Kind(
        "latency",
        "Requests are answered late.",
        (*REQUESTS, Field("seconds", "seconds", "How late.", required=True)),
    ),
    Kind(
        "lost-response",
        "Requests take effect, and the connection closes without an answer.",
        REQUESTS,
    ),
    Kind(
        "eventual-consistency",
        "What was written is not seen yet: requests are answered from what was there that long before.",
        (
            Field("seconds", "seconds", "How long a write stays unseen.", required=True),
            Field(
                "of", "patterns", "Whose writes: a service of AWS. Repeatable.", ["ecs", "iam"], choices=STALE_SERVICES
            ),
            Field(
                "operation",
                "patterns",
                "Which requests do not see them. Repeatable; without it those that read, and the launches of EC2 and "
                "Auto Scaling, which look up instance profiles.",
            ),
        ),
    ),
    Kind("agent-disconnect", "The ECS agent loses its connection until the fault is cleared.", HOSTS),
    Kind(
        "instance-loss",
        "An EC2 instance dies.",
        (*HOSTS, Field("how", "text", "What becomes of it.", "terminated", choices=LOSSES)),
        times=1,
    ),
    Kind(
        "zone-loss",
        "An availability zone dies: all its instances and Fargate tasks, and nothing can be launched there.",
        (Field("zone", "pattern", "Which zone.", required=True),),
    ),
    Kind(
        "spot-interruption",
        "EC2 takes an instance back, or a task of FARGATE_SPOT.",
        (*HOSTS, Field("notice", "seconds", "How long before its end it is told.", 120.0)),
        times=1,
    ),
    Kind(
        "image-pull-failure",
        "An image cannot be pulled (`CannotPullContainerError`).",
        (*CONTAINERS, Field("cause", "text", "Why.", "not-found", choices=PULL_CAUSES)),
    ),
    Kind(
        "container-crash",
        "A container exits.",
        (*CONTAINERS, AFTER, Field("exitCode", "count", "Its exit code.", 1, most=255)),
    ),
    Kind(
        "out-of-memory",
        "A container is killed for its memory: exit code 137, `OutOfMemoryError`.",
        (*CONTAINERS, AFTER),
    ),
    Kind(
        "disk-full",
        "A container cannot be made: no space is left on the instance (`CannotCreateContainerError`).",
        CONTAINERS,
    ),
    Kind("unhealthy-container", "A container's own health check fails, where it has one.", (*CONTAINERS, AFTER)),
    Kind(
        "unhealthy-target",
        "A load balancer's health check fails.",
        (
            Field("balancer", "pattern", "Only that target group, or that classic load balancer, by name or ARN."),
            Field("target", "pattern", "Only that target: an instance's id, or a task's address."),
            Field("cause", "text", "What the check meets.", "timeout", choices=TARGET_CAUSES),
        ),
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}


def kind_of(name: Any) -> Kind:
    """The kind of that name.

    Raises:
        FaultError: there is none.
    """
    kind = BY_NAME.get(name) if isinstance(name, str) else None
    if kind is None:
        raise FaultError(f"there is no fault {name!r}; there are {', '.join(BY_NAME)}")
    return kind
