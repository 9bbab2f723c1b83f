"""Look again and again: what a reading sees, and what is different from the look before."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ecsctl.aws.failures import is_temporary
from ecsctl.errors import EcsctlError
from ecsctl.polling import INTERVAL, Clock

T = TypeVar("T")
ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"
# Seconds between two looks while AWS refuses or does not answer: they grow up to this.
MAX_PAUSE = 30.0


def looks(
    read: Callable[[], T],
    clock: Clock,
    note: Callable[[str], None],
    *,
    interval: Callable[[], float] = lambda: INTERVAL,
    patient: bool = False,
) -> Iterator[T]:
    """What ``read`` gives, for ever, with pauses of ``interval`` seconds.

    A throttle or an outage is noted, once for each message, and looked past; the pauses grow meanwhile.

    Args:
        patient: also where it is the first look that fails.

    Raises:
        EcsctlError: the first look fails, or one does for a reason that does not pass.
    """
    first, told, pause = True, "", INTERVAL
    while True:
        try:
            seen = read()
        except EcsctlError as error:
            if (first and not patient) or not is_temporary(error):
                raise
            if error.message != told:
                note(f"{error.message}; trying again")
            told, pause = error.message, min(pause * 2, MAX_PAUSE)
        else:
            first, told, pause = False, "", INTERVAL
            yield seen
            clock.sleep(interval())
            continue
        clock.sleep(pause)


@dataclass(frozen=True)
class Event(Generic[T]):
    """A difference between two looks: ``type`` is ``ADDED``, ``MODIFIED`` or ``DELETED``, as in Kubernetes' watches."""

    type: str
    row: T


class Changes(Generic[T]):
    """Tells what is different from the look before.

    Args:
        key: tells rows apart.
        content: what a row is compared by.
    """

    def __init__(self, key: Callable[[T], Hashable], content: Callable[[T], Any]) -> None:
        self._key = key
        self._content = content
        self._known: dict[Hashable, tuple[Any, T]] = {}

    def since_last(self, rows: Iterable[T]) -> Sequence[Event[T]]:
        """The events of a look: its rows in their order, then those that have gone."""
        events: list[Event[T]] = []
        now: dict[Hashable, tuple[Any, T]] = {}
        for row in rows:
            key, content = self._key(row), self._content(row)
            if key in now:
                continue
            now[key] = (content, row)
            before = self._known.get(key)
            if before is None:
                events.append(Event(ADDED, row))
            elif before[0] != content:
                events.append(Event(MODIFIED, row))
        events += [Event(DELETED, row) for key, (_, row) in self._known.items() if key not in now]
        self._known = now
        return events
