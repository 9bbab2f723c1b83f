"""The schema for editors: shorthands allowed, the API's documentation at hand. What ``ecsctl schema`` prints."""

from __future__ import annotations

import copy
from typing import Any

from ecsctl.spec.schema import SCHEMA_ID, Schema, api_definitions
from ecsctl.spec.sections import DESCRIPTIONS, project_definitions
from ecsctl.spec.shorthands import SHORTHANDS

# Where a path to a file may stand for the definition.
BY_PATH = ("TaskDefinition", "Service")
TEMPLATE = r"\$\{"


def file_schema() -> Schema:
    """The JSON Schema (2020-12) of ``ecsctl.yaml`` as people write it."""
    from ecsctl.aws.models import ecs_model

    api = api_definitions(ecs_model(), documented=True)
    made = {name: one for name, one in {**api, **project_definitions(api)}.items() if not name.startswith("ReadOnly")}
    made.pop("Sections")
    made = {name: _lenient(one) for name, one in copy.deepcopy(made).items()}
    for name, words in DESCRIPTIONS.items():
        for member, text in words.items():
            made[name]["properties"][member].setdefault("description", text)
    _allow_shorthands(made)
    for name in BY_PATH:
        made[name]["anyOf"].append({"type": "string", "description": "A path to a JSON or YAML file."})
    return {
        "$schema": SCHEMA_ID,
        "title": "ecsctl.yaml",
        "description": "A project of ecsctl: a cluster, its instances, task definitions, load balancers and services.",
        "$ref": "#/$defs/Project",
        "$defs": {name: made[name] for name in sorted(_reached(made, "Project"))},
    }


def _lenient(schema: Any) -> Any:
    """As people write it: a bare number is a text, a template is anything, keys that begin with ``x-`` are theirs."""
    if isinstance(schema, list):
        return [_lenient(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    loose = {key: _lenient(value) for key, value in schema.items()}
    kind = loose.get("type")
    if kind == "string" and "enum" not in loose:
        loose["type"] = ["string", "number"]
        if "pattern" in loose:
            loose["pattern"] = f"{loose['pattern']}|{TEMPLATE}"
    elif kind in ("integer", "number", "boolean"):
        loose |= {"type": [kind, "string"], "pattern": TEMPLATE}
    if loose.get("additionalProperties") is False:
        loose["patternProperties"] = {"^x-": {}}
    return loose


def _allow_shorthands(made: dict[str, Schema]) -> None:
    for name, shorthand in SHORTHANDS.items():
        shape, _, member = name.partition(".")
        if member and shape in made:
            holder = made[shape]["properties"]
            holder[member] = _either(holder[member], dict(shorthand.schema), shorthand.short)
    for name, shorthand in SHORTHANDS.items():
        if name == "TaskDefinition":
            made[name] = _either(made[name], _one_container(made), shorthand.short)
        elif name == "ContainerDefinition":
            made[name]["properties"] |= {
                "logs": {"enum": ["awslogs"], "description": "A log group named like the family, made by the driver."},
                "volumes": {"type": "array", "items": {"type": "string"}, "description": "Mounts, as name:/path:ro."},
            }
        elif name in made:
            made[name] = _either(made[name], dict(shorthand.schema), shorthand.short)
    for name in BY_PATH:
        made[name] = made[name] if "anyOf" in made[name] else {"anyOf": [made[name]]}


def _either(long: Schema, short: Schema, example: str) -> Schema:
    words = long.pop("description", None)
    short = {**short, "description": f"Short form, as {example}"}
    return {**({"description": words} if words else {}), "anyOf": [long, short]}


def _one_container(made: dict[str, Schema]) -> Schema:
    task, container = made["TaskDefinition"], made["ContainerDefinition"]
    own = {"logs": {"enum": ["awslogs"]}}
    members = {**own, **container["properties"], **task["properties"]}
    members.pop("containerDefinitions")
    return {**task, "properties": members, "required": ["image"]}


def _reached(made: dict[str, Schema], start: str) -> set[str]:
    seen: set[str] = set()
    todo: list[Any] = [{"$ref": f"#/$defs/{start}"}]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo += item
        elif isinstance(item, dict):
            todo += item.values()
            name = str(item.get("$ref", "")).removeprefix("#/$defs/")
            if name and name not in seen:
                seen.add(name)
                todo.append(made[name])
    return seen
