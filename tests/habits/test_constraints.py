"""constraints.txt: whole, hashed, and what pyproject.toml allows; so `make test` means the same in a year."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TEXT = (Path(__file__).parents[2] / "constraints.txt").read_text()
# A line and its continuations: "click==8.1.7 ; python_version < '3' \", "    --hash=sha256:…"
ENTRIES = [entry for entry in re.split(r"\n(?=\S)", TEXT.strip()) if not entry.startswith("#")]
PINNED = [Requirement(re.sub(r"\s*\\?\n.*", "", entry, flags=re.S)) for entry in ENTRIES]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
ASKED = [Requirement(text) for text in requires("ecsctl") or []]


def test_every_version_is_exact_and_has_a_hash() -> None:
    assert len(PINNED) > 50
    for entry, pinned in zip(ENTRIES, PINNED, strict=True):
        assert re.fullmatch(r"==[\w.]+", str(pinned.specifier)), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("asked", [one for one in ASKED if one.name != "ecsctl"], ids=lambda one: str(one.name))
def test_every_dependency_is_there_in_a_version_that_it_allows(asked: Requirement, python: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    found = [
        pinned
        for pinned in PINNED
        if canonicalize_name(pinned.name) == canonicalize_name(asked.name)
        and (pinned.marker is None or pinned.marker.evaluate(here))
    ]
    assert len(found) == 1, "run `make constraints`"
    [version] = [one.version for one in found[0].specifier]
    assert asked.specifier.contains(version), "run `make constraints`"
