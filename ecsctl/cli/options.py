"""The options that every command takes, before or after its name: one object, written by whoever names it last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ecsctl import units
from ecsctl.aws.names import require_cluster_name
from ecsctl.cli.settings import Settings
from ecsctl.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])
OUTPUTS = ("table", "wide", "json", "yaml", "text")


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    source = ctx.get_parameter_source(str(param.name))
    given = source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")
    if given:
        ctx.ensure_object(Settings).set(str(param.name), value, on_command_line=source.name == "COMMANDLINE")  # type: ignore[union-attr]
    return value


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """An option's callback: the seconds of a duration such as ``90s`` or ``10m``."""
    try:
        return None if value is None else units.duration(value)
    except ValueError as error:
        raise UsageError(f"{value!r} is not a duration", hint=str(error)) from None


def stored(*names: str, **settings: Any) -> Callable[[F], F]:
    """Give a command an option whose value lands in the settings."""
    return click.option(*names, callback=_store, expose_value=False, **settings)


def _cluster(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    if value:
        require_cluster_name(value)
    return _store(ctx, param, value)


def _stage(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    if value:
        from ecsctl.manifest.loading.stages import STAGE, STAGE_IS

        if not STAGE.fullmatch(value):
            raise UsageError(f"--stage {value!r} is not a stage's name", hint=STAGE_IS)
    return _store(ctx, param, value or None)


def _duration(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    return _store(ctx, param, duration(ctx, param, value))


def _query(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    if value is not None:
        from ecsctl.aws.jmespath_query import compile_query

        try:
            compile_query(value)
        except ValueError as error:
            raise UsageError(
                f"--query {value!r} is not a JMESPath expression: {error}",
                hint="as the aws command takes it: --query '[].task', --query \"[?lastStatus=='RUNNING'].addresses[]\"",
            ) from None
    return _store(ctx, param, value)


def _option(*names: str, **settings: Any) -> click.Option:
    settings.setdefault("callback", _store)
    return click.Option(list(names), expose_value=False, **settings)


CONNECTION: list[click.Parameter] = [
    _option(
        "-c",
        "--cluster",
        metavar="NAME",
        envvar=["ECSCTL_CLUSTER", "ECS_CLUSTER"],
        callback=_cluster,
        help="The cluster.  [env: ECSCTL_CLUSTER, ECS_CLUSTER; default: the file's, else `default`]",
    ),
    _option(
        "--stage",
        metavar="NAME",
        envvar="ECSCTL_STAGE",
        callback=_stage,
        help="The stage of the file that is meant.  [env: ECSCTL_STAGE]",
    ),
    _option("-r", "--region", metavar="REGION", help="The AWS region.  [env: AWS_REGION]"),
    _option("-p", "--profile", metavar="NAME", help="The profile of the AWS configuration.  [env: AWS_PROFILE]"),
    _option("--endpoint-url", metavar="URL", help="Call this AWS endpoint.  [env: AWS_ENDPOINT_URL]"),
    _option(
        "-o",
        "--output",
        type=click.Choice(OUTPUTS),
        envvar="ECSCTL_OUTPUT",
        help="The output's form; `wide` is a table with more columns.  [default: table]",
    ),
    _option(
        "--query",
        metavar="JMESPATH",
        callback=_query,
        help="Print only this of the data of -o json, as the aws command does.",
    ),
    _option("-q", "--quiet", is_flag=True, help="Print only bare values, and no progress."),
    _option("--debug", is_flag=True, help="Show every AWS call, and the traceback of a bug."),
]


class Named(click.types.StringParamType):
    """The name of a service or a family: in a stage also the key of the file, which stands for its name there."""

    def __init__(self, section: str) -> None:
        self.section = section


SERVICE, FAMILY = Named("services"), Named("taskDefinitions")


class Command(click.Command):
    """A command that takes the connection options besides its own, which go before those of the same name."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        own = {option for param in self.params for option in param.opts}
        self.params = [*self.params, *(param for param in CONNECTION if not own & set(param.opts))]

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, with the names that things have in the stage."""
        settings = ctx.find_object(Settings)
        if settings is not None and settings.stage:
            from ecsctl.cli.context import in_stage

            for param in self.params:
                if isinstance(param.type, Named) and ctx.params.get(str(param.name)):
                    ctx.params[str(param.name)] = in_stage(settings, param.type.section, ctx.params[str(param.name)])
        return super().invoke(ctx)


class Group(click.Group):
    """A group whose commands and groups are ours."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest name where there is no such command."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            if args and error.message.startswith("No such command"):
                near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
                known = f"did you mean {near[0]!r}?" if near else f"`{ctx.command_path} --help` lists them."
                raise click.UsageError(f"No such command {args[0]!r}: {known}", ctx) from None
            raise


Group.group_class = Group


def waits(default: str, *, skippable: bool = True) -> Callable[[F], F]:
    """Give a command ``--wait/--no-wait`` and ``--timeout`` (seconds land in ``Settings.timeout``).

    Args:
        skippable: False: it has to wait in order to go on, so there is ``--timeout`` only.
    """

    def decorate(function: F) -> F:
        function = click.option(
            "--timeout",
            metavar="DURATION",
            callback=_duration,
            expose_value=False,
            help=f"How long to wait, for example 90s or 10m.  [default: {default}]",
            default=default,
        )(function)
        if not skippable:
            return function
        return click.option(
            "--wait/--no-wait",
            default=True,
            callback=_store,
            expose_value=False,
            help="Wait until it is done.  [default: wait]",
        )(function)

    return decorate


def confirms(function: F) -> F:
    """Give a command ``-y/--yes``."""
    return click.option(
        "-y", "--yes", is_flag=True, callback=_store, expose_value=False, help="Do not ask for confirmation."
    )(function)


def named(function: F) -> F:
    """Give a command of the sandbox ``--name``."""
    return click.option(
        "--name",
        metavar="NAME",
        envvar="ECSCTL_SANDBOX_NAME",
        help="Which sandbox; several run side by side.  [env: ECSCTL_SANDBOX_NAME; default: default]",
    )(function)


def running_tasks(function: F) -> F:
    """Give a command ``--service`` and ``--family``: the running tasks of one."""
    function = click.option(
        "--family", type=FAMILY, metavar="NAME", help="The running tasks of this task definition family."
    )(function)
    return click.option("--service", type=SERVICE, metavar="NAME", help="The running tasks of this service.")(function)


def reads_definitions(function: F) -> F:
    """Give a command ``--set``, ``--env-file`` and ``--lenient``: how the definitions that it reads are taken."""
    function = click.option(
        "--lenient",
        is_flag=True,
        callback=_store,
        expose_value=False,
        help="Unknown keys are warnings only, and left out.",
    )(function)
    function = click.option(
        "--set",
        "variables",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_store,
        expose_value=False,
        help="Set a variable of the definition's templates (repeatable).",
    )(function)
    return click.option(
        "--env-file",
        "env_files",
        multiple=True,
        metavar="FILE",
        callback=_store,
        expose_value=False,
        help="Read variables of the templates; the environment's go before them (repeatable).",
    )(function)


def from_file(function: F) -> F:
    """Give a command ``-f/--file`` (repeatable), passed as ``files``, and what ``reads_definitions`` gives."""
    return click.option(
        "-f",
        "--file",
        "files",
        multiple=True,
        metavar="FILE",
        envvar="ECSCTL_FILE",
        help="The definition; repeat it to overlay; `-` is stdin.  [env: ECSCTL_FILE; default: ecsctl.yaml]",
    )(reads_definitions(function))


pass_settings = click.make_pass_decorator(Settings, ensure=True)
