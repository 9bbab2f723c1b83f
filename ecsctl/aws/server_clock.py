"""AWS's clock: the Date of its answers. Ages and waits go by it, since this machine's clock may be off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone

# HTTP gives whole seconds, and an answer takes some: a smaller difference is none.
MIN_OFFSET = timedelta(seconds=2)


class ServerClock:
    """Args:
    now: this machine's time in UTC.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> None:
        self._now = now
        self._told: tuple[str, datetime] | None = None
        self._offset = timedelta(0)

    def note(self, headers: Mapping[str, str]) -> None:
        """Take the Date of an answer that came just now."""
        told = headers.get("Date") or headers.get("date")
        if told:
            self._told = told, self._now()

    @property
    def offset(self) -> timedelta:
        """By how much AWS's clock is ahead of this machine's; 0 where no answer has come, or they agree."""
        told, self._told = self._told, None
        if told is not None:
            self._offset = _offset(*told)
        return self._offset

    def now(self) -> datetime:
        """AWS's time, in UTC."""
        return self._now() + self.offset


def _offset(text: str, then: datetime) -> timedelta:
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    # In the middle of the second that the header names.
    offset = date.replace(tzinfo=date.tzinfo or timezone.utc) + timedelta(seconds=0.5) - then
    return offset if abs(offset) >= MIN_OFFSET else timedelta(0)
