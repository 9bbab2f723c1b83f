"""Nothing of AWS's is passed over in silence: who catches a refusal looks at its code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ecsctl

ROOT = Path(ecsctl.__file__).parent
# Functions that look at the code of the refusal that they are given.
JUDGES = {
    "can_go_without",
    "cannot_be_asked",
    "is_error",
    "is_no_answer",
    "is_passing",
    "is_race",
    "is_temporary",
    "passing",
    "_missed",
}
# Where any refusal is meant, ``module: function``, and why.
ANY: dict[str, str] = {}


def looks(handler: ast.ExceptHandler) -> bool:
    """Whether a handler looks at the code of what it caught, or raises whatever it is."""
    if any(isinstance(line, ast.Raise) for line in handler.body):
        return True
    for node in ast.walk(handler):
        if isinstance(node, ast.Attribute) and node.attr in ("aws_code", "ambiguous"):
            return True
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in JUDGES:
                return True
    return False


def silent(source: str, module: str) -> Iterator[str]:
    """The functions that catch an AwsError and do not look at it."""
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler) or node.type is None:
            continue
        caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
        if "AwsError" in caught and not looks(node):
            around = [item for item in functions if item.lineno <= node.lineno <= (item.end_lineno or 0)]
            yield f"{module}: {around[-1].name if around else '<module>'}"


def test_who_catches_a_refusal_looks_at_its_code() -> None:
    found = {
        place
        for path in ROOT.rglob("*.py")
        for place in silent(path.read_text(), path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."))
    }
    assert found == set(ANY), "look at .aws_code, or say here why any refusal will do"
    assert all(ANY.values())


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("return None", True),
        ("pass", True),
        ("log(error)", True),
        ("raise Other from error", False),
        ("if error.aws_code != 'Gone':\n            raise", False),
        ("if not cannot_be_asked(error):\n            raise", False),
    ],
)
def test_the_test_finds_them(body: str, found: bool) -> None:
    source = f"def f():\n    try:\n        g()\n    except (AwsError, OSError) as error:\n        {body}\n"
    assert list(silent(source, "m")) == (["m: f"] if found else [])
