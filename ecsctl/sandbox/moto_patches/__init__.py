"""Where moto answers differently from AWS: its methods are replaced, in the sandbox's own process only.

Each patch says what AWS does. moto's internals move between minor versions, which is why the package pins one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ecsctl.sandbox.ecs.engine import Engine
    from ecsctl.sandbox.elb.load_balancers import LoadBalancers
    from ecsctl.sandbox.interfaces import InstanceFaults


def install(
    clock: Callable[[], float],
    console: Callable[[str], str],
    faults: InstanceFaults,
    load_balancers: Mapping[str, LoadBalancers],
    log_folder: Path,
    engine: Callable[[str], Engine],
) -> None:
    """Patch moto.

    Args:
        clock: the sandbox's, in epoch seconds.
        console: an instance's console output, by its id.
        faults: know which instances are impaired, and which zones take none.
        load_balancers: by region; they know what moto does not: addresses and health.
        log_folder: where log events are kept.
        engine: a region's ECS, for the services that make or look up resources of it.
    """
    from ecsctl.sandbox.moto_patches import (
        autoscaling,
        bounds,
        ec2_answers,
        ecs,
        iam,
        instances,
        launch_templates,
        load_balancing,
        logs,
        scaling,
        security_groups,
        times,
    )

    times.patch(clock)
    autoscaling.patch(faults)
    instances.patch(console, faults)
    security_groups.patch()
    launch_templates.patch()
    load_balancing.patch(load_balancers, clock)
    bounds.patch()
    iam.patch()
    logs.patch(log_folder)
    ecs.patch(engine)
    scaling.patch(engine)
    ec2_answers.patch()
