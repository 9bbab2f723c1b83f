"""The schema for editors: shorthands allowed, the API's documentation at hand. What ``ecsctl schema`` prints."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from ecsctl.manifest.schema.api import SCHEMA_ID, Schema, api_definitions
from ecsctl.manifest.schema.project_schema import DESCRIPTIONS, project_definitions
from ecsctl.manifest.shorthands.strategies import TYPES
from ecsctl.manifest.shorthands.table import SHORTHANDS

# Where a path to a file may stand for the definition.
BY_PATH = ("TaskDefinition", "Service")
TEMPLATE = r"\$\{"
STRATEGY: Schema = {
    "description": "How a deployment comes into service: in the place of the old tasks (rolling, the default), or "
    "beside them, with the traffic shifted at once (blueGreen), in equal steps (linear), or after a share (canary).",
    "anyOf": [
        {"enum": list(TYPES)},
        {
            "type": "object",
            "properties": {
                "type": {"enum": list(TYPES)},
                "percent": {"type": ["number", "string"], "description": "The share of a step; linear and canary."},
                "interval": {"type": ["integer", "string"], "description": "For how long a step stays, as 5m."},
                "bake": {"type": ["integer", "string"], "description": "For how long the old tasks stay, as 10m."},
                "testListener": {"type": ["integer", "string"], "description": "The port for tests before the shift."},
                "hooks": {"type": ["object", "array"], "description": "Functions that are called, by their stage."},
            },
            "required": ["type"],
            "additionalProperties": False,
        },
    ],
}
CONNECT: Schema = {
    "description": "Service Connect: the names under which others find its ports, as {web: 80}; {} for one that only "
    "calls others.",
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": ["integer", "string"]}},
        {"const": True},
    ],
}
# What the names of the definitions begin with that are partial, as under ``stages``.
STAGE = "Stage"


# What a file may hold: its name for people, and its definition.
FILES = {
    "project": "Project",
    "overlay": "Project",
    "task-definition": "TaskDefinition",
    "service": "Service",
    "run-task": "RunTaskRequest",
}


WORDS = {
    "project": "A project of ecsctl: a cluster, its instances, task definitions, load balancers and services.",
    "overlay": "A file that is laid over a project of ecsctl, by `-f base.yaml -f this.yaml`.",
}


def file_schema(of: str = "project") -> Schema:
    """The JSON Schema (2020-12) of a file as people write it.

    Args:
        of: a key of ``FILES``. The definitions of the others are in ``$defs``, too.
    """
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
    if of == "overlay":
        made = {name: _partial(one) for name, one in made.items()}
    else:
        made |= _of_stages(made)
    return {
        "$schema": SCHEMA_ID,
        "title": "ecsctl.yaml" if of == "project" else of,
        "description": WORDS.get(of, f"A {of.replace('-', ' ')} in a file of its own."),
        "$ref": f"#/$defs/{FILES[of]}",
        "$defs": {name: made[name] for name in sorted(_reached(made, FILES.values()))},
    }


def _lenient(schema: Any) -> Any:
    """As people write it: a bare number is a text, a template is anything, keys that begin with ``x-`` are theirs."""
    if isinstance(schema, list):
        return [_lenient(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    loose = {key: _lenient(value) for key, value in schema.items()}
    kind = loose.get("type")
    if "enum" in loose:
        # Two choices, so that completion still offers the values, and tells of each.
        words = {key: loose[key] for key in ("description", "deprecated") if key in loose}
        loose = {**words, "anyOf": [loose, {"type": "string", "pattern": TEMPLATE}]}
    elif kind == "string":
        loose["type"] = ["string", "number"]
        if "pattern" in loose:
            loose["pattern"] = f"{loose['pattern']}|{TEMPLATE}"
    elif kind in ("integer", "number", "boolean"):
        loose |= {"type": [kind, "string"], "pattern": TEMPLATE}
    elif kind == "array" and set(loose["items"]) <= {"type", "minLength", "pattern", "description"}:
        # One reference may stand for a whole list of texts: ${tfstate:…#subnets}.
        loose |= {"type": ["array", "string"], "pattern": f"^{TEMPLATE}"}
    if loose.get("additionalProperties") is False:
        loose["patternProperties"] = {"^x-": {}}
    return loose


def _partial(schema: Any) -> Any:
    """What is laid over another file: nothing is required, and a null takes something out."""
    if isinstance(schema, list):
        return [_partial(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # A member may be called like a keyword; its schema is then a mapping.
    part = {
        key: value if key == "enum" else _partial(value)
        for key, value in schema.items()
        if key != "required" or not isinstance(value, list)
    }
    kind = part.get("type")
    if isinstance(kind, (str, list)) and "enum" not in part:
        part["type"] = list(dict.fromkeys([*([kind] if isinstance(kind, str) else kind), "null"]))
    return part


def _of_stages(made: dict[str, Schema]) -> dict[str, Schema]:
    """What may stand under ``stages``: any part of a project, whose rest the file itself says."""
    parts = {name: _partial(made[name]) for name in _reached(made, ["Project"])}
    parts["Project"]["properties"].pop("stages")

    def renamed(schema: Any) -> Any:
        if isinstance(schema, list):
            return [renamed(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        return {
            key: value.replace("#/$defs/", f"#/$defs/{STAGE}") if key == "$ref" else renamed(value)
            for key, value in schema.items()
            # The same words again would double the schema.
            if key != "description" or not isinstance(value, str)
        }

    stage = {"anyOf": [{"$ref": f"#/$defs/{STAGE}Project"}, {"type": "null"}]}
    made["Project"]["properties"]["stages"]["additionalProperties"] = stage
    return {f"{STAGE}{name}": renamed(one) for name, one in parts.items()}


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
        elif name == "Service":
            made[name]["properties"] |= {"strategy": STRATEGY, "connect": CONNECT}
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
    texts = {"type": "array", "items": {"type": "string"}, "description": "Mounts of the container, as name:/path:ro."}
    members["volumes"] = {**members["volumes"], "anyOf": [*_choices(members["volumes"]), texts]}
    members["volumes"].pop("$ref", None)
    return {**task, "title": "one container", "properties": members, "required": ["image"]}


def _choices(schema: Schema) -> list[Schema]:
    return list(schema["anyOf"]) if "anyOf" in schema else [{"$ref": schema["$ref"]}]


def _reached(made: dict[str, Schema], starts: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    todo: list[Any] = [{"$ref": f"#/$defs/{start}"} for start in starts]
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
