"""What an update of a service has to say besides what differs, since UpdateService leaves alone what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsctl.refusals.deployments import check_rebalancing
from ecsctl.refusals.service_context import Context

REBALANCING = "availabilityZoneRebalancing"


def additions(wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be said besides ``wanted`` of the service that AWS has.

    Args:
        wanted: the input of CreateService, as far as the file says it.
        actual: the live service in the same words.
    """
    more: dict[str, Any] = {}
    if REBALANCING not in wanted and any(check_rebalancing(updated(actual, wanted), Context(update=True))):
        # CreateService turned it on where nobody said anything; with this update it would be refused.
        more[REBALANCING] = "DISABLED"
    return more


def updated(actual: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The live service as UpdateService leaves it: what is left out stays."""
    said = {name: value for name, value in wanted.items() if value is not None}
    parts = {"deploymentConfiguration": {**(actual.get("deploymentConfiguration") or {})}}
    parts["deploymentConfiguration"].update(said.get("deploymentConfiguration") or {})
    return {**actual, **said, **parts}
