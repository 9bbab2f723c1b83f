"""The sandbox's clock: everything in it that waits, and every time that it tells, goes by this one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Clock:
    """Epoch seconds that pass faster than real ones, or only when they are told to. It never goes back.

    Args:
        speed: seconds of the sandbox in a real one; 0 stands still.
        real: the real clock, epoch seconds.

    Raises:
        ValueError: ``speed`` is negative or no number.
    """

    def __init__(self, speed: float = 1.0, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._guard = threading.Lock()
        self._speed = checked_speed(speed)
        self._since = self._base = self._last = real()

    def __call__(self) -> float:
        """Now, in epoch seconds."""
        with self._guard:
            return self._now()

    def _now(self) -> float:
        self._last = max(self._last, self._base + (self._real() - self._since) * self._speed)
        return self._last

    @property
    def speed(self) -> float:
        """Seconds of the sandbox in a real one."""
        return self._speed

    def to_dict(self) -> dict[str, float]:
        """``now``, ``speed``, and by how many seconds it is ahead of the machine's clock (``offset``)."""
        with self._guard:
            now = self._now()
            return {"now": round(now, 3), "speed": self._speed, "offset": round(now - self._real(), 3)}

    def reset(self) -> None:
        """Show the machine's own time again, at the same speed: for when nothing is left that is dated by this one."""
        with self._guard:
            self._since = self._base = self._last = self._real()

    def run(self, speed: float) -> None:
        """Go on at another speed from now.

        Raises:
            ValueError: it is negative or no number.
        """
        speed = checked_speed(speed)
        with self._guard:
            self._base, self._since = self._now(), self._real()
            self._speed = speed

    def advance(self, seconds: float) -> None:
        """Go on by so many seconds at once.

        Raises:
            ValueError: they are negative.
        """
        if not seconds >= 0:
            raise ValueError(f"the clock does not go back by {-seconds:g} s")
        with self._guard:
            self._base, self._since = self._now() + seconds, self._real()

    def catch_up(self, moment: float) -> None:
        """Go on to a time (epoch seconds), if it is not past: a saved state's, that nothing in it is in the future."""
        with self._guard:
            if moment > self._now():
                self._base, self._since = moment, self._real()


def checked_speed(speed: float) -> float:
    """A speed as the clock takes it: 0 to 100,000.

    Raises:
        ValueError: it is none.
    """
    if not 0 <= speed <= 100_000:
        raise ValueError(f"{speed:g} is no speed: it is 0 (the clock stands still) to 100000")
    return float(speed)
