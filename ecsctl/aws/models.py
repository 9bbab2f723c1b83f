"""botocore's own description of the ECS API, read without making a client: what a schema is generated from."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def model_version() -> str:
    """The version of the installed botocore, which the model comes with; without importing it."""
    # importlib.metadata takes 20 ms longer to say the same.
    spec = find_spec("botocore")
    source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    found = re.search(r"^__version__ = ['\"]([^'\"]+)", source, re.MULTILINE)
    if found is None:
        from importlib.metadata import version

        return version("botocore")
    return found[1]


def ecs_model() -> dict[str, Any]:
    """The ECS service model as botocore has it: ``operations`` and ``shapes``, with their documentation."""
    from botocore.loaders import Loader

    model: dict[str, Any] = Loader().load_service_model("ecs", "service-2")
    return model
