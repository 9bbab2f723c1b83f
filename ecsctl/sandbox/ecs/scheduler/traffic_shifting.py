"""Blue/green, linear and canary deployments: a second set of tasks, and the traffic moved to it stage by stage.

The stages are those of the developer guide, "Amazon ECS blue/green service deployments workflow"; at each one the
deployment's lifecycle hooks may hold it. Until CLEAN_UP the earlier revision keeps all of its tasks, so that going back
is a matter of the listener rules alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import deployments, listener_weights, task_scheduling
from ecsctl.sandbox.ecs.store.store import Deployment, Document, Service, Task

HOOK_MINUTES = 24 * 60
LOOK_SECONDS = 1.0


def applies(service: Service) -> bool:
    """Whether the deployment in progress shifts traffic away from an earlier one."""
    primary = service.primary
    return primary.source is not None and primary.rollout_state == "IN_PROGRESS" and _blue(service) is not None


def _blue(service: Service) -> Deployment | None:
    return next((d for d in service.deployments if d.id == service.primary.source), None)


def advance(region: Region, service: Service, present: Sequence[Task], healthy: set[str]) -> None:
    """Take the deployment one stage further, if the one it is in has ended."""
    green, blue = service.primary, _blue(service)
    if blue is None:
        return
    live = [task for task in present if task.live]
    others = [task for task in live if task.deployment not in (green.id, blue.id)]
    if others:
        task_scheduling.stop(region, service, others, f"Scaling activity initiated by (deployment {green.id})")
    if green.stage is None:
        _enter(region, service, green, STAGES[0] if others else STAGES[1])
    turn = _Turn(region, service, green, blue, present, live, healthy)
    if green.stage != "CLEAN_UP":
        turn.schedule(blue)
    if green.stage not in ("RECONCILE_SERVICE", "PRE_SCALE_UP", "CLEAN_UP"):
        turn.schedule(green)
    while green.stage is not None and _WORK[green.stage](turn) and _hooks_passed(region, service, green):
        index = STAGES.index(green.stage)
        if index + 1 == len(STAGES) or green.rollout_state != "IN_PROGRESS":
            return
        _enter(region, service, green, STAGES[index + 1])
    if green.rollout_state == "IN_PROGRESS":
        service.wake_at = min(service.wake_at, region.now + LOOK_SECONDS)


def _enter(region: Region, service: Service, green: Deployment, stage: str) -> None:
    if stage == "SCALE_UP":
        # Listed in its rule with no traffic, the target group has its health checks.
        listener_weights.route(region, service, green)
    green.stage = stage
    green.stage_at = green.shifted_at = region.now
    green.updated_at = region.now


class _Turn:
    """What the work of a stage looks at."""

    def __init__(
        self,
        region: Region,
        service: Service,
        green: Deployment,
        blue: Deployment,
        present: Sequence[Task],
        live: Sequence[Task],
        healthy: set[str],
    ) -> None:
        self.region, self.service, self.green, self.blue = region, service, green, blue
        self.present, self.live, self.healthy = present, live, healthy
        self.configuration: Document = service.settings["deploymentConfiguration"]

    def schedule(self, deployment: Deployment) -> None:
        """Have as many tasks of a deployment as the service wants."""
        own = [task for task in self.live if task.deployment == deployment.id]
        deployment.desired = self.service.desired
        reason = f"Scaling activity initiated by (deployment {self.green.id})"
        if len(own) > self.service.desired:
            going = task_scheduling.first_to_go(self.region, own, len(own) - self.service.desired)
            task_scheduling.stop(self.region, self.service, going, reason)
        lack = self.service.desired - len(own)
        if lack > 0 and self.region.now < self.service.start_after:
            self.service.wake_at = min(self.service.wake_at, self.service.start_after)
        elif lack > 0:
            task_scheduling.start(self.region, self.service, deployment, lack, self.live)

    def reconciled(self) -> bool:
        return all(task.deployment in (self.green.id, self.blue.id) for task in self.present)

    def scaled_up(self) -> bool:
        there = sum(task.deployment == self.green.id and task.arn in self.healthy for task in self.live)
        return there >= self.service.desired

    def test_shifted(self) -> bool:
        self.green.test_weight = 100.0
        listener_weights.route(self.region, self.service, self.green, test=True)
        return True

    def production_shifted(self) -> bool:
        green, now = self.green, self.region.now
        if green.weight >= 100.0:
            return True
        step, wait = self._step()
        if green.weight and now < green.shifted_at + wait * 60.0:
            self.service.wake_at = min(self.service.wake_at, green.shifted_at + wait * 60.0)
            return False
        green.weight = min(100.0, round(green.weight + step, 1))
        green.shifted_at = green.updated_at = now
        listener_weights.route(self.region, self.service, green)
        return green.weight >= 100.0

    def _step(self) -> tuple[float, float]:
        """(percent of the traffic that moves next, minutes to wait before the move after it)."""
        strategy = listener_weights.strategy_of(self.service)
        if strategy == "LINEAR":
            linear = self.configuration.get("linearConfiguration") or {}
            return linear.get("stepPercent", 10.0), linear.get("stepBakeTimeInMinutes", 6)
        if strategy == "CANARY":
            canary = self.configuration.get("canaryConfiguration") or {}
            first = canary.get("canaryPercent", 5.0)
            return (100.0 if self.green.weight else first), canary.get("canaryBakeTimeInMinutes", 10)
        return 100.0, 0

    def baked(self) -> bool:
        done = self.green.stage_at + 60.0 * (self.configuration.get("bakeTimeInMinutes") or 0)
        self.service.wake_at = min(self.service.wake_at, max(done, self.region.now))
        return self.region.now >= done

    def cleaned_up(self) -> bool:
        old = [task for task in self.live if task.deployment == self.blue.id]
        reason = f"Scaling activity initiated by (deployment {self.green.id})"
        if old:
            task_scheduling.stop(self.region, self.service, old, reason)
        return True


def _at_once(turn: _Turn) -> bool:
    return True


_WORK: dict[str, Callable[[_Turn], bool]] = {
    "RECONCILE_SERVICE": _Turn.reconciled,
    "PRE_SCALE_UP": _at_once,
    "SCALE_UP": _Turn.scaled_up,
    "POST_SCALE_UP": _at_once,
    "TEST_TRAFFIC_SHIFT": _Turn.test_shifted,
    "POST_TEST_TRAFFIC_SHIFT": _at_once,
    "PRE_PRODUCTION_TRAFFIC_SHIFT": _at_once,
    "PRODUCTION_TRAFFIC_SHIFT": _Turn.production_shifted,
    "POST_PRODUCTION_TRAFFIC_SHIFT": _at_once,
    "BAKE_TIME": _Turn.baked,
    "CLEAN_UP": _Turn.cleaned_up,
}
STAGES = list(_WORK)


def _hooks_passed(region: Region, service: Service, green: Deployment) -> bool:
    """Run the hooks of the stage: Lambda functions succeed (the sandbox calls none), pauses wait for their answer."""
    hooks = service.settings["deploymentConfiguration"].get("lifecycleHooks", ())
    for number, hook in enumerate(hooks):
        if green.stage not in hook.get("lifecycleStages", ()):
            continue
        detail = next((d for d in green.hooks if (d["stage"], d["number"]) == (green.stage, number)), None)
        if detail is None:
            detail = _begun(region, hook, str(green.stage), number)
            green.hooks = (*green.hooks, detail)
        if detail["status"] == "AWAITING_ACTION" and region.now >= detail["expiresAt"]:
            detail["status"] = "TIMED_OUT"
            answer(region, service, detail, detail["timeoutAction"], "TIMED_OUT")
        if detail["status"] == "AWAITING_ACTION":
            return False
    return green.rollout_state == "IN_PROGRESS"


def _begun(region: Region, hook: Document, stage: str, number: int) -> Document:
    kind = hook.get("targetType", "AWS_LAMBDA")
    timeout = hook.get("timeoutConfiguration") or {}
    return {
        "hookId": region.store.new_uuid(),
        "stage": stage,
        "number": number,
        "targetType": kind,
        "targetArn": hook.get("hookTargetArn"),
        "status": "AWAITING_ACTION" if kind == "PAUSE" else "SUCCEEDED",
        "expiresAt": region.now + 60.0 * timeout.get("timeoutInMinutes", HOOK_MINUTES),
        "timeoutAction": timeout.get("action", "ROLLBACK"),
    }


def answer(region: Region, service: Service, detail: Document, action: str, status: str = "SUCCEEDED") -> None:
    """Continue a deployment that waits at a hook, or have it go back."""
    detail["status"] = status if action == "CONTINUE" or status == "TIMED_OUT" else "FAILED"
    if action == "ROLLBACK":
        service.primary.rollout_reason = "ECS deployment rolled back at a lifecycle hook."
        deployments.end_early(region, service, rollback=True)
    region.store.touch(service)
