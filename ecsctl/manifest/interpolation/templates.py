"""Fills in templates: ``${VAR}``, ``${VAR:-default}``, ``${VAR:?message}``, ``$$``, references such as ``${git:sha}``.

It works on the tree of a document that is valid YAML already, so a value can never change its structure, and each fault
stands where the template does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ecsctl.errors import EcsctlError
from ecsctl.manifest.interpolation.external_refs import KINDS, Lookup, refer
from ecsctl.manifest.model import Fault, Position
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Path, Scalar, made, path_text, shorten
from ecsctl.manifest.yaml.reader import ENDLESS

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
FORMS = "${VAR}, ${VAR:-default}, ${VAR:?message}, $$ for a dollar"


@dataclass(frozen=True)
class Values:
    """What templates are filled with.

    ``variables`` by name; ``lookup`` asks AWS, and None means that nobody is asked. What only AWS knows then
    stays unresolved (``leave_unresolved``) or is a fault. ``region`` goes before the file's; ``usual_region`` tells it
    where neither does. ``stage`` is the one of the file's stages that is meant.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    lookup: Lookup | None = None
    leave_unresolved: bool = False
    region: str | None = None
    usual_region: Callable[[], str | None] | None = None
    stage: str | None = None


class _UnfilledError(Exception):
    """A template that cannot be filled; ``offset`` is its place in the text."""

    def __init__(self, offset: int, message: str, allowed: str | None = None) -> None:
        super().__init__(message)
        self.offset, self.message, self.allowed = offset, message, allowed


class _UnresolvedError(Exception):
    """A reference that only AWS can answer, and nobody asks."""


