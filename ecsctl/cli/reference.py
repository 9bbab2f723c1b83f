"""The command reference (docs/commands.md), generated from the live commands: ``python -m ecsctl.cli.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from ecsctl.cli.main import cli

WIDTH = 100


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below ``command`` with its path, itself first, in the order of ``--help``."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, name
            yield from walk(child, (*path, name))


def help_text(path: tuple[str, ...], command: click.Command) -> str:
    """What ``ecsctl … --help`` prints, at a fixed width."""
    context: click.Context | None = None
    for name in path[:-1]:
        context = click.Context(click.Group(name), info_name=name, parent=context)
    own = click.Context(
        command,
        info_name=path[-1],
        parent=context,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    return command.get_help(own)


def reference() -> str:
    """The whole reference as Markdown."""
    intro = (
        "# Commands\n\n"
        "Generated from `--help` by `make docs`. Every command also takes the options for the connection and the"
        " output (`--cluster` to `--debug`), before or after its name.\n"
    )
    parts = [intro]
    for path, command in walk(cli, ("ecsctl",)):
        parts.append(f"## {' '.join(path)}\n\n```text\n{help_text(path, command).rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(reference())
