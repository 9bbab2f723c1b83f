"""What a template can refer to besides variables, and how variables are given.

``git`` and ``tfstate`` are read here; what only AWS knows is asked through a ``Lookup`` that the caller brings.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
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
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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
        raise UsageError("it is no output of a stack", hint="${cfn:STACK.OUTPUT}")
    return None if lookup is None else lookup(kind, name, region)


def _git(name: str, folder: Path) -> str:
    if name not in GIT:
        raise UsageError("git has no such value", hint=f"one of {', '.join(GIT)}")
    try:
        done = subprocess.run(
            ["git", *GIT[name]], cwd=folder, capture_output=True, text=True, timeout=GIT_TIMEOUT, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"git cannot be asked: {error}") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it fails"]
        raise UsageError(f"git: {lines[-1]}")
    return done.stdout.strip()


def _tfstate(name: str, folder: Path) -> Any:
    path, sharp, output = name.rpartition("#")
    if not sharp or not path or not output:
        raise UsageError("it names no output of a state", hint="${tfstate:terraform.tfstate#output}")
    try:
        outputs = json.loads((folder / path).read_bytes())["outputs"]
        known = sorted(outputs)
    except OSError as error:
        raise UsageError(f"cannot read {folder / path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{folder / path} is no Terraform state") from None
    if output not in outputs:
        raise UsageError(f"the state has no output {output!r}", hint=f"it has: {', '.join(known) or 'none'}")
    value = outputs[output].get("value") if isinstance(outputs[output], dict) else None
    if value is None:
        raise UsageError(f"the output {output!r} has no value")
    return value if isinstance(value, (list, dict, str)) else json.dumps(value)


def gather(env: Mapping[str, str], env_files: Sequence[str] = (), settings: Sequence[str] = ()) -> dict[str, str]:
    """The variables of templates: those of ``env_files``, over them the environment's, over them ``NAME=value``.

    Raises:
        UsageError: a file cannot be read, or something is no assignment.
    """
    found: dict[str, str] = {}
    for file in env_files:
        found.update(read_env_file(file))
    found.update(env)
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not VARIABLE.fullmatch(name):
            raise UsageError(f"--set {setting!r} is no assignment", hint="write it as --set NAME=value")
        found[name] = value
    return found


def read_env_file(file: str) -> dict[str, str]:
    """The variables of a file of ``NAME=value`` lines; comments, ``export`` and quotes are understood.

    Raises:
        UsageError: it cannot be read, or a line is no assignment (named by its number; its text is not shown).
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{file} is not UTF-8") from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        name, equals, value = content.removeprefix("export ").partition("=")
        if not equals or not VARIABLE.fullmatch(name.strip()):
            raise UsageError(f"{file}:{number}: no assignment of a variable", hint="write it as NAME=value")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        inner = value[1:-1]
        return inner if value[0] == "'" else re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), inner)
    return re.sub(r"\s+#.*$", "", value)