class Filler:
    """Fills documents. ``faults`` has what could not be filled, ``notes`` what was left open."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.faults: list[Fault] = []
        self.notes: list[str] = []
        self._region: str | None = None
        self._done: dict[int, tuple[Node, Node]] = {}
        self._answers: dict[tuple[str, str], Any] = {}

    def fill(self, root: Node, path: Path = ()) -> Node:
        """The tree with all its templates filled in; ``path`` is where it stands, for the faults."""
        if not path:
            self._region = None
            if isinstance(root, MapNode) and isinstance(root.entries.get("region"), Scalar):
                # Its faults are told where it is filled with the rest.
                told = len(self.faults), len(self.notes)
                region = self._node(root.entries["region"], ("region",))
                self._region = region.text if isinstance(region, Scalar) and not region.unresolved else None
                del self.faults[told[0] :], self.notes[told[1] :]
        return self._node(root, path)

    def _node(self, node: Node, path: Path) -> Node:
        if isinstance(node, Scalar):
            return self._scalar(node, path) if "$" in node.text and isinstance(node.value, str) else node
        # One node may stand in several places, through anchors; it is filled once. The old one is kept, so that its
        # id stays its own.
        known = self._done.get(id(node))
        if known is not None:
            return known[1]
        new: Node
        if isinstance(node, MapNode):
            new = MapNode(node.file, node.line, node.column)
            new.keys = node.keys
            new.entries = {key: self._node(value, (*path, key)) for key, value in node.entries.items()}
        else:
            assert isinstance(node, ListNode)
            items = [self._node(item, (*path, index)) for index, item in enumerate(node.items)]
            new = ListNode(node.file, node.line, node.column, items)
        self._done[id(node)] = (node, new)
        return new

    def _scalar(self, node: Scalar, path: Path) -> Node:
        try:
            whole = _whole(node.text)
            if whole is not None:
                value = self._reference(*whole, node)
                if isinstance(value, (list, dict)):
                    return made(value, node)
            text = self._text(node.text, 0, node)
            if ENDLESS.search(text):
                raise _UnfilledError(0, "it becomes a number of more than 4300 digits")
        except _UnfilledError as error:
            # A text of several lines, or with escapes, does not tell the columns inside of it.
            shift = (
                error.offset + (node.style in ("'", '"'))
                if "\n" not in node.text and node.style in ("", "'", '"')
                else 0
            )
            at = Position(node.file, node.line, node.column + shift)
            self.faults.append(Fault(at, path_text(path), error.message, allowed=error.allowed))
            return _filled(node, node.text, unresolved=True)
        except _UnresolvedError:
            self.notes.append(f"{node.position}: {shorten(node.text)} is known to AWS only, and stays unresolved")
            return _filled(node, node.text, unresolved=True)
        return _filled(node, text)

    def _text(self, text: str, start: int, node: Scalar) -> str:
        made, index = [], 0
        while True:
            dollar = text.find("$", index)
            if dollar < 0:
                made.append(text[index:])
                return "".join(made)
            made.append(text[index:dollar])
            following = text[dollar + 1 : dollar + 2]
            if following == "$":
                made.append("$")
                index = dollar + 2
            elif following == "{":
                end = closing_brace(text, dollar)
                if end is None:
                    raise _UnfilledError(start + dollar, "${ is not closed", FORMS)
                made.append(str(self._expression(text[dollar + 2 : end], start + dollar, node)))
                index = end + 1
            else:
                made.append("$")
                index = dollar + 1

    def _expression(self, inner: str, offset: int, node: Scalar) -> Any:
        match = NAME.match(inner)
        if match is None:
            raise _UnfilledError(offset, f"${{{shorten(inner)}}} has no valid variable name", FORMS)
        name, rest = match.group(), inner[match.end() :]
        if rest.startswith(":") and rest[1:2] not in ("-", "?", "+"):
            return self._reference(name, rest[1:], node, offset)
        value = self.values.variables.get(name)
        operator, word = (rest[:2], rest[2:]) if rest.startswith(":") else (rest[:1], rest[1:])
        if rest and operator not in ("-", ":-", "?", ":?", "+", ":+"):
            raise _UnfilledError(offset, f"${{{shorten(inner)}}} is not a valid template", FORMS)
        given = value is not None and not (operator.startswith(":") and value == "")
        after = offset + 2 + len(inner) - len(word)
        if operator.endswith("+"):
            return self._text(word, after, node) if given else ""
        if given:
            return value
        if operator.endswith("-"):
            return self._text(word, after, node)
        if operator.endswith("?"):
            raise _UnfilledError(offset, f"{name} is not set: {word}" if word else f"{name} is not set")
        allowed = f"export {name}=…, --set {name}=…, or ${{{name}:-default}}; $${{{name}}} for the text itself"
        raise _UnfilledError(offset, f"the variable {name} is not set", allowed)

    def _reference(self, kind: str, name: str, node: Scalar, offset: int = 0) -> Any:
        if kind not in KINDS:
            allowed = f"one of {', '.join(KINDS)}; or ${{{kind}:-default}}"
            raise _UnfilledError(offset, f"${{{kind}:…}} is not a known reference", allowed)
        if "${" in name:
            name = self._text(name, offset + 3 + len(kind), node)
        if (kind, name) in self._answers:
            return self._answers[kind, name]
        try:
            answer = refer(
                kind, name, file=node.file, region=self.values.region or self._region, lookup=self.values.lookup
            )
        except EcsctlError as error:
            raise _UnfilledError(offset, f"${{{kind}:{shorten(name)}}}: {error.message}", error.hint) from None
        if answer is None:
            if self.values.leave_unresolved:
                raise _UnresolvedError
            raise _UnfilledError(
                offset, f"${{{kind}:{shorten(name)}}} is known to AWS only, and AWS is not called here"
            )
        self._answers[kind, name] = answer
        return answer


def fill_text(text: str, variables: Mapping[str, str]) -> str:
    """A text of its own with its variables filled in.

    Raises:
        ValueError: a variable is not set, or something is not a valid template; the message says which.
    """
    try:
        return Filler(Values(variables))._text(text, 0, Scalar("<text>", 1, 1, text))
    except _UnfilledError as error:
        raise ValueError(error.message) from None


def _filled(node: Scalar, text: str, *, unresolved: bool = False) -> Scalar:
    # A number that was filled in is one; what else it means is for the place where it stands to say.
    number = node.style == "" and not unresolved and INTEGER.fullmatch(text)
    value = int(text) if number else text
    return Scalar(node.file, node.line, node.column, value, text, style=node.style, filled=True, unresolved=unresolved)


def _whole(text: str) -> tuple[str, str] | None:
    """Kind and name, where a text is one reference and nothing else."""
    match = re.fullmatch(r"\$\{([a-z]+):([^-?+{}][^{}]*)\}", text)
    return (match[1], match[2]) if match and match[1] in KINDS else None


def closing_brace(text: str, start: int) -> int | None:
    """Where the ``${`` at ``start`` is closed; None where it is not."""
    depth, index = 0, start
    while index < len(text):
        pair = text[index : index + 2]
        if pair == "$$" and depth:
            index += 2
            continue
        if pair == "${":
            depth, index = depth + 1, index + 2
            continue
        if text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
        index += 1
    return None
