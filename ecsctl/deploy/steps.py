"""Steps side by side: each begins when those it comes after are done; what failed stops what comes after it.

A failure is told at once. What is under way then is finished, and steps that only wait are cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from ecsctl.errors import EcsctlError
from ecsctl.polling import Stopped, interrupts_kept, stop_waiting, wait_again

# The main thread looks up this often, so that Ctrl-C is heard while workers wait.
POLL_SECONDS = 0.2
INTERRUPTED = "interrupted: waiting for the calls under way; press Ctrl-C again to leave at once"


@dataclass(frozen=True)
class Step:
    """One thing to run in a thread of its own.

    ``after`` names the steps that come first, where they are among those that are run. ``only_waits``: it changes
    nothing, so it is cut off when another one failed.
    """

    name: Hashable
    run: Callable[[], Any]
    after: frozenset[Hashable] = frozenset()
    only_waits: bool = False


@dataclass
class Outcome:
    """What came of the steps. ``skipped`` were not begun or cut off, since another one failed."""

    done: list[tuple[Step, Any]] = field(default_factory=list)
    failed: list[tuple[Step, EcsctlError]] = field(default_factory=list)
    skipped: list[Step] = field(default_factory=list)


def run_steps(
    steps: Sequence[Step],
    workers: int,
    *,
    begins: Callable[[Step], None] = lambda step: None,
    ended: Callable[[Step, Any], None] = lambda step, value: None,
    failed: Callable[[Step, EcsctlError], None] = lambda step, error: None,
    report: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Run steps, which are in order: one that comes after a later one does not wait for it.

    Args:
        begins, ended, failed: told of each step, from the caller's thread.
        report: told of what an interrupt waits for.

    Raises:
        KeyboardInterrupt: interrupted; calls that were under way have been waited for.
    """
    pool = ThreadPoolExecutor(workers)
    run = _Run(pool, steps, begins, ended, failed)
    try:
        run.all()
    except KeyboardInterrupt:
        # No `finally` that waits: a second Ctrl-C may come at any line below, and must lead straight out.
        stop_waiting()
        pool.shutdown(wait=False, cancel_futures=True)
        if run.running:
            report(INTERRUPTED)
            # What was cancelled before it began counts for `wait` as never done.
            begun = [future for future in run.running if not future.cancelled()]
            while wait(begun, timeout=POLL_SECONDS).not_done:
                pass
        wait_again()
        raise
    except BaseException:
        stop_waiting()
        pool.shutdown(cancel_futures=True)
        wait_again()
        raise
    pool.shutdown()
    return run.outcome


class _Run:
    def __init__(
        self,
        pool: ThreadPoolExecutor,
        steps: Sequence[Step],
        begins: Callable[[Step], None],
        ended: Callable[[Step, Any], None],
        failed: Callable[[Step, EcsctlError], None],
    ) -> None:
        self.pool = pool
        self.places = {step.name: place for place, step in enumerate(steps)}
        self.waiting = {step.name: step for step in steps}
        self.begins, self.ended, self.failed = begins, ended, failed
        self.outcome = Outcome()
        self.bad: set[Hashable] = set()
        self.running: dict[Future[Any], Step] = {}

    def all(self) -> None:
        while self.waiting or self.running:
            for step in list(self.waiting.values()):
                self._begin_if_ready(step)
            if self.outcome.failed and all(step.only_waits for step in self.running.values()):
                self._cut_off()
            for future in self._some_that_ended():
                self._end(self.running.pop(future), future)

    def _begin_if_ready(self, step: Step) -> None:
        # What comes later in the order is not waited for: that would be a circle.
        place = self.places[step.name]
        first = {name for name in step.after if self.places.get(name, len(self.places)) < place}
        if first & self.bad or (step.only_waits and self.outcome.failed):
            self._skip(self.waiting.pop(step.name))
        elif not first & (self.waiting.keys() | {item.name for item in self.running.values()}):
            del self.waiting[step.name]
            self.begins(step)
            with interrupts_kept():
                self.running[self.pool.submit(step.run)] = step

    def _skip(self, step: Step) -> None:
        self.bad.add(step.name)
        self.outcome.skipped.append(step)

    def _some_that_ended(self) -> list[Future[Any]]:
        finished: set[Future[Any]] = set()
        while self.running and not finished:
            with interrupts_kept():
                finished, _ = wait(self.running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        return list(finished)

    def _end(self, step: Step, future: Future[Any]) -> None:
        try:
            value = future.result()
        except EcsctlError as error:
            self.bad.add(step.name)
            self.outcome.failed.append((step, error))
            self.failed(step, error)
            return
        self.outcome.done.append((step, value))
        self.ended(step, value)

    def _cut_off(self) -> None:
        """End the waits that are all that still runs."""
        if not self.running:
            return
        stop_waiting()
        with interrupts_kept():
            wait(self.running)
        wait_again()
        for future in list(self.running):
            step = self.running.pop(future)
            if isinstance(future.exception(), Stopped):
                self._skip(step)
            else:
                self._end(step, future)
