"""Every command and every option says what it does, and the written reference is what --help prints."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from ecsctl.cli.main import COMMANDS, cli
from ecsctl.cli.reference import reference, rules, walk
from ecsctl.manifest.shorthands.table import markdown

ROOT = Path(__file__).parents[2]
ALL = list(walk(cli, ("ecsctl",)))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_and_option_has_help(path: tuple[str, ...], command: click.Command) -> None:
    assert command.help
    assert command.help.strip()
    silent = [param.name for param in command.params if isinstance(param, click.Option) and not param.help]
    assert silent == []


def test_the_root_help_says_what_the_commands_say() -> None:
    context = click.Context(cli)
    for section in COMMANDS.values():
        for name, (_, _, text) in section.items():
            command = cli.get_command(context, name)
            assert command is not None
            assert command.get_short_help_str(limit=200) == text, name


def test_the_written_reference_is_the_live_help() -> None:
    written = (ROOT / "docs" / "commands.md").read_text()
    assert written == reference(), "run `make docs`"


def test_the_written_rules_are_the_live_ones() -> None:
    assert (ROOT / "docs" / "rules.md").read_text() == rules(), "run `make docs`"


def test_the_readme_has_every_shorthand() -> None:
    assert markdown() in (ROOT / "README.md").read_text()


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    missing = [
        " ".join(path[1:])
        for path, command in ALL
        if len(path) > 1 and not isinstance(command, click.Group) and not named(readme, path)
    ]
    assert missing == []


def named(text: str, path: tuple[str, ...]) -> bool:
    # The table of the README writes a group once: "`cluster create` `list` `show` `delete`".
    lines = [line for line in text.splitlines() if f"`{path[1]}" in line]
    return any(f"`{' '.join(path[1:])}" in line or (len(path) > 2 and f"`{path[-1]}" in line) for line in lines)
