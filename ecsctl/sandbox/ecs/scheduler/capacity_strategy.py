"""Which launch type, and which capacity provider of a strategy, the next task gets."""

from __future__ import annotations

from collections.abc import Sequence

from ecsctl.refusals.service_context import FARGATE_PROVIDERS
from ecsctl.sandbox.ecs.store.store import Document, Store


def launch_type_of(store: Store, settings: Document) -> str:
    """EC2, FARGATE, EXTERNAL or MANAGED_INSTANCES, by launch type or capacity provider strategy."""
    strategy = settings.get("capacityProviderStrategy")
    if strategy:
        return provider_kind(store, str(strategy[0]["capacityProvider"]))
    return str(settings.get("launchType") or "EC2")


def provider_kind(store: Store, name: str) -> str:
    """The launch type of what a capacity provider provides."""
    if name in FARGATE_PROVIDERS:
        return "FARGATE"
    provider = store.capacity_providers.get(name)
    return "MANAGED_INSTANCES" if provider is not None and provider.managed_instances else "EC2"


def next_provider(strategy: Sequence[Document], already: dict[str, int]) -> str:
    """The provider of the next task: first the base, then the one that is furthest below its weight.

    Args:
        strategy: as :func:`ecsctl.sandbox.ecs.api.capacity_providers.checked_strategy` gives it.
        already: how many tasks each provider has.
    """
    for item in strategy:
        if already.get(item["capacityProvider"], 0) < item["base"]:
            return str(item["capacityProvider"])
    weighted = [item for item in strategy if item["weight"] > 0]

    def load(item: Document) -> float:
        return float((already.get(item["capacityProvider"], 0) - item["base"] + 1) / item["weight"])

    return str(min(weighted, key=load)["capacityProvider"])
