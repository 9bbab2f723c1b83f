"""What the templates of the definition are filled with: the environment, --env-file, --set, and AWS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecsctl.cli.settings import Settings
    from ecsctl.spec.templates import Values


def values(settings: Settings, *, ask: bool) -> Values:
    """The values for ``ecsctl.spec.check`` and its like.

    Args:
        ask: ask AWS for what only it knows; else that is left open.

    Raises:
        UsageError: an --env-file cannot be read, or a --set is no assignment.
    """
    from ecsctl.spec.references import gather
    from ecsctl.spec.templates import Values

    variables = gather(os.environ, settings.env_files, settings.variables)
    region = settings.region or None
    if not ask:
        return Values(variables, leave_open=True, region=region)
    from ecsctl.aws.references import lookup

    return Values(variables, lookup(lambda named: settings.aws(region=named)), region=region)
