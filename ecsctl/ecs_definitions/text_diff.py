"""Two definitions side by side: a unified diff of their canonical forms as YAML, in which no secret is told."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecsctl.ecs_definitions.differences import (
    HIDDEN,
    Named,
    diff_task_definitions,
    keyed,
    normalize_task_definition,
    redact,
)
from ecsctl.ecs_definitions.field_changes import FieldChange, to_field_change

CHANGED = f"{HIDDEN[:-1]}, changed)"
CONTEXT_LINES = 3


@dataclass(frozen=True)
class Difference:
    """What one definition says and another one does not.

    ``before`` and ``after`` name the two; ``fields`` has each field that differs, ``lines`` a unified diff without line
    ends. Neither holds the value of an environment variable.
    """

    kind: str
    before: str
    after: str
    fields: tuple[FieldChange, ...]
    lines: tuple[str, ...]

    def to_data(self) -> dict[str, Any]:
        """The difference as plain data, for JSON and YAML."""
        return {
            "kind": self.kind,
            "before": self.before,
            "after": self.after,
            "fields": [item.to_data() for item in self.fields],
            "diff": "\n".join(self.lines),
        }


def diff_definitions(before: Mapping[str, Any], after: Mapping[str, Any], names: tuple[str, str]) -> Difference | None:
    """What differs between two task definitions, each an input or an answer; None where they say the same.

    The family is not compared: two families may say the same.
    """
    one, other = ({k: v for k, v in item.items() if k != "family"} for item in (before, after))
    found = diff_task_definitions(one, other)
    if not found:
        return None
    lines = unified(definition_form(one), definition_form(other), names)
    return Difference("task-definition", *names, tuple(to_field_change(*item) for item in found), lines)


def definition_form(definition: Mapping[str, Any]) -> Any:
    """A task definition in canonical form, its named lists as mappings, without what a diff leaves out."""
    plain = {name: value for name, value in definition.items() if name not in ("family", "tags")}
    return keyed(normalize_task_definition(plain))


def unified(before: Any, after: Any, names: tuple[str, str]) -> tuple[str, ...]:
    """The lines of a unified diff of two forms; a value that is secret reads ``(hidden)``, or ``(hidden, changed)``."""
    texts = (_text(_hidden(before, after, HIDDEN)), _text(_hidden(after, before, CHANGED)))
    return tuple(difflib.unified_diff(*texts, *names, n=CONTEXT_LINES, lineterm=""))


def _hidden(value: Any, other: Any, word: str, path: str = "") -> Any:
    """``value`` without its secrets: where one is another in ``other``, ``word`` stands for it."""
    if isinstance(value, Mapping):
        made = {}
        for name, item in value.items():
            inner = f"{path}[{name}]" if isinstance(value, Named) else (f"{path}.{name}" if path else str(name))
            there = other.get(name) if isinstance(other, Mapping) else None
            made[name] = _hidden(item, there, word, inner)
        return Named(made) if isinstance(value, Named) else made
    shown = redact(path, value)
    return word if shown == HIDDEN and other is not None and other != value else shown


def _text(value: Any) -> Sequence[str]:
    from ecsctl.manifest.yaml.dump import dump

    if not value:
        return []
    plain = _plain(value)
    return dump(plain, sort_keys=True, width=1000).splitlines()


def _plain(value: Any) -> Any:
    """Lists again where items have names; what is nothing but names and values stays a mapping, as files write it."""
    if isinstance(value, Named):
        items = {name: _plain(item) for name, item in value.items()}
        return list(items.values()) if all(isinstance(item, Mapping) for item in value.values()) else items
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
