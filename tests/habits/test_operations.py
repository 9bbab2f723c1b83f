"""The AWS operations that the modules declare are those that they call, and what is generated of them is up to date."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ecsctl.aws.operations import OPERATIONS
from ecsctl.cli.reference_operations import declared, iam_table, operations_module, with_table
from ecsctl.deploy.kinds import TABLE

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ecsctl"
# Those that say by what operation somebody else's model is trimmed, or that generate the table, call nothing.
NO_CALLERS = ("sandbox/", "aws/operations.py", "aws/fast/record.py", "cli/reference_operations.py")
SOURCES = {
    place: ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
    if not (place := str(path.relative_to(PACKAGE))).startswith(NO_CALLERS)
}
ALL = {f"{service}:{name}" for service, names in declared().items() for name in names}


def calls() -> Iterator[tuple[str, str]]:
    """Each call with its place, where both the service and the operation are written out."""
    for place, tree in SOURCES.items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) >= 2):
                continue
            service, operation = node.args[:2]
            written_out = isinstance(service, ast.Constant) and isinstance(operation, ast.Constant)
            if node.func.attr in ("call", "pages") and written_out:
                yield f"{service.value}:{operation.value}", f"{place}:{node.lineno}"


def words() -> set[str]:
    """Every text in the sources that is no declaration."""
    found: set[str] = set()
    for tree in SOURCES.values():
        declarations = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id in ("operations", "AWS_OPERATIONS") for t in node.targets)
            for inner in ast.walk(node)
        }
        found |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in declarations
        }
    return found


def test_every_operation_that_is_called_is_declared() -> None:
    found = dict(calls())
    assert len(found) > 50
    undeclared = sorted(f"{place} calls {name}" for name, place in found.items() if name not in ALL)
    assert undeclared == [], "put it into `operations` of the kind or AWS_OPERATIONS of the module, and `make docs`"


def test_nothing_is_declared_that_nobody_calls() -> None:
    known = words()
    assert sorted(name for name in ALL if name.partition(":")[2] not in known) == []


def test_a_kind_declares_what_it_calls() -> None:
    missing = []
    for kind in TABLE.values():
        module = type(kind).__module__.split(".")[-1]
        mine = {name for name, place in calls() if place.startswith(f"deploy/kinds/{module}.py:")}
        missing += [f"{module} calls {name}" for name in mine - set(kind.operations)]
    assert missing == []


def test_the_operations_of_the_trimmed_models_are_the_declared_ones() -> None:
    assert declared() == OPERATIONS, "run `make docs`"
    assert (PACKAGE / "aws" / "operations.py").read_text() == operations_module(), "run `make docs`"


def test_the_readme_has_the_iam_rights() -> None:
    readme = (ROOT / "README.md").read_text()
    assert with_table(readme) == readme, "run `make docs`"
    assert iam_table() in readme


def test_the_iam_rights_cover_every_operation() -> None:
    rights = iam_table()
    assert [name for name in sorted(ALL) if f"{name.partition(':')[2]}`" not in rights] == []
    assert "`tag:GetResources`" in rights, "IAM has its own prefixes"
    assert "elbv2:" not in rights
