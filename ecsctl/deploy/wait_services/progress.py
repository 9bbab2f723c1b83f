"""How a wait goes, a line a change, with the time it has taken so far; and a sign of life where nothing changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ecsctl.deploy.wait_services.observation import Observation
from ecsctl.query.diagnosis import grouped
from ecsctl.query.service_events import sentence

# Build systems take a job for dead that says nothing for long.
HEARTBEAT_SECONDS = 30.0


def duration(seconds: float) -> str:
    """Seconds as ``42s`` or ``2m05s``."""
    whole = int(seconds)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m{whole % 60:02d}s"


class Lines:
    """Tells ``report`` each line that it has not been told, and repeats the last one where nothing changes for long."""

    def __init__(
        self, report: Callable[[str], None], *, heartbeat: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._report = report
        self._heartbeat = heartbeat
        self._clock = clock
        self._begun = self._last = clock()
        self._told: set[str] = set()

    def tell(self, lines: Iterable[str]) -> None:
        """The state now, one line a subject."""
        found = list(dict.fromkeys(lines))
        now = self._clock()
        elapsed = duration(now - self._begun)
        fresh = [line for line in found if line not in self._told]
        for line in fresh:
            self._report(f"{line} ({elapsed})")
        if fresh:
            self._last = now
        elif found and self._heartbeat and now - self._last >= self._heartbeat:
            self._last = now
            self._report(f"still waiting ({elapsed}): {found[0]}")
        self._told = set(found)


def state(seen: Observation) -> str:
    """Where a service stands, in a line, with what its balancers say."""
    shortage = target_shortage(seen) if seen.running >= seen.desired else None
    return f"{counts(seen)}, {shortage}" if shortage else counts(seen)


def counts(seen: Observation) -> str:
    """Where the tasks of a service stand, in a line."""
    if seen.view is None:
        return f"service {seen.name}: ECS does not show it yet"
    if not seen.shown:
        return f"service {seen.name}: ECS does not show the change yet"
    text = f"service {seen.name}: {seen.running} of {seen.desired} tasks run"
    if seen.old:
        text += f", {seen.old} of earlier deployments"
    if seen.primary is not None and seen.primary.rollout_state:
        text += f", deployment {seen.primary.rollout_state}"
    return f"{text}{shifting(seen)}"


def shifting(seen: Observation) -> str:
    """The stage of a deployment that shifts traffic, how much of the traffic it has, and whether a hook holds it."""
    stage = seen.rollout.get("lifecycleStage")
    if not stage or seen.primary is None or seen.primary.rollout_state != "IN_PROGRESS":
        return ""
    target = seen.rollout.get("targetServiceRevision") or {}
    text = f": {stage}"
    for name, words in (("Production", "of the traffic"), ("Test", "of the test traffic")):
        weight = target.get(f"requested{name}TrafficWeight")
        if weight is not None and (weight or name == "Production"):
            text += f", {weight:g}% {words}"
    if stage == "BAKE_TIME":
        text += f", for {seen.configuration('bakeTimeInMinutes', 0)} min"
    hooks = seen.rollout.get("lifecycleHookDetails") or ()
    if any(hook.get("status") == "AWAITING_ACTION" for hook in hooks):
        text += f", waits for `ecsctl service continue-deployment {seen.name}`"
    return text


def target_shortage(seen: Observation) -> str | None:
    """What the balancers say, where not yet as many targets are healthy as tasks are desired."""
    return next(filter(None, (item.shortage(seen.desired) for item in seen.targets)), None) if seen.desired else None


def troubles(seen: Observation) -> list[str]:
    """What has gone wrong so far, a line each: what tasks failed of, and the events that tell of trouble."""
    lines = [f"service {seen.name}: {cause}" for cause in grouped(seen.failures.values())]
    for event, meaning in reversed(seen.troubles()):
        if meaning.sort in ("place", "launch", "block", "wait"):
            lines.append(f"service {seen.name} {sentence(event.message)} ({meaning.text})")
    return lines
