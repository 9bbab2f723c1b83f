"""The account of an import: which keys were carried over, and what was not, where it stands and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ecsctl.manifest.interpolation.templates import closing_brace
from ecsctl.manifest.model import Position
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Path, Scalar, path_text

TRUE, FALSE = {"true", "yes", "on", "y", "1"}, {"false", "no", "off", "n", "0"}

DEFAULT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?P<operator>:?[-+])(?P<words>.*)", re.DOTALL)

Fate = Literal["carried", "noted", "meaningless"]


@dataclass(frozen=True)
class Note:
    """Something that was not carried over as it stands. ``position`` is None where no line of the input says it."""

    position: Position | None
    path: str
    why: str

    def __str__(self) -> str:
        where = f"{self.position.file}:{self.position.line}: " if self.position else ""
        path = f"{self.path}: " if self.path else ""
        return f"{where}{path}{self.why}"


@dataclass(frozen=True)
class Imported:
    """The result of an import: the YAML text, and what could not be carried over."""

    text: str
    notes: tuple[Note, ...] = ()


@dataclass
class Report:
    """Collects notes, and the fate of each key of the input (by its path as people write it)."""

    notes: dict[Note, None] = field(default_factory=dict)
    fates: dict[str, Fate] = field(default_factory=dict)

    def note(self, node: Node | None, path: Path, why: str) -> None:
        """Say that what stands at ``path`` is not carried over as it is; the same note twice counts once."""
        text = path_text(path)
        self.fates[text] = "noted"
        self.notes[Note(node.position if node is not None else None, text, why)] = None

    def ordered(self) -> tuple[Note, ...]:
        """The notes in the order of the input; those of no line come last."""
        last = Position("\U0010ffff", 0, 0)
        return tuple(sorted(self.notes, key=lambda note: note.position or last))


# What a scalar's text means in the input's own language, as a text of ecsctl.yaml (templates kept, `$` escaped).
Dialect = Callable[[Scalar, Path], str]


def literal(node: Scalar, path: Path) -> str:
    """The dialect of inputs that have no templates: a dollar is a dollar."""
    return escape(node.text)


def escape(text: str) -> str:
    """A text as it is written in ecsctl.yaml to mean itself: a dollar that would begin a template is doubled."""
    return re.sub(r"\$(?=[{$])", "$$", text)


class Section:
    """A mapping of the input, read key by key. ``close`` notes every key that nobody asked for.

    Args:
        node: the mapping; anything else but null is noted and read as empty.
        path: where it stands.
        report: takes the notes.
        dialect: turns texts into those of ecsctl.yaml.
        place: where the section itself is written, for notes about what it lacks.
    """

    def __init__(
        self, node: Node | None, path: Path, report: Report, dialect: Dialect = literal, place: Node | None = None
    ) -> None:
        self.path, self.report, self.dialect = path, report, dialect
        self.place = place or node
        self._children: list[Section] = []
        self._entries: dict[str, Node] = {}
        self._keys: dict[str, Node] = {}
        self._left: dict[str, None] = {}
        if isinstance(node, MapNode):
            self._entries, self._keys = node.entries, node.keys
            self._left = dict.fromkeys(node.entries)
        elif node is not None and not is_null(node):
            report.note(node, path, f"expected a mapping, got {node.kind}")

    def __contains__(self, key: str) -> bool:
        return key in self._entries and not is_null(self._entries[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def at(self, *keys: str | int) -> Path:
        """The path of something below."""
        return (*self.path, *keys)

    def get(self, key: str) -> Node | None:
        """The value of ``key``, which the caller carries over; None where it is missing or null."""
        if key not in self._entries:
            return None
        self._left.pop(key, None)
        self.report.fates.setdefault(path_text(self.at(key)), "carried")
        node = self._entries[key]
        return None if is_null(node) else node

    def note(self, key: str, why: str) -> None:
        """``key`` is not carried over, if it is there (an explicit null says nothing, and is passed over)."""
        if key in self._entries:
            self._left.pop(key, None)
            if is_null(self._entries[key]):
                self.meaningless(key)
            else:
                self.report.note(self._keys[key], self.at(key), why)

    def note_here(self, why: str) -> None:
        """A note about the section as a whole."""
        self.report.note(self.place, self.path, why)

    def meaningless(self, *keys: str) -> None:
        """These keys change nothing in the input's own tool either."""
        for key in keys:
            if key in self._entries:
                self._left.pop(key, None)
                self.report.fates.setdefault(path_text(self.at(key)), "meaningless")

    def section(self, key: str) -> Section:
        """The mapping under ``key`` (an empty one where there is none); closed together with this."""
        child = Section(self.get(key), self.at(key), self.report, self.dialect, place=self._keys.get(key, self.place))
        self._children.append(child)
        return child

    def sections(self, key: str) -> Iterator[tuple[str, Section]]:
        """The named mappings under ``key``."""
        outer = self.section(key)
        for name in outer:
            yield name, outer.section(name)

    def text(self, key: str) -> str | None:
        """The scalar under ``key`` in the dialect of ecsctl.yaml; anything else is noted."""
        node = self.get(key)
        return None if node is None else self.scalar(node, self.at(key))

    def scalar(self, node: Node, path: Path) -> str | None:
        """As ``text``, of a node that is at hand."""
        if isinstance(node, Scalar):
            return self.dialect(node, path)
        self.report.note(node, path, f"expected a string, got {node.kind}")
        return None

    def plain(self, key: str) -> str | None:
        """The scalar under ``key`` as it is written, with no template in it resolved or escaped."""
        node = self.get(key)
        if node is None or isinstance(node, Scalar):
            return node.text if node is not None else None
        self.report.note(node, self.at(key), f"expected a string, got {node.kind}")
        return None

    def parsed(self, key: str, parse: Callable[[str], Any], what: str) -> Any:
        """The scalar under ``key`` as ``parse`` reads it (templates settled by their defaults), None if it cannot.

        ``parse`` raises ValueError for a text that is no ``what``; that is noted.
        """
        text = self.text(key)
        if text is None:
            return None
        node = self._entries[key]
        settled = settle(text)
        if settled is not None and settled != text.replace("$$", "$"):
            self.report.note(node, self.at(key), f"templates are not supported here; using its default {settled!r}")
        try:
            if settled is None:
                raise ValueError
            return parse(settled)
        except (ValueError, OverflowError):
            self.report.note(node, self.at(key), f"expected {what}, got {node.kind}")
            return None

    def integer(self, key: str, *, least: int = 0, most: int = 2**31 - 1) -> int | None:
        """A whole number within bounds."""

        def parse(text: str) -> int:
            number = int(float(text))
            if not least <= number <= most:
                raise ValueError
            return number

        value = self.parsed(key, parse, f"a whole number from {least} to {most}")
        return value if isinstance(value, int) else None

    def flag(self, key: str) -> bool | None:
        """A boolean, by any of the words that YAML readers take for one."""

        def parse(text: str) -> bool:
            if text.lower() not in TRUE | FALSE:
                raise ValueError
            return text.lower() in TRUE

        value = self.parsed(key, parse, "true or false")
        return value if isinstance(value, bool) else None

    def nodes(self, key: str) -> list[tuple[Node, Path]]:
        """The items of the list under ``key``, or a single value as a list of one; nulls are left out."""
        node = self.get(key)
        if node is None:
            return []
        if isinstance(node, ListNode):
            items = [(item, self.at(key, index)) for index, item in enumerate(node.items)]
            return [(item, path) for item, path in items if not is_null(item)]
        return [(node, self.at(key))]

    def texts(self, key: str) -> list[str]:
        """The scalars of the list under ``key`` (a single one is a list of one)."""
        found = [self.scalar(node, path) for node, path in self.nodes(key)]
        return [text for text in found if text is not None]

    def pairs(self, key: str) -> dict[str, tuple[str | None, Node, Path]]:
        """A mapping, or a list of ``NAME=value``: each name's text (None where it has no value), node and path."""
        node = self.get(key)
        found: dict[str, tuple[str | None, Node, Path]] = {}
        if isinstance(node, MapNode):
            for name, value in node.entries.items():
                path = self.at(key, name)
                if is_null(value):
                    found[name] = (None, node.keys[name], path)
                elif (text := self.scalar(value, path)) is not None:
                    found[name] = (text, value, path)
            return found
        for item, path in self.nodes(key):
            text = self.scalar(item, path)
            if text is None:
                continue
            name, equals, value_text = text.partition("=")
            found[name] = (value_text if equals else None, item, path)
        return found

    def assignments(self, key: str) -> dict[str, str]:
        """As ``pairs``, the texts alone; a name without a value is noted."""
        found: dict[str, str] = {}
        for name, (text, node, path) in self.pairs(key).items():
            if text is None:
                self.report.note(node, path, "a name without a value; omitted")
            else:
                found[name] = text
        return found

    def close(self) -> None:
        """Note the keys that were not read."""
        for child in self._children:
            child.close()
        for key in list(self._left):
            if key.startswith("x-"):
                self.meaningless(key)
            else:
                self.note(key, "not a key that ecsctl knows")


def is_null(node: Node) -> bool:
    """Whether a node says nothing."""
    return isinstance(node, Scalar) and node.value is None


def settle(text: str) -> str | None:
    """A text of ecsctl.yaml with each template replaced by its default; None where one has none."""
    out, index = "", 0
    while index < len(text):
        if text.startswith("$$", index):
            out, index = out + "$", index + 2
        elif text.startswith("${", index):
            end = closing_brace(text, index)
            match = DEFAULT.fullmatch(text[index + 2 : end]) if end else None
            value = settle(match["words"]) if match else None
            if end is None or match is None or value is None:
                return None
            out, index = out + ("" if match["operator"].endswith("+") else value), end + 1
        else:
            out, index = out + text[index], index + 1
    return out
