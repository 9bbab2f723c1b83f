"""Files to a checked document: find, read, take in what they refer to, expand, overlay, check, judge.

Every step goes on after a fault where it can, so that one run tells all of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, BinaryIO

from ecsctl.errors import UsageError
from ecsctl.spec import shapes
from ecsctl.spec.checker import Checker
from ecsctl.spec.expand import Expander
from ecsctl.spec.model import Fault, Position
from ecsctl.spec.nodes import ListNode, MapNode, Node, Path, Scalar, path_text, place
from ecsctl.spec.overlay import overlay
from ecsctl.spec.project import Project
from ecsctl.spec.rules import Finding, judge
from ecsctl.spec.schema import definitions
from ecsctl.spec.source import MAX_BYTES, read
from ecsctl.spec.templates import Filler, Values

FILE_NAMES = ("ecsctl.yaml", "ecsctl.yml", "ecsctl.json")
STDIN = "<stdin>"


@dataclass
class Document:
    """A document on its way: its tree, what was found wrong, and what the user should know."""

    root: Node | None = None
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bad: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """A checked document: its tree, the sound part of it as plain data, and every fault in the files' order."""

    root: Node | None
    data: dict[str, Any] | None
    faults: list[Fault]
    notes: list[str]

    @property
    def errors(self) -> list[Fault]:
        """The faults that are no mere warnings."""
        return [fault for fault in self.faults if fault.severity == "error"]


