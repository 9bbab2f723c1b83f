"""Times: what moto dates, it dates by the sandbox's clock."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timezone


def patch(clock: Callable[[], float]) -> None:
    """Have moto's ``utcnow`` go by a clock (epoch seconds), also where a module has imported it by name already."""
    from moto.core import utils

    original = utils.utcnow

    def utcnow() -> datetime:
        return datetime.fromtimestamp(clock(), timezone.utc).replace(tzinfo=None)

    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and getattr(module, "utcnow", None) is original:
            module.utcnow = utcnow  # type: ignore[attr-defined]
