"""The JSON Schema (2020-12) of the API's part of the file, generated from botocore's own model.

Two forms are made of it. The *strict* one describes a definition after its shorthands are expanded; ``check`` walks it.
The *editor's* one (``ecsctl.manifest.schema.editor``) allows the shorthands too and carries the API's documentation.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ecsctl.manifest.schema.project_schema import project_definitions
from ecsctl.refusals.limits import CHECKED_ENUMERATIONS

Schema = dict[str, Any]

OPERATIONS = ("RegisterTaskDefinition", "CreateService", "RunTask")
REFERENCE = "#/$defs/"
SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
SCALARS: dict[str, Schema] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "long": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "double": {"type": "number"},
    "float": {"type": "number"},
    "boolean": {"type": "boolean"},
    "timestamp": {"type": "string"},
    "blob": {"type": "string"},
}


def api_definitions(model: Mapping[str, Any], *, documented: bool = False) -> dict[str, Schema]:
    """``$defs`` of every shape that the inputs of ``OPERATIONS`` reach, by the shape's name.

    Args:
        model: botocore's service model.
        documented: with the API's documentation as descriptions.
    """
    shapes: Mapping[str, Any] = model["shapes"]
    made: dict[str, Schema] = {}
    todo = [model["operations"][name]["input"]["shape"] for name in OPERATIONS]
    while todo:
        name = todo.pop()
        if name in made:
            continue
        shape = shapes[name]
        made[name] = _definition(shape, shapes, documented)
        todo += [reference["shape"] for reference in _references(shape) if not _simple(shapes[reference["shape"]])]
    made.update(_read_only(shapes))
    return dict(sorted(made.items()))


def _read_only(shapes: Mapping[str, Any]) -> dict[str, Schema]:
    # What the describe answers have besides what the inputs take, so that an answer can serve as an input.
    pairs = {"TaskDefinition": "RegisterTaskDefinitionRequest", "Service": "CreateServiceRequest"}
    made = {}
    for answer, taken in pairs.items():
        only = set(shapes[answer]["members"]) - set(shapes[taken]["members"])
        made[f"ReadOnly{answer}"] = {"enum": sorted(only)}
    return made


def _references(shape: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from shape.get("members", {}).values()
    for part in ("member", "key", "value"):
        if part in shape:
            yield shape[part]


def _simple(shape: Mapping[str, Any]) -> bool:
    return shape["type"] in SCALARS


def _definition(shape: Mapping[str, Any], shapes: Mapping[str, Any], documented: bool) -> Schema:
    kind = shape["type"]
    if kind in SCALARS:
        return _scalar(shape)
    made: Schema
    if kind == "list":
        made = {"type": "array", "items": _reference(shape["member"], shapes, documented)}
        made.update(_bounds(shape, "minItems", "maxItems"))
    elif kind == "map":
        made = {"type": "object", "additionalProperties": _reference(shape["value"], shapes, documented)}
        made.update(_bounds(shape, "minProperties", "maxProperties"))
    elif shape.get("document"):
        made = {}
    else:
        members = shape["members"].items()
        made = {"type": "object", "properties": {key: _reference(to, shapes, documented) for key, to in members}}
        if shape.get("required"):
            made["required"] = list(shape["required"])
        if shape.get("union"):
            made["maxProperties"] = 1
        made["additionalProperties"] = False
    if documented and shape.get("documentation"):
        made["description"] = text_of(shape["documentation"])
    return made


def _reference(reference: Mapping[str, Any], shapes: Mapping[str, Any], documented: bool) -> Schema:
    name = reference["shape"]
    made: Schema = _scalar(shapes[name]) if _simple(shapes[name]) else {"$ref": f"#/$defs/{name}"}
    if name in CHECKED_ENUMERATIONS:
        made.pop("enum", None)
    if reference.get("deprecated") or shapes[name].get("deprecated"):
        made["deprecated"] = True
    if documented:
        words = reference.get("documentation") or shapes[name].get("documentation")
        if words:
            made["description"] = text_of(words)
    return made


def _scalar(shape: Mapping[str, Any]) -> Schema:
    made = dict(SCALARS[shape["type"]])
    if shape.get("enum"):
        made["enum"] = list(shape["enum"])
    if shape.get("pattern"):
        made["pattern"] = _pattern(shape["pattern"])
    if made["type"] == "string":
        made.update(_bounds(shape, "minLength", "maxLength"))
    else:
        made.update(_bounds(shape, "minimum", "maximum"))
    return made


def _pattern(pattern: str) -> str:
    # The model's patterns mean the whole value. Python knows no \p{…}; beyond ASCII both readers are given leave.
    for unicode_class in (r"\p{L}", r"\p{Z}", r"\p{N}"):
        pattern = pattern.replace(unicode_class, "")
    if pattern.startswith("([_"):
        pattern = "([\\w\\s\\u0080-\\uffff" + pattern[3:]
    anchored = pattern if pattern.startswith("^") else f"^{pattern}"
    return anchored if anchored.endswith("$") else f"{anchored}$"


def _bounds(shape: Mapping[str, Any], least: str, most: str) -> Schema:
    found = {}
    if shape.get("min") or ("min" in shape and least == "minimum"):
        found[least] = shape["min"]
    if "max" in shape:
        found[most] = shape["max"]
    return found


def text_of(documentation: str) -> str:
    """The API's documentation (HTML) as plain text."""
    text = re.sub(r"<li>\s*(?:<p>\s*)?", "\n- ", documentation)
    text = re.sub(r"</?(?:p|note|important|ul|ol|dl|dt|dd)>", "\n", text)
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).replace("\n\n-", "\n-").strip()


@lru_cache(maxsize=1)
def definitions() -> dict[str, Schema]:
    """``$defs`` of the strict form. The API's part is kept in the user's cache, by botocore's version."""
    from ecsctl.aws.cache import cache_folder, write_atomically
    from ecsctl.aws.models import ecs_model, model_version

    # Keyed by what it is made of: botocore's model, and the code that makes it.
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    path = cache_folder() / f"ecs-schema-{model_version()}-{code}.json"
    try:
        api = json.loads(path.read_bytes())
        return {**api, **project_definitions(api)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    api = api_definitions(ecs_model())
    with contextlib.suppress(OSError):
        # A home that cannot be written only means that the schema is made anew each time.
        write_atomically(path, json.dumps(api, separators=(",", ":")).encode())
    return {**api, **project_definitions(api)}
