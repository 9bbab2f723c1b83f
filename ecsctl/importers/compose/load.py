"""Reads a Compose project: its files laid over each other, what they include, and what their services extend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from ecsctl.errors import UsageError
from ecsctl.importers.compose.merge import Tags, merge, without_resets
from ecsctl.importers.report import Report, is_null
from ecsctl.importers.sources import STDIN, read_mapping, reason
from ecsctl.manifest.interpolation.dotenv import load as load_dotenv
from ecsctl.manifest.model import Fault
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar

TOP = ("services", "volumes", "networks", "secrets", "configs", "models")
MOST_FILES = 50


@dataclass
class Project:
    """A Compose project as one tree. ``folder`` is where its first file is, ``defaults`` the values of its ``.env``."""

    root: MapNode
    folder: FilePath
    defaults: dict[str, str] = field(default_factory=dict)


def load(files: Sequence[str], report: Report) -> Project:
    """Read a project.

    Args:
        files: its Compose files, later ones laid over earlier ones; ``-`` is the standard input.
        report: takes what could not be followed.

    Raises:
        UsageError: a file cannot be read.
        SpecError: a file is not YAML, or not a mapping.
    """
    loader = _Loader(report)
    root: Node | None = None
    for file in files:
        tree = loader.file(STDIN if file == "-" else file)
        root = tree if root is None else merge(root, tree, loader.tags)
    assert isinstance(root, MapNode)
    folder = FilePath(".") if files[0] == "-" else FilePath(files[0]).parent
    return Project(loader.clean(root), folder, _defaults(folder, report))


def _defaults(folder: FilePath, report: Report) -> dict[str, str]:
    file = folder / ".env"
    if not file.is_file():
        return {}
    try:
        found, problems = load_dotenv(file)
    except (OSError, ValueError) as error:
        report.note(None, (str(file),), f"it cannot be read: {reason(error)}")
        return {}
    for problem in problems:
        report.note(None, (str(file),), problem)
    return {name: value for name, value in found.items() if value is not None}


class _Loader:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.tags = Tags()
        self._open: list[str] = []
        self._files: dict[str, MapNode] = {}

    def file(self, name: str) -> MapNode:
        """One file with what it includes; its services have what they extend."""
        if name in self._files:
            return self._files[name]
        if len(self._files) >= MOST_FILES:
            raise ValueError(f"more than {MOST_FILES} files")
        self._open.append(name)
        try:
            tree = self._shaped(name, self._parse(name))
            tree = self._included(tree)
            tree = self._extended(tree)
        finally:
            self._open.pop()
        self._files[name] = tree
        return tree

    def _parse(self, name: str) -> MapNode:
        root, faults = read_mapping(name, "a Compose file", hint="name the file, as --from-compose compose.yaml")
        for fault in faults:
            if fault.position and fault.message.startswith("unknown tag !reset"):
                self.tags.reset.add(fault.position)
            elif fault.position and fault.message.startswith("unknown tag !override"):
                self.tags.override.add(fault.position)
            else:
                at = Scalar(*_place(fault), None)
                self.report.note(at, (), fault.message + (f" ({fault.allowed})" if fault.allowed else ""))
        return root

    def _shaped(self, name: str, root: MapNode) -> MapNode:
        """A file of Compose's first format (services at the top) in today's form."""
        if any(key in root.entries for key in (*TOP, "include")):
            return root
        made = MapNode(root.file, root.line, root.column)
        services = MapNode(root.file, root.line, root.column)
        for key, value in root.entries.items():
            is_service = isinstance(value, MapNode) and {"image", "build", "extends", "command"} & set(value.entries)
            (services if is_service else made).set(key, value, root.keys[key])
        if services.entries:
            made.set("services", services, root)
            self.report.note(root, (), "a file of Compose's first format: its services see each other by links alone")
        return made

    def _included(self, root: MapNode) -> MapNode:
        node = root.entries.get("include")
        if node is None or is_null(node):
            return root
        tree: Node = MapNode(root.file, root.line, root.column)
        for index, item in enumerate(node.items if isinstance(node, ListNode) else [node]):
            at: tuple[str | int, ...] = ("include", index) if isinstance(node, ListNode) else ("include",)
            paths: list[Node] = [item]
            if isinstance(item, MapNode):
                listed = item.entries.get("path")
                paths = [] if listed is None else listed.items if isinstance(listed, ListNode) else [listed]
                for key in item.entries:
                    if key != "path":
                        self.report.note(item.keys[key], (*at, key), "ignored: paths are relative to their own file")
            for path in paths:
                found = self._other(path, at)
                if found is not None:
                    tree = merge(tree, found, self.tags)
        merged = merge(tree, root, self.tags)
        assert isinstance(merged, MapNode)
        merged.drop("include")
        return merged

    def _other(self, node: Node, at: tuple[str | int, ...]) -> MapNode | None:
        """The file that ``node`` names, relative to its own; None (and a note) where it cannot be had."""
        if not isinstance(node, Scalar) or not node.text:
            self.report.note(node, at, f"expected the path of a file, got {node.kind}")
            return None
        name = str(FilePath(node.file).parent / node.text) if node.file != STDIN else node.text
        if name in self._open:
            self.report.note(node, at, f"{name} includes itself; ignored")
            return None
        try:
            return self.file(name)
        except (UsageError, ValueError) as error:
            self.report.note(node, at, f"ignored: {str(error).splitlines()[0]}")
            return None

    def _extended(self, root: MapNode) -> MapNode:
        services = root.entries.get("services")
        if not isinstance(services, MapNode):
            return root
        done: dict[str, Node] = {}
        made = MapNode(services.file, services.line, services.column)
        for name in services.entries:
            made.set(name, self._service(services, name, done, []), services.keys[name])
        new = root.copy()
        new.set("services", made, root.keys["services"])
        return new

    def _service(self, services: MapNode, name: str, done: dict[str, Node], stack: list[str]) -> Node:
        if name in done:
            return done[name]
        node = services.entries[name]
        extends = node.entries.get("extends") if isinstance(node, MapNode) else None
        if not isinstance(node, MapNode) or extends is None or is_null(extends):
            done[name] = node
            return node
        at: tuple[str | int, ...] = ("services", name, "extends")
        base: Node | None = None
        wanted, file = extends, None
        if isinstance(extends, MapNode):
            wanted, file = extends.entries.get("service", extends), extends.entries.get("file")
        if not isinstance(wanted, Scalar):
            self.report.note(extends, at, f"expected the name of a service, got {wanted.kind}")
        elif file is not None and not is_null(file):
            other = self._other(file, at)
            others = other.entries.get("services") if other is not None else None
            base = others.entries.get(wanted.text) if isinstance(others, MapNode) else None
        elif wanted.text in (*stack, name) or len(stack) >= MOST_FILES:
            self.report.note(extends, at, f"{wanted.text} extends itself, or too many others; ignored")
        elif wanted.text in services.entries:
            base = self._service(services, wanted.text, done, [*stack, name])
        if base is None:
            self.report.note(extends, at, "the service that it extends was not found: what it would add is missing")
            base = MapNode(node.file, node.line, node.column)
        merged = merge(base, node, self.tags)
        if isinstance(merged, MapNode):
            merged = merged.copy()
            merged.drop("extends")
        done[name] = merged
        return merged

    def clean(self, root: MapNode) -> MapNode:
        """The tree without what ``!reset`` takes out."""
        made = without_resets(root, self.tags)
        assert isinstance(made, MapNode)
        return made


def _place(fault: Fault) -> tuple[str, int, int]:
    position = fault.position
    return (position.file, position.line, position.column) if position else ("", 1, 1)
