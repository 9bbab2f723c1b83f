"""``ecsctl init`` at the prompt and in scripts."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ecsctl.cli.settings import Settings
from ecsctl.manifest import load_spec
from tests.support.command import Ended, ecsctl
from tests.support.fake_aws import FakeAws

COMPOSE = "services:\n  web:\n    image: nginx\n    ports: ['8080:80']\n    stop_signal: SIGINT\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of its own as the working folder."""
    before = os.getcwd()
    work = tmp_path / "shop"
    work.mkdir()
    os.chdir(work)
    yield work
    os.chdir(before)


def init(*arguments: str) -> Ended:
    """``ecsctl init``, without AWS."""
    return ecsctl(FakeAws({}), "init", *arguments)


def test_flags_in_a_script(folder: Path) -> None:
    ended = init(
        "--name", "web", "-c", "prod", "-r", "eu-west-1", "--image", "example/web:1", "--port", "8080:80",
        "--count", "3", "--memory", "1GB", "--instances", "4", "--instance-type", "t3.large",
        "--load-balancer", "classic",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.out == ""
    assert "wrote ecsctl.yaml: 1 task definition, 1 service" in ended.err
    spec = load_spec(["ecsctl.yaml"], env={})
    assert (spec.name, spec.cluster, spec.region) == ("web", "prod", "eu-west-1")
    assert spec.instances is not None
    assert (spec.instances.desired, spec.instances.type) == (4, "t3.large")
    (box,) = spec.task_definitions["web"].definition["containerDefinitions"]
    assert (box["image"], box["memory"]) == ("example/web:1", 1024)
    assert box["portMappings"] == [{"containerPort": 80, "hostPort": 8080}]
    assert spec.services["web"].definition["desiredCount"] == 3
    assert spec.services["web"].load_balancer is not None


def test_with_no_flags_the_folder_gives_the_name(folder: Path) -> None:
    assert init().code == 0
    assert load_spec(["ecsctl.yaml"], env={}).name == "shop"


def test_an_existing_file_is_left_alone(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text("mine", encoding="utf-8")
    ended = init("--name", "web")
    assert ended.code == 2
    assert "ecsctl.yaml exists already" in ended.err
    assert "--force" in ended.err
    assert (folder / "ecsctl.yaml").read_text(encoding="utf-8") == "mine"
    assert init("--name", "web", "--force").code == 0
    assert load_spec(["ecsctl.yaml"], env={}).name == "web"


@pytest.mark.parametrize("arguments", [("-",), ("--stdout",)])
def test_it_prints(folder: Path, arguments: tuple[str, ...]) -> None:
    ended = init(*arguments, "--name", "web")
    assert ended.code == 0
    assert yaml.safe_load(ended.out)["name"] == "web"
    assert not (folder / "ecsctl.yaml").exists()


def test_another_file_can_be_named(folder: Path) -> None:
    assert init("deploy.yaml", "-q").err == ""
    assert (folder / "deploy.yaml").exists()
    ended = init("no/such/folder.yaml")
    assert ended.code == 1
    assert "cannot write no/such/folder.yaml" in ended.err


def test_of_a_compose_file(folder: Path) -> None:
    (folder / "compose.yaml").write_text(COMPOSE, encoding="utf-8")
    ended = init("--from-compose", "compose.yaml")
    assert ended.code == 0, ended.err
    assert "note: compose.yaml:5: services.web.stop_signal: ECS sends SIGTERM" in ended.err
    assert "1 note at its end to look at" in ended.err
    written = (folder / "ecsctl.yaml").read_text(encoding="utf-8")
    assert "#   compose.yaml:5: services.web.stop_signal: ECS sends SIGTERM" in written
    assert load_spec(["ecsctl.yaml"], env={}).services["web"].definition["desiredCount"] == 1


def test_what_is_not_valid_yet_is_told(folder: Path) -> None:
    text = "services: {web: {image: 'nginx', environment: {A: '${NO_SUCH_VARIABLE:?say what}'}}}"
    (folder / "compose.yaml").write_text(text, encoding="utf-8")
    ended = init("--from-compose", "compose.yaml")
    assert ended.code == 0
    assert "to correct: ecsctl.yaml:" in ended.err
    assert "NO_SUCH_VARIABLE is not set: say what" in ended.err


def test_of_a_manifest(folder: Path) -> None:
    (folder / "manifest.yml").write_text(
        "name: api\ntype: Backend Service\nimage: {location: example/api}\n", encoding="utf-8"
    )
    ended = init("--from-copilot", "manifest.yml", "--subnet", "subnet-0a")
    assert ended.code == 0, ended.err
    assert load_spec(["ecsctl.yaml"], env={}).services["api"].definition["launchType"] == "FARGATE"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from-compose", "none.yaml"), "cannot read none.yaml"),
        (("--from-compose", "a", "--from-copilot", "b"), "--from-compose and --from-copilot cannot be used together"),
        (("--from-compose", "a", "--image", "x"), "--image is only valid without --from-"),
        (("--one-task",), "--one-task is only valid with --from-compose"),
        (("--adopt",), "--adopt is only valid with --from-service"),
        (("--compose-profile", "x"), "--compose-profile is only valid with --from-compose"),
        (("--name", "no name"), "'no name' is not a valid project name"),
        (("--port", "x"), "--port 'x' is not a valid port"),
        (("--port", "70000"), "is not a valid port"),
        (("--memory", "lots"), "--memory 'lots'"),
        (("--memory", "1"), "less than a container can have"),
        (("--from-service", "web"), "is not CLUSTER/SERVICE"),
        (("--port", "none", "--load-balancer", "classic"), "a load balancer needs a port"),
    ],
)
def test_what_cannot_be_meant_is_refused(folder: Path, arguments: tuple[str, ...], told: str) -> None:
    ended = init(*arguments)
    assert ended.code == 2
    assert told in ended.err
    assert not (folder / "ecsctl.yaml").exists()


