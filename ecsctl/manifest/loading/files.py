"""Files that are read, and documents that are checked against the schema and the rules.

Every step goes on after a fault where it can, so that one run tells all of them.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from ecsctl.errors import UsageError
from ecsctl.manifest.model import Fault, Position
from ecsctl.manifest.rules import Finding, run_rules
from ecsctl.manifest.rules.document import Project
from ecsctl.manifest.schema.api import definitions
from ecsctl.manifest.schema.validator import validate
from ecsctl.manifest.yaml.nodes import MapNode, Node, Path, find, path_text, place
from ecsctl.manifest.yaml.reader import MAX_BYTES, is_json, read

FILE_NAMES = ("ecsctl.yaml", "ecsctl.yml", "ecsctl.json")
STDIN = "<stdin>"
DEFINITIONS = ("taskDefinitions", "services")


@dataclass
class Document:
    """A document on its way: its tree, what was found wrong, and what the user should know.

    ``short`` has the faults of shorthands, whose paths are those of the expanded document; ``json``: it is JSON.
    """

    root: Node | None = None
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    invalid: list[Path] = field(default_factory=list)
    short: list[Fault] = field(default_factory=list)
    json: bool = False


@dataclass(frozen=True)
class Checked:
    """A checked document: its tree, the sound part of it as plain data, and every fault in the files' order.

    ``unresolved`` has the paths of the values that only AWS knows.
    """

    root: Node | None
    data: dict[str, Any] | None
    faults: list[Fault]
    notes: list[str]
    unresolved: list[Path] = field(default_factory=list)

    @property
    def errors(self) -> list[Fault]:
        """The faults that are no mere warnings."""
        return [fault for fault in self.faults if fault.severity == "error"]

    def shown(self) -> dict[str, Any]:
        """The data with what only AWS knows as its template in the definitions, to be looked at."""
        assert self.root is not None
        assert self.data is not None
        data = copy.deepcopy(self.data) if self.unresolved else self.data
        for path in self.unresolved:
            if path[0] not in DEFINITIONS or len(path) < 3 or path[2] == "loadBalancer":
                continue
            holder: Any = data
            for part in path[:-1]:
                holder = holder[part]
            holder[path[-1]] = find(self.root, path).text  # type: ignore[attr-defined]
        return data


class Reader:
    """Reads each file once, and stdin; ``json_files`` has the names of those that are JSON.

    Args:
        stdin: where ``-`` reads from; the process's own by default.
    """

    def __init__(self, stdin: BinaryIO | None = None) -> None:
        self.json_files: set[str] = set()
        self._stdin = stdin
        self._documents: dict[str, Document] = {}

    def read(self, name: str) -> Document:
        """One file's tree.

        Raises:
            UsageError: it cannot be read at all.
        """
        if name not in self._documents:
            self._documents[name] = self._read(name)
        return self._documents[name]

    def _read(self, name: str) -> Document:
        if name == "-":
            return self._document(STDIN, (self._stdin or sys.stdin.buffer).read(MAX_BYTES + 1))
        try:
            with open(name, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            relative = isinstance(error, FileNotFoundError) and not os.path.isabs(name)
            hint = f"it is looked for in {os.getcwd()}" if relative else None
            raise UsageError(f"cannot read {name}: {reason}", hint=hint) from None
        return self._document(name, data)

    def _document(self, name: str, data: bytes) -> Document:
        root, faults = read(name, data)
        json = is_json(name, data)
        if json:
            self.json_files.add(name)
        return Document(root, faults, json=json)


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


def check(document: Document, shape: str, *, lenient: bool = False, strip: int = 0) -> Checked:
    """Check an expanded document against the schema and the rules.

    Args:
        shape: ``Project``, or ``Sections`` for definitions alone.
        strip: how many parts of the paths the user did not write.
    """
    if document.root is None:
        return Checked(None, None, _ordered([*document.faults, *document.short]), document.notes)
    validated = validate(document.root, shape, lenient=lenient)
    # A shorthand that could not be read was reported by itself; the schema's word on its short form adds nothing.
    told = {path_text(path) for path in document.invalid}
    faults = [*document.short, *(fault for fault in validated.faults if not _within(fault.path, told))]
    invalid = [*document.invalid, *validated.invalid, *validated.unresolved]
    data = validated.data
    if isinstance(data, dict):
        for rule, finding in run_rules(Project(data, whole=shape == "Project")):
            if _is_derived_from_error(finding, invalid):
                continue
            at = place(document.root, finding.path).position
            path = path_text(finding.path)
            faults.append(Fault(at, path, finding.message, rule.id, rule.severity, finding.allowed))
    if strip:
        faults = [_stripped(fault, document.root, strip) for fault in faults]
    return Checked(document.root, data, _ordered([*document.faults, *faults]), document.notes, validated.unresolved)


def _is_derived_from_error(finding: Finding, invalid: list[Path]) -> bool:
    # A conclusion from something that was itself refused would only repeat the fault. A finding that does not say what
    # it was concluded from was concluded from all that is below its place.
    for path in invalid:
        if path == finding.path or (not finding.depends and path[: len(finding.path)] == finding.path):
            return True
        if any(path[: len(start)] == start or start[: len(path)] == path for start in finding.depends):
            return True
    return False


def _within(path: str, told: set[str]) -> bool:
    return any(path == other or path.startswith((f"{other}.", f"{other}[")) for other in told)


def _stripped(fault: Fault, root: Node, strip: int) -> Fault:
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
