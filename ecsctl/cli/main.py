"""The root command: what commands there are, and the one place where errors become text and exit codes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from ecsctl import __version__
from ecsctl.cli.options import CONNECTION, Group
from ecsctl.cli.settings import Settings
from ecsctl.cli.streams import ReaderGoneError
from ecsctl.errors import EcsctlError, ExitCode, Interrupted

# name: (module in ecsctl.cli, attribute, what `ecsctl --help` says of it). The text stands here so that
# `--help` imports none of them; a test holds that it is the command's own.
COMMANDS: dict[str, dict[str, tuple[str, str, str]]] = {
    "The project (ecsctl.yaml)": {
        "init": ("init", "init", "Write an ecsctl.yaml from answers, a Compose file or a live service."),
        "validate": ("manifest", "validate", "Check the file offline: every fault with its line."),
        "plan": ("deploy", "plan", "Show what `up` would create, change and remove."),
        "diff": ("diff", "diff", "Compare the file's definitions with those of AWS."),
        "up": ("deploy", "up", "Create and update everything in the file, and print the addresses."),
        "down": ("deploy", "down", "Remove everything this project made, and nothing else."),
        "render": ("manifest", "render", "Print the definitions as they are sent to AWS."),
        "schema": ("manifest", "schema", "Print the JSON Schema of the file, for editors."),
        "explain": ("manifest", "explain", "Explain a rule of `validate` (ECS014)."),
    },
    "Clusters and instances": {
        "cluster": ("cluster", "group", "Create, list, show and delete clusters."),
        "instance": ("instance", "group", "Bootstrap, scale, list and remove container instances."),
    },
    "Tasks and services": {
        "task": ("task", "group", "Register and show task definitions; the task commands too."),
        "run": ("tasks", "run", "Run tasks of a task definition."),
        "stop": ("tasks", "stop", "Stop tasks."),
        "ps": ("tasks", "ps", "List tasks: where they run, and for how long."),
        "exec": ("exec", "exec_", "Run a command in a running container; exits with the command's own code."),
        "cp": ("exec", "cp", "Copy files and folders out of a container or into it."),
        "port-forward": ("exec", "port_forward", "Forward a port of this machine to a task, or a host behind it."),
        "logs": ("logs", "logs", "Print what tasks write, merged by time; -f follows them."),
        "wait": ("wait", "wait", "Wait until tasks or services are as they should be."),
        "locate": ("locate", "locate", "Print the address where a task answers."),
        "service": ("service", "group", "Create, deploy to, roll back, list, show, scale and delete services."),
    },
    "A local AWS": {
        "sandbox": (
            "sandbox",
            "group",
            "Run an AWS on this machine, with real containers if there is Docker.",
        ),
    },
}
ENDED_BY: dict[int, str] = {ExitCode.TERMINATED: "terminated", ExitCode.HUNG_UP: "hung up"}


class Root(Group):
    """The root group: imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for section in COMMANDS.values():
            if cmd_name in section:
                module, attribute, _ = section[cmd_name]
                command = getattr(importlib.import_module(f"ecsctl.cli.{module}"), attribute)
                assert isinstance(command, click.Command)
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, _, text) in section.items()])


@click.group(
    cls=Root,
    name="ecsctl",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(__version__, "-V", "--version", prog_name="ecsctl", message="%(prog)s %(version)s")
@click.option(
    "--sandbox",
    is_flag=True,
    envvar="ECSCTL_SANDBOX",
    help="Use the local sandbox, and start it if it does not run.  [env: ECSCTL_SANDBOX]",
)
@click.pass_context
def cli(ctx: click.Context, sandbox: bool) -> None:
    """One file to running containers on Amazon ECS, and an address that answers.

    \b
    ecsctl up              make AWS as ecsctl.yaml says
    ecsctl locate TASK     where does it run? an address that a browser can open
    ecsctl down            remove all of it again
    """
    ctx.ensure_object(Settings).sandbox = sandbox


cli.params += CONNECTION


def run(arguments: Sequence[str], settings: Settings | None = None) -> int:
    """Run ``ecsctl`` with these arguments; prints, and returns the exit code.

    Args:
        settings: what the options are written to; a caller may bring one whose AWS is already chosen.
    """
    settings = settings or Settings()
    try:
        result: Any = cli.main(list(arguments), prog_name="ecsctl", standalone_mode=False, obj=settings)
        sys.stdout.flush()
        return int(result) if isinstance(result, int) else ExitCode.OK
    except EcsctlError as error:
        say_error(error)
        return int(error.code)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return ExitCode.USAGE
    except click.UsageError as error:
        error.show(sys.stderr)
        return ExitCode.USAGE
    except click.ClickException as error:
        error.show(sys.stderr)
        return ExitCode.FAILED
    except (KeyboardInterrupt, click.Abort) as error:
        code = Interrupted.code_of(error)
        print(f"\n{ENDED_BY.get(code, 'interrupted')}{settings.interrupted()}", file=sys.stderr)
        return code
    except (ReaderGoneError, BrokenPipeError):
        return ExitCode.OK
    except Exception as error:
        from ecsctl.cli.bug_report import report_bug

        report_bug(error, arguments, settings)
        return ExitCode.BUG
    finally:
        settings.close()


def say_error(error: EcsctlError) -> None:
    """Print an error to stderr: what, the details, and the next command."""
    from ecsctl.render.terminal import broken

    print(
        _coloured("error: ", fg="red", bold=True) + broken(error.message, sys.stderr, taken=len("error: ")),
        file=sys.stderr,
    )
    for line in error.details:
        print(broken(f"  {line}", sys.stderr, indent="    "), file=sys.stderr)
    if error.hint:
        print(_coloured("hint: ", fg="cyan") + broken(error.hint, sys.stderr, taken=len("hint: ")), file=sys.stderr)


def _coloured(text: str, **style: Any) -> str:
    from ecsctl.render.terminal import colours

    return click.style(text, **style) if colours(sys.stderr) else text
