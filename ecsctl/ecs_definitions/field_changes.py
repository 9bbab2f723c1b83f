"""A difference of one field as text that may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecsctl.ecs_definitions.differences import redact


@dataclass(frozen=True)
class FieldChange:
    """One field: what AWS has and what it will have, as text; None where there is nothing. Secrets are not in it."""

    path: str
    before: str | None
    after: str | None

    @property
    def field(self) -> str:
        """The top-level field of ``path``."""
        return self.path.split(".")[0].split("[")[0]

    def to_data(self) -> dict[str, Any]:
        """The change as plain data, for JSON and YAML."""
        return {"path": self.path, "before": self.before, "after": self.after}


def to_field_change(path: str, before: Any, after: Any) -> FieldChange:
    """A difference as text, without what may be secret."""
    return FieldChange(path, as_text(redact(path, before)), as_text(redact(path, after)))


def as_text(value: Any) -> str | None:
    """A value in one line, or None where it says nothing."""
    if value is None or value == "" or value == frozenset():
        return None
    if isinstance(value, (frozenset, set)):
        return ", ".join(sorted(str(item) for item in value))
    if isinstance(value, (list, tuple)):
        return ", ".join(as_text(item) or "" for item in value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={as_text(item)}" for name, item in value.items())
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
