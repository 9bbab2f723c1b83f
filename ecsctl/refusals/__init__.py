"""What Amazon ECS refuses: each fact once, with its words and where they were seen, and the checks that find it.

The rules of ``validate`` and the sandbox both ask the checks of this package, so neither can accept what the other
refuses. It needs nothing else of ecsctl.

- ``model``: a fact (``Refusal``) and one case of it (``Violation``);
- ``patterns``, ``limits``: the forms of names, ARNs and ids, and the bounds, each once;
- one module an area, with its facts and the checks that find them in a request;
- ``task_definition`` and ``service``: all checks of RegisterTaskDefinition and CreateService, in the service's order;
- ``state``: facts that depend on what else there is, which only the sandbox can find.

A check gets plain data whose types are right but in which every member may be missing.
"""

from __future__ import annotations

import importlib
from functools import lru_cache

from ecsctl.refusals.model import Path, Refusal, Violation, facts

__all__ = ["Path", "Refusal", "Violation", "all_refusals"]

AREAS = (
    "containers",
    "logging",
    "networking",
    "volumes",
    "dependencies",
    "launch_types",
    "task_definition",
    "placement",
    "service",
    "deployments",
    "load_balancers",
    "service_connect",
    "ebs_volumes",
    "state",
)


@lru_cache(maxsize=1)
def all_refusals() -> dict[str, Refusal]:
    """Every fact by its id, in the order of the areas."""
    for area in AREAS:
        importlib.import_module(f"ecsctl.refusals.{area}")
    return dict(facts())
