"""The variables of templates: where they come from, and what goes before what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ecsctl.errors import UsageError
from ecsctl.manifest.interpolation import dotenv
from ecsctl.manifest.interpolation.templates import fill_text

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What the stage is called in templates.
STAGE = ("ECSCTL_STAGE", "STAGE")


def gather(env: Mapping[str, str], env_files: Sequence[str] = (), settings: Sequence[str] = ()) -> dict[str, str]:
    """The variables of templates: those of ``env_files``, over them the environment's, over them ``NAME=value``.

    Raises:
        UsageError: a file cannot be read, or something is not an assignment.
    """
    found: dict[str, str] = {}
    for file in env_files:
        found.update(read_env_file(file, {**found, **env}))
    found.update(env)
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not NAME.fullmatch(name):
            raise UsageError(f"--set {name!r} is not an assignment", hint="write it as --set NAME=value")
        found[name] = value
    return found


def read_env_file(file: str, known: Mapping[str, str]) -> dict[str, str]:
    """The variables of a file of ``NAME=value`` lines, as Compose reads them (see ``dotenv``).

    Args:
        known: what ``${NAME}`` in its values may mean besides the file's own variables, which it goes before.

    Raises:
        UsageError: it cannot be read, or a line is not an assignment (named by its number; its text is not shown).
    """
    try:
        written, problems = dotenv.load(file)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", hint="name the file with --env-file FILE") from None
    except ValueError as error:
        raise UsageError(f"cannot read {file}: {error}") from None
    if problems:
        raise UsageError(f"{file}: {problems[0]}", details=problems[1:], hint="write each as NAME=value")
    found: dict[str, str] = {}
    for name, value in written.items():
        if value is None:
            # A name alone takes its value from the environment.
            if name in known:
                found[name] = known[name]
            continue
        try:
            found[name] = fill_text(value, {**found, **known})
        except ValueError as error:
            raise UsageError(f"{file}: the value of {name}: {error}") from None
    return found