class Reader:
    """Reads files, and stdin once.

    Args:
        stdin: where ``-`` reads from; the process's own by default.
    """

    def __init__(self, stdin: BinaryIO | None = None) -> None:
        self._stdin = stdin
        self._input: bytes | None = None

    def read(self, name: str) -> Document:
        """One file's tree.

        Raises:
            UsageError: it cannot be read at all.
        """
        if name == "-":
            if self._input is None:
                self._input = (self._stdin or sys.stdin.buffer).read(MAX_BYTES + 1)
            root, faults = read(STDIN, self._input)
            return Document(root, faults)
        try:
            with open(name, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            relative = isinstance(error, FileNotFoundError) and not os.path.isabs(name)
            hint = f"it is looked for in {os.getcwd()}" if relative else None
            raise UsageError(f"cannot read {name}: {reason}", hint=hint) from None
        root, faults = read(name, data)
        return Document(root, faults)


def find_files(files: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """The files to read: those that are named, else ``ECSCTL_FILE``, else the one in the working folder.

    Raises:
        UsageError: there is none.
    """
    if files:
        return list(files)
    if env.get("ECSCTL_FILE"):
        return [env["ECSCTL_FILE"]]
    for name in FILE_NAMES:
        if os.path.exists(name):
            return [name]
    raise UsageError(
        f"there is no {FILE_NAMES[0]} in {os.getcwd()}",
        hint="go to the project's folder, or name the file with -f FILE",
    )


def read_only(shape: str) -> frozenset[str]:
    """The members of an answer's shape that its input does not have."""
    return frozenset(definitions()[f"ReadOnly{shape}"]["enum"])


def load_project(
    files: Sequence[str], reader: Reader, values: Values | None = None, *, lenient: bool = False
) -> Checked:
    """Read, overlay and check project files; later ones go over earlier ones.

    Args:
        values: what templates are filled with.

    Raises:
        UsageError: a file cannot be read.
    """
    whole = Document()
    values = values or Values()
    assembly = _Assembly(reader, Filler(values), Expander(definitions(), values.region), whole)
    for name in files:
        root = assembly.load(name, ())
        if root is not None:
            whole.root = root if whole.root is None else overlay(whole.root, root)
    whole.faults += [*assembly.filler.faults, *assembly.expander.faults]
    whole.notes += assembly.filler.notes
    whole.bad += assembly.expander.bad
    return check(whole, "Project", lenient=lenient)


@dataclass
class _Assembly:
    """Makes one expanded tree of a file and of all that it takes in."""

    reader: Reader
    filler: Filler
    expander: Expander
    whole: Document

    def load(self, name: str, within: tuple[str, ...]) -> Node | None:
        """The expanded tree of a project file, laid over the files that it includes."""
        document = self.reader.read(name)
        self.whole.faults += document.faults
        root = document.root
        if root is None:
            return None
        if not isinstance(root, MapNode):
            message = f"expected a mapping with the keys of a project, not {root.kind}"
            self.whole.faults.append(Fault(root.position, "", message, allowed="name, cluster, taskDefinitions …"))
            return None
        filled = self.filler.fill(root)
        assert isinstance(filled, MapNode)
        region = filled.entries.get("region")
        if self.filler.values.region is None and isinstance(region, Scalar) and isinstance(region.value, str):
            self.expander.region = region.value
        expanded = self.expander.expand(take_in(filled, self.reader, self.whole, self.filler), "Project")
        assert isinstance(expanded, MapNode)
        base = self._included(expanded, name, (*within, os.path.realpath(name)))
        expanded.drop("include")
        return expanded if base is None else overlay(base, expanded)

    def _included(self, root: MapNode, name: str, within: tuple[str, ...]) -> Node | None:
        listed = root.entries.get("include")
        base: Node | None = None
        for item in listed.items if isinstance(listed, ListNode) else ():
            if not isinstance(item, Scalar) or not isinstance(item.value, str):
                self._refuse(item, f"expected a path to a file, not {item.kind}")
                continue
            path = _beside(name, item.text)
            if os.path.realpath(path) in within:
                self._refuse(item, f"{path} includes itself")
                continue
            try:
                inner = self.load(path, within)
            except UsageError as error:
                self._refuse(item, error.message)
                continue
            if inner is not None:
                base = inner if base is None else overlay(base, inner)
        if listed is not None and not isinstance(listed, ListNode):
            self._refuse(listed, f"expected a path or a list of paths, not {listed.kind}")
        return base

    def _refuse(self, node: Node, message: str) -> None:
        self.whole.faults.append(Fault(node.position, "include", message))


def _beside(name: str, path: str) -> str:
    """A path that a file names: relative to that file's folder."""
    return path if name in ("-", STDIN) else str(FilePath(name).parent / path)


def check(document: Document, shape: str, *, lenient: bool = False, strip: int = 0) -> Checked:
    """Check an expanded document against the schema and the rules.

    Args:
        shape: ``Project``, or ``Sections`` for definitions alone.
        strip: how many parts of the paths the user did not write.
    """
    if document.root is None:
        return Checked(None, None, _ordered(document.faults), document.notes)
    checker = Checker(definitions(), lenient=lenient)
    data = checker.check(document.root, shape)
    # A shorthand that could not be read was reported by itself; the schema's word on its short form adds nothing.
    told = {path_text(path) for path in document.bad}
    faults = [fault for fault in checker.faults if not _within(fault.path, told)]
    bad = [*document.bad, *checker.bad]
    if isinstance(data, dict):
        for rule, finding in judge(Project(data, whole=shape == "Project")):
            if _in_doubt(finding, bad):
                continue
            at = place(document.root, finding.path).position
            path = path_text(finding.path)
            faults.append(Fault(at, path, finding.message, rule.id, rule.severity, finding.allowed))
    if strip:
        faults = [_stripped(fault, document.root, strip) for fault in faults]
    return Checked(document.root, data, _ordered([*document.faults, *faults]), document.notes)


def _in_doubt(finding: Finding, bad: list[Path]) -> bool:
    # A conclusion from something that was itself refused would only repeat the fault. A finding that does not say what
    # it was concluded from was concluded from all that is below its place.
    for path in bad:
        if path == finding.path or (not finding.depends and path[: len(finding.path)] == finding.path):
            return True
        if any(path[: len(start)] == start or start[: len(path)] == path for start in finding.depends):
            return True
    return False


def _within(path: str, told: set[str]) -> bool:
    return any(path == other or path.startswith((f"{other}.", f"{other}[")) for other in told)


def _stripped(fault: Fault, root: Node, strip: int) -> Fault:
    from dataclasses import replace

    node, prefix = root, []
    for _ in range(strip):
        if not isinstance(node, MapNode) or not node.entries:
            break
        key, node = next(iter(node.entries.items()))
        prefix.append(key)
    start = ".".join(prefix)
    return replace(fault, path=fault.path.removeprefix(start).removeprefix(".")) if start else fault


def _ordered(faults: list[Fault]) -> list[Fault]:
    # In the files' order; a value that stands in two places through an anchor is told once.
    nowhere = Position("", 0, 0)
    unique = {(fault.position, fault.message, fault.rule): fault for fault in reversed(faults)}
    return sorted(unique.values(), key=lambda fault: (fault.position or nowhere, fault.rule or "", fault.path))


def take_in(root: MapNode, reader: Reader, whole: Document, filler: Filler | None = None) -> MapNode:
    """Put the content of files in the place of the paths to them, under taskDefinitions and services."""
    new = root
    for section, wanted in (("taskDefinitions", shapes.task_definitions), ("services", shapes.services)):
        node = root.entries.get(section)
        if not isinstance(node, MapNode):
            continue
        taken = node.copy()
        for key, value in node.entries.items():
            if isinstance(value, Scalar) and isinstance(value.value, str) and not value.open:
                inner = _from_file(value, key, wanted, reader, whole)
                if inner is not None and filler is not None and not value.text.lower().endswith(".json"):
                    # A JSON file is taken as the AWS command line takes it; templates are of YAML.
                    inner = filler.fill(inner, (section, key))
                if inner is None:
                    taken.drop(key)
                else:
                    taken.entries[key] = inner
        new = new.copy()
        new.entries[section] = taken
    return new


def _from_file(at: Scalar, key: str, wanted: Any, reader: Reader, whole: Document) -> Node | None:
    name = _beside(at.file, at.text)
    try:
        document = reader.read(name)
    except UsageError as error:
        message = f"expected a mapping or a path to a file; {error.message}"
        whole.faults.append(Fault(at.position, "", message))
        return None
    whole.faults += document.faults
    if document.root is None:
        return None
    found = wanted(document.root, read_only)
    whole.faults += found.faults
    whole.notes += [f"{name}: {note}" for note in found.notes]
    named = dict(found.items)
    if key in named:
        return _without_cluster(named[key], name, whole)
    if len(found.items) == 1:
        return _without_cluster(found.items[0][1], name, whole)
    if found.items:
        known = ", ".join(str(item) for item in named)
        whole.faults.append(
            Fault(at.position, "", f"{name} has more than one definition", allowed=f"one of {known} as key")
        )
    return None


def _without_cluster(node: Node, name: str, whole: Document) -> Node:
    # The input of CreateService says its cluster; in a project the project does.
    if isinstance(node, MapNode) and ("cluster" in node.entries or "clientToken" in node.entries):
        node = node.copy()
        node.drop("cluster")
        node.drop("clientToken")
        whole.notes.append(f"{name}: the service's cluster is the project's; its own `cluster` is left out")
    return node
