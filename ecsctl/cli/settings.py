"""What the command line and the environment say, and the AWS door made of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from ecsctl.errors import EcsctlError, UsageError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.polling import Deadline
    from ecsctl.render.table import Column

T = TypeVar("T")


class Settings:
    """The values of the options that every command takes; one object a run.

    ``timeout`` is in seconds. A value of the command line stays when the environment names another.
    """

    def __init__(self) -> None:
        self.cluster: str | None = None
        self.stage: str | None = None
        self.region: str | None = None
        self.profile: str | None = None
        self.endpoint_url: str | None = None
        self._output: str = "table"
        self.query: str | None = None
        self.sort: str | None = None
        self.columns: str | None = None
        self.no_headers = False
        self.watch = False
        self.quiet = False
        self.debug = False
        self.sandbox = False
        self.wait = True
        self.timeout: float | None = None
        self.yes = False
        self.resume: str | None = None
        self.env_files: tuple[str, ...] = ()
        self.variables: tuple[str, ...] = ()
        self.lenient = False
        self._given: set[str] = set()
        self._aws: Aws | None = None
        self._begun = False
        self._deadline: Deadline | None = None

    def set(self, name: str, value: Any, *, on_command_line: bool) -> None:
        """Take an option's value; the environment does not overrule the command line."""
        if on_command_line:
            self._given.add(name)
        elif name in self._given:
            return
        setattr(self, name, value)

    @property
    def output(self) -> str:
        """The form of the output: ``table``, ``json``, ``yaml`` or ``text``; ``json`` where a query chooses of it."""
        if self.query is not None:
            return "json"
        return "table" if self.wide else self._output

    @output.setter
    def output(self, form: str) -> None:
        self._output = form

    @property
    def wide(self) -> bool:
        """Whether a table has all its columns, and may be wider than the terminal."""
        return self._output == "wide"

    @property
    def structured(self) -> bool:
        """Whether data is printed: JSON or YAML, or what a query chooses of it."""
        return self.output in ("json", "yaml")

    def emit(self, rows: Iterable[T], columns: Sequence[Column[T]], *, single: bool = False, **how: Any) -> None:
        """Print rows to stdout as the options say.

        Args:
            single: data is the one row itself instead of a list.
            how: what else :func:`ecsctl.render.table.emit` takes.
        """
        from ecsctl.render.table import as_data, emit

        if not self.structured:
            emit(rows, columns, self.output, **how)
            return
        data = [as_data(row, columns) for row in rows]
        self.emit_data(data[0] if single and data else data)

    def emit_data(self, data: Any) -> None:
        """Print plain data (times may be in it) to stdout as the options say.

        Raises:
            UsageError: the query does not fit the data.
        """
        from ecsctl.render.table import emit_data

        if self.query is None:
            emit_data(data, self.output)
            return
        from ecsctl.render.queried import emit_chosen

        form = self._output if self.chose("output") or self._output != "table" else "json"
        emit_chosen(self.chosen(data), "table" if form == "wide" else form)

    def emit_line(self, data: Any) -> None:
        """Print plain data as one line of JSON, what the query chooses of it."""
        from ecsctl.render.table import emit_line

        emit_line(self.chosen(data))

    def chosen(self, data: Any) -> Any:
        """What the query chooses of plain data; all of it without one.

        Raises:
            UsageError: the query does not fit the data.
        """
        if self.query is None:
            return data
        from ecsctl.aws.jmespath_query import compile_query
        from ecsctl.render.table import simplified

        try:
            return compile_query(self.query)(simplified(data))
        except ValueError as error:
            raise UsageError(f"--query {self.query!r}: {error}") from None

    @property
    def bare(self) -> bool:
        """Whether a listing prints names only: ``-q``, and no other form was asked for."""
        return self.quiet and self.output == "table"

    def chose(self, name: str) -> bool:
        """Whether the option was given on the command line itself."""
        return name in self._given

    def cluster_name(self, default: str = "default") -> str:
        """The cluster to act on (its name or ARN)."""
        return self.cluster or default

    def aws(self, *, region: str | None = None) -> Aws:
        """The door to AWS, made at the first call.

        Args:
            region: the file's region; the command line goes before it.

        Raises:
            UsageError: the endpoint is no URL, or the profile does not exist.
        """
        if self._aws is None:
            from ecsctl.aws.session import Aws
            from ecsctl.aws.target import Target

            endpoint, credentials = self.endpoint_url, None
            region = self.region or region
            if endpoint and not endpoint.startswith(("http://", "https://")):
                raise UsageError(f"--endpoint-url {endpoint!r} is not a URL", hint="write it as http://127.0.0.1:4599")
            if self.sandbox and not endpoint:
                # The one place that knows of the sandbox: from here on it is an endpoint like any other.
                from ecsctl.sandbox.control import ensure_started

                info = ensure_started(say=self.say)
                endpoint, credentials = info.endpoint, info.credentials
                region = region or info.region
            self._aws = Aws(
                Target(
                    region=region,
                    profile=None if credentials else self.profile,
                    endpoint_url=endpoint,
                    credentials=credentials,
                    debug=self.debug,
                )
            )
        if not self._begun:
            self._begun = True
            self._aws.report, self._aws.deadline = self.say, None
            if self.timeout is not None:
                self._begin(self._aws, self.timeout)
        return self._aws

    def _begin(self, aws: Aws, seconds: float) -> Deadline:
        """Let the time of the command count from now, for every call, retry and wait."""
        from ecsctl.polling import Deadline

        self._deadline = aws.deadline = Deadline.after(seconds, self.say, aws.clock)
        return self._deadline

    def deadline(self, default: float, report: Callable[[str], None] | None = None) -> Deadline:
        """Until when the command may take: ``--timeout`` after it began, or after it was confirmed.

        Args:
            default: seconds, for a command without ``--timeout``.
            report: told how waiting goes; None: stderr.
        """
        aws = self.aws()
        return replace(self._deadline or self._begin(aws, default), report=report or self.say)

    def say(self, line: str) -> None:
        """A progress line on stderr; nothing with ``--quiet``."""
        if not self.quiet:
            from ecsctl.render.terminal import broken

            print(broken(line, sys.stderr), file=sys.stderr, flush=True)

    def note(self, line: str) -> None:
        """Something the user should know, on stderr; nothing with ``--quiet``."""
        self.say(f"note: {line}")

    def progress(self) -> Callable[[str], None]:
        """Where waits report to."""
        return self.say

    def interactive(self) -> bool:
        """Whether somebody can answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str) -> bool:
        """Ask on a terminal; go on with ``--yes``.

        Returns:
            whether somebody was asked, so that time has passed since AWS was read.

        Raises:
            UsageError: nobody can be asked, and ``--yes`` was not given.
            EcsctlError: the answer was no.
        """
        if self.yes:
            return False
        if not self.interactive():
            raise UsageError(
                f"{question} Cannot ask: there is no terminal", hint="add --yes in a script; nothing was changed"
            )
        import click

        if not click.confirm(question, err=True):
            raise EcsctlError("cancelled; nothing was changed")
        if self._aws is not None and self._deadline is not None:
            self._begin(self._aws, self._deadline.seconds)
        return True

    def interrupted(self) -> str:
        """What to say after "interrupted": what goes on in AWS, and how to resume (set by the command)."""
        return f": {self.resume}" if self.resume else ""

    def recent_calls(self) -> list[dict[str, Any]]:
        """The last calls of AWS, without secrets."""
        return self._aws.recent_calls() if self._aws is not None else []

    def close(self) -> None:
        """Give connections back."""
        if self._aws is not None:
            self._aws.close()
