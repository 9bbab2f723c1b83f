"""How a live service becomes the one that is wanted: what UpdateService has to be told, and what it refuses.

UpdateService leaves alone what is left out, so what a file no longer says has to be said: a list is taken away by an
empty one. What Amazon ECS would refuse of the service as the update leaves it is asked of the same table of facts that
serves the rules and the sandbox. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ecsctl.deploy.resources import Ref
from ecsctl.ecs_definitions.api_inputs import creation
from ecsctl.manifest.placement import network_mode, on_fargate
from ecsctl.refusals.deployments import check_rebalancing
from ecsctl.refusals.model import Violation
from ecsctl.refusals.service import check_service
from ecsctl.refusals.service_context import Context, controller, launch_type

Json = Mapping[str, Any]

STRATEGY, REBALANCING, CONFIGURATION = (
    "capacityProviderStrategy",
    "availabilityZoneRebalancing",
    "deploymentConfiguration",
)
# What takes a field away that a service had: UpdateService's own default of it.
RESETS: dict[str, Any] = {
    STRATEGY: [],
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "healthCheckGracePeriodSeconds": 0,
    "loadBalancers": [],
    "placementConstraints": [],
    "placementStrategy": [],
    "platformVersion": "LATEST",
    "propagateTags": "NONE",
    "serviceConnectConfiguration": {"enabled": False},
    "serviceRegistries": [],
    "volumeConfigurations": [],
    "vpcLatticeConfigurations": [],
}
# The same of the members of deploymentConfiguration, but for what `creation` and the scheduling strategy decide.
CONFIGURATION_RESETS: dict[str, Any] = {
    "alarms": {"alarmNames": [], "enable": False, "rollback": False},
    "bakeTimeInMinutes": 0,
    "lifecycleHooks": [],
    "strategy": "ROLLING",
}
# Fields whose default only a new service has.
ONLY_ANEW = frozenset({"launchType", "schedulingStrategy"})
# What others may have attached to a service; it is not taken off because an update does not go with it.
OF_OTHERS = frozenset({"loadBalancers", "serviceConnectConfiguration", "serviceRegistries", "vpcLatticeConfigurations"})
# By the deployment controller, what UpdateService takes of the service: the model's text of the operation.
TAKEN = frozenset(
    {
        "desiredCount",
        "enableECSManagedTags",
        "healthCheckGracePeriodSeconds",
        "placementConstraints",
        "placementStrategy",
        "propagateTags",
    }
)
TAKEN_BY: dict[str, frozenset[str]] = {"CODE_DEPLOY": TAKEN | {CONFIGURATION}, "EXTERNAL": TAKEN}


def said_fields(definition: Json) -> list[str]:
    """What a file says of a service and ecsctl can take back: the words of the tag ``ecsctl:fields``."""
    known = {*RESETS, *ONLY_ANEW, REBALANCING, "networkConfiguration"}
    inner = definition.get(CONFIGURATION) or {}
    return [*(name for name in definition if name in known), *(f"{CONFIGURATION}.{name}" for name in inner)]


@dataclass(frozen=True)
class Leaving:
    """What of the project goes with the plan, as services name it: target groups by ARN, balancers, security groups."""

    target_groups: frozenset[str] = frozenset()
    balancers: frozenset[str] = frozenset()
    security_groups: frozenset[str] = frozenset()

    def has(self, entry: Json) -> bool:
        """Whether an entry of ``loadBalancers`` names something of it."""
        inner = (entry.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
        groups = {entry.get("targetGroupArn"), inner}
        return bool(groups & self.target_groups) or entry.get("loadBalancerName") in self.balancers


def additions(wanted: Json, live: Json, before: Collection[str] = (), leaving: Leaving | None = None) -> dict[str, Any]:
    """What has to be said besides ``wanted`` of the service that AWS has.

    Args:
        wanted: the input of CreateService, as far as the file says it.
        live: the service in the same words.
        before: the fields that the file said before.
        leaving: what it must not name any more.
    """
    more = {name: value for name, value in RESETS.items() if name in before and _unsaid(name, wanted)}
    more.update(_configuration(wanted, live, before))
    if leaving is not None:
        more.update(_detached(wanted, live, leaving))
    if wanted.get("launchType") and live.get(STRATEGY) and launch_type(live) == wanted["launchType"]:
        # The way back from a strategy to the launch type.
        more[STRATEGY] = []
    if not _fargate(updated(live, {**wanted, **more})):
        more.pop("platformVersion", None)
    if wanted.get(REBALANCING) is None:
        after = updated(live, {**wanted, **more})
        if _cannot_rebalance(after) and not _cannot_rebalance(live):
            # CreateService turned it on where nobody said anything; with this update it would be refused.
            more[REBALANCING] = "DISABLED"
        elif REBALANCING in before and not _cannot_rebalance({**after, REBALANCING: "ENABLED"}):
            more[REBALANCING] = "ENABLED"
    return more


def _cannot_rebalance(service: Json) -> bool:
    return any(check_rebalancing(service, Context(update=True)))


def _unsaid(name: str, wanted: Json) -> bool:
    return wanted.get(name) is None and not (name == STRATEGY and wanted.get("launchType"))


def _configuration(wanted: Json, live: Json, before: Collection[str]) -> dict[str, Any]:
    """``deploymentConfiguration`` with the defaults of those members that the file no longer says."""
    said = wanted.get(CONFIGURATION) or {}
    gone = {word.partition(".")[2] for word in before if word.startswith(f"{CONFIGURATION}.")} - set(said)
    daemon = live.get("schedulingStrategy") == "DAEMON"
    usual = creation({**live, CONFIGURATION: {}})[CONFIGURATION]
    breaker = usual.get("deploymentCircuitBreaker", {"enable": False, "rollback": False})
    defaults = {
        **CONFIGURATION_RESETS,
        "maximumPercent": 100 if daemon else 200,
        "minimumHealthyPercent": 0 if daemon else 100,
        "deploymentCircuitBreaker": breaker,
    }
    reset = {name: defaults[name] for name in sorted(gone) if name in defaults}
    return {CONFIGURATION: {**said, **reset}} if reset else {}


def _detached(wanted: Json, live: Json, leaving: Leaving) -> dict[str, Any]:
    """The lists that the file does not say, without what goes."""
    more: dict[str, Any] = {}
    entries = live.get("loadBalancers") or ()
    if wanted.get("loadBalancers") is None and any(map(leaving.has, entries)):
        more["loadBalancers"] = [entry for entry in entries if not leaving.has(entry)]
    network = (live.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    groups = network.get("securityGroups") or ()
    if wanted.get("networkConfiguration") is None and leaving.security_groups & set(groups):
        rest = [group for group in groups if group not in leaving.security_groups]
        more["networkConfiguration"] = {"awsvpcConfiguration": {**network, "securityGroups": rest}}
    return more


def dropped(wanted: Json, live: Json, before: Collection[str], default_launch: str | None) -> dict[str, Any]:
    """What the file said before and only a new service can be without, with what the service has of it."""
    found: dict[str, Any] = {}
    if "schedulingStrategy" in before and "schedulingStrategy" not in wanted and live["schedulingStrategy"] == "DAEMON":
        found["schedulingStrategy"] = "DAEMON"
    said = wanted.get("launchType") or wanted.get(STRATEGY)
    if "launchType" in before and not said and default_launch and live.get("launchType") not in (None, default_launch):
        found["launchType"] = live["launchType"]
    return found


def updated(live: Json, wanted: Json) -> dict[str, Any]:
    """The live service as UpdateService leaves it: what is left out stays."""
    said = {name: value for name, value in wanted.items() if value is not None}
    made = {**live, **said, CONFIGURATION: {**(live.get(CONFIGURATION) or {}), **(said.get(CONFIGURATION) or {})}}
    if said.get(STRATEGY):
        made.pop("launchType", None)
    elif STRATEGY in said and live.get(STRATEGY):
        made["launchType"] = launch_type(live)
    return made


def refused(wanted: Json, live: Json, definition: Json | None) -> list[Violation]:
    """What Amazon ECS refuses of the update that it does not find in the service as it is.

    Args:
        wanted: what the update says; Refs in it are of what is yet to be made.
        definition: the task definition that is wanted, None where it is not known.
    """
    already = {(item.refusal.id, item.path) for item in _violations(live, None)}
    return [
        item for item in _violations(updated(live, wanted), definition) if (item.refusal.id, item.path) not in already
    ]


def refused_anew(wanted: Json, definition: Json | None) -> list[Violation]:
    """What Amazon ECS refuses of it as a new service."""
    return list(_violations(creation(wanted), definition, update=False))


def _violations(service: Json, definition: Json | None, *, update: bool = True) -> Iterator[Violation]:
    mode = network_mode(definition, fargate=on_fargate(service)) if definition is not None else None
    family = str((definition or {}).get("family", ""))
    context = Context(mode=mode, family=family, update=update)
    whole = _plausible(service)
    yield from check_service(whole, _plausible(definition) if definition is not None else None, context)


def _plausible(value: Any) -> Any:
    """With something of the right form in the place of what is yet to be made."""
    if isinstance(value, Ref):
        digits = hashlib.sha256(str(value.key).encode()).hexdigest()
        if value.attribute == "arn":
            return f"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{value.key.name}/{digits[:16]}"
        return {"id": f"sg-{digits[:17]}", "revision": f"{value.key.name}:1"}.get(value.attribute, value.key.name)
    if isinstance(value, Mapping):
        return {name: _plausible(item) for name, item in value.items()}
    return [_plausible(item) for item in value] if isinstance(value, (list, tuple)) else value


def _fargate(service: Json) -> bool:
    return launch_type(service) == "FARGATE"


def left_to_others(live: Json, fields: Collection[str]) -> list[str]:
    """The fields that UpdateService does not take of a service with this deployment controller."""
    taken = TAKEN_BY.get(controller(live))
    return [] if taken is None else sorted(set(fields) - taken - {"tags"})