class Terminal(Settings):
    """Settings of a terminal, where somebody answers."""

    def interactive(self) -> bool:
        return True


def answered(answers: str, *arguments: str) -> Ended:
    """``ecsctl init`` with somebody who types these lines."""
    import contextlib

    from ecsctl.cli.init import init as command

    out, err, before = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(answers)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            command.main(list(arguments), standalone_mode=False, obj=Terminal())
    finally:
        sys.stdin = before
    return Ended(0, out.getvalue(), err.getvalue())


def test_it_asks_for_what_was_not_said(folder: Path) -> None:
    ended = answered("front\nprod\nEC2\nexample/front\n9000:80\n\nnone\n", "--count", "5")
    assert "Name of the project [shop]: " in ended.err
    assert "How many tasks" not in ended.err
    assert ended.out == ""
    spec = load_spec(["ecsctl.yaml"], env={})
    assert (spec.name, spec.cluster) == ("front", "prod")
    assert spec.services["front"].definition["desiredCount"] == 5


def test_an_answer_that_cannot_be_meant_is_asked_for_again(folder: Path) -> None:
    answers = [
        *("bad name", "front"),
        *("a b", "prod"),
        *("Fargat", "fargate"),
        *("vpc-1", "subnet-1, subnet-2"),
        *("two words", "nginx:1"),
        *("99999", "80"),
        *("many", "3"),
        *("5 apples", "512MB"),
        *("classic", "application"),
    ]
    ended = answered("".join(f"{answer}\n" for answer in answers))
    assert ended.err.count("Error: ") == len(answers) / 2
    assert "'bad name' is not a valid project name: up to 40 letters" in ended.err
    spec = load_spec(["ecsctl.yaml"], env={})
    assert (spec.name, spec.cluster) == ("front", "prod")
    service = spec.services["front"].definition
    assert (service["launchType"], service["desiredCount"]) == ("FARGATE", 3)
    assert service["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-1", "subnet-2"]
    assert spec.task_definitions["front"].definition["memory"] == "512"
    assert spec.load_balancers["front-lb"].type == "application"


def test_with_yes_it_asks_nothing(folder: Path) -> None:
    assert "Name of the project" not in answered("", "-y").err
    assert load_spec(["ecsctl.yaml"], env={}).name == "shop"


def test_its_help_is_the_one_of_the_list_of_commands() -> None:
    from ecsctl.cli.init import init as command
    from ecsctl.cli.main import COMMANDS

    (text,) = [section["init"][2] for section in COMMANDS.values() if "init" in section]
    assert command.get_short_help_str(limit=200) == text
