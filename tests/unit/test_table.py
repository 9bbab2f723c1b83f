from __future__ import annotations

import io
import json

import pytest
import yaml

from ecsctl.render.table import Column, emit

COLUMNS: list[Column[dict]] = [
    Column("NAME", "name", lambda row: row["name"]),
    Column("PORTS", "ports", lambda row: row.get("ports", [])),
    Column("NOTE", "note", lambda row: row.get("note"), table=False),
]
ROWS = [{"name": "web", "ports": [80, 443], "note": "x"}, {"name": "日本", "ports": []}]


def shown(output: str, rows: list[dict] = ROWS, **options: object) -> str:
    stream = io.StringIO()
    emit(rows, COLUMNS, output, stream=stream, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def test_tables_are_aligned_by_what_the_terminal_shows() -> None:
    assert shown("table") == "NAME  PORTS\nweb   80,443\n日本  -\n"


def test_json_and_yaml_have_the_same_data() -> None:
    data = json.loads(shown("json"))
    assert data == [{"name": "web", "ports": [80, 443], "note": "x"}, {"name": "日本", "ports": [], "note": None}]
    assert yaml.safe_load(shown("yaml")) == data


def test_text_is_for_cut_and_awk() -> None:
    assert shown("text") == "web\t80,443\n日本\t-\n"


def test_an_empty_table_says_so_on_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("table", [], empty="no tasks run here") == ""
    assert capsys.readouterr().err == "no tasks run here\n"
    assert shown("json", []) == "[]\n"


def test_one_row_can_stand_alone() -> None:
    assert json.loads(shown("json", ROWS[:1], single=True))["name"] == "web"
