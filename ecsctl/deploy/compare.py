"""Field by field: what AWS has beside what is wanted, in normalised form. A field left out is left alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ecsctl.deploy.kinds.base import Actual
from ecsctl.deploy.resources import Key, Ref, Resource, SecurityGroup, Service, TaskDefinition, refs, resolve

# Shown as changed, never with their text.
SECRET_FIELDS = frozenset({"userData"})
# Fields of a service that are named in several ways: by name or ARN.
BY_NAME = frozenset({"taskDefinition", "role"})


@dataclass(frozen=True)
class FieldChange:
    """One field: what AWS has and what it will have, as text; None where there is nothing. Secrets are not in it."""

    path: str
    before: str | None
    after: str | None


def differences(resource: Resource, actual: Actual, known: Mapping[Key, Mapping[str, str]]) -> Iterator[FieldChange]:
    """Field by field, in normalised form; a field that is left out is left alone."""
    if isinstance(resource, TaskDefinition):
        from ecsctl.ecs_definitions.differences import diff_task_definitions

        changes = diff_task_definitions(actual.fields["definition"], resource.definition)
        yield from (spoken(path, before, after) for path, before, after in changes)
        return
    fields: dict[str, Any] = resolve(resource.fields(), known)
    have = dict(actual.fields)
    if isinstance(resource, SecurityGroup):
        # A rule that stands there already, by whose hand ever, need not be made.
        have["ingress"] = have["ingress"] | (have.get("unmarked", frozenset()) & fields["ingress"])
    if isinstance(resource, Service):
        from ecsctl.ecs_definitions.differences import diff_services

        simple = {name: value for name, value in fields.items() if name not in BY_NAME and not any(refs(value))}
        yield from (spoken(*item) for item in diff_services(simple, have))
        fields = {name: _short_name(value) for name, value in fields.items() if name not in simple}
        have.update({name: _short_name(have.get(name)) for name in BY_NAME})
    if resource.kind == "iam-role":
        have["policies"] = have["policies"] & fields["policies"]
    for name, value in fields.items():
        if value is None:
            continue
        for path, before, after in _compare(name, have.get(name), value):
            if name in SECRET_FIELDS:
                yield FieldChange(path, "(text)" if before else None, "(changed text)")
            else:
                yield FieldChange(path, _text(before), _text(after))


def summary(resource: Resource) -> Iterator[FieldChange]:
    """What a resource that is made will have: each field that says something, down to its leaves."""
    if isinstance(resource, TaskDefinition):
        yield from _leaves("", _named({k: v for k, v in resource.definition.items() if k not in ("family", "tags")}))
        return
    for name, value in resource.fields().items():
        if name in SECRET_FIELDS:
            yield FieldChange(name, None, "(text)")
        else:
            yield from _leaves(name, _named(value))


def _named(value: Any) -> Any:
    from ecsctl.ecs_definitions.differences import keyed

    return {name: keyed(item, name) for name, item in value.items()} if isinstance(value, Mapping) else value


def _leaves(path: str, value: Any) -> Iterator[FieldChange]:
    from ecsctl.ecs_definitions.differences import Named

    if isinstance(value, Named):
        for label, item in value.items():
            inner = {k: v for k, v in item.items() if k != "name"} if isinstance(item, Mapping) else item
            yield from _leaves(f"{path}[{label}]", inner)
        return
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(f"{path}.{name}" if path else str(name), item)
        return
    shown = spoken(path, None, value)
    if shown.after is not None:
        yield shown


def _short_name(value: Any) -> Any:
    """An ARN or a name as the name that ends it."""
    return value.rsplit("/", 1)[-1] if isinstance(value, str) else value


def spoken(path: str, before: Any, after: Any) -> FieldChange:
    """A difference as text, without what may be secret."""
    from ecsctl.ecs_definitions.differences import redact

    return FieldChange(path, _text(redact(path, before)), _text(redact(path, after)))


def _compare(path: str, have: Any, want: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where ``want`` is not covered by ``have``: keys that ``want`` does not name are AWS's own defaults."""
    if isinstance(want, Mapping):
        for name, value in want.items():
            inner = have.get(name) if isinstance(have, Mapping) else None
            yield from _compare(f"{path}.{name}", inner, value)
    elif isinstance(want, (list, tuple)):
        if not _covers_list(have, want):
            yield path, have, want
    elif isinstance(want, frozenset):
        if frozenset(have or ()) != want:
            yield path, have, want
    elif not _same_scalar(have, want):
        yield path, have, want


def _covers_list(have: Any, want: list[Any] | tuple[Any, ...]) -> bool:
    if not isinstance(have, (list, tuple)) or len(have) != len(want):
        return not want and not have
    left = list(have)
    for item in want:
        for index, candidate in enumerate(left):
            if not any(_compare("", candidate, item)):
                del left[index]
                break
        else:
            return False
    return True


def _same_scalar(have: Any, want: Any) -> bool:
    if have is None:
        # What AWS leaves out is empty, off or nothing.
        return want in ("", False, 0) and not isinstance(want, Ref)
    if isinstance(have, bool) or isinstance(want, bool):
        return bool(have) == bool(want)
    return str(have) == str(want)


def _text(value: Any) -> str | None:
    if value is None or value == "" or value == frozenset():
        return None
    if isinstance(value, (frozenset, set)):
        return ", ".join(sorted(str(item) for item in value))
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(item) or "" for item in value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_text(item)}" for name, item in value.items())
    return str(value)
