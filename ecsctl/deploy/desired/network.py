"""Which subnets and which VPC a part of the project stands in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ecsctl.errors import EcsctlError

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import DataSources, Subnet
    from ecsctl.manifest.model import InstancesSpec


def subnets_of(sources: DataSources, named: Iterable[str]) -> tuple[Subnet, ...]:
    """The named subnets, or those of the default VPC."""
    return tuple(sources.named[id_] for id_ in named) or sources.subnets


def subnets_with_type(sources: DataSources, instances: InstancesSpec) -> tuple[Subnet, ...]:
    """The subnets of the instances: the named ones as they are, of the default VPC's those whose zone has the type.

    Raises:
        EcsctlError: no zone of the default VPC has it.
    """
    subnets = subnets_of(sources, instances.subnets)
    if instances.subnets or not sources.zones:
        return subnets
    fitting = tuple(subnet for subnet in subnets if subnet.zone in sources.zones)
    if not fitting:
        raise EcsctlError(
            f"no subnet of the default VPC is in a zone that has {instances.type}",
            hint=f"choose another type, or name subnets in {', '.join(sorted(sources.zones))}",
        )
    return fitting


def vpc_of(subnets: Sequence[Subnet], what: str) -> str:
    """The VPC of these subnets.

    Raises:
        EcsctlError: they are in several.
    """
    vpcs = {subnet.vpc for subnet in subnets}
    if len(vpcs) > 1:
        raise EcsctlError(
            f"the subnets of {what} are in {len(vpcs)} VPCs: {', '.join(sorted(vpcs))}", hint="name subnets of one VPC"
        )
    return vpcs.pop()
