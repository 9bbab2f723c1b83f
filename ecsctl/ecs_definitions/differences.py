"""Compares definitions in their canonical form, member by member, and says what of the differences may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ecsctl.ecs_definitions.canonical import KEYED, normalize_service, normalize_tags, normalize_task_definition
from ecsctl.manifest.secrets import looks_secret

__all__ = [
    "diff_services",
    "diff_task_definitions",
    "normalize_service",
    "normalize_tags",
    "normalize_task_definition",
    "redact",
]

Change = tuple[str, Any, Any]
HIDDEN = "(hidden)"
# Lists whose items are nothing but a name and a value.
PAIRS = {"environment": "value", "secrets": "valueFrom", "secretOptions": "valueFrom", "properties": "value"}
ENVIRONMENT = re.compile(r"(?:^|\.)environment(?:\[[^\]]*\])?(?:\.value)?$")
REFERENCES = re.compile(r"(?:^|\.)(?:secrets|secretOptions|repositoryCredentials)\b")


def diff_task_definitions(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between two task definitions, each an input or an answer.

    Returns:
        (path, before, after) for each member that differs, None where it is not there. Containers are matched by
        name and variables by key: ``containerDefinitions[web].environment[LOG]``.
    """
    return list(_differences("", keyed(normalize_task_definition(before)), keyed(normalize_task_definition(after))))


def diff_services(wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> list[Change]:
    """What an update would change of a service: (path, actual, wanted) of the members that ``wanted`` says.

    A member that ``wanted`` leaves out is left alone. ``taskDefinition`` is not compared: names of it have many forms.
    """
    has = keyed(normalize_service(actual))
    said = {key for key, value in wanted.items() if value is not None}
    wants = keyed(normalize_service(wanted))
    changes: list[Change] = []
    for member in sorted(said - {"taskDefinition", "serviceName", "tags", "cluster", "clientToken", "role"}):
        inner_said = wanted[member]
        if isinstance(inner_said, Mapping):
            changes += _partly(member, has.get(member) or {}, wants.get(member) or {}, inner_said)
        else:
            changes += _differences(member, has.get(member), wants.get(member))
    return changes


def _partly(path: str, has: Mapping[str, Any], wants: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted(said):
        yield from _differences(f"{path}.{key}", has.get(key), wants.get(key))


def keyed(value: Any, under: str = "") -> Any:
    """A normalised definition with mappings in the place of the lists whose items have names."""
    if isinstance(value, Mapping):
        return {key: keyed(item, key) for key, item in value.items()}
    if isinstance(value, list):
        if under in KEYED and all(isinstance(item, Mapping) for item in value):
            named = {_label(item, under): item for item in value}
            if len(named) == len(value):
                return Named({label: keyed(_inner(item, under)) for label, item in named.items()})
        return [keyed(item) for item in value]
    return value


class Named(dict[str, Any]):
    """A mapping that stands for a list: its keys print in brackets."""


def _label(item: Mapping[str, Any], under: str) -> str:
    if under == "portMappings":
        port = item.get("containerPort", item.get("containerPortRange"))
        return f"{port}/{item.get('protocol', 'tcp')}"
    return ":".join(str(item[member]) for member in KEYED[under] if member in item)


def _inner(item: Mapping[str, Any], under: str) -> Any:
    if under in PAIRS and set(item) <= {"name", PAIRS[under]}:
        return item.get(PAIRS[under], "")
    return item


def _differences(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        brackets = isinstance(before, Named) or isinstance(after, Named)
        for key in sorted({*before, *after}):
            inner = f"{path}[{key}]" if brackets else (f"{path}.{key}" if path else key)
            yield from _differences(inner, before.get(key), after.get(key))
        return
    yield path, before, after


def redact(path: str, value: Any) -> Any:
    """A value as it may be printed: those of environment variables, and of whatever is named like a secret, are hidden.

    References to secrets (``valueFrom``) are names, not values, and are shown.

    Args:
        path: the value's place, as ``diff_task_definitions`` gives it or as members joined by dots.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        if isinstance(value.get("name"), str) and "value" in value and ENVIRONMENT.search(path):
            return {**value, "value": HIDDEN}
        return {key: redact(f"{path}.{key}" if path else key, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(path, item) for item in value]
    if ENVIRONMENT.search(path) or _in_environment(path):
        return HIDDEN
    if isinstance(value, str) and not REFERENCES.search(path) and looks_secret(re.split(r"[.\[]", path)[-1], value):
        return HIDDEN
    return value


def _in_environment(path: str) -> bool:
    return re.search(r"(?:^|\.)environment(?:\[|\.)", path) is not None
