"""Compose's variables mean in ecsctl.yaml what they mean in Compose."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.importers.compose.interpolation import Interpolation, split
from ecsctl.importers.report import Report
from ecsctl.manifest.interpolation.templates import Filler, Values
from ecsctl.manifest.yaml.nodes import Scalar


def converted(text: str, defaults: Mapping[str, str] | None = None) -> tuple[str, list[str]]:
    """A text in the dialect of ecsctl.yaml, and the notes."""
    report = Report()
    made = Interpolation(report, defaults or {})(Scalar("compose.yaml", 1, 1, text, text), ("x",))
    return made, [note.why for note in report.notes]


def filled(text: str, variables: Mapping[str, str]) -> str | None:
    """What ecsctl makes of a text; None where it refuses."""
    filler = Filler(Values(variables))
    node = filler.fill(Scalar("ecsctl.yaml", 1, 1, text, text, style='"'))
    assert isinstance(node, Scalar)
    return None if filler.faults else node.text


CASES = [
    ("plain", "plain"),
    ("$A", "one"),
    ("${A}", "one"),
    ("a${A}b$A-c", "aonebone-c"),
    ("$$A", "$A"),
    ("$$$A", "$one"),
    ("$${A}", "${A}"),
    ("${NONE}", ""),
    ("${NONE:-d}", "d"),
    ("${NONE-d}", "d"),
    ("${EMPTY:-d}", "d"),
    ("${EMPTY-d}", ""),
    ("${A:-d}", "one"),
    ("${A:+w}", "w"),
    ("${NONE:+w}", ""),
    ("${NONE:-${A}}", "one"),
    ("${NONE:-${NEITHER:-x}y}", "xy"),
    ("${NONE:-a b: c}", "a b: c"),
    ("${A:?must}", "one"),
    ("${NONE:?must}", None),
    ("${EMPTY:?must}", None),
    ("100$", "100$"),
]


@pytest.mark.parametrize(("text", "means"), CASES)
def test_the_meaning_is_kept(text: str, means: str | None) -> None:
    made, _ = converted(text)
    assert filled(made, {"A": "one", "EMPTY": ""}) == means


@pytest.mark.parametrize("text", ["${", "${A", "${A!x}", "$1", "${1}", "${}", "a $ b", "${A:-" * 2000 + "}" * 2000])
def test_what_compose_refuses_stays_as_it_is_and_is_told(text: str) -> None:
    made, notes = converted(text)
    assert filled(made, {}) == text
    assert len(notes) == 1


def test_the_env_file_of_the_project_gives_defaults() -> None:
    defaults = {"A": "one", "PASSWORD": "hunter2", "DOLLAR": "a$b", "BRACE": "a}b", "EMPTY": ""}
    assert converted("$A ${A:-x} ${A:?y}", defaults)[0] == "${A:-one} ${A:-one} ${A:-one}"
    assert converted("${DOLLAR}", defaults)[0] == "${DOLLAR:-a$$b}"
    assert converted("${EMPTY-x}|${EMPTY:-x}", defaults)[0] == "${EMPTY:-}|${EMPTY:-x}"
    made, notes = converted("${PASSWORD}${BRACE}", defaults)
    assert made == "${PASSWORD:-}${BRACE:-}"
    assert len(notes) == 2
    assert "hunter2" not in " ".join(notes)


@given(st.text(alphabet="$A{}:-?+x ", max_size=16))
def test_any_text_becomes_one_that_ecsctl_reads(text: str) -> None:
    made, notes = converted(text)
    result = filled(made, {"A": "one"})
    try:
        split(text)
    except ValueError:
        assert notes
        assert result == text
    else:
        # Only what must be set, and is not, is refused: by both.
        assert result is not None or "?" in text
