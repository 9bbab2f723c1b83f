"""Clocks for tests: no wait takes time of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from ecsctl.polling import Clock

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


class ManualClock(Clock):
    """Time that passes only while somebody sleeps on it.

    ``slept`` has the seconds of every sleep; ``then`` has what happens after so many sleeps.
    """

    def __init__(self, begin: datetime = BEGIN) -> None:
        self.begin = begin
        self.passed = 0.0
        self.slept: list[float] = []
        self.then: dict[int, Callable[[], object]] = {}
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.passed

    def now(self) -> datetime:
        return self.begin + timedelta(seconds=self.passed)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.passed += seconds
            self.slept.append(seconds)
            happens = self.then.get(len(self.slept))
        if happens:
            happens()


class ToldClock(ManualClock):
    """A manual clock that tells of each sleep: the seconds passed since the beginning."""

    def __init__(self, during: Callable[[float], None], begin: datetime = BEGIN) -> None:
        super().__init__(begin)
        self._during = during

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._during(self.passed)


class SteppedClock(ManualClock):
    """A manual clock on which every sleep takes ``step`` seconds, however long it was to be."""

    def __init__(self, step: float, begin: datetime = BEGIN) -> None:
        super().__init__(begin)
        self._step = step

    def sleep(self, seconds: float) -> None:
        super().sleep(self._step)
