"""What simulated containers do by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.sandbox.interfaces import ContainerRequest, PortBinding
from ecsctl.sandbox.runtimes.simulated.program import FOREVER, Program, passes, program_of
from ecsctl.sandbox.runtimes.simulated.runtime import Responder, SimulatedRuntime


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ([], FOREVER),
        (["nginx", "-g", "daemon off;"], FOREVER),
        (["true"], Program(0.0)),
        (["/bin/false"], Program(0.0, 1)),
        (["sleep", "5"], Program(5.0)),
        (["sleep", "2m"], Program(120.0)),
        (["sleep", "infinity"], FOREVER),
        (["sleep", "soon"], FOREVER),
        (["sh", "-c", "exit 3"], Program(0.0, 3)),
        (["sh", "-c", "exit"], Program(0.0)),
        (["/bin/sh", "-ec", "echo hello > /dev/null; sleep 1; exit 300"], Program(1.0, 44)),
        (["sh", "-c", "echo hello 2>/dev/null; echo gone >> /tmp/x"], Program(0.0, lines=((0.0, "hello"),))),
        (["sh", "-c", "sleep 1 && sleep 2\nexit 7"], Program(3.0, 7)),
        (["sh", "-c", "false || sleep 4"], Program(4.0)),
        (["sh", "-c", "true || exit 9"], Program(0.0)),
        (["sh", "-c", "false && exit 9"], Program(0.0, 1)),
        (["sh", "-c", "exec sleep 6"], Program(6.0)),
        (["sh", "-c", "while true; do sleep 1; done"], FOREVER),
        (["sh", "-c", "echo 'not closed"], FOREVER),
        (["sh", "-c", "python -m http.server; exit 1"], FOREVER),
        (["sh", "-c", "exit now"], Program(0.0, 2)),
    ],
)
def test_programs(command: list[str], program: Program) -> None:
    assert program_of({"command": command}) == program
    assert program_of({"entryPoint": command[:1], "command": command[1:]}) == program


@pytest.mark.parametrize(
    ("command", "good"),
    [
        (["CMD-SHELL", "curl -f http://localhost/ || exit 1"], True),
        (["CMD-SHELL", "exit 1"], False),
        (["CMD", "false"], False),
        (["CMD", "/app/check"], True),
        (["CMD-SHELL", "test -f /ready && exit 0"], True),
        (["NONE"], True),
    ],
)
def test_health_checks(command: list[str], good: bool) -> None:
    assert passes({"command": command}) is good


def request(image: str = "busybox", **definition: Any) -> ContainerRequest:
    return ContainerRequest(
        task_arn="arn:aws:ecs:eu-west-1:123456789012:task/c/0a",
        cluster="c",
        family="f",
        revision=1,
        name="app",
        image=image,
        definition=definition,
        environment={},
        ports=(PortBinding(80, 40001),),
        network_mode="bridge",
        address="127.0.1.250",
        instance_id="i-1",
    )


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def news(runtime: SimulatedRuntime) -> list[tuple[str, Any]]:
    return [(event.kind, event.health or event.exit_code) for event in runtime.events()]


def test_a_command_ends_in_its_time() -> None:
    clock = Clock()
    runtime = SimulatedRuntime(Responder(), clock)
    runtime.launch(request(command=["sh", "-c", "sleep 20; exit 3"]))
    assert news(runtime) == [("started", None)]
    assert runtime.listens("127.0.1.250", 40001)
    clock.now += 19
    assert news(runtime) == []
    clock.now += 1
    assert news(runtime) == [("exited", 3)]
    assert not runtime.listens("127.0.1.250", 40001)


def test_what_was_stopped_or_started_again_does_not_end_twice() -> None:
    clock = Clock()
    runtime = SimulatedRuntime(Responder(), clock)
    runtime.launch(request(command=["sleep", "20"]))
    runtime.stop(request().task_arn, "app", 30.0)
    assert news(runtime) == [("started", None), ("exited", 0)]
    clock.now += 10
    runtime.launch(request(command=["sleep", "20"]))
    clock.now += 10
    assert news(runtime) == [("started", None)]
    clock.now += 10
    assert news(runtime) == [("exited", 0)]


def test_a_failing_health_check_fails_after_its_tries() -> None:
    clock = Clock()
    runtime = SimulatedRuntime(Responder(), clock)
    runtime.launch(request(healthCheck={"command": ["CMD-SHELL", "exit 1"], "retries": 2, "startPeriod": 30}))
    clock.now += 31
    assert news(runtime) == [("started", None)]
    clock.now += 1
    assert news(runtime) == [("health", "UNHEALTHY")]


def test_no_image_comes_from_nowhere() -> None:
    runtime = SimulatedRuntime(Responder())
    runtime.launch(request(image="registry.invalid:5000/web:1"))
    (event,) = runtime.events()
    assert event.kind == "failed"
    assert event.reason is not None
    assert event.reason.startswith("CannotPullContainerError")
    assert not runtime.listens("127.0.1.250", 40001)
