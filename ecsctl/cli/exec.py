"""``ecsctl exec``, ``cp`` and ``port-forward``: into a running container, without anything installed on this side."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import SERVICE, Command, pass_settings
from ecsctl.cli.settings import Settings
from ecsctl.errors import EcsctlError, ExitCode, UsageError

if TYPE_CHECKING:
    from ecsctl.actions.sessions import Session, Target
    from ecsctl.aws.session import Aws

PLUGIN = "session-manager-plugin"
CLIENTS = ("auto", "own", "plugin")

of_container = click.option("--container", metavar="NAME", help="Which container.  [default: the first essential one]")
by_client = click.option(
    "--client",
    type=click.Choice(CLIENTS),
    default="auto",
    envvar="ECSCTL_SESSION_CLIENT",
    help="ecsctl's own client (`pip install 'ecsctl[exec]'`) or session-manager-plugin.  [default: the own, if there]",
)


@click.command(cls=Command, name="exec")
@click.argument("target", type=SERVICE, metavar="TASK|SERVICE")
@click.argument("command", metavar="[-- COMMAND [ARG]...]", nargs=-1)
@of_container
@click.option("-i", "--stdin", "with_input", is_flag=True, help="Pass stdin to the command.")
@click.option("-t", "--tty", is_flag=True, help="Give the command the terminal.")
@click.option(
    "--shell/--no-shell", default=True, help="Run it under `sh`, which reports its exit code.  [default: shell]"
)
@by_client
@pass_settings
def exec_(
    settings: Settings,
    target: str,
    command: tuple[str, ...],
    container: str | None,
    with_input: bool,
    tty: bool,
    shell: bool,
    client: str,
) -> int:
    """Run a command in a running container; exits with the command's own code.

    Without a COMMAND it opens a shell on the terminal. `-it` is for commands that talk to a person, `-i` for pipes:
    `cat dump.sql | ecsctl exec -i TASK -- psql`. What ECS needs for it is checked first, and the first thing that is
    missing is named with its fix. Of a SERVICE it is the newest running task.
    """
    if not command:
        command, with_input, tty = ("/bin/sh",), True, True
    if tty and not (sys.stdin.isatty() and sys.stdout.isatty()):
        settings.note("stdin is not a terminal: the command runs without one")
        tty = False
    aws, cluster = connect(settings)
    from ecsctl.actions import sessions

    chosen, notes = sessions.choose(aws, cluster, target, container)
    for note in notes:
        settings.note(note)
    if use_plugin(client):
        return through_plugin(aws, sessions.execute(aws, chosen, sessions.plain(command)))
    code = enter(settings, aws, chosen, command, with_input=with_input, tty=tty, shell=shell)
    if code is None:
        settings.note("the session ended without the command's exit code" if shell else "its exit code is not known")
        return ExitCode.FAILED if shell else ExitCode.OK
    return code


def enter(
    settings: Settings,
    aws: Aws,
    chosen: Target,
    command: Sequence[str],
    *,
    with_input: bool,
    tty: bool,
    shell: bool = True,
    out: Callable[[bytes], Any] | None = None,
    read: Callable[[], bytes] | None = None,
) -> int | None:
    """Run a command in a container by ecsctl's own client; its exit code, None where nothing said it.

    Args:
        out: gets stdout instead of this program's.
        read: gives the input instead of this program's stdin.
    """
    from contextlib import nullcontext

    from ecsctl.actions import sessions
    from ecsctl.actions.session_client import channel, wrapping
    from ecsctl.actions.session_client.shell import Shell, raw_terminal, standard_input, writer

    mark = wrapping.new_token() if shell else None
    if mark is None:
        line = sessions.plain(command)
    elif tty:
        line = wrapping.interactive(command, mark)
    else:
        line = wrapping.piped(command, mark, with_input=with_input)
    session = sessions.execute(aws, chosen, line)
    settings.resume = None
    said = bytearray()
    err = writer(sys.stderr)
    write = out or writer(sys.stdout)

    def keep(data: bytes) -> None:
        if len(said) < 2000:
            said.extend(data[:2000])
        write(data)

    socket = channel.connect(session.url)
    shell_ = Shell(
        socket,
        session.token,
        mark,
        out=keep,
        err=err,
        read=(read or standard_input) if with_input else None,
        terminal=tty,
        cipher=_cipher(aws, session),
    )
    try:
        with raw_terminal(shell_.resize) if tty else nullcontext():
            code = shell_.run()
    finally:
        ended = shell_.channel.closing_words
        if not ended:
            sessions.end(aws, session)
        socket.close()
    if code is None and shell and not tty:
        what = said.decode("utf-8", "replace").strip() or ended
        raise EcsctlError(
            "the command could not be run, or its session ended before it did",
            details=what.splitlines()[:5],
            hint="an image without /bin/sh needs --no-shell, which reports no exit code",
        )
    return code


def _cipher(aws: Aws, session: Session) -> Callable[[str], Any]:
    def make(key: str) -> Any:
        from ecsctl.actions.session_client.encryption import KmsCipher

        return KmsCipher.of(aws, key, session.id, session.target)

    return make


def use_plugin(client: str) -> bool:
    """Whether session-manager-plugin carries the session.

    Raises:
        EcsctlError: neither client is there.
    """
    import importlib.util
    import shutil

    plugin, own = shutil.which(PLUGIN), importlib.util.find_spec("websockets")
    if client == "plugin" and not plugin:
        raise EcsctlError(f"{PLUGIN} is not on the PATH", hint="leave --client out to use ecsctl's own client")
    if client == "own" or (client == "auto" and own):
        return False
    if not plugin:
        raise EcsctlError("no session client is installed", hint=f"`pip install 'ecsctl[exec]'`, or install {PLUGIN}")
    return True


def through_plugin(aws: Aws, session: Session) -> int:
    """Hand a session over to session-manager-plugin; it knows no exit code of the command."""
    import json
    import subprocess

    endpoint = aws.client("ssm").meta.endpoint_url
    words = [PLUGIN, session.response(), aws.region, "StartSession", aws.target.profile or ""]
    words += [json.dumps({"Target": session.target}), endpoint]
    try:
        # Ctrl-C is the plugin's: it passes it on.
        import signal

        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return subprocess.run(words, env={**os.environ}).returncode
        finally:
            signal.signal(signal.SIGINT, before)
    except OSError as error:
        raise EcsctlError(f"{PLUGIN} cannot be started: {error}") from error


@click.command(cls=Command, name="port-forward")
@click.argument("target", type=SERVICE, metavar="TASK|SERVICE")
@click.argument("ports", metavar="[LOCAL:]REMOTE")
@click.option("--host", metavar="NAME", help="Forward to a host that the task can reach, such as its database.")
@click.option("--address", metavar="IP", default="127.0.0.1", help="The address to listen on.  [default: 127.0.0.1]")
@of_container
@by_client
@pass_settings
def port_forward(
    settings: Settings, target: str, ports: str, host: str | None, address: str, container: str | None, client: str
) -> int:
    """Forward a port of this machine to a task, or a host behind it.

    `8080:80` listens on 8080 and leads to port 80; `80` alone listens on 80, `:80` on any free port. Prints where it
    listens, and goes on until Ctrl-C.
    """
    local, remote = _ports(ports)
    aws, cluster = connect(settings)
    from ecsctl.actions import sessions

    chosen, notes = sessions.choose(aws, cluster, target, container)
    for note in notes:
        settings.note(note)
    if use_plugin(client):
        return through_plugin(aws, sessions.forward(aws, chosen, remote, local, host))
    import socket

    from ecsctl.actions.session_client import channel
    from ecsctl.actions.session_client.forwarding import Forwarding

    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, local))
        listener.listen(128)
    except OSError as error:
        raise EcsctlError(
            f"cannot listen on port {local} of {address}: {error.strerror}",
            hint="choose another port: `:80` picks a free one",
        ) from None
    local = listener.getsockname()[1]
    session = sessions.forward(aws, chosen, remote, local, host)
    opened = channel.connect(session.url)
    forwarding = Forwarding(opened, session.token, listener, settings.say)
    where = f"{host} port {remote} through task {chosen.task.short_id}" if host else f"port {remote}"
    settings.say(f"forwarding to {where if host else f'{where} of task {chosen.task.short_id}'}; Ctrl-C ends it")
    print(f"{address}:{local}", flush=True)
    try:
        forwarding.run()
    except KeyboardInterrupt:
        forwarding.end()
        raise
    finally:
        sessions.end(aws, session)
        opened.close()
    raise EcsctlError("the session has ended", details=[forwarding.channel.closing_words or "the other end closed it"])


def _ports(text: str) -> tuple[int, int]:
    local, colon, remote = text.rpartition(":")
    try:
        numbers = (int(local or 0) if colon else int(remote)), int(remote)
    except ValueError:
        numbers = -1, -1
    if not (0 <= numbers[0] < 65536 and 0 < numbers[1] < 65536):
        raise UsageError(f"{text!r} is not [LOCAL:]REMOTE", hint="write it as 8080:80")
    return numbers


@click.command(cls=Command)
@click.argument("source", metavar="SOURCE")
@click.argument("destination", metavar="DESTINATION")
@of_container
@pass_settings
def cp(settings: Settings, source: str, destination: str, container: str | None) -> None:
    """Copy files and folders out of a container or into it.

    TASK:/path or SERVICE:/path is there, the other path here.
    The container needs `sh` and `tar`. A folder is copied with all that is in it; what is there already is replaced.
    """
    there, here = _remote(source), _remote(destination)
    if (there is None) == (here is None):
        raise UsageError(
            "either SOURCE or DESTINATION must be TASK:/path", hint="for example `ecsctl cp TASK:/var/log .`"
        )
    aws, cluster = connect(settings)
    from ecsctl.actions import sessions
    from ecsctl.cli.copying import download, upload

    name, path = there or here or ("", "")
    chosen, notes = sessions.choose(aws, cluster, name, container)
    for note in notes:
        settings.note(note)
    if there:
        download(settings, aws, chosen, path, destination)
    else:
        upload(settings, aws, chosen, source, path)


def _remote(text: str) -> tuple[str, str] | None:
    """``TASK:/path`` taken apart; an ARN has colons of its own."""
    name, colon, path = text.rpartition(":")
    if not colon or not name or "/" in name.split("arn:")[0] or name.startswith("."):
        return None
    return name, path or "."
