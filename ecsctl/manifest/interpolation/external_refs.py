"""What a template can refer to besides variables.

``git`` and ``tfstate`` are read here; what only AWS knows is asked through a ``Lookup`` that the caller brings.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ecsctl.errors import UsageError

# Kind of reference, name, the file's region → the value. Raises EcsctlError where there is none.
Lookup = Callable[[str, str, "str | None"], str]

KINDS = ("ssm", "secret", "cfn", "tfstate", "git")
GIT: dict[str, tuple[str, ...]] = {
    "sha": ("rev-parse", "HEAD"),
    "short": ("rev-parse", "--short", "HEAD"),
    "branch": ("rev-parse", "--abbrev-ref", "HEAD"),
    "tag": ("describe", "--tags", "--exact-match", "HEAD"),
}
GIT_TIMEOUT = 10
# An output of Terraform, and what is inside of it: name.key, name[0].
OUTPUT = re.compile(r"(?P<name>[^.\[\]]+)(?P<rest>(?:\.[^.\[\]]+|\[\d{1,6}\])*)")
PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def refer(kind: str, name: str, *, file: str, region: str | None, lookup: Lookup | None) -> Any:
    """The value of a reference; None where only AWS knows it and ``lookup`` is None.

    Args:
        kind: one of ``KINDS``.
        name: what follows the colon.
        file: the file that refers; relative paths begin in its folder.
        region: the file's region.

    Raises:
        UsageError: there is no such value, or the name has another form.
    """
    folder = Path() if file.startswith("<") else Path(file).parent
    if kind == "git":
        return _git(name, folder)
    if kind == "tfstate":
        return _tfstate(name, folder)
    if not name:
        raise UsageError("the name is missing")
    if kind == "cfn" and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*\.[A-Za-z0-9]+", name):
        raise UsageError("it is not an output of a stack", hint="${cfn:STACK.OUTPUT}")
    return None if lookup is None else lookup(kind, name, region)


def _git(name: str, folder: Path) -> str:
    if name not in GIT:
        raise UsageError("git has no value of this name", hint=f"one of {', '.join(GIT)}")
    try:
        done = subprocess.run(
            ["git", *GIT[name]], cwd=folder, capture_output=True, text=True, timeout=GIT_TIMEOUT, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"git cannot be run: {error}") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it fails"]
        raise UsageError(f"git: {lines[-1]}")
    return done.stdout.strip()


def _tfstate(name: str, folder: Path) -> Any:
    path, sharp, output = name.rpartition("#")
    match = OUTPUT.fullmatch(output)
    if not sharp or not path or match is None:
        raise UsageError(
            "it is not an output of a Terraform state", hint="${tfstate:terraform.tfstate#output}, …#output.key[0]"
        )
    if "://" in path:
        raise UsageError(
            "a state is read from a file only", hint="`terraform state pull > terraform.tfstate`, and name that file"
        )
    try:
        outputs = json.loads((folder / path).read_bytes())["outputs"]
        known = sorted(outputs)
    except OSError as error:
        raise UsageError(f"cannot read {folder / path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{folder / path} is not a Terraform state") from None
    first = match["name"]
    if first not in outputs:
        raise UsageError(f"the state has no output {first!r}", hint=f"it has: {', '.join(known) or 'none'}")
    value = outputs[first].get("value") if isinstance(outputs[first], dict) else None
    for key, index in PART.findall(match["rest"]):
        value = _inside(value, key or int(index), output)
    if value is None:
        raise UsageError(f"the output {output!r} has no value")
    return value if isinstance(value, (list, dict, str)) else json.dumps(value)


def _inside(value: Any, part: str | int, output: str) -> Any:
    """A part of an output's value: of an object by its key, of a list by its number."""
    if isinstance(value, dict) and str(part) in value:
        return value[str(part)]
    if isinstance(value, list) and str(part).isdecimal() and int(part) < len(value):
        return value[int(part)]
    if isinstance(value, dict):
        has = ", ".join(sorted(value)) or "nothing"
    else:
        has = f"{len(value)} items, counted from 0" if isinstance(value, list) else "no parts"
    raise UsageError(f"the output {output!r} has no {part!r}", hint=f"what is there has: {has}")
