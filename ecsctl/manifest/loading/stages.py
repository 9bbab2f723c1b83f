"""Stages: which of them files have, and what is said for one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from ecsctl.errors import UsageError
from ecsctl.manifest.loading.files import Reader
from ecsctl.manifest.loading.names import staged
from ecsctl.manifest.model import Fault
from ecsctl.manifest.yaml.nodes import MapNode, Node, Scalar

STAGE = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
STAGE_IS = "letters and digits, with hyphens between them, for example prod"
YAML = (".yaml", ".yml")
# `ecsctl schema > ecsctl.schema.json` is for editors.
NO_STAGE = "schema"


def overlays(file: str, stage: str) -> list[str]:
    """The files beside ``file`` that are laid over it in a stage: ``ecsctl.prod.yaml`` beside ``ecsctl.yaml``."""
    path = FilePath(file)
    beside = [path.with_name(f"{path.stem}.{stage}{suffix}") for suffix in _suffixes(path)]
    return [str(other) for other in beside if other.is_file()]


def beside(file: str) -> list[str]:
    """The stages for which there is a file beside ``file``."""
    path = FilePath(file)
    found = set()
    for suffix in _suffixes(path):
        for other in path.parent.glob(f"{_escaped(path.stem)}.*{suffix}"):
            stage = other.name[len(path.stem) + 1 : -len(suffix)]
            if STAGE.fullmatch(stage) and stage != NO_STAGE:
                found.add(stage)
    return sorted(found)


def _suffixes(path: FilePath) -> tuple[str, ...]:
    return YAML if path.suffix in YAML else (".json",) if path.suffix == ".json" else ()


def _escaped(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)


@dataclass
class Stages:
    """The ``stages`` sections of files, in the order in which they are laid: each with the file that has it."""

    files: Sequence[str] = ()
    sections: list[tuple[str, MapNode]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def take(self, file: str, section: Node | None) -> None:
        """Add the ``stages`` of a file."""
        if isinstance(section, MapNode):
            self.sections.append((file, section))
        elif section is not None:
            message = f"expected a mapping of stages, not {section.kind}"
            self.faults.append(Fault(section.position, "stages", message, allowed="prod: {…}"))

    def known(self) -> list[str]:
        """The names of all stages."""
        found = dict.fromkeys(name for _, section in self.sections for name in section.entries if name[:2] != "x-")
        return list(dict.fromkeys([*found, *(name for file in self.files for name in beside(file))]))

    def require(self, stage: str | None) -> None:
        """Refuse a stage that the files do not have, and none where they have some.

        Raises:
            UsageError: with the names of those that they have.
        """
        known, file = self.known(), " ".join(self.files)
        if stage is None:
            if self.sections and known:
                raise UsageError(
                    f"{file} has stages, and none is chosen",
                    hint=f"add --stage NAME, or set ECSCTL_STAGE: {', '.join(known)}",
                )
        elif stage not in known:
            beside = f"{FilePath(file).stem}.{stage}.yaml beside it" if len(self.files) == 1 else "a file beside it"
            hint = f"it has: {', '.join(known)}" if known else f"`stages: {{{stage}: {{}}}}` in it, or {beside}, is one"
            raise UsageError(f"{file} has no stage {stage!r}", hint=hint)

    def of(self, stage: str) -> Iterator[tuple[str, Node]]:
        """What the sections say of a stage, each with its file."""
        for file, section in self.sections:
            if stage in section.entries:
                yield file, section.entries[stage]

    def overlays(self, stage: str) -> list[str]:
        """The files beside that are laid over, but for those that are read anyway."""
        return [other for file in self.files for other in overlays(file, stage) if other not in self.files]

    def check(self, name: str) -> None:
        """Tell of what is no stage, and of stages with one name: what the one makes would be the other's.

        Args:
            name: the project's, outside of the stages.
        """
        owners: dict[str, str] = {}
        for _, section in self.sections:
            for stage, node in section.entries.items():
                if stage.startswith("x-"):
                    continue
                at = section.keys[stage].position
                if not STAGE.fullmatch(stage):
                    self.faults.append(
                        Fault(at, f"stages.{stage}", f"{stage!r} is not a stage's name", None, "error", STAGE_IS)
                    )
                said = _word(node, "name")
                if said is not None and "$" in said:
                    continue
                owner = said or staged(name, stage)
                if owners.setdefault(owner, stage) != stage:
                    message = f"stages {owners[owner]} and {stage} have the same project name, {owner}"
                    self.faults.append(Fault(at, f"stages.{stage}.name", message, allowed="a name for each"))


def region_of(files: Sequence[str], reader: Reader, stage: str) -> str | None:
    """The region that a stage's own part of the files says in plain words; it is where references are looked up.

    Raises:
        UsageError: a file cannot be read.
    """
    found = None
    for file in files:
        root = reader.read(file).root
        stages = root.entries.get("stages") if isinstance(root, MapNode) else None
        own = stages.entries.get(stage) if isinstance(stages, MapNode) else None
        roots = [own, *(reader.read(other).root for other in overlays(file, stage))]
        for node in roots:
            word = _word(node, "region")
            found = word if word and "$" not in word else found
    return found


def _word(node: Node | None, key: str) -> str | None:
    value = node.entries.get(key) if isinstance(node, MapNode) else None
    return value.text if isinstance(value, Scalar) and isinstance(value.value, str) else None
