"""Steps side by side: order, failures, waits that are cut off, interrupts."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ecsctl.deploy.steps import INTERRUPTED, Step, run_steps
from ecsctl.errors import EcsctlError
from ecsctl.polling import MACHINE


def step(name: str, run: Callable[[], object] = lambda: None, *after: str, waits: bool = False) -> Step:
    return Step(name, run, frozenset(after), waits)


def fail() -> None:
    raise EcsctlError("AccessDenied")


def wait_for_long() -> None:
    MACHINE.sleep(3600)


def names(steps: list[Step]) -> list[object]:
    return [item.name for item in steps]


def test_each_begins_when_those_before_it_are_done() -> None:
    order: list[str] = []
    outcome = run_steps(
        [
            step("a", lambda: order.append("a")),
            step("b", lambda: order.append("b"), "a"),
            step("c", lambda: order.append("c"), "a", "b", "elsewhere"),
        ],
        3,
    )
    assert order == ["a", "b", "c"]
    assert [item.name for item, _ in outcome.done] == ["a", "b", "c"]


def test_a_circle_is_begun_with_the_first() -> None:
    outcome = run_steps([step("a", lambda: 1, "b"), step("b", lambda: 2, "a")], 2)
    assert [(item.name, value) for item, value in outcome.done] == [("a", 1), ("b", 2)]


def test_what_comes_after_a_failure_is_not_begun_and_the_rest_is_done() -> None:
    outcome = run_steps([step("a", fail), step("b", lambda: None, "a"), step("c", lambda: None, "b"), step("d")], 2)
    assert [item.name for item, _ in outcome.failed] == ["a"]
    assert names(outcome.skipped) == ["b", "c"]
    assert [item.name for item, _ in outcome.done] == ["d"]


def test_a_failure_is_told_at_once_and_ends_the_waits_of_other_branches() -> None:
    waiting = threading.Event()
    told: list[str] = []

    def wait() -> None:
        waiting.set()
        wait_for_long()

    def refuse() -> None:
        assert waiting.wait(60)
        fail()

    outcome = run_steps(
        [step("instances", wait, waits=True), step("service", lambda: None, "instances"), step("role", refuse)],
        3,
        failed=lambda item, error: told.append(f"{item.name}: {error.message}"),
    )
    assert told == ["role: AccessDenied"]
    assert names(outcome.skipped) == ["instances", "service"]


def test_what_changes_something_is_finished_after_a_failure() -> None:
    failed, begun = threading.Event(), threading.Event()

    def refuse() -> None:
        assert begun.wait(60)
        fail()

    def change() -> str:
        begun.set()
        assert failed.wait(60)
        # A pause of a retry, which the end of the waits must not end.
        MACHINE.sleep(0.01)
        return "changed"

    outcome = run_steps(
        [step("a", refuse), step("b", change), step("w", wait_for_long, waits=True)],
        3,
        failed=lambda item, error: failed.set(),
    )
    assert [(item.name, value) for item, value in outcome.done] == [("b", "changed")]
    assert names(outcome.skipped) == ["w"]


def test_of_two_waits_the_first_that_fails_ends_the_other() -> None:
    outcome = run_steps([step("a", wait_for_long, waits=True), step("b", fail, waits=True)], 2)
    assert [item.name for item, _ in outcome.failed] == ["b"]
    assert names(outcome.skipped) == ["a"]


def test_later_waits_of_this_process_last_again() -> None:
    run_steps([step("a", wait_for_long, waits=True), step("b", fail)], 2)
    MACHINE.sleep(0.001)


def test_an_interrupt_waits_for_what_is_under_way() -> None:
    said: list[str] = []
    release = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        release.set()

    def interrupt(item: Step) -> None:
        if item.name == "b":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_steps([step("a", lambda: release.wait(60)), step("b")], 2, begins=interrupt, report=say)
    assert said == [INTERRUPTED]
