"""Faults of containers, real or simulated: between the engine and whatever runs them.

A crash ends the container in truth (a real one is killed) and is then told in the words of the fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ecsctl.sandbox.faults.registry import Fault, FaultRegistry
from ecsctl.sandbox.interfaces import ContainerEvent, ContainerRequest, Runtime

Key = tuple[str, str]

CRASHES = ("container-crash", "out-of-memory")
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
DISK_FULL = (
    "CannotCreateContainerError: Error response from daemon: mkdir /var/lib/docker/overlay2/{layer}-init: "
    "no space left on device"
)
RETRIED = "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {image}: "
PULL_REASONS = {
    "not-found": RETRIED + "{image}: not found",
    "denied": (
        "CannotPullContainerError: Error response from daemon: pull access denied for {repository}, repository does "
        "not exist or may require 'docker login': denied: requested access to the resource is denied"
    ),
    "timeout": RETRIED + 'failed to do request: Head "https://{registry}/v2/": dial tcp: i/o timeout',
    "rate-limit": (
        "CannotPullContainerError: Error response from daemon: toomanyrequests: You have reached your pull rate "
        "limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit"
    ),
    "platform": (
        "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain "
        "descriptor matching platform 'linux/amd64'"
    ),
    "no-space": (
        "CannotPullContainerError: failed to register layer: Error processing tar file(exit status 1): write /layer: "
        "no space left on device"
    ),
}


@dataclass
class Watched:
    """A container that was launched. ``health`` is the word of its own check, ``sick`` the faults that overrule it."""

    request: ContainerRequest
    started_at: float | None = None
    health: str | None = None
    sick: set[str] = field(default_factory=set)
    # The faults that mean this start of the container, and those that are done with it.
    meant: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    end: tuple[int, str | None] | None = None


class FaultyRuntime:
    """A :class:`ecsctl.sandbox.interfaces.Runtime` in front of another one, which applies the registry's faults.

    Args:
        runtime: runs the containers.
        registry: the injected faults.
        clock: the sandbox's, in seconds.
    """

    def __init__(self, runtime: Runtime, registry: FaultRegistry, clock: Callable[[], float]) -> None:
        self.kind: Literal["docker", "simulated"] = runtime.kind
        # Opens a session with a command in a container; set where there is a server of sessions.
        self.session: Callable[[str, str, list[str]], dict[str, str]] | None = None
        self._runtime = runtime
        self._registry = registry
        self._clock = clock
        self._watched: dict[Key, Watched] = {}
        self._own: list[ContainerEvent] = []
        # Whether faults may hold health checks down.
        self._sick = False

    def launch(self, request: ContainerRequest) -> None:
        """Launch a container, unless a fault keeps it from being pulled or made."""
        for fault in self._registry.standing("image-pull-failure", "disk-full"):
            if selects(fault, request) and self._registry.triggers(fault):
                reason = unlaunched(fault, request)
                self._own.append(ContainerEvent(request.task_arn, request.name, "failed", reason=reason))
                return
        self.watch(request)
        self._runtime.launch(request)

    def watch(self, request: ContainerRequest) -> None:
        """Know of a container that the runtime runs, or will."""
        self._watched[request.task_arn, request.name] = Watched(request)

    def stop(self, task_arn: str, name: str, grace_seconds: float) -> None:
        """Stop a container; see :class:`ecsctl.sandbox.interfaces.Runtime`."""
        self._runtime.stop(task_arn, name, grace_seconds)

    def release(self, task_arn: str) -> None:
        """Give back what a task left; see :class:`ecsctl.sandbox.interfaces.Runtime`."""
        self._runtime.release(task_arn)

    def events(self) -> Sequence[ContainerEvent]:
        """The news of the containers, as the faults let them be."""
        heard = [seen for event in self._runtime.events() if (seen := self._hear(event)) is not None]
        self._trigger()
        told, self._own = [*heard, *self._own], []
        return told

    def forget(self) -> None:
        """Know of no container any more."""
        self._watched.clear()
        self._own.clear()

    def _hear(self, event: ContainerEvent) -> ContainerEvent | None:
        key = (event.task_arn, event.name)
        watched = self._watched.get(key)
        if watched is None:
            return event
        if event.kind == "started":
            watched.started_at = self._clock()
        elif event.kind == "health":
            watched.health = event.health
            return None if watched.sick else event
        else:
            del self._watched[key]
            if event.kind == "exited" and watched.end is not None:
                code, reason = watched.end
                return replace(event, exit_code=code, reason=reason)
        return event

    def _trigger(self) -> None:
        crashes = [fault for fault in self._registry.standing(*CRASHES) if not fault.exhausted]
        sickness = self._registry.standing("unhealthy-container")
        now = self._clock()
        if crashes:
            for key, watched in self._watched.items():
                self._crash(key, watched, crashes, now)
        if not sickness and not self._sick:
            return
        known = {fault.id for fault in sickness}
        for key, watched in self._watched.items():
            if sickness and watched.request.definition.get("healthCheck"):
                self._sicken(key, watched, sickness, now)
            if watched.sick and not watched.sick & known:
                watched.sick.clear()
                health = watched.health or "HEALTHY"
                self._own.append(ContainerEvent(*key, "health", health=health))
        self._sick = bool(sickness)

    def _crash(self, key: Key, watched: Watched, crashes: Sequence[Fault], now: float) -> None:
        for fault in crashes:
            if watched.end is None and self._first(fault, watched, now) and self._registry.triggers(fault):
                memory = fault.kind == "out-of-memory"
                watched.end = (137, OUT_OF_MEMORY) if memory else (fault.fields["exitCode"], None)
                self._runtime.stop(*key, 0.0)

    def _first(self, fault: Fault, watched: Watched, now: float) -> bool:
        if fault.id in watched.seen:
            return False
        if fault.id not in watched.meant:
            # Thousands of containers are looked at in each turn: each is matched with the patterns once.
            if not selects(fault, watched.request):
                watched.seen.add(fault.id)
                return False
            watched.meant.add(fault.id)
        if not due(fault, watched, now):
            return False
        watched.seen.add(fault.id)
        return True

    def _sicken(self, key: Key, watched: Watched, sickness: Sequence[Fault], now: float) -> None:
        for fault in sickness:
            if self._first(fault, watched, now) and self._registry.triggers(fault):
                watched.sick.add(fault.id)
                self._own.append(ContainerEvent(*key, "health", health="UNHEALTHY"))


def due(fault: Fault, watched: Watched, now: float) -> bool:
    """Whether the container has run for long enough.

    One that ran already when the fault was injected is given the same time from then on.
    """
    began = math.inf if watched.started_at is None else max(watched.started_at, fault.added_at)
    return bool(now >= began + fault.fields["after"])


def selects(fault: Fault, request: ContainerRequest) -> bool:
    """Whether a fault means a container."""
    return fault.selects(
        cluster=request.cluster,
        service=request.service,
        family=request.family,
        container=request.name,
        image=request.image,
        task=request.task_arn.rsplit("/", 1)[-1],
        instance=request.instance_id,
    )


def unlaunched(fault: Fault, request: ContainerRequest) -> str:
    """Why the container could not be launched, in the words of the ECS agent."""
    if fault.kind == "disk-full":
        return DISK_FULL.format(layer=request.task_arn.rsplit("/", 1)[-1])
    first, slash, _ = request.image.partition("/")
    registry = first if slash and ("." in first or ":" in first) else "registry-1.docker.io"
    repository = request.image.split("@")[0]
    if ":" in repository.rsplit("/", 1)[-1]:
        repository = repository.rpartition(":")[0]
    return PULL_REASONS[fault.fields["cause"]].format(image=request.image, repository=repository, registry=registry)
