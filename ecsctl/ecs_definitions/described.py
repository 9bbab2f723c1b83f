"""What describe calls tell in another place than where the input has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OF_DEPLOYMENT = (
    "networkConfiguration",
    "capacityProviderStrategy",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)


def completed(found: Mapping[str, Any]) -> dict[str, Any]:
    """A described service with what DescribeServices tells of its primary deployment alone."""
    made = dict(found)
    for deployment in found.get("deployments", ()):
        if deployment.get("status") == "PRIMARY":
            for name in OF_DEPLOYMENT:
                if made.get(name) is None and deployment.get(name):
                    made[name] = deployment[name]
    return made


# What DescribeTaskDefinition tells of a revision and RegisterTaskDefinition does not take.
OF_REVISION = frozenset(
    {
        "compatibilities",
        "deleteRequestedAt",
        "deregisteredAt",
        "registeredAt",
        "registeredBy",
        "requiresAttributes",
        "revision",
        "status",
        "taskDefinitionArn",
    }
)


def registrable(described: Mapping[str, Any]) -> dict[str, Any]:
    """A described task definition as the input of RegisterTaskDefinition that makes the same one again."""
    return {name: value for name, value in described.items() if name not in OF_REVISION}
