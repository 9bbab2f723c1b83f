"""The doors: which part of the package may import what, read from the source itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "ecsctl"
DOORS = {
    "boto3": ("aws", "sandbox"),
    "botocore": ("aws", "sandbox"),
    "jinja2": ("cli",),
    "jmespath": ("aws",),
    "moto": ("sandbox",),
    "docker": ("sandbox",),
    "werkzeug": ("sandbox",),
    "rich": ("render",),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_doors_import_what_they_guard(path: Path) -> None:
    folder = path.relative_to(PACKAGE).parts[0]
    trespasses = [
        f"{path.name}:{line} imports {name}"
        for name, line in imports(path)
        if name.split(".")[0] in DOORS and folder not in DOORS[name.split(".")[0]]
    ]
    assert trespasses == []


def test_only_the_wait_module_sleeps() -> None:
    sleepers = []
    for path in FILES:
        if path == PACKAGE / "polling.py":
            continue
        tree = ast.parse(path.read_text())
        named = any(name == "time.sleep" for name, _ in imports(path))
        called = any(
            isinstance(node, ast.Attribute)
            and node.attr == "sleep"
            and isinstance(node.value, ast.Name)
            and node.value.id in ("time", "asyncio")
            for node in ast.walk(tree)
        )
        if named or called:
            sleepers.append(str(path.relative_to(PACKAGE)))
    assert sleepers == []


def test_nothing_outside_the_sandbox_knows_it_but_where_the_endpoint_is_chosen() -> None:
    allowed = {"cli/settings.py", "cli/sandbox.py", "cli/sandbox_faults.py"}
    knowing = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        if path.relative_to(PACKAGE).parts[0] != "sandbox"
        and any(name.startswith("ecsctl.sandbox") for name, _ in imports(path))
    }
    assert knowing <= allowed


def test_the_conformance_suite_knows_nothing_of_ecsctl() -> None:
    files = sorted((PACKAGE.parent / "tests" / "conformance").glob("*.py"))
    assert files, "the check looks at the right place"
    strangers = {
        f"{path.name}:{line} imports {name}"
        for path in files
        for name, line in imports(path)
        if name.split(".")[0] == "ecsctl" or (name.startswith("tests.") and not name.startswith("tests.conformance"))
    }
    assert strangers == set()


def test_the_command_line_starts_light() -> None:
    code = "import sys, ecsctl.cli, ecsctl.cli.main; print(*sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    roots = {name.split(".")[0] for name in out.split()}
    assert roots & {"boto3", "botocore", "rich", "jsonschema", "yaml", "moto", "docker"} == set()
    assert "click" in roots, "the check looks at the right thing"


def test_the_trimmed_models_hold_nothing_that_botocore_does_not_know() -> None:
    from botocore.loaders import Loader

    from ecsctl.aws.operations import OPERATIONS

    for service, operations in OPERATIONS.items():
        known = Loader().load_service_model(service, "service-2")["operations"]
        assert [name for name in operations if name not in known] == []
