"""What goes on while a plan is applied: a live display on a terminal, plain lines in a pipe."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import Any

from ecsctl.deploy.apply import Event
from ecsctl.render.terminal import colours

# How the line begins with which a wait says that nothing has changed.
HEARTBEAT = "still waiting"
DOING = {"create": "creating", "update": "changing", "replace": "replacing", "remove": "removing"}
DID = {"create": "created", "update": "changed", "replace": "replaced", "remove": "removed"}


class Progress:
    """Told of events and of lines about waits; prints to stderr, and nothing at all when ``quiet``.

    On a terminal, what is under way stands below what is done, with its time; elsewhere each thing is one line when
    it is done. Used as a context manager, so that the display ends when the work does.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.running: dict[str, float] = {}
        self.waiting = ""
        self._live: Any = None
        self._fancy = sys.stderr.isatty() and not quiet and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Progress:
        if self._fancy:
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, highlight=False)
            self._live = Live(console=console, refresh_per_second=8, transient=True, get_renderable=self._below)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self.running.clear()
            self.waiting = ""
            self._live.stop()
            self._live = None

    def event(self, event: Event) -> None:
        """A step began, ended or failed."""
        name = str(event.change.key)
        if event.phase == "started":
            self.running[f"{DOING[event.change.action]} {name}"] = time.monotonic()
            return
        began = self.running.pop(f"{DOING[event.change.action]} {name}", None)
        took = f" ({time.monotonic() - began:.1f} s)" if began is not None and time.monotonic() - began > 1 else ""
        if event.phase == "failed":
            self._print(f"failed: {event.change.action} {name}: {event.text}", "red")
        else:
            more = f" as {event.text}" if event.text else ""
            self._print(f"{DID[event.change.action]} {name}{more}{took}", "")

    def line(self, text: str) -> None:
        """What is waited for changed, or, as a sign of life, has not: a terminal shows that below, where it turns."""
        self.waiting = text
        if self._live is None or not text.startswith(HEARTBEAT):
            self._print(text, "dim")

    def _print(self, text: str, style: str) -> None:
        if self.quiet:
            return
        if self._live is not None:
            from rich.text import Text

            self._live.console.print(Text(text, style=style if colours(sys.stderr) else ""))
        else:
            print(text, file=sys.stderr, flush=True)

    def _below(self) -> Any:
        from rich.spinner import Spinner
        from rich.table import Table

        table = Table.grid(padding=(0, 1))
        now = time.monotonic()
        for text, began in list(self.running.items()):
            table.add_row(Spinner("dots"), f"{text} … {now - began:.0f} s")
        if not self.running and self.waiting:
            still = self.waiting.startswith(HEARTBEAT)
            table.add_row(Spinner("dots"), self.waiting if still else "waiting …")
        return table
