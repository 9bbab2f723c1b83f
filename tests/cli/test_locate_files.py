"""``locate --format``, ``--template``: a file that follows the tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ended, ecsctl
from tests.support.fake_aws import FakeAws, refused
from tests.support.world import World

PORT = {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 8080, "protocol": "tcp"}
NGINX = "upstream svc {\n    server 198.51.100.%d:8080;\n}\n"


@pytest.fixture
def world() -> World:
    world = World()
    world.task(1, on=world.instance(1), ports=[PORT], group="service:svc")
    world.services["web"].append({"serviceArn": "x:service/web/svc", "serviceName": "svc", "status": "ACTIVE"})
    return world


def locate(aws: FakeAws, *arguments: str, steps: list[Callable[[], Any]] | None = None) -> Ended:
    """Run it; before each further look the next step happens, and after the last one comes Ctrl-C."""
    left = iter(steps or [])

    def during(passed: float) -> None:
        try:
            step = next(left)
        except StopIteration:
            raise KeyboardInterrupt from None
        step()

    return ecsctl(aws, "locate", "-c", "web", *arguments, during=during)


def nothing() -> None:
    """A look without a change."""


def moved(world: World, number: int) -> Callable[[], Any]:
    """The service's task is replaced by another one on another instance."""

    def step() -> None:
        world.tasks["web"].clear()
        world.task(number, on=world.instance(number), ports=[PORT], group="service:svc")

    return step


def test_a_format_is_printed_once(world: World) -> None:
    assert locate(world.aws(), "--format", "nginx").out == NGINX % 1
    assert locate(world.aws(), "--format", "nginx", "-w", "--once").code == 0
    world.tasks["web"].clear()
    assert locate(world.aws(), "--service", "svc", "--format", "nginx").out == (
        "upstream svc {\n    server 127.0.0.1:1 down;\n}\n"
    )


def test_a_file_follows_the_tasks_and_a_command_is_run(world: World, tmp_path: Path) -> None:
    out, ran = tmp_path / "svc.conf", tmp_path / "ran"
    command = f'cat "$ECSCTL_OUT" >> {ran}; echo reloaded'
    steps = [nothing, moved(world, 2), nothing, nothing, moved(world, 3), nothing, nothing]
    ended = locate(world.aws(), "--format", "nginx", "-w", "--out", str(out), "--exec", command, steps=steps)
    assert ended.code == 130
    assert out.read_text() == NGINX % 3
    assert ran.read_text() == NGINX % 1 + NGINX % 2 + NGINX % 3
    assert (ended.out, ended.err.count("reloaded")) == ("", 3)
    assert f"interrupted: {out} stays as it is" in ended.err


def test_throttles_and_outages_leave_the_last_good_file(world: World, tmp_path: Path) -> None:
    aws, out = world.aws(), tmp_path / "svc.conf"
    works = aws.answers["ecs:DescribeTasks"]

    def fails(code: str) -> Callable[[], Any]:
        return lambda: aws.answers.update({"ecs:DescribeTasks": refused("ecs:DescribeTasks", code)})

    def again() -> None:
        aws.answers["ecs:DescribeTasks"] = works
        moved(world, 2)()

    steps = [fails("ThrottlingException"), nothing, fails("NoAnswer"), lambda: stood.append(out.read_text()), again]
    stood: list[str] = []
    ended = locate(aws, "--format", "nginx", "-w", "--out", str(out), steps=[*steps, nothing, nothing])
    assert stood == [NGINX % 1]
    assert out.read_text() == NGINX % 2
    assert ended.err.count("ThrottlingException") == 1


def test_an_outage_at_the_start_is_waited_out(world: World, tmp_path: Path) -> None:
    aws, out = world.aws(), tmp_path / "svc.conf"
    out.write_text("of before")
    works = aws.answers["ecs:ListTasks"]
    aws.answers["ecs:ListTasks"] = refused("ecs:ListTasks", "NoAnswer", "cannot be reached")
    arguments = ["--format", "nginx", "-w", "--out", str(out), "--exec", "echo reloaded"]

    def again() -> None:
        assert out.read_text() == "of before"
        aws.answers["ecs:ListTasks"] = works

    ended = locate(aws, *arguments, steps=[nothing, again, nothing])
    assert out.read_text() == NGINX % 1
    assert "cannot be reached; trying again" in ended.err
    assert ended.err.index(f"{out} written") < ended.err.index("reloaded")
    aws.answers["ecs:ListTasks"] = refused("ecs:ListTasks", "AccessDeniedException")
    assert locate(aws, *arguments).code == 1


def test_a_template_is_rendered_and_its_faults_leave_the_file(world: World, tmp_path: Path) -> None:
    template, out = tmp_path / "svc.j2", tmp_path / "svc.txt"
    template.write_text(
        "{% for name, members in services.items() %}{{ name }}={{ members[0].address }}\n{% endfor %}\n"
    )
    arguments = ["--template", str(template), "--out", str(out)]
    assert locate(world.aws(), *arguments).code == 0
    assert out.read_text() == "svc=198.51.100.1:8080\n"

    def broken() -> None:
        template.write_text("{{ nothing }}")

    ended = locate(world.aws(), *arguments, "-w", steps=[broken, nothing, nothing])
    assert out.read_text() == "svc=198.51.100.1:8080\n"
    assert ended.err.count("'nothing' is undefined") == 1
    out.unlink()
    alone = locate(world.aws(), *arguments)
    assert (alone.code, out.exists()) == (2, False)


def test_once_fails_where_the_command_does(world: World, tmp_path: Path) -> None:
    out = tmp_path / "svc.env"
    ended = locate(world.aws(), "--format", "env", "--out", str(out), "--exec", "exit 3")
    assert ended.code == 1
    assert "`exit 3` exited with 3" in ended.err
    assert out.read_text().startswith("SVC_HOST=198.51.100.1\n")
    assert locate(world.aws(), "--format", "env", "--out", str(out), "--exec", "exit 3").code == 0, "it is the same"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--out", "x"],
        ["--format", "env", "--exec", "true"],
        ["--format", "env", "--template", "x"],
        ["--format", "nope"],
        ["--template", "/nothing.j2"],
    ],
)
def test_options_that_do_not_go_together(world: World, arguments: list[str]) -> None:
    assert locate(world.aws(), *arguments).code == 2
