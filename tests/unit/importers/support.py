"""Runs importers on texts, and checks what they write."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import yaml

from ecsctl.importers.compose.project import from_compose
from ecsctl.importers.document import Target
from ecsctl.importers.report import Imported
from ecsctl.manifest import check

EC2 = Target(name="shop")
FARGATE = Target(name="shop", launch_type="FARGATE", subnets=("subnet-0a1b",))


def compose(folder: Path, text: str, target: Target = EC2, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """Import a Compose file: the file's data, and the notes as ``line path: why``."""
    imported = imported_compose(folder, text, target, **options)
    return data_of(imported), notes_of(imported)


def imported_compose(folder: Path, text: str, target: Target = EC2, **options: Any) -> Imported:
    """As ``compose``, in whole."""
    file = folder / "compose.yaml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return from_compose([str(file)], target, **options)


def data_of(imported: Imported) -> dict[str, Any]:
    """What the written file says."""
    data = yaml.safe_load(imported.text)
    assert isinstance(data, dict)
    return data


def notes_of(imported: Imported) -> list[str]:
    """The notes as ``line path: why``."""
    return [f"{note.position.line if note.position else '-'} {note.path}: {note.why}" for note in imported.notes]


def faults_of(imported: Imported, folder: Path) -> list[str]:
    """The errors that ``ecsctl validate`` finds in what was written."""
    file = folder / "written.yaml"
    file.write_text(imported.text, encoding="utf-8")
    _, faults = check([str(file)], env={"MUST": "x"})
    return [str(fault) for fault in faults if fault.severity == "error"]


def only_container(data: dict[str, Any]) -> dict[str, Any]:
    """The container of a file that has one."""
    (definition,) = data["taskDefinitions"].values()
    (box,) = definition["containerDefinitions"]
    assert isinstance(box, dict)
    return box
