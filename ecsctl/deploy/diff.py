"""Two definitions side by side: a unified diff of their normalised forms as YAML, in which no secret is told."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.compare import FieldChange, spoken
from ecsctl.deploy.resources import Service, TaskDefinition, resolve
from ecsctl.ecs_definitions.differences import (
    HIDDEN,
    Named,
    keyed,
    normalize_service,
    normalize_task_definition,
    redact,
)

if TYPE_CHECKING:
    from ecsctl.deploy.kinds.base import Actual
    from ecsctl.deploy.observe import Snapshot
    from ecsctl.deploy.plan import Plan
    from ecsctl.deploy.resources import Resource

KINDS = (TaskDefinition.kind, Service.kind)
CHANGED = f"{HIDDEN[:-1]}, changed)"
CONTEXT = 3


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
            "fields": [{"path": item.path, "before": item.before, "after": item.after} for item in self.fields],
            "diff": "\n".join(self.lines),
        }


def between(before: Mapping[str, Any], after: Mapping[str, Any], names: tuple[str, str]) -> Difference | None:
    """What differs between two task definitions, each an input or an answer; None where they say the same.

    The family is not compared: two families may say the same.
    """
    from ecsctl.ecs_definitions.differences import diff_task_definitions

    one, other = ({k: v for k, v in item.items() if k != "family"} for item in (before, after))
    found = diff_task_definitions(one, other)
    if not found:
        return None
    fields = tuple(spoken(*item) for item in found)
    return Difference(TaskDefinition.kind, *names, fields, _unified(_definition(one), _definition(other), names))


def of_plan(plan: Plan, snapshot: Snapshot) -> list[Difference]:
    """The differences of the task definitions and services that a plan would change, in the plan's order."""
    known = snapshot.attributes()
    result = []
    for change in plan.changes:
        if change.renews:
            known.pop(change.key, None)
        if change.key.kind not in KINDS:
            continue
        have, want = f"{change.key} (AWS)", f"{change.key} (file)"
        if isinstance(change.resource, Service) or change.key.kind == Service.kind:
            texts = _services(change.resource, change.actual, known)
        else:
            texts = (
                _definition(change.actual.fields.get("definition") or {}) if change.actual else {},
                _definition(change.resource.fields()["definition"]) if change.resource else {},
            )
        if change.actual is None:
            have = "/dev/null"
        elif change.key.kind == TaskDefinition.kind:
            have = f"{change.key.kind} {change.actual.attributes.get('revision', change.key.name)} (AWS)"
        if change.resource is None:
            want = "/dev/null"
        lines = _unified(*texts, (have, want))
        result.append(Difference(change.key.kind, have, want, change.fields, lines))
    return result


def _definition(definition: Mapping[str, Any]) -> Any:
    plain = {name: value for name, value in definition.items() if name not in ("family", "tags")}
    return keyed(normalize_task_definition(plain))


def _services(resource: Resource | None, actual: Actual | None, known: Mapping[Any, Any]) -> tuple[Any, Any]:
    """Both forms of a service; of what AWS has only what the file says, or all of it where the service is to go."""
    has = _service(actual.fields if actual else {})
    if resource is None:
        return has, {}
    said = {name: value for name, value in resource.fields().items() if value is not None}
    wants = _service(resolve(said, known))
    shown: dict[str, Any] = {"status": actual.status} if actual and actual.status else {}
    for name, value in said.items():
        if name not in has:
            continue
        if isinstance(value, Mapping) and isinstance(has[name], Mapping):
            shown[name] = {key: item for key, item in has[name].items() if key in value}
        else:
            shown[name] = has[name]
    return (shown if actual else {}), wants


def _service(definition: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in definition.items() if name not in ("serviceName", "tags")}
    form = normalize_service({**plain, "taskDefinition": None, "role": None})
    for name in ("taskDefinition", "role"):
        if plain.get(name):
            form[name] = str(plain[name]).rsplit("/", 1)[-1]
    return dict(sorted(keyed(_settled(form)).items()))


def _settled(value: Any) -> Any:
    """What is not known before it is made, as text."""
    if isinstance(value, Mapping):
        return {name: _settled(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_settled(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _unified(before: Any, after: Any, names: tuple[str, str]) -> tuple[str, ...]:
    texts = (_text(_hidden(before, after, HIDDEN)), _text(_hidden(after, before, CHANGED)))
    return tuple(difflib.unified_diff(*texts, *names, n=CONTEXT, lineterm=""))


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
    import yaml

    if not value:
        return []
    plain = _plain(value)
    text = yaml.safe_dump(plain, sort_keys=True, allow_unicode=True, default_flow_style=False, width=1000)
    return str(text).splitlines()


def _plain(value: Any) -> Any:
    """Lists again where items have names; what is nothing but names and values stays a mapping, as files write it."""
    if isinstance(value, Named):
        items = {name: _plain(item) for name, item in value.items()}
        return list(items.values()) if all(isinstance(item, Mapping) for item in value.values()) else items
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
