"""Makes one document of all that a file takes in: fill templates, take in files, expand shorthands, overlay, check."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from ecsctl.errors import UsageError
from ecsctl.manifest.interpolation.templates import Filler, Values
from ecsctl.manifest.loading import input_shapes
from ecsctl.manifest.loading.connect import connect
from ecsctl.manifest.loading.document_kind import NAMES, RUN, SERVICES, TASK_DEFINITIONS, kind_of
from ecsctl.manifest.loading.files import STDIN, Checked, Document, Reader, check, read_only
from ecsctl.manifest.loading.names import NAMED
from ecsctl.manifest.loading.names import name as name_definitions
from ecsctl.manifest.loading.stages import Stages, region_of
from ecsctl.manifest.model import Fault, SpecError
from ecsctl.manifest.schema.api import definitions
from ecsctl.manifest.shorthands.expand import Expander
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Path, Scalar
from ecsctl.manifest.yaml.overlay import overlay

INSTEAD = {
    TASK_DEFINITIONS: "`ecsctl task register FILE` registers it; a project names the file under taskDefinitions",
    SERVICES: "`ecsctl service create FILE` creates it; a project names the file under services",
    RUN: "`ecsctl run` runs tasks",
}


def load_project(
    files: Sequence[str], reader: Reader, values: Values | None = None, *, lenient: bool = False
) -> Checked:
    """Read, overlay and check project files; later ones go over earlier ones.

    Args:
        values: what templates are filled with.
        lenient: unknown keys are warnings.

    Raises:
        UsageError: a file cannot be read.
    """
    values = values or Values()
    if values.stage and not values.region:
        values = replace(values, region=region_of(files, reader, values.stage))
    assembly = Assembly(reader, values, files)
    definitions_alone = False
    for name in files:
        root = reader.read(name).root
        kind = kind_of(root) if len(files) == 1 else None
        if kind is not None and root is not None:
            # The keys of a project that it lacks would be many faults, and none of them the one.
            definitions_alone = True
            message = f"this is {NAMES[kind]}, not a project"
            assembly.whole.faults.append(Fault(root.position, "", message, allowed=INSTEAD[kind]))
        else:
            assembly.lay(assembly.load(name, ()))
    if not definitions_alone and assembly.whole.root is not None:
        assembly.lay_stage()
    return assembly.checked("Project", lenient=lenient)


class Assembly:
    """Makes one expanded tree of files and of all that they take in.

    Args:
        values: what templates are filled with, and the stage.
        files: those of the project itself, beside which a stage's own may stand.
    """

    def __init__(self, reader: Reader, values: Values, files: Sequence[str] = ()) -> None:
        self.reader = reader
        self.values = values
        self.stages = Stages(files)
        self.own_words: set[str] = set()
        self.whole = Document()
        self.filler = Filler(values)
        self.expander = Expander(definitions(), reader.json_files)

    def read(self, path: str) -> Document:
        """One file with its templates filled in; JSON is taken as the AWS command line takes it.

        Raises:
            UsageError: it cannot be read at all.
            SpecError: its syntax is wrong.
        """
        document = self.reader.read(path)
        self.whole.faults += document.faults
        if document.root is None:
            raise SpecError(document.faults)
        if self.values.stage and isinstance(document.root, MapNode) and kind_of(document.root) is None:
            return replace(document, root=self._in_stage(path))
        return document if document.json else replace(document, root=self.filler.fill(document.root))

    def _in_stage(self, path: str) -> Node | None:
        """A project file as it is in the stage, of which the definitions are taken."""
        other = Assembly(self.reader, self.values, [path])
        other.lay(other.load(path, ()))
        other.lay_stage()
        assert other.whole.root is not None
        self.expander.regional += other.expander.regional
        self.filler.faults += other.filler.faults
        self.expander.faults += other.expander.faults
        return name_definitions(other.whole.root, self.values.stage, own=other.own_words)[0]

    def sections(self, root: MapNode) -> None:
        """Take a document of definitions alone: a mapping with the sections of a project."""
        self.lay(self.expander.expand(take_in(root, self.reader, self.whole, self.filler), "Sections"))

    def lay(self, root: Node | None) -> None:
        """Lay an expanded tree over what there is."""
        if root is not None:
            self.whole.root = root if self.whole.root is None else overlay(self.whole.root, root)

    def lay_stage(self) -> None:
        """Lay what the files say for the stage over what they say for all: their sections, then the files beside them.

        Raises:
            UsageError: they have no such stage, or have stages and none is chosen.
        """
        stage = self.values.stage
        self.stages.require(stage)
        said = self.whole.root.entries.get("name") if isinstance(self.whole.root, MapNode) else None
        self.stages.check(said.text if isinstance(said, Scalar) else "")
        self.whole.faults += self.stages.faults
        if stage is None:
            return
        for file, node in list(self.stages.of(stage)):
            if isinstance(node, Scalar) and node.value is None:
                # `prod:` with nothing below it is a stage, too.
                continue
            if not isinstance(node, MapNode):
                message = f"expected a mapping with the keys of a project, not {node.kind}"
                self.whole.faults.append(Fault(node.position, f"stages.{stage}", message))
                continue
            self._lay_own(self._expanded(node, file, (), ("stages", stage)))
        for file in self.stages.overlays(stage):
            self._lay_own(self.load(file, ()))

    def _lay_own(self, root: Node | None) -> None:
        self.own_words |= {word for word in ("name", "cluster") if isinstance(root, MapNode) and word in root.entries}
        self.lay(root)

    def checked(self, shape: str, *, lenient: bool, strip: int = 0) -> Checked:
        """Everything against the schema and the rules; see ``ecsctl.manifest.loading.files.check``."""
        self.whole.faults += self.filler.faults
        self.whole.short += self.expander.faults
        self.whole.notes += self.filler.notes
        if self.whole.root is not None and self.expander.regional:
            self.expander.settle(self.whole.root, self._region(self.whole.root))
        self.whole.invalid += self.expander.invalid
        if self.whole.root is None:
            return check(self.whole, shape, lenient=lenient, strip=strip)
        self.whole.faults += connect(self.whole.root)
        stage = self.values.stage if shape == "Project" else None
        self.whole.root, names = name_definitions(self.whole.root, stage, own=self.own_words)
        self.whole.invalid = [names.path(path) for path in self.whole.invalid]
        found = check(self.whole, shape, lenient=lenient, strip=strip)
        return replace(found, faults=names.original(found.faults))

    def _region(self, root: Node) -> str | None:
        if self.values.region:
            return self.values.region
        node = root.entries.get("region") if isinstance(root, MapNode) else None
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        return self.values.usual_region() if self.values.usual_region else None

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
        stages = root.entries.get("stages")
        if stages is not None:
            # Only what is said for the stage is filled in: another one's variables need not be set.
            root = root.copy()
            root.drop("stages")
        expanded = self._expanded(root, name, within)
        self.stages.take(name, stages)
        return expanded

    def _expanded(self, root: MapNode, name: str, within: tuple[str, ...], path: Path = ()) -> Node:
        """What a file says at ``path``, filled in and expanded, laid over the files that it includes."""
        filled = self.filler.fill(root, path)
        assert isinstance(filled, MapNode)
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


def take_in(root: MapNode, reader: Reader, whole: Document, filler: Filler | None = None) -> MapNode:
    """Put the content of files in the place of the paths to them, under taskDefinitions and services."""
    new = root
    for section, wanted in (("taskDefinitions", input_shapes.task_definitions), ("services", input_shapes.services)):
        node = root.entries.get(section)
        if not isinstance(node, MapNode):
            continue
        taken = node.copy()
        for key, value in node.entries.items():
            if isinstance(value, Scalar) and isinstance(value.value, str) and not value.unresolved:
                inner, json = _from_file(value, key, wanted, reader, whole)
                if inner is not None and filler is not None and not json:
                    # JSON is taken as the AWS command line takes it; templates are of YAML.
                    inner = filler.fill(inner, (section, key))
                if inner is None:
                    taken.drop(key)
                else:
                    taken.entries[key] = inner
        new = new.copy()
        new.entries[section] = taken
    return new


def _from_file(at: Scalar, key: str, wanted: Any, reader: Reader, whole: Document) -> tuple[Node | None, bool]:
    """The definition in the file that ``at`` names, and whether that is JSON."""
    name = _beside(at.file, at.text)
    try:
        document = reader.read(name)
    except UsageError as error:
        message = f"expected a mapping or a path to a file; {error.message}"
        whole.faults.append(Fault(at.position, "", message))
        return None, False
    whole.faults += document.faults
    if document.root is None:
        return None, False
    found = wanted(document.root, read_only)
    whole.faults += found.faults
    whole.notes += [f"{name}: {note}" for note in found.notes]
    named = dict(found.items)
    if key in named:
        return _without_cluster(named[key], name, whole, key), document.json
    if len(found.items) == 1:
        return _without_cluster(found.items[0][1], name, whole, key), document.json
    if found.items:
        known = ", ".join(str(item) for item in named)
        whole.faults.append(
            Fault(at.position, "", f"{name} has more than one definition", allowed=f"one of {known} as key")
        )
    return None, False


def _without_cluster(node: Node, name: str, whole: Document, key: str) -> Node:
    # A file of its own has to say a name; where it is the key's, it says nothing more.
    for member in NAMED.values():
        said = node.entries.get(member) if isinstance(node, MapNode) else None
        if isinstance(node, MapNode) and isinstance(said, Scalar) and said.value == key:
            node = node.copy()
            node.drop(member)
    # The input of CreateService says its cluster; in a project the project does.
    if isinstance(node, MapNode) and ("cluster" in node.entries or "clientToken" in node.entries):
        node = node.copy()
        node.drop("cluster")
        node.drop("clientToken")
        whole.notes.append(f"{name}: ignored `cluster`: services run in the project's cluster")
    return node
