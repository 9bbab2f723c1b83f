"""Application Auto Scaling of services: tags, what goes with a target, and bounds that hold as soon as they are set."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecsctl.sandbox.ecs.engine import Engine

DIMENSION = "ecs:service:DesiredCount"
SUSPENDABLE = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def patch(engines: Callable[[str], Engine]) -> None:
    """Have what moto lacks.

    Args:
        engines: a region's ECS.
    """
    from moto.applicationautoscaling.exceptions import AWSValidationException
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
    from moto.core.exceptions import JsonRESTError

    register = ApplicationAutoscalingBackend.register_scalable_target
    deregister = ApplicationAutoscalingBackend.deregister_scalable_target

    def bounded(self: Any, namespace: str, r_id: str, dimension: str, *more: Any, **named: Any) -> Any:
        """A service outside of its bounds is moved into them; a new target needs both bounds (API reference)."""
        least, most = named.get("min_capacity"), named.get("max_capacity")
        if not self._scalable_target_exists(r_id, dimension) and None in (least, most):
            raise AWSValidationException("Both MinCapacity and MaxCapacity are required to register a scalable target")
        target = register(self, namespace, r_id, dimension, *more, **named)
        if dimension == DIMENSION:
            _keep_within(engines(self.region_name), r_id, target.min_capacity, target.max_capacity)
        return target

    def whole(self: Any, namespace: str, r_id: str, dimension: str) -> None:
        """Policies and scheduled actions go with their target (API reference)."""
        try:
            deregister(self, namespace, r_id, dimension)
        except AWSValidationException as error:
            raise JsonRESTError("ObjectNotFoundException", str(error.message)) from None
        self.policies = {
            key: policy
            for key, policy in self.policies.items()
            if (policy.resource_id, policy.scalable_dimension) != (r_id, dimension)
        }
        self.scheduled_actions = [
            action
            for action in self.scheduled_actions
            if (action.resource_id, action.scalable_dimension) != (r_id, dimension)
        ]

    delete_policy = ApplicationAutoscalingBackend.delete_scaling_policy

    def delete_known(self: Any, *named: Any, **more: Any) -> None:
        """What is not there is told by a code of its own (API reference)."""
        try:
            delete_policy(self, *named, **more)
        except AWSValidationException as error:
            raise JsonRESTError("ObjectNotFoundException", str(error.message)) from None

    ApplicationAutoscalingBackend.delete_scaling_policy = delete_known  # type: ignore[method-assign]
    ApplicationAutoscalingBackend.register_scalable_target = bounded  # type: ignore[method-assign]
    ApplicationAutoscalingBackend.deregister_scalable_target = whole  # type: ignore[method-assign]

    registered = ApplicationAutoScalingResponse.register_scalable_target
    described = ApplicationAutoScalingResponse.describe_scalable_targets

    def register_with_tags(self: Any) -> str:
        answer = registered(self)
        tags = self._get_param("Tags")
        if tags:
            _tags_of(self, json.loads(answer)["ScalableTargetARN"]).update(tags)
        return answer

    def describe_whole(self: Any) -> str:
        answer = json.loads(described(self))
        for row in answer["ScalableTargets"]:
            row["SuspendedState"] = {**dict.fromkeys(SUSPENDABLE, False), **(row.get("SuspendedState") or {})}
        return json.dumps(answer)

    def _tags_of(self: Any, arn: str) -> dict[str, str]:
        for named in self.applicationautoscaling_backend.targets.values():
            for target in named.values():
                if target.arn == arn:
                    tags: dict[str, str] = target.__dict__.setdefault("tags", {})
                    return tags
        raise JsonRESTError("ResourceNotFoundException", f"No scalable target found with ARN: {arn}")

    def tag_resource(self: Any) -> str:
        _tags_of(self, self._get_param("ResourceARN")).update(self._get_param("Tags"))
        return "{}"

    def untag_resource(self: Any) -> str:
        tags = _tags_of(self, self._get_param("ResourceARN"))
        for key in self._get_param("TagKeys"):
            tags.pop(key, None)
        return "{}"

    def list_tags_for_resource(self: Any) -> str:
        return json.dumps({"Tags": _tags_of(self, self._get_param("ResourceARN"))})

    own: Any = ApplicationAutoScalingResponse
    own.register_scalable_target = register_with_tags
    own.describe_scalable_targets = describe_whole
    own.tag_resource = tag_resource
    own.untag_resource = untag_resource
    own.list_tags_for_resource = list_tags_for_resource


def _keep_within(engine: Engine, resource_id: str, least: int | None, most: int | None) -> None:
    _, cluster, name = resource_id.split("/")
    service = engine.store.services.get((cluster, name))
    if service is None or service.status != "ACTIVE":
        return
    wanted = min(max(service.desired, least or 0), most if most is not None else service.desired)
    if wanted != service.desired:
        engine.call("UpdateService", {"cluster": cluster, "service": name, "desiredCount": wanted})
