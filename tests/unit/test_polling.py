from __future__ import annotations

import signal
import threading

import pytest

from ecsctl.polling import Progress, interrupts_kept, poll
from tests.support.clock import ManualClock


def test_it_prints_only_what_changed() -> None:
    clock, said = ManualClock(), []
    states = iter([Progress(False, lines=("a 0/2", "b 1/1")), Progress(False, lines=("a 0/2", "b 1/1")),
                   Progress(True, lines=("a 2/2", "b 1/1"))])  # fmt: skip
    waited = poll(lambda: next(states), timeout=60, report=said.append, clock=clock)
    assert waited.outcome == "done"
    assert said == ["a 0/2", "b 1/1", "a 2/2"]


def test_it_ends_at_once_when_it_cannot_succeed() -> None:
    clock = ManualClock()
    waited = poll(lambda: Progress(False, failed="no"), timeout=60, clock=clock)
    assert (waited.outcome, waited.last.failed, clock.slept) == ("failed", "no", [])


def test_it_looks_once_more_at_the_deadline_and_never_sleeps_past_it() -> None:
    clock, looks = ManualClock(), []

    def probe() -> Progress:
        looks.append(clock.monotonic())
        return Progress(False)

    waited = poll(probe, timeout=5, clock=clock)
    assert waited.outcome == "timeout"
    assert looks[-1] == pytest.approx(5.0)
    assert waited.seconds == pytest.approx(5.0)


def test_the_interval_is_jittered_by_a_fifth() -> None:
    clock = ManualClock()
    poll(lambda: Progress(False), timeout=200, clock=clock)
    steady = clock.slept[:-1]
    assert min(steady) >= 1.6
    assert max(steady) <= 2.4
    assert len(set(steady)) > 10


def test_an_interrupt_is_kept_until_the_end_of_the_block() -> None:
    ended: list[bool] = []

    def block() -> None:
        with interrupts_kept():
            signal.raise_signal(signal.SIGINT)
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        block()
    assert ended
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_block_without_an_interrupt_or_in_a_thread_changes_nothing() -> None:
    seen: list[object] = []

    def look() -> None:
        with interrupts_kept():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    look()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen[0] is not before
    assert seen[1] is before
    assert signal.getsignal(signal.SIGINT) is before
