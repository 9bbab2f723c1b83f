"""botocore's own description of the ECS API, read without making a client: what a schema is generated from."""

from __future__ import annotations

from typing import Any


def model_version() -> str:
    """The version of the installed botocore, which the model comes with; without importing it."""
    from importlib.metadata import version

    return version("botocore")


def ecs_model() -> dict[str, Any]:
    """The ECS service model as botocore has it: ``operations`` and ``shapes``, with their documentation."""
    from botocore.loaders import Loader

    model: dict[str, Any] = Loader().load_service_model("ecs", "service-2")
    return model
