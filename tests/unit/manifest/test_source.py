"""Bytes to a tree: the same data as other readers see, a place for everything, and a fault for every trap."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ecsctl.manifest.yaml.nodes import MapNode, Node, Scalar, find, plain, walk
from ecsctl.manifest.yaml.reader import MAX_BYTES, read

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\u2028\u2029"), max_size=12)
DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)


def sound(text: str | bytes, name: str = "f.yaml") -> Node:
    root, faults = read(name, text.encode() if isinstance(text, str) else text)
    assert not faults, [str(fault) for fault in faults]
    assert root is not None
    return root


def only_fault(text: str | bytes, name: str = "f.yaml") -> str:
    _, faults = read(name, text.encode() if isinstance(text, str) else text)
    assert len(faults) == 1, [str(fault) for fault in faults]
    return str(faults[0])


@given(DATA)
def test_json_is_read_as_json_reads_it(data: Any) -> None:
    for text in (json.dumps(data), json.dumps(data, indent="\t"), json.dumps(data, ensure_ascii=False)):
        assert plain(sound(text, "f.json")) == data
        assert plain(sound(json.dumps({"in": data}))) == {"in": data}


@given(DATA)
def test_yaml_is_read_as_yaml_reads_it(data: Any) -> None:
    assert plain(sound(yaml.safe_dump({"in": data}, allow_unicode=True))) == {"in": data}


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_tree_or_faults(data: bytes) -> None:
    for name in ("f.yaml", "f.json"):
        root, faults = read(name, data)
        assert root is not None or faults
        assert all(fault.position and fault.position.line >= 1 and fault.position.column >= 1 for fault in faults)


@settings(max_examples=300)
@given(st.text(alphabet="{}[]:,-?*&!|>'\"%@`#~ \t\nab0.<=$\\", max_size=60))
def test_any_punctuation_gives_a_tree_or_faults(text: str) -> None:
    for name in ("f.yaml", "f.json"):
        root, faults = read(name, text.encode())
        assert root is not None or faults


@given(DATA)
def test_every_node_stands_where_its_text_is(data: Any) -> None:
    text = yaml.safe_dump({"in": data}, allow_unicode=True, default_flow_style=False)
    lines = text.split("\n")
    for _, node in walk(sound(text)):
        assert 1 <= node.line <= len(lines)
        assert node.column <= len(lines[node.line - 1]) + 1
        if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
            assert lines[node.line - 1][node.column - 1 :].startswith(str(node.value))


def test_keys_and_values_have_lines_and_columns() -> None:
    root = sound("a:\n  bc: [1, two]\n")
    assert isinstance(root, MapNode)
    inner = root.entries["a"]
    assert isinstance(inner, MapNode)
    assert str(inner.keys["bc"].position) == "f.yaml:2:3"
    assert str(find(root, ("a", "bc", 1)).position) == "f.yaml:2:11"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: duplicate key 'a' (first in line 1)"),
        ("a:\n\tb: 1\n", "f.yaml:2:1: a tab in the indentation (YAML is indented with spaces)"),
        ("a: &x [*x]\n", "f.yaml:1:8: the alias *x refers to itself"),
        ("a: *y\n", "f.yaml:1:4: the alias *y is not defined (define it before as &y VALUE)"),
        ("a: !Ref b\n", "f.yaml:1:4: unknown tag !Ref"),
        ("a: b: c\n", "f.yaml:1:5: unexpected colon"),
        ("a: 'b\n", "f.yaml:1:4: the quote is not closed"),
        ("a: {b: ${C}}\n", "f.yaml:1:9: not YAML: did not find expected ',' or '}'"),
        ("a: @b\n", "f.yaml:1:4: a plain value cannot begin with '@'"),
        ("a:\n  - b\n c: d\n", "f.yaml:3:2: wrong indentation"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document starts here"),
        ("? [a]\n: b\n", "f.yaml:1:3: a key must be a string, not a list"),
        ("<<: 1\n", "f.yaml:1:5: << merges mappings, not the number 1"),
        ("", "f.yaml:1:1: the file is empty"),
        ("# nothing\n", "f.yaml:1:1: the file is empty"),
        (b"a: \xe9\n", "f.yaml:1:4: the byte 0xe9 is not UTF-8"),
        ("a: b".encode("utf-16"), "f.yaml:1:1: the file is UTF-16"),
        ("a: b\x07\n", "f.yaml:1:5: the control character U+0007 is not allowed"),
        ("a: 1\nb: " + "9" * 5000, "f.yaml:2:4: a number of more than 4300 digits"),
        ("[" * 500, "f.yaml:1:101: nested deeper than 100 levels"),
        ("- " * 500, "f.yaml:1:201: nested deeper than 100 levels"),
        (b" " * (MAX_BYTES + 1), "f.yaml:1:1: the file is larger than 4 MiB"),
    ],
)
def test_what_yaml_lets_go_wrong_has_a_fault_at_its_place(text: str | bytes, fault: str) -> None:
    assert only_fault(text).startswith(fault)


@pytest.mark.parametrize("opening", ["[", "- ", "{a: "])
def test_no_depth_of_nesting_ends_in_anything_but_a_fault(opening: str) -> None:
    # Where it stands depends on PyYAML: 6.0.4 stops at 1000 levels by itself, before it hands a single one on.
    assert re.fullmatch(r"f\.yaml:1:\d+: nested deeper than 100 levels", only_fault(opening * 5000))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a": 1, "a": 2}', "f.json:1:10: a: duplicate key 'a'"),
        ('{"a": [1,\n 2,]}', "f.json:2:4: unexpected ']': a trailing comma before it"),
        ('{"a": 1} {', "f.json:1:10: unexpected { (expected the end of the file)"),
        ('{"a": 1', "f.json:1:8: unexpected end of the JSON (expected ',' or '}')"),
        ('{"a" 1}', "f.json:1:6: unexpected 1 (expected ':')"),
        ("{'a': 1}", "f.json:1:2: strings in JSON need double quotes"),
        ('{"a": 1} // b', "f.json:1:10: JSON has no comments"),
        ('{"a": tru}', "f.json:1:7: 'tru' is not valid JSON"),
        ('{"a": 01}', "f.json:1:7: '01' is not valid JSON"),
        ('{"a": "b\n"}', "f.json:1:7: the string is not closed on its line"),
        ('{"a": "\\x"}', "f.json:1:7: the string has a backslash that escapes nothing"),
        ('{"a": "\\ud800"}', "f.json:1:7: the string has half of a surrogate pair"),
        ("", "f.json:1:1: the file is empty"),
    ],
)
def test_what_is_no_json_has_a_fault_at_its_place(text: str, fault: str) -> None:
    assert only_fault(text, "f.json").startswith(fault)


def test_a_key_that_comes_twice_is_told_with_its_path() -> None:
    _, faults = read("f.yaml", b"a:\n  - b: 1\n  - c: {d: 1, d: 2}\n    e: 1\n    e: 2\n")
    assert [fault.path for fault in faults] == ["a[1].c.d", "a[1].e"]


def test_aliases_that_multiply_are_refused_before_they_do() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "aliases that multiply themselves" in only_fault("\n".join(lines))


def test_anchors_and_merges_keep_the_places_where_they_were_written() -> None:
    root = sound("base: &b {x: 1, y: 2}\nnext:\n  <<: *b\n  y: 3\n")
    assert plain(root) == {"base": {"x": 1, "y": 2}, "next": {"y": 3, "x": 1}}
    assert find(root, ("next", "x")).line == 1
    assert find(root, ("next", "y")).line == 4


@pytest.mark.parametrize(
    ("written", "value", "trap"),
    [
        ("80:80", "80:80", None),
        ("22:22", "22:22", "sexagesimal"),
        ("NO", "NO", "boolean"),
        ("on", "on", "boolean"),
        ("0755", "0755", "octal"),
        ("012345670123", "012345670123", "octal"),
        ("0x10", "0x10", "radix"),
        ("1_000", "1_000", "radix"),
        ("true", True, None),
        ("80", 80, None),
        ("1.5", 1.5, None),
        ("~", None, None),
        ("2026-01-01", "2026-01-01", None),
        ("!!str 80", "80", None),
        ("'80'", "80", None),
    ],
)
def test_only_what_all_yaml_readers_agree_on_is_more_than_text(written: str, value: Any, trap: str | None) -> None:
    node = find(sound(f"a: {written}\n"), ("a",))
    assert isinstance(node, Scalar)
    assert (node.value, type(node.value), node.trap) == (value, type(value), trap)


def test_a_million_faults_are_not_all_told() -> None:
    _, faults = read("f.yaml", b"a: b\n" * 5000)
    assert len(faults) <= 201
