"""What a deployment changes of the task definition that runs: images, variables, secrets, sizes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ecsctl.ecs_definitions.image_names import image_name
from ecsctl.errors import UsageError

Json = dict[str, Any]


@dataclass(frozen=True)
class DefinitionChange:
    """What is to be changed; what is left out stays.

    Args:
        container: the container that is meant where none is named; None: see :func:`main_container`.
        images: container (None: the meant one) → image.
        tags: container (None: the meant one) → the tag that its image gets.
        environment, secrets: of the meant container; a secret is the ARN or name of a parameter or secret.
        cpu, memory: CPU units and MiB: of the task where its definition has them, else of the meant container.
    """

    container: str | None = None
    images: Mapping[str | None, str] = field(default_factory=dict)
    tags: Mapping[str | None, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    cpu: int | None = None
    memory: int | None = None

    @property
    def empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.images or self.tags or self.environment or self.secrets or self.cpu or self.memory)

    @property
    def image_containers(self) -> frozenset[str | None]:
        """The containers whose images it changes; None: the meant one."""
        return frozenset({*self.images, *self.tags})


def changed(definition: Mapping[str, Any], change: DefinitionChange, fronted: Sequence[str] = ()) -> Json:
    """The definition with the change made.

    Args:
        fronted: the containers that balancers lead to.

    Raises:
        UsageError: a container is not in the definition, or none is named and several could be meant.
    """
    made = deepcopy(dict(definition))
    rows: dict[str, Json] = {str(row["name"]): row for row in made.get("containerDefinitions", ())}

    def meant(name: str | None) -> Json:
        return rows[name_of_container(rows, name or change.container, made, fronted)]

    for name, image in change.images.items():
        meant(name)["image"] = image
    for name, tag in change.tags.items():
        row = meant(name)
        row["image"] = str(image_name(str(row.get("image", ""))).with_tag(tag))
    if change.environment or change.secrets:
        _set_variables(meant(None), change)
    for size, value in (("cpu", change.cpu), ("memory", change.memory)):
        if value is None:
            continue
        if made.get(size) is not None:
            made[size] = str(value)
        else:
            meant(None)[size] = value
    return made


def name_of_container(
    known: Mapping[str, Any], name: str | None, definition: Mapping[str, Any], fronted: Sequence[str]
) -> str:
    """The container of that name, or the one that is meant where none is named.

    Raises:
        UsageError: there is none of that name, or several could be meant.
    """
    family = definition.get("family", "")
    if name is not None:
        if name not in known:
            raise UsageError(f"{family} has no container {name}", hint=f"it has {', '.join(known)}")
        return name
    found = main_container(definition, fronted)
    if found is None:
        raise UsageError(
            f"{family} has several containers: which one is meant?",
            hint=f"add --container, or write CONTAINER=…; it has {', '.join(known)}",
        )
    return found


def main_container(definition: Mapping[str, Any], fronted: Sequence[str] = ()) -> str | None:
    """The container that people mean: the only one, the one behind the balancer, or the only essential one."""
    rows = definition.get("containerDefinitions", ())
    essential = [row for row in rows if row.get("essential", True)]
    behind = [row for row in rows if row.get("name") in fronted]
    for some in (rows, behind, essential):
        if len(some) == 1:
            return str(some[0]["name"])
    return None


def _set_variables(row: Json, change: DefinitionChange) -> None:
    """ECS takes no name that is both a variable and a secret: the newer meaning counts."""
    environment = {str(item["name"]): str(item.get("value", "")) for item in row.get("environment") or ()}
    secrets = {str(item["name"]): str(item.get("valueFrom", "")) for item in row.get("secrets") or ()}
    environment = {name: value for name, value in environment.items() if name not in change.secrets}
    secrets = {name: value for name, value in secrets.items() if name not in change.environment}
    environment.update(change.environment)
    secrets.update(change.secrets)
    row["environment"] = [{"name": name, "value": value} for name, value in environment.items()]
    row["secrets"] = [{"name": name, "valueFrom": value} for name, value in secrets.items()]
