"""What the checks of a service must be told besides the request and its task definition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ecsctl.refusals.model import Data, Path, containers

CREATE = "CreateService, UpdateService"
FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")

# Places in the task definition of a service, as what a violation was concluded from.
DEFINITION = "$definition"
MODE: tuple[Path, ...] = ((DEFINITION, "networkMode"), (DEFINITION, "requiresCompatibilities"))


@dataclass(frozen=True)
class Context:
    """What else is known.

    ``mode``: the task definition's network mode, None where it is not known. ``launch_type``: where the cluster's
    default strategy or the project's instances decide it. ``balanced``: balancers that do not stand in
    ``loadBalancers``. ``own_network``: a network configuration is made for it. ``namespace``: whether the cluster has
    a default namespace, None where that is not known. ``update``: it is UpdateService's. ``count_required``: a REPLICA
    service must say its desiredCount.
    """

    mode: str | None = None
    family: str = ""
    launch_type: str | None = None
    balanced: bool = False
    own_network: bool = False
    namespace: bool | None = None
    update: bool = False
    count_required: bool = False


def fargate_strategy(strategy: Iterable[object]) -> bool:
    """Whether a capacity provider strategy has a provider of Fargate's."""
    return any(isinstance(item, dict) and item.get("capacityProvider") in FARGATE_PROVIDERS for item in strategy)


def launch_type(request: Data) -> str | None:
    """Where a service or task runs, as its request says: a launch type; None where the cluster's default decides."""
    strategy = request.get("capacityProviderStrategy") or ()
    if strategy:
        return "FARGATE" if fargate_strategy(strategy) else "EC2"
    kind = request.get("launchType")
    return str(kind) if kind else None


def controller(service: Data) -> str:
    """The type of the service's deployment controller."""
    given = service.get("deploymentController")
    return str(given.get("type", "ECS")) if isinstance(given, dict) else "ECS"


def port_places(definition: Data | None) -> tuple[Path, ...]:
    """The places in a task definition that say which container has which ports."""
    if definition is None:
        return ()
    inside = [(DEFINITION, *path, member) for path, _ in containers(definition) for member in ("name", "portMappings")]
    return (*inside, *MODE)


def name_places(definition: Data | None) -> tuple[Path, ...]:
    """The places in a task definition that say what containers it has."""
    return tuple(path for path in port_places(definition) if path[-1] == "name")
