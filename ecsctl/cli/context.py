"""Which cluster and region a reading command is about: the command line's, else those of the file at hand.

A reading command needs two words of the file, so the file is not loaded and checked for it: its top-level ``name``,
``cluster`` and ``region`` are read where they are plain words, and the definition is loaded only where they are not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

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
        UsageError: the file at hand has to be loaded for it, and has faults.
    """
    if settings.cluster and settings.region:
        return settings.aws(), settings.cluster
    cluster, region = of_files(files_at_hand())
    return settings.aws(region=region), settings.cluster_name(cluster or "default")


def files_at_hand() -> list[str]:
    """The definition file of a command without ``-f``: that of ``ECSCTL_FILE``, or the one in the working folder."""
    named = os.environ.get("ECSCTL_FILE")
    if named:
        return [named]
    return [name for name in FILE_NAMES if os.path.exists(name)][:1]


def of_files(files: Sequence[str]) -> tuple[str | None, str | None]:
    """The cluster and region that the overlaid files name; None where they do not."""
    words: dict[str, str] = {}
    for file in files:
        found = peek(file)
        if found is None:
            return _loaded(files)
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
        if key not in KEYS:
            continue
        word = WORD.fullmatch(value)
        if word is None or key in found or (word["bare"] or "").lower() in NO_TEXT:
            return None
        found[key] = word["quoted"] or word["bare"]
    return found


def _loaded(files: Sequence[str]) -> tuple[str | None, str | None]:
    from ecsctl.manifest import load_spec
    from ecsctl.manifest.interpolation.templates import Values

    spec = load_spec(files, values=Values(os.environ, leave_unresolved=True))
    return spec.cluster, spec.region
