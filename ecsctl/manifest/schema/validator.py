"""Holds a document against the schema: every fault at its place, and the sound rest for the rules to judge."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from ecsctl.manifest.model import Fault
from ecsctl.manifest.shorthands.expand import REFERENCE
from ecsctl.manifest.yaml.nodes import NUMBER_TRAPS, ListNode, MapNode, Node, Path, Scalar, path_text, shorten

Schema = dict[str, Any]

WANTED = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
# What other tools call it, where the names are too far apart to be found by likeness.
KNOWN_ELSEWHERE = {
    "ports": "portMappings",
    "env": "environment",
    "expose": "portMappings",
    "volumes": "mountPoints",
    "mounts": "mountPoints",
    "depends_on": "dependsOn",
    "replicas": "desiredCount",
    "scale": "desiredCount",
    "count": "desiredCount",
    "containers": "containerDefinitions",
    "logging": "logConfiguration",
    "task": "taskDefinition",
    "tasks": "taskDefinitions",
    "cap_add": "linuxParameters",
    "working_dir": "workingDirectory",
    "labels": "dockerLabels",
    "elb": "loadBalancer",
    "capacity": "instances",
    "project": "name",
}
MOST_LISTED = 12
LONGEST_LISTED = 30


class Checker:
    """Checks one document. ``faults`` are in document order; ``bad`` has the paths that were left out of the data.

    ``open`` has the paths of what only AWS knows: texts stand in the data as templates, all else is left out of it.
    """

    def __init__(self, definitions: dict[str, Schema], *, lenient: bool = False) -> None:
        self.definitions = definitions
        self.unknown_is = "warning" if lenient else "error"
        self.faults: list[Fault] = []
        self.bad: list[Path] = []
        self.open: list[Path] = []

    def check(self, node: Node, shape: str, path: Path = ()) -> Any:
        """Check a tree against the schema ``shape``. Keys that begin with ``x-`` are the user's own, and left out.

        Returns:
            the tree as plain data without the parts that are wrong; None where it is wrong as a whole.
        """
        return self._check(node, self.definitions[shape], path)

    def _fault(
        self, node: Node, path: Path, message: str, allowed: str | None = None, *, warning: bool = False
    ) -> None:
        severity: Any = "warning" if warning else "error"
        self.faults.append(Fault(node.position, path_text(path), message, severity=severity, allowed=allowed))
        if path not in self.bad:
            self.bad.append(path)

    def _check(self, node: Node, schema: Schema, path: Path) -> Any:
        if "$ref" in schema:
            schema = self.definitions[schema["$ref"].removeprefix(REFERENCE)]
        wanted = schema.get("type")
        if isinstance(node, Scalar) and node.open:
            return self._leave_open(node, wanted, path)
        if wanted is not None and not _is(node, wanted):
            self._wrong_kind(node, wanted, path)
            return None
        if isinstance(node, MapNode):
            return self._check_map(node, schema, path)
        if isinstance(node, ListNode):
            return self._check_list(node, schema, path)
        assert isinstance(node, Scalar)
        return self._check_scalar(node, schema, path)

    def _leave_open(self, node: Scalar, wanted: str | None, path: Path) -> Any:
        # Only AWS knows what it will be. As a text it can stand in the data; anything else is left out of it.
        self.open.append(path)
        if wanted in (None, "string"):
            return node.text
        self.bad.append(path)
        return None

    def _wrong_kind(self, node: Node, wanted: str, path: Path) -> None:
        allowed: str | None = None
        if isinstance(node, Scalar):
            value, trap = node.value, node.trap
            if value is None:
                allowed = (
                    'leave the key out, or write "" for an empty text' if wanted == "string" else "leave the key out"
                )
            elif trap in NUMBER_TRAPS and wanted in ("integer", "number"):
                self._fault(node, path, f"{node.text} is no plain number: {NUMBER_TRAPS[trap]}", "a decimal number")
                return
            elif wanted == "string":
                trapped = trap == "boolean" or isinstance(value, bool)
                if trapped:
                    message = f"expected a text: YAML reads {node.text} without quotes as a boolean"
                    self._fault(node, path, message, f'"{node.text}" in quotes')
                    return
            elif isinstance(value, str) and _means(value, wanted):
                allowed = f"{value} without quotes"
            elif isinstance(value, float) and wanted == "integer":
                allowed = "no fraction"
        self._fault(node, path, f"expected {WANTED[wanted]}, not {node.kind}", allowed)

    def _check_map(self, node: MapNode, schema: Schema, path: Path) -> dict[str, Any]:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        found: dict[str, Any] = {}
        for key, value in node.entries.items():
            at = (*path, key)
            if key in properties:
                self._keep(found, key, value, properties[key], at)
            elif others is False and key.startswith("x-"):
                continue
            elif others is False:
                warning = self.unknown_is == "warning"
                guess = meant(key, properties)
                allowed = f"did you mean {guess}?" if guess else _known(properties)
                self._fault(node.keys[key], at, f"unknown key {shorten(key)!r}", allowed, warning=warning)
                if guess:
                    self.bad.append((*path, guess))
            elif isinstance(others, dict):
                self._keep(found, key, value, others, at)
            else:
                self._keep(found, key, value, {}, at)
        for key in schema.get("required", ()):
            if key not in node.entries:
                missing = Fault(node.position, path_text(path), f"{key} is missing")
                self.faults.append(missing)
                self.bad.append((*path, key))
        most = schema.get("maxProperties")
        if most is not None and len(node.entries) > most:
            allowed = ", ".join(properties)
            self._fault(node, path, f"{len(node.entries)} keys where at most {most} may be", allowed)
        return found

    def _keep(self, found: dict[str, Any], key: str, value: Node, schema: Schema, path: Path) -> None:
        count = len(self.bad)
        data = self._check(value, schema, path)
        if path not in self.bad[count:]:
            found[key] = data

    def _check_list(self, node: ListNode, schema: Schema, path: Path) -> list[Any]:
        items = schema.get("items", {})
        found = []
        for index, item in enumerate(node.items):
            kept = self._check(item, items, (*path, index))
            # Texts stay texts, so that whoever reads them need not ask; what was refused is in ``bad``.
            found.append("" if kept is None and items.get("type") == "string" else kept)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if len(node.items) < least:
            self._fault(node, path, f"{len(node.items)} items are too few", f"at least {least}")
        if most is not None and len(node.items) > most:
            self._fault(node, path, f"{len(node.items)} items are too many", f"at most {most}")
        return found

    def _check_scalar(self, node: Scalar, schema: Schema, path: Path) -> Any:
        value = node.value
        if "enum" in schema and value not in schema["enum"]:
            self._fault(node, path, f"{node.kind} is no value of it", one_of(str(value), schema["enum"]))
            return None
        if isinstance(value, str):
            least, most = schema.get("minLength", 0), schema.get("maxLength")
            if len(value) < least:
                self._fault(
                    node, path, "it is empty" if not value else f"{node.kind} is too short", f"at least {least} long"
                )
            elif most is not None and len(value) > most:
                self._fault(node, path, f"it is {len(value)} characters long", f"at most {most}")
            elif "pattern" in schema and not _compiled(schema["pattern"]).search(value):
                self._fault(node, path, f"{node.kind} is not of the form it must have", form_of(schema["pattern"]))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            least, most = schema.get("minimum"), schema.get("maximum")
            if (least is not None and value < least) or (most is not None and value > most):
                self._fault(
                    node, path, f"{node.text} is out of bounds", f"{least} to {most}" if most else f"at least {least}"
                )
        return value


def _is(node: Node, wanted: str) -> bool:
    if wanted == "object":
        return isinstance(node, MapNode)
    if wanted == "array":
        return isinstance(node, ListNode)
    if not isinstance(node, Scalar):
        return False
    value = node.value
    if wanted == "string":
        return isinstance(value, str) and node.trap != "boolean"
    if wanted == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (wanted == "number" and isinstance(value, float))


def _means(text: str, wanted: str) -> bool:
    if wanted in ("integer", "number"):
        return re.fullmatch(r"-?\d+", text) is not None
    return wanted == "boolean" and text in ("true", "false")


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    # JSON Schema's `$` is the very end; Python's also stands before a last newline.
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


FORMS = {
    r"^\d{12}$": "12 digits, in quotes",
    "^[A-Za-z0-9_-]{1,255}$": "1 to 255 letters, digits, hyphens and underscores",
    "^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$": "up to 40 letters, digits, hyphens and underscores, a letter or digit first",
    r"^[a-z]{2,4}(-[a-z0-9]+)+-\d+$": "as eu-west-1",
    r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$": "as t3.small",
    "^subnet-[0-9a-f]+$": "as subnet-0123abcd",
    r"^(?:(?:TCP|SSL):\d{1,5}|HTTPS?:\d{1,5}/\S*)$": "as HTTP:80/path or TCP:80",
    r"^/\S*$": "a path that begins with /",
}


def form_of(pattern: str) -> str:
    """A pattern in words."""
    if pattern.startswith(r"^([\w\s"):
        return "letters, digits, spaces and _ . : / = + - @"
    return FORMS.get(pattern, f"it must match {pattern}")


def meant(name: str, known: Iterable[str]) -> str | None:
    """What an unknown key was probably meant to be."""
    names = list(known)
    lower = {item.lower(): item for item in names}
    guess = lower.get(name.lower().replace("_", "").replace("-", ""))
    if guess is None and KNOWN_ELSEWHERE.get(name) in names:
        guess = KNOWN_ELSEWHERE[name]
    if guess is None:
        near = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.7)
        guess = lower[near[0]] if near else None
    return guess


def _known(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = " …" if len(listed) > LONGEST_LISTED else ""
    return f"known: {', '.join(listed[:LONGEST_LISTED])}{more}"


def one_of(value: str, allowed: Iterable[Any]) -> str:
    """The allowed values, the nearest first."""
    names = [str(item) for item in allowed]
    lower = {item.lower(): item for item in names}
    near = difflib.get_close_matches(value.lower(), list(lower), n=1, cutoff=0.6)
    guess = f"did you mean {lower[near[0]]}? " if near else ""
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"{guess}one of {', '.join(names[:MOST_LISTED])}{more}"
