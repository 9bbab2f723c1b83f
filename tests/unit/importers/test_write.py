"""What is written is read back as the same data, whatever the data."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ecsctl.importers.write import Commented, Flow, render, strip
from ecsctl.manifest.yaml.nodes import plain
from ecsctl.manifest.yaml.reader import read

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TRICKY = st.sampled_from(
    ["", "no", "NO", "y", "0644", "80:80", "22:22", "1e3", "1_000", "0x1F", ".5", "~", "null", "- a", "a: b", "a #b",
     "#a", " a", "a ", "a:", ":a", "?", "? a", "-", "--- x", "...", "<<", "=", "*a", "&a", "!a", "%a", "@a", "`a",
     "${A}", "${A:-b}", "a ${A:-x: y}", "{a}", "[a]", "a,b", "'a'", '"a"', "a\nb", "a\n", "\na", "a\n\n", " a\nb",
     "a\n b\n\tc", "a\r\nb", "a\x85b", "\ufeffa", "\u2028", "2001-01-01", "12:30:45", "1.5", "+1", "-1", "a\tb",
     "a \n b", "1.", "0o17", "190:20:30", "+.inf", ".nan", "\\", "$$HOME", "a\n\n\nb\n\n", "tru\u00e9"]
)  # fmt: skip
SCALARS = st.one_of(TEXT, TRICKY, st.integers(), st.booleans(), st.none())
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(TEXT, TRICKY), inner, max_size=4)),
    max_leaves=15,
)
DOCUMENTS = st.dictionaries(st.one_of(TEXT, TRICKY), NESTED, min_size=1, max_size=4)


def decorated(value: Any, draw: Any) -> Any:
    """The same data with comments and one-line styles strewn over it."""
    if isinstance(value, dict):
        value = {key: decorated(item, draw) for key, item in value.items()}
    elif isinstance(value, list):
        value = [decorated(item, draw) for item in value]
    choice = draw(st.integers(0, 5))
    if choice == 0:
        return Commented(value, above=(draw(TEXT),), beside=draw(TEXT))
    if choice == 1:
        return Flow(value)
    return value


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS)
def test_yaml_gives_back_what_was_written(document: dict[str, Any]) -> None:
    assert yaml.safe_load(render(document)) == document


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS, st.data(), st.lists(TEXT, max_size=2))
@pytest.mark.slow
def test_comments_and_styles_change_no_data(document: dict[str, Any], data: st.DataObject, remarks: list[str]) -> None:
    text = render(decorated_top(document, data.draw), header=remarks, footer=remarks)
    assert yaml.safe_load(text) == document


def decorated_top(document: dict[str, Any], draw: Any) -> dict[str, Any]:
    return {key: decorated(value, draw) for key, value in document.items()}


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
def test_our_own_reader_reads_it_too_and_finds_no_fault(document: dict[str, Any]) -> None:
    node, faults = read("written.yaml", render(document).encode())
    assert faults == []
    assert node is not None
    assert plain(node) == document


def test_the_style_is_the_one_of_the_examples() -> None:
    text = render(
        {
            "name": "shop",
            "cluster": Commented("shop", beside="made by ecsctl"),
            "instances": {"count": 2, "size": Flow({"min": 1, "max": 4})},
            "taskDefinitions": {
                "web": {
                    "containerDefinitions": [
                        {
                            "name": "web",
                            "image": "nginx:1.27",
                            "memory": Commented(256, above=("Compose sets no limit.",)),
                            "portMappings": ["8080:80"],
                            "environment": {"MODE": "on", "URL": "http://x:80/", "TAG": "${TAG:-latest}"},
                            "command": ["sh", "-c", "echo 1\necho 2\n"],
                        }
                    ]
                }
            },
        },
        header=["Written by ecsctl."],
        footer=["Not carried over:", "  line 3"],
    )
    assert text == (
        "# Written by ecsctl.\n"
        "name: shop\n"
        "cluster: shop  # made by ecsctl\n"
        "\n"
        "instances:\n"
        "  count: 2\n"
        "  size: {min: 1, max: 4}\n"
        "\n"
        "taskDefinitions:\n"
        "  web:\n"
        "    containerDefinitions:\n"
        "      - name: web\n"
        "        image: nginx:1.27\n"
        "        # Compose sets no limit.\n"
        "        memory: 256\n"
        '        portMappings: ["8080:80"]\n'
        "        environment:\n"
        '          MODE: "on"\n'
        "          URL: http://x:80/\n"
        "          TAG: ${TAG:-latest}\n"
        "        command:\n"
        "          - sh\n"
        '          - "-c"\n'
        "          - |\n"
        "            echo 1\n"
        "            echo 2\n"
        "\n"
        "# Not carried over:\n"
        "#   line 3\n"
    )


@pytest.mark.parametrize("value", [Commented(Flow([1]), beside="x"), Flow(Commented([1], beside="x"))])
def test_strip_takes_everything_off(value: Any) -> None:
    assert strip({"a": [value]}) == {"a": [[1]]}
