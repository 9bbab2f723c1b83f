"""The injected faults, and how often each of them was triggered."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ecsctl.sandbox.faults.kinds import COMMON, kind_of


@dataclass
class Fault:
    """An injected fault. ``times`` None: until it is cleared. Times are in seconds of the sandbox's clock."""

    id: str
    kind: str
    fields: dict[str, Any]
    added_at: float
    times: int | None = None
    nth: int = 1
    until: float | None = None
    matches: int = 0
    triggered: int = 0
    # What it holds, by name, and since or until when; None for what it has let pass.
    taken: dict[str, Any] = field(default_factory=dict)

    def trigger(self) -> bool:
        """Count a match; whether it triggers the fault."""
        self.matches += 1
        if self.matches < self.nth or self.exhausted:
            return False
        self.triggered += 1
        return True

    def knows(self, name: str) -> bool:
        """Whether that has been a match already."""
        return name in self.taken

    def holds(self, name: str) -> bool:
        """Whether it was triggered by that, and still holds it."""
        return self.taken.get(name) is not None

    @property
    def exhausted(self) -> bool:
        """Whether it was triggered as often as it may be."""
        return self.times is not None and self.triggered >= self.times

    def expired(self, now: float) -> bool:
        """Whether its time has passed."""
        return self.until is not None and now >= self.until

    def selects(self, **facts: str | None) -> bool:
        """Whether what has these facts is meant: every pattern that the fault has matches the fact of its name."""
        return all(
            fnmatch.fnmatchcase((facts[name] or "").lower(), str(self.fields[name]).lower())
            for name in facts
            if name in self.fields
        )

    def to_dict(self, now: float) -> dict[str, Any]:
        """As the API and the command line show it."""
        state = "expired" if self.expired(now) else "exhausted" if self.exhausted else "active"
        told = {"id": self.id, "kind": self.kind, **self.fields, "times": self.times, "nth": self.nth}
        if self.until is not None:
            told["secondsLeft"] = round(max(0.0, self.until - now), 1)
        return {**told, "state": state, "matches": self.matches, "triggered": self.triggered}


class FaultRegistry:
    """Holds the injected faults. Any thread may ask it.

    Args:
        clock: the sandbox's, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.guard = threading.RLock()
        self._faults: dict[str, Fault] = {}
        self._number = 0
        # Set where the saved state is to follow.
        self.changed = False

    def add(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Inject a fault; as :meth:`to_dict` shows it.

        Args:
            given: ``kind``, its fields, and perhaps ``times``, ``nth`` and ``for`` (seconds).

        Raises:
            FaultError: that is no fault.
        """
        kind = kind_of(given.get("kind"))
        common = {field.name: field.checked(given[field.name]) for field in COMMON if given.get(field.name) is not None}
        own = {name: value for name, value in given.items() if name != "kind" and name not in {f.name for f in COMMON}}
        nth = common.get("nth", 1)
        times = common.get("times", 1 if "nth" in common else kind.times)
        now = self._clock()
        with self.guard:
            fields = kind.checked(own)
            self._number += 1
            until = now + common["for"] if "for" in common else None
            fault = Fault(f"{kind.name}-{self._number}", kind.name, fields, now, times, nth, until)
            self._faults[fault.id] = fault
            self.changed = True
            return fault.to_dict(now)

    def to_dict(self) -> list[dict[str, Any]]:
        """All faults that were not cleared, oldest first."""
        now = self._clock()
        with self.guard:
            return [fault.to_dict(now) for fault in self._faults.values()]

    def clear(self, ids: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Remove faults, all of them where none is named; those removed.

        Raises:
            KeyError: one is not there; then none is removed.
        """
        now = self._clock()
        with self.guard:
            wanted = list(dict.fromkeys(ids)) or list(self._faults)
            for name in wanted:
                if name not in self._faults:
                    raise KeyError(name)
            self.changed = True
            return [self._faults.pop(name).to_dict(now) for name in wanted]

    def standing(self, *kinds: str) -> list[Fault]:
        """The faults of these kinds that still have an effect, exhausted ones too, oldest first."""
        if not self._faults:
            return []
        now = self._clock()
        with self.guard:
            return [fault for fault in self._faults.values() if fault.kind in kinds and not fault.expired(now)]

    def triggers(self, fault: Fault) -> bool:
        """Count a match of a fault; whether it is triggered."""
        with self.guard:
            self.changed = True
            return fault.trigger()

    def take(self, fault: Fault, name: str, time: float = 0.0) -> bool:
        """Whether a fault holds what has this name; seen for the first time, it counts as a match."""
        with self.guard:
            if not fault.knows(name):
                fault.taken[name] = time if fault.trigger() else None
                self.changed = True
            return fault.holds(name)

    def dump(self) -> dict[str, Any]:
        """The registry as plain data, for :meth:`load`."""
        with self.guard:
            return {"number": self._number, "faults": [asdict(fault) for fault in self._faults.values()]}

    def load(self, data: Mapping[str, Any]) -> None:
        """Take over what :meth:`dump` gave."""
        with self.guard:
            self._number = int(data.get("number", 0))
            self._faults = {item["id"]: Fault(**item) for item in data.get("faults", ())}
