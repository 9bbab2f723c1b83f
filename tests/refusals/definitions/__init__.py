"""Task definitions that Amazon ECS refuses, each beside one that differs in that alone and is accepted; by subject."""

from __future__ import annotations

from tests.refusals.definitions import container, launch_type, network, volume, whole

EXAMPLES = (
    *container.EXAMPLES,
    *network.EXAMPLES,
    *volume.EXAMPLES,
    *launch_type.EXAMPLES,
    *whole.EXAMPLES,
)
