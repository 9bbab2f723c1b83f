"""What is printed as YAML is the same to every reader of YAML."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.manifest.yaml.dump import dump
from ecsctl.manifest.yaml.nodes import plain
from ecsctl.manifest.yaml.reader import read

TEXT = st.text(max_size=8) | st.text(alphabet="0123456789.eExo_+-:", max_size=6)


@pytest.mark.parametrize(
    "text", ["012", "018", "1e3", "1E-3", "0x1f", "0o17", "1_000", "1:30", ".5", "+1", "on", "NO", "y", "~", "", "5."]
)
def test_a_string_that_a_reader_takes_for_something_else_stands_in_quotes(text: str) -> None:
    assert dump({"a": text, "b": [text]}) == f"a: '{text}'\nb:\n- '{text}'\n"


@pytest.mark.parametrize("text", ["abc", "10.0.0.0/8", "nginx:1.27", "arn:aws:iam::1:role/x", "${A:-b}", "t3.small"])
def test_other_strings_do_not(text: str) -> None:
    assert dump({"a": text}) == f"a: {text}\n"


@given(st.dictionaries(TEXT, TEXT | st.integers() | st.booleans() | st.none() | st.lists(TEXT, max_size=2), max_size=3))
def test_it_reads_as_it_was(data: Any) -> None:
    text = dump(data)
    assert yaml.safe_load(text) == data


@given(TEXT)
def test_ecsctl_reads_a_string_as_a_string(value: str) -> None:
    root, faults = read("f.yaml", dump({"a": value}).encode())
    assert not faults
    assert root is not None
    assert plain(root) == {"a": value}
