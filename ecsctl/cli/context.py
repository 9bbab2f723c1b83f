"""Which cluster and region a reading command is about: the command line's, else those of the file at hand.

A reading command needs two words of the file, so the file is not loaded and checked for it: its top-level ``name``,
``cluster`` and ``region`` are read where they are plain words; where they are not, a parser reads them, and no fault of
the rest of the file counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.manifest.loading.outline import Outline

T = TypeVar("T")
FILE_NAMES = ("ecsctl.yaml", "ecsctl.yml", "ecsctl.json")
KEYS = ("name", "cluster", "region")
TOP = re.compile(r"(?P<key>[A-Za-z][\w-]*)\s*:(?P<value>\s.*|)$")
# Quoted, or a bare word that YAML takes for text and nothing else.
WORD = re.compile(
    r"""(?:(?P<quote>["'])(?P<quoted>[A-Za-z0-9_-]+)(?P=quote)|(?P<bare>[A-Za-z][A-Za-z0-9_-]*))\s*(\s#.*)?"""
)
NO_TEXT = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
# A line of the first column that is none of these means that the file is not a plain block mapping.
PLAIN = re.compile(r"\s|#|$|-\s|---\s*$")


def connect(settings: Settings) -> tuple[Aws, str]:
    """The door to AWS and the cluster that the command is about (``default`` where nothing names one).

    Raises:
        UsageError: the file at hand names a cluster that cannot be known, and the command line names none.
    """
    if settings.cluster and settings.region:
        return settings.aws(), settings.cluster
    cluster, region = of_files(files_at_hand(), settings)
    return settings.aws(region=region), settings.cluster_name(cluster or "default")


def files_at_hand() -> list[str]:
    """The definition file of a command without ``-f``: that of ``ECSCTL_FILE``, or the one in the working folder."""
    named = os.environ.get("ECSCTL_FILE")
    if named:
        return [named]
    return [name for name in FILE_NAMES if os.path.exists(name)][:1]


def of_files(files: Sequence[str], settings: Settings) -> tuple[str | None, str | None]:
    """The cluster and region that the overlaid files name; None where they do not.

    What the command line says is not asked of them. A region that cannot be known is noted, and the environment's or
    the profile's counts.

    Raises:
        UsageError: they name a cluster that cannot be known, and ``settings`` has none.
    """
    if settings.stage:
        return _parsed(files, settings)
    words: dict[str, str] = {}
    for file in files:
        found = peek(file)
        if found is None:
            return _parsed(files, settings)
        words.update(found)
    return words.get("cluster") or words.get("name"), words.get("region")


def peek(file: str) -> dict[str, str] | None:
    """The plain top-level words of a YAML file, or None where it takes a parser to tell."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = TOP.match(line)
        if match is None:
            if not PLAIN.match(line):
                return None
            continue
        key, value = match["key"], match["value"].strip()
        if key in ("include", "stages"):
            return None
        if key not in KEYS:
            continue
        word = WORD.fullmatch(value)
        if word is None or key in found or (word["bare"] or "").lower() in NO_TEXT:
            return None
        found[key] = word["quoted"] or word["bare"]
    return found


def in_stage(settings: Settings, section: str, named: T) -> T:
    """A name, or each of several, as it is in the stage where it is a key of the file at hand, else as it is.

    Args:
        section: of the file, ``services`` or ``taskDefinitions``; ``:REVISION`` stays with a family.
    """
    if isinstance(named, (list, tuple)):
        return type(named)(in_stage(settings, section, one) for one in named)
    key, colon, revision = str(named).partition(":")
    files = files_at_hand()
    name = _outline(files, settings).names.get((section, key)) if files else None
    return named if name is None else f"{name}{colon}{revision}"  # type: ignore[return-value]


def _outline(files: Sequence[str], settings: Settings) -> Outline:
    from ecsctl.manifest.interpolation.variables import STAGE
    from ecsctl.manifest.loading.outline import Outline

    stage = settings.stage
    return Outline(files, {**os.environ, **(dict.fromkeys(STAGE, stage) if stage else {})}, stage)


def _parsed(files: Sequence[str], settings: Settings) -> tuple[str | None, str | None]:
    from ecsctl.errors import UsageError

    stage = settings.stage
    if not files:
        if stage and settings.chose("stage"):
            raise UsageError(
                f"--stage {stage} is a stage of a file, and there is none in {os.getcwd()}",
                hint="go to the project's folder, or name the cluster with -c NAME alone",
            )
        return None, None
    try:
        outline = _outline(files, settings)
    except UsageError:
        if settings.cluster:
            return None, None
        raise
    words, faults = outline.words, outline.faults
    if outline.unreadable and not settings.cluster and not words and not faults:
        hint = "name the cluster with -c NAME; `ecsctl validate` shows every fault of the file"
        raise UsageError(f"the cluster is not known: {outline.unreadable}", hint=hint)
    unknown = faults.get("cluster") or (None if "cluster" in words else faults.get("name"))
    if unknown and not settings.cluster:
        raise UsageError(f"the cluster is not known: {unknown}", hint="name it with -c NAME, or set what is missing")
    if "region" in faults and not settings.region:
        settings.note(f"the file's region is not known ({faults['region']}): the environment's or the profile's counts")
    return words.get("cluster") or words.get("name"), words.get("region")
