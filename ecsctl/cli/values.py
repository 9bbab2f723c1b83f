"""What the templates of the definition are filled with: the environment, --env-file, --set, and AWS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ecsctl.errors import UsageError

if TYPE_CHECKING:
    from ecsctl.cli.settings import Settings
    from ecsctl.manifest.interpolation.templates import Values


def values(settings: Settings, *, ask: bool, exact: bool = False, stage: str | None = None) -> Values:
    """The values for ``ecsctl.manifest.check`` and its like.

    Args:
        ask: ask AWS for what only it knows; else that is left open.
        exact: what is not asked of AWS is to be as it will be sent: the configured region is looked up (slow to load).
        stage: another stage than that of the settings.

    Raises:
        UsageError: an --env-file cannot be read, or a --set is no assignment.
    """
    from ecsctl.manifest.interpolation.templates import Values
    from ecsctl.manifest.interpolation.variables import STAGE as VARIABLES
    from ecsctl.manifest.interpolation.variables import gather

    stage = stage or settings.stage
    environment: dict[str, str] = {**os.environ}
    if stage:
        environment |= dict.fromkeys(VARIABLES, stage)
    variables = gather(environment, settings.env_files, settings.variables)
    region = settings.region or None
    if not ask:
        configured = (lambda: _configured(settings.profile)) if exact else None
        return Values(variables, leave_unresolved=True, region=region, usual_region=configured, stage=stage)
    from ecsctl.aws.references import lookup

    return Values(
        variables,
        lookup(lambda named: settings.aws(region=named)),
        region=region,
        usual_region=lambda: settings.aws().region,
        stage=stage,
    )


def _configured(profile: str | None) -> str | None:
    """The region of the environment or the profile; nothing is asked."""
    from ecsctl.aws.session import Aws
    from ecsctl.aws.target import Target

    try:
        return Aws(Target(profile=profile)).region
    except UsageError:
        return None
