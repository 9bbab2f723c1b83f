"""How listings are chosen, sorted, and made to fit: the same options on every listing command."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.support.command import ecsctl
from tests.support.world import World, task_id

NOW = datetime.now(timezone.utc)
WEB = {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 8080, "protocol": "tcp"}


@pytest.fixture
def world() -> World:
    world = World()
    on = [world.instance(9), world.instance(10)]
    world.task(1, on=on[1], ports=[WEB], family="zebra", group="service:web", startedAt=NOW - timedelta(hours=3))
    world.task(2, on=on[0], ports=[WEB], family="alpha", group="service:db", startedAt=NOW - timedelta(minutes=2))
    world.task(3, on=on[0], family="mole-with-a-rather-long-name", startedBy="somebody", startedAt=NOW)
    return world


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_table_fits_the_terminal(world: World, columns: int) -> None:
    ended = ecsctl(world.aws(), "ps", "-c", "web", columns=columns)
    assert max(map(len, ended.lines)) <= columns
    assert ended.lines[0].split()[0] == "TASK"
    assert "STATUS" in ended.lines[0]
    assert ("CONTAINERS" in ended.lines[0]) == (columns == 200)
    assert len(ended.lines) == 4


def test_a_pipe_and_wide_are_never_cut(world: World) -> None:
    piped = ecsctl(world.aws(), "ps", "-c", "web")
    assert "mole-with-a-rather-long-name:1  mole-with-a-rather-long-name" in piped.out
    wide = ecsctl(world.aws(), "ps", "-c", "web", "-o", "wide", columns=60)
    assert "STARTED BY" in wide.lines[0]
    assert "STARTED BY" not in piped.lines[0]
    assert any("mole-with-a-rather-long-name:1" in line and "somebody" in line for line in wide.lines)


def test_wide_gives_way_to_another_form_of_the_command_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECSCTL_OUTPUT", "wide")
    assert "ZONE" in ecsctl(world.aws(), "ps", "-c", "web").lines[0]
    assert "ZONE" not in ecsctl(world.aws(), "ps", "-c", "web", "-o", "table").lines[0]
    assert len(ecsctl(world.aws(), "ps", "-c", "web", "-o", "json").json) == 3


@pytest.mark.parametrize(
    ("by", "families"),
    [
        ("definition", ["alpha", "mole-with-a-rather-long-name", "zebra"]),
        ("-definition", ["zebra", "mole-with-a-rather-long-name", "alpha"]),
        ("age", ["mole-with-a-rather-long-name", "alpha", "zebra"]),
        (".startedAt", ["zebra", "alpha", "mole-with-a-rather-long-name"]),
        # 9 comes before 10, and what has no address comes last both ways round.
        ("address", ["alpha", "zebra", "mole-with-a-rather-long-name"]),
        ("-ADDRESS", ["zebra", "alpha", "mole-with-a-rather-long-name"]),
    ],
)
def test_rows_are_sorted_by_a_column_in_every_form(world: World, by: str, families: list[str]) -> None:
    ended = ecsctl(world.aws(), "ps", "-c", "web", "--sort", by, "-o", "json")
    assert [row["family"] for row in ended.json] == families
    bare = ecsctl(world.aws(), "ps", "-c", "web", "--sort-by", by, "-q")
    assert bare.lines == [row["task"] for row in ended.json]


def test_columns_are_chosen_by_heading_or_key(world: World) -> None:
    chosen = ["ps", "-c", "web", "--columns", "startedBy,family,TASK"]
    ended = ecsctl(world.aws(), *chosen, "--sort", "task", columns=20)
    assert ended.lines[0].split() == ["STARTED", "BY", "FAMILY", "TASK"]
    assert ended.lines[3].split() == ["somebody", "mole-with-a-rather-long-name", task_id(3)[:8]]
    assert list(ecsctl(world.aws(), *chosen, "-o", "json").json[0]) == ["startedBy", "family", "task"]
    text = ecsctl(world.aws(), *chosen, "-o", "text", "--sort", "task").lines
    assert text[2] == f"somebody\tmole-with-a-rather-long-name\t{task_id(3)[:8]}"


def test_headings_can_be_left_out_of_every_listing(world: World) -> None:
    world.definitions["alpha"] = {"family": "alpha"}
    for command in (["ps"], ["cluster", "list"], ["instance", "list"], ["task", "definitions"], ["locate", "-otable"]):
        whole = ecsctl(world.aws(), *command, "-c", "web").lines
        assert ecsctl(world.aws(), *command, "-c", "web", "--no-headers").lines == whole[1:], command
        assert len(whole) > 1, command


@pytest.mark.parametrize("option", ["--sort", "--columns"])
def test_an_unknown_column_is_told_with_those_that_there_are(world: World, option: str) -> None:
    for command in (["ps"], ["cluster", "list"], ["instance", "list"], ["service", "list"], ["locate"]):
        aws = world.aws()
        ended = ecsctl(aws, *command, "-c", "web", option, "nope")
        assert (ended.code, ended.out) == (2, ""), command
        assert "there is no column 'nope'" in ended.err
        assert "the columns are" in ended.err
    assert "did you mean 'status'?" in ecsctl(world.aws(), "ps", "-c", "web", option, "statsu").err
    assert ecsctl(world.aws(), "ps", "-c", "web", "--columns", ",").code == 2


def test_locate_sorts_bare_addresses_too(world: World) -> None:
    assert ecsctl(world.aws(), "locate", "-c", "web", "--sort", "-address").lines == [
        "198.51.100.10:8080",
        "198.51.100.9:8080",
    ]


def test_what_only_reads_needs_nothing_else_of_the_file(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ECSCTL_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ecsctl.yaml").write_text("name: ${UNSET_WORD}\nnonsense: {a: ${B}}\nservices: [x]\n")
    for command in (["ps"], ["locate"], ["service", "list"], ["instance", "list"], ["cluster", "show"]):
        ended = ecsctl(world.aws(), *command, "-c", "web")
        assert (ended.code, "UNSET_WORD" in ended.err) == (0, False), (command, ended.err)
    ended = ecsctl(world.aws(), "ps")
    assert ended.code == 2
    assert "the variable UNSET_WORD is not set" in ended.err


def test_reasons_break_between_words(world: World) -> None:
    reason = "the container failed its health checks again and again and was therefore stopped by the service"
    world.task(4, status="STOPPED", family="alpha", stoppedReason=reason, stoppedAt=NOW)
    ended = ecsctl(world.aws(), "ps", "-a", "-c", "web", columns=80)
    assert max(map(len, ended.lines)) <= 80
    told = " ".join(word for line in ended.lines for word in line.split())
    assert all(word in told for word in reason.split())
