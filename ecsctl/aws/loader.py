"""botocore's service models, trimmed to the operations that ecsctl calls.

EC2's model alone is 3 MB of JSON that takes longer to read than the call it is for. So the first client of a service
writes the part that ecsctl uses into the user's cache folder, and later ones read that. The file's name carries
botocore's version and the list of operations: another botocore or another ecsctl makes its own. A trimmed model that is
missing, unreadable or lacks an operation is never an error: botocore's full model takes its place.

Only ``service-2`` is replaced. Endpoints, partitions and rule sets stay botocore's own, since botocore resolves
endpoints differently when ``endpoints.json`` is not its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from botocore import __version__ as botocore_version
from botocore.loaders import Loader

from ecsctl.aws.cache import cache_folder, write_atomically
from ecsctl.aws.operations import OPERATIONS

# The API version that ecsctl's own clients ask for. Clients that botocore makes by itself (STS, to assume a role) ask
# for none, and get the full model.
TRIMMED = "trimmed-by-ecsctl"


def install_loader(session: Any) -> None:
    """Make ``session`` (botocore's) load trimmed models for clients of the API version :data:`TRIMMED`."""
    data_path = session.get_config_variable("data_path")
    extra = [os.path.expanduser(path) for path in data_path.split(os.pathsep)] if data_path else None
    session.register_component("data_loader", TrimmedLoader(extra_search_paths=extra))


class TrimmedLoader(Loader):  # type: ignore[misc]
    """botocore's loader; for the API version :data:`TRIMMED`, ``service-2`` comes trimmed from the cache."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._custom = bool(options.get("extra_search_paths"))

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """As botocore's own; see the class."""
        if api_version != TRIMMED:
            return super().load_service_model(service_name, type_name, api_version)
        if type_name != "service-2" or service_name not in OPERATIONS or self._custom:
            return super().load_service_model(service_name, type_name, None)
        path = cache_folder() / f"{service_name}-{_digest(service_name)}.json"
        try:
            model = json.loads(path.read_bytes())
            if "operations" in model:
                return model
        except (OSError, ValueError, TypeError):
            pass
        full = super().load_service_model(service_name, type_name, None)
        trimmed = trim(full, OPERATIONS[service_name])
        _write(path, trimmed)
        return trimmed


def trim(model: dict[str, Any], operations: tuple[str, ...]) -> dict[str, Any]:
    """The part of a service model that these operations need: themselves and every shape they reach, undocumented.

    An operation that the model does not have (an older botocore) is left out.
    """
    kept = {name: model["operations"][name] for name in operations if name in model["operations"]}
    shapes = model["shapes"]
    reached: set[str] = set()
    todo = [
        reference["shape"]
        for operation in kept.values()
        for reference in (operation.get("input"), operation.get("output"), *operation.get("errors", ()))
        if reference
    ]
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        reached.add(name)
        shape = shapes[name]
        members = [*shape.get("members", {}).values()]
        members += [shape[part] for part in ("member", "key", "value") if part in shape]
        todo += [member["shape"] for member in members]
    small = {key: value for key, value in model.items() if key not in ("operations", "shapes", "documentation")}
    small["operations"] = {name: _bare(operation) for name, operation in kept.items()}
    small["shapes"] = {name: _bare(shapes[name]) for name in sorted(reached)}
    return small


def _bare(value: Any) -> Any:
    # `documentation` is text where it documents; as a member's name (a dict) it stays.
    if isinstance(value, dict):
        return {
            key: _bare(item)
            for key, item in value.items()
            if not (key in ("documentation", "documentationUrl") and isinstance(item, str))
        }
    if isinstance(value, list):
        return [_bare(item) for item in value]
    return value


def _digest(service: str) -> str:
    text = "\n".join((botocore_version, *OPERATIONS[service]))
    return f"{botocore_version}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _write(path: Path, model: dict[str, Any]) -> None:
    # A read-only home is no error: the full model serves.
    with contextlib.suppress(OSError):
        write_atomically(path, json.dumps(model, separators=(",", ":")).encode())
