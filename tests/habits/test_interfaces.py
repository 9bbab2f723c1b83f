"""Who may know a kind of resource: its own file, the registry of kinds, and what makes desired resources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "ecsctl"
KINDS = {path.stem for path in (PACKAGE / "deploy" / "kinds").glob("*.py")} - {"__init__", "base"}
MAY_KNOW_KINDS = ("deploy/kinds/", "deploy/desired/")
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "sandbox" not in path.relative_to(PACKAGE).parts[:1])


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def kinds_known_to(path: Path) -> set[str]:
    parts = [name.split(".") for name in imported(path) if name.startswith("ecsctl.deploy.kinds.")]
    return {name[3] for name in parts} & KINDS


def test_the_check_sees_the_kinds() -> None:
    assert len(KINDS) > 10
    assert "service" in kinds_known_to(PACKAGE / "deploy" / "desired" / "services.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_stage_and_no_command_imports_a_kind(path: Path) -> None:
    place = str(path.relative_to(PACKAGE))
    known = set() if place.startswith(MAY_KNOW_KINDS) else kinds_known_to(path)
    assert known == set()


@pytest.mark.parametrize("stage", ["plan", "compare", "changes", "apply", "observe", "pipeline", "diff", "resources"])
def test_no_stage_names_a_class_of_a_kind(stage: str) -> None:
    from ecsctl.deploy.kinds import TABLE

    classes = {type(kind).__name__ for kind in TABLE.values()} | {kind.resource.__name__ for kind in TABLE.values()}
    tree = ast.parse((PACKAGE / "deploy" / f"{stage}.py").read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert names & classes == set()
