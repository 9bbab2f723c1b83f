"""constraints.txt: whole, hashed, and what pyproject.toml allows; so `make test` means the same in a year."""

from __future__ import annotations

import re
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "constraints.txt").read_text()
# A line and its continuations: "click==8.1.7 ; python_version < '3' \", "    --hash=sha256:…"
ENTRIES = [entry for entry in re.split(r"\n(?=\S)", TEXT.strip()) if not entry.startswith("#")]
PINNED = [Requirement(re.sub(r"\s*\\?\n.*", "", entry, flags=re.S)) for entry in ENTRIES]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ASKED = [
    Requirement(text)
    for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for text in texts
    if not text.startswith("ecsctl[")
]


def with_extras(asked: Requirement) -> list[Requirement]:
    """What is asked for, and what its extras ask for."""
    more = [Requirement(text) for text in (requires(asked.name) or [])] if asked.extras else []
    return [asked, *(one for one in more if any(is_for(one, extra) for extra in asked.extras))]


def is_for(one: Requirement, extra: str) -> bool:
    return one.marker is not None and one.marker.evaluate({"extra": extra}) and not one.marker.evaluate({"extra": ""})


def test_every_version_is_exact_and_has_a_hash() -> None:
    assert len(PINNED) > 50
    for entry, pinned in zip(ENTRIES, PINNED, strict=True):
        assert re.fullmatch(r"==[\w.]+", str(pinned.specifier)), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_every_dependency_is_there_in_a_version_that_is_allowed(asked: Requirement, python: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    for one in with_extras(asked):
        found = [
            pinned
            for pinned in PINNED
            if canonicalize_name(pinned.name) == canonicalize_name(one.name)
            and (pinned.marker is None or pinned.marker.evaluate(here))
        ]
        assert len(found) == 1, f"{one}: run `make constraints`"
        [version] = [clause.version for clause in found[0].specifier]
        assert one.specifier.contains(version), f"{one}: run `make constraints`"
