"""The one place that sleeps: polling with a deadline.

``poll`` asks a probe until it says done, until it says that it cannot succeed, or until the deadline. The clock is an
argument, so that tests take no time.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import FrameType
from typing import Any

from ecsctl.errors import SIGNALS, Interrupted

INTERVAL = 2.0
JITTER = 0.2


_stopping = threading.Event()


class Stopped(KeyboardInterrupt):
    """A wait in a worker thread ended because the run was interrupted."""


def pause(seconds: float) -> None:
    """Sleep for that many seconds.

    Raises:
        Stopped: the run is interrupted (see :func:`stop_waiting`).
    """
    if _stopping.wait(seconds):
        raise Stopped


class Clock:
    """The time by which waits go: this machine's. Tests bring another one, on which a wait takes no time."""

    def monotonic(self) -> float:
        """Seconds that only grow, to measure by."""
        return time.monotonic()

    def now(self) -> datetime:
        """The time of day, to compare with what AWS says."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds.

        Raises:
            Stopped: the run is interrupted (see :func:`stop_waiting`).
        """
        pause(seconds)


MACHINE = Clock()


def stop_waiting() -> None:
    """End every pause of this process, now and until :func:`wait_again`: Ctrl-C reaches the main thread only."""
    _stopping.set()


def wait_again() -> None:
    """Let pauses last again, once the threads that were to be ended have ended."""
    _stopping.clear()


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Keep what would interrupt until the end of the block, which must be short.

    For what takes locks of its own: an interrupt between two of its lines leaves them taken, and whoever waits for
    them waits forever.

    Raises:
        KeyboardInterrupt: at the end of the block, where one came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *SIGNALS)}
    came: list[int] = []

    def keep(number: int, frame: FrameType | None) -> None:
        came.append(number)

    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, keep)
    try:
        yield
    finally:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt if came[0] == signal.SIGINT else Interrupted(came[0])


@dataclass(frozen=True)
class Progress:
    """What a probe saw.

    ``done``: nothing more to wait for. ``failed``: it cannot succeed any more, and why (the wait ends at once).
    ``lines``: the state in words, one line a subject; only lines that changed are printed. ``value``: the result.
    """

    done: bool
    failed: str | None = None
    lines: tuple[str, ...] = ()
    value: Any = None
    causes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Waited:
    """How a wait ended: ``outcome`` is ``done``, ``failed`` or ``timeout``; ``last`` is the last that was seen."""

    outcome: str
    last: Progress
    seconds: float


def quiet(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Deadline:
    """Until when something may take, whatever it is made of, and who is told how it goes (from any thread).

    ``at`` is a time of ``clock``; ``seconds`` is how long it was in the beginning, for messages. Whoever waits under it
    sleeps by ``sleep``.
    """

    at: float
    seconds: float
    report: Callable[[str], None] = quiet
    clock: Clock = MACHINE

    @classmethod
    def after(cls, seconds: float, report: Callable[[str], None] = quiet, clock: Clock = MACHINE) -> Deadline:
        """The deadline in that many seconds from now."""
        return cls(clock.monotonic() + seconds, seconds, report, clock)

    def left(self) -> float:
        """How many seconds are left; 0 where it has passed."""
        return max(0.0, self.at - self.clock.monotonic())


def poll(
    probe: Callable[[], Progress],
    *,
    timeout: float,
    report: Callable[[str], None] = lambda line: None,
    clock: Clock = MACHINE,
    interval: float = INTERVAL,
) -> Waited:
    """Ask ``probe`` every ``interval`` seconds (with 20% jitter) until it ends or ``timeout`` seconds have passed.

    Args:
        probe: looks once; its exceptions pass through.
        timeout: seconds; with 0 it looks exactly once.
        report: gets each line of :attr:`Progress.lines` that the look before did not have.

    Returns:
        how it ended; the caller makes the error of it, since only it knows the cause.
    """
    start = clock.monotonic()
    seen: set[str] = set()
    while True:
        progress = probe()
        for line in progress.lines:
            if line not in seen:
                report(line)
        seen = set(progress.lines)
        passed = clock.monotonic() - start
        if progress.failed is not None:
            return Waited("failed", progress, passed)
        if progress.done:
            return Waited("done", progress, passed)
        left = timeout - passed
        if left <= 0:
            return Waited("timeout", progress, passed)
        clock.sleep(min(interval * random.uniform(1 - JITTER, 1 + JITTER), left))
