"""Where moto answers otherwise than AWS: mended by replacing its methods, in the sandbox's own process only.

Each mend says what AWS does. moto's internals move between minor versions, which is why the package pins one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecsctl.sandbox.account.world import World


def install(world: World) -> None:
    """Mend moto, for a world that follows its instances and balancers."""
    from ecsctl.sandbox.moto_patches import (
        autoscaling,
        bounds,
        iam,
        instances,
        load_balancing,
        logs,
        security_groups,
        times,
    )

    times.mend(world.clock)
    autoscaling.mend(world.host_faults)
    instances.mend(world.console, world.host_faults)
    security_groups.mend()
    load_balancing.mend(world.balancers, world.clock)
    bounds.mend()
    iam.mend()
    logs.mend(world.log_folder)
