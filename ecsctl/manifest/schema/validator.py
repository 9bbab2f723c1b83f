"""Validates documents with jsonschema: every fault at its place in the file, and the sound rest for the rules.

jsonschema's error says which keyword of the schema was violated, and the path; the position is the tree's, and the
words are those of ``messages``. jsonschema is imported when the first document is validated, which takes 0.1 s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ecsctl.manifest.model import Fault
from ecsctl.manifest.schema.api import REFERENCE, Schema, definitions
from ecsctl.manifest.schema.messages import MESSAGES
from ecsctl.manifest.schema.suggestions import closest_key, known_keys, one_of
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Path, Scalar, find, path_text, shorten, walk

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator


PYTHON_TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
EMPTY = "an empty string says nothing here"
ORDER = {keyword: index for index, keyword in enumerate(MESSAGES)}


@dataclass
class Validated:
    """What came of a document.

    ``data`` is the tree as plain data without what is wrong; None where it is wrong as a whole. ``invalid`` has the
    paths that were left out of it, ``unresolved`` those of what only AWS knows: a string stands in the data as its
    template, anything else is left out.
    """

    data: Any
    faults: list[Fault] = field(default_factory=list)
    invalid: list[Path] = field(default_factory=list)
    unresolved: list[Path] = field(default_factory=list)

    def add(self, node: Node, path: Path, message: str, allowed: str | None, *, warning: bool = False) -> None:
        """Note a fault of the value at ``path``, which is then no part of the data."""
        severity: Any = "warning" if warning else "error"
        self.faults.append(Fault(node.position, path_text(path), message, severity=severity, allowed=allowed))
        self.invalid.append(path)


def validate(root: Node, shape: str, *, lenient: bool = False) -> Validated:
    """Validate an expanded tree.

    Args:
        shape: the name of its schema in ``$defs`` (``Project``, ``Sections``).
        lenient: unknown keys are warnings.
    """
    unresolved_nodes: list[Scalar] = []
    result = Validated(_plain(root, unresolved_nodes))
    if unresolved_nodes:
        result.unresolved = [path for path, node in walk(root) if isinstance(node, Scalar) and node.unresolved]
    unresolved = set(result.unresolved)
    # One fault a value: a string that is too long, and not of its pattern either, is one mistake.
    worst: dict[Path, Any] = {}
    errors: list[Any] = list(_validators()(shape).iter_errors(result.data))
    for error in errors:
        path: Path = tuple(error.path)
        if path in unresolved:
            if error.validator == "type":
                _leave_out(result, path, error.schema)
                result.invalid.append(path)
        elif error.validator == "additionalProperties":
            _unknown_keys(result, find(root, path), path, error.schema["properties"], lenient)
        elif error.validator == "required":
            _missing_keys(result, find(root, path), path, error.validator_value)
        elif path not in worst or ORDER[error.validator] < ORDER[worst[path].validator]:
            worst[path] = error
    empty: set[Path] = set()
    for path, error in worst.items():
        node = find(root, path)
        if _says_nothing(error, path, node):
            empty.add(path)
            advice = f"leave it out, or {one_of('', error.validator_value)}"
            # Left out and not invalid: the rules judge the document as it is sent, without the member.
            result.faults.append(Fault(node.position, path_text(path), EMPTY, severity="warning", allowed=advice))
            _leave_out(result, path, error.schema)
            continue
        message, allowed = MESSAGES[error.validator](node, error.validator_value, error.schema)
        result.add(node, path, message, allowed)
        _leave_out(result, path, error.schema)
    if empty and result.data is not None:
        _missing_now(result, root, _validators()(shape).iter_errors(result.data), empty)
    return result


def _says_nothing(error: Any, path: Path, node: Node) -> bool:
    # Tools that print a definition write members that say nothing as "", and leave them out as they send it; an item of
    # a list is never written so.
    in_mapping = bool(path) and isinstance(path[-1], str)
    return error.validator == "enum" and in_mapping and isinstance(node, Scalar) and node.value == ""


def _missing_now(result: Validated, root: Node, errors: Iterable[Any], empty: set[Path]) -> None:
    """Tell the required members that are missing once the empty ones are left out."""
    for error in errors:
        for key in error.validator_value if error.validator == "required" else ():
            path = (*error.path, key)
            if path in empty:
                node = find(root, path)
                result.faults.append(Fault(node.position, path_text(path), f"{key} is empty"))
                result.invalid.append(path)


def _plain(node: Node, unresolved: list[Scalar]) -> Any:
    if isinstance(node, MapNode):
        return {key: _plain(value, unresolved) for key, value in node.entries.items()}
    if isinstance(node, ListNode):
        return [_plain(item, unresolved) for item in node.items]
    assert isinstance(node, Scalar)
    if node.unresolved:
        unresolved.append(node)
        return node.text
    # Where a boolean was wanted it is one by now; elsewhere NO is a mistake, and no string.
    return True if node.trap == "boolean" else node.value


def _leave_out(result: Validated, path: Path, schema: Schema) -> None:
    if not path:
        result.data = None
        return
    holder: Any = result.data
    *way, last = list[Any](path)
    for part in way:
        holder = holder.get(part) if isinstance(holder, dict) else holder[part] if isinstance(holder, list) else None
    if isinstance(holder, dict):
        holder.pop(last, None)
    elif isinstance(holder, list):
        # The other items keep their places; strings stay strings, so that whoever reads them need not ask.
        holder[last] = "" if schema.get("type") == "string" else None


def _unknown_keys(result: Validated, node: Node, path: Path, known: Mapping[str, Any], lenient: bool) -> None:
    assert isinstance(node, MapNode)
    for key in [key for key in node.entries if key not in known]:
        guess = closest_key(key, known)
        allowed = f"did you mean {guess}?" if guess else known_keys(known)
        result.add(node.keys[key], (*path, key), f"unknown key {shorten(key)!r}", allowed, warning=lenient)
        _leave_out(result, (*path, key), {})
        if guess:
            result.invalid.append((*path, guess))


def _missing_keys(result: Validated, node: Node, path: Path, required: list[str]) -> None:
    # jsonschema has an error for each of them, all of which say the same list.
    assert isinstance(node, MapNode)
    for key in required:
        if key not in node.entries and (*path, key) not in result.invalid:
            result.faults.append(Fault(node.position, path_text(path), f"{key} is missing"))
            result.invalid.append((*path, key))


class _Compiled:
    """One validator of jsonschema for each part of the schema, made when it is first needed.

    jsonschema makes a new one for each value that it descends to, and looks up each ``$ref`` anew: five times slower.
    """

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import extend

        self._schemas = schemas
        self._made: dict[int, Validator] = {}
        of_type = Draft202012Validator.VALIDATORS["type"]
        additional_properties = Draft202012Validator.VALIDATORS["additionalProperties"]

        def reference(validator: Validator, name: str, instance: Any, schema: Schema) -> Iterator[ValidationError]:
            return self(name.removeprefix(REFERENCE)).iter_errors(instance)

        def properties(
            validator: Validator, members: Mapping[str, Schema], instance: Any, schema: Schema
        ) -> Iterator[ValidationError]:
            if isinstance(instance, dict):
                for key, value in instance.items():
                    if key in members:
                        yield from self._descend(value, members[key], key)

        def others(validator: Validator, allowed: Any, instance: Any, schema: Schema) -> Iterator[ValidationError]:
            if allowed is False:
                yield from additional_properties(validator, allowed, instance, schema)
            elif isinstance(instance, dict):
                for key, value in instance.items():
                    if key not in schema.get("properties", ()):
                        yield from self._descend(value, allowed, key)

        def items(validator: Validator, each: Schema, instance: Any, schema: Schema) -> Iterator[ValidationError]:
            if isinstance(instance, list):
                for index, value in enumerate(instance):
                    yield from self._descend(value, each, index)

        def kind(validator: Validator, wanted: str, instance: Any, schema: Schema) -> Iterable[ValidationError]:
            # What Python's own type tells needs no more asking; True is an instance of int, but not of type int.
            return () if type(instance) is PYTHON_TYPES.get(wanted) else of_type(validator, wanted, instance, schema)

        def pattern(validator: Validator, text: str, instance: Any, schema: Schema) -> Iterator[ValidationError]:
            if isinstance(instance, str) and not _expression(text).search(instance):
                yield ValidationError(f"{instance!r} does not match {text!r}")

        from jsonschema.exceptions import ValidationError

        keywords = {
            "$ref": reference,
            "type": kind,
            "properties": properties,
            "additionalProperties": others,
            "items": items,
            "pattern": pattern,
        }
        # To AWS 1.0 is no integer.
        types = Draft202012Validator.TYPE_CHECKER.redefine(
            "integer", lambda checker, value: isinstance(value, int) and not isinstance(value, bool)
        )
        self._root: Validator = extend(Draft202012Validator, keywords, type_checker=types)({})  # type: ignore[no-untyped-call]

    def __call__(self, name: str) -> Validator:
        """The validator of one of the ``$defs``."""
        return self._of(self._schemas[name])

    def _of(self, schema: Schema) -> Validator:
        made = self._made.get(id(schema))
        if made is None:
            made = self._made[id(schema)] = self._root.evolve(schema=schema)
        return made

    def _descend(self, value: Any, schema: Schema, part: str | int) -> Iterator[ValidationError]:
        for error in self._of(schema).iter_errors(value):
            error.path.appendleft(part)
            yield error


@lru_cache(maxsize=1)
def _validators() -> _Compiled:
    return _Compiled(definitions())


@lru_cache(maxsize=64)
def _expression(pattern: str) -> re.Pattern[str]:
    # JSON Schema's `$` is the very end; Python's also matches before a last newline.
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)
