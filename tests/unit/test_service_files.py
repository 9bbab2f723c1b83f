"""The formats of other programs, and a file that follows a text."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ecsctl.cli.following import LONGEST, File, Follower, run_command
from ecsctl.cli.locate_files import FORMATS as NAMES
from ecsctl.cli.templates import Template
from ecsctl.errors import EcsctlError, UsageError
from ecsctl.query.addresses import Location
from ecsctl.query.views import task_view
from ecsctl.render.service_files import FORMATS, Groups, endpoints
from tests.support.clock import ManualClock

ARN = "arn:aws:ecs:eu-west-1:123456789012:task/web"


def location(number: int, service: str = "web", port: int = 80, **more: Any) -> Location:
    protocol = more.pop("protocol", "tcp")
    address = more.pop("address", f"198.51.100.{number}")
    task = {
        "taskArn": f"{ARN}/{number:032x}",
        "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/web",
        "taskDefinitionArn": f"arn:aws:ecs:eu-west-1:123456789012:task-definition/{service}:1",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "group": f"service:{service}",
        **more,
    }
    return Location(task_view(task), "nginx", port, 8000 + number, protocol, address, None, None)


def written(format_: str, *locations: Location, known: tuple[str, ...] = ()) -> str:
    found = endpoints(locations)
    return FORMATS[format_](found, Groups(known).of(found))


def test_nginx_and_haproxy() -> None:
    shown = written("nginx", location(2), location(1), location(3, "a b"), known=("web", "idle"))
    assert shown == (
        "upstream a_b {\n    server 198.51.100.3:8003;\n}\n"
        "upstream idle {\n    server 127.0.0.1:1 down;\n}\n"
        "upstream web {\n    server 198.51.100.1:8001;\n    server 198.51.100.2:8002;\n}\n"
    )
    assert written("haproxy", location(1), known=("idle",)) == (
        "backend idle\n\nbackend web\n    server 00000000-8001 198.51.100.1:8001 check\n"
    )


def test_env_and_hosts() -> None:
    assert written("env", location(1), location(2), known=("9-lives",)) == (
        "_9_LIVES_ENDPOINTS=\nWEB_HOST=198.51.100.1\nWEB_PORT=8001\nWEB_ENDPOINTS=198.51.100.1:8001,198.51.100.2:8002\n"
    )
    assert written("hosts", location(1), location(1, port=81), location(2)) == "198.51.100.1\tweb\n198.51.100.2\tweb\n"
    assert written("hosts") == written("env") == written("nginx") == ""


def test_prometheus_and_json() -> None:
    [one] = json.loads(written("prometheus", location(1), location(2, protocol="udp")))
    assert one["targets"] == ["198.51.100.1:8001"]
    assert one["labels"]["ecs_service"] == "web"
    assert all(isinstance(value, str) for value in one["labels"].values())
    assert [row["host"] for row in json.loads(written("json", location(1)))] == ["198.51.100.1"]
    assert json.loads(written("prometheus")) == []


def test_only_what_can_be_sent_requests_is_there() -> None:
    gone = [
        location(1, desiredStatus="STOPPED"),
        location(2, healthStatus="UNHEALTHY"),
        location(3, lastStatus="PENDING"),
        location(4, address=None),
    ]
    assert endpoints(gone) == []
    assert len(endpoints([location(1, healthStatus="HEALTHY"), location(2, healthStatus="UNKNOWN")])) == 2


def test_a_service_of_several_ports_has_a_group_each_and_what_was_seen_stays_known() -> None:
    groups = Groups()
    found = endpoints([location(1), location(1, port=9090)])
    assert list(groups.of(found)) == ["web-nginx-80", "web-nginx-9090"]
    assert {name: len(rows) for name, rows in groups.of([]).items()} == {"web-nginx-80": 0, "web-nginx-9090": 0}


def test_the_command_line_knows_every_format() -> None:
    assert tuple(FORMATS) == NAMES


def test_templates(tmp_path: Path) -> None:
    file = tmp_path / "lb.j2"
    file.write_text("{% for one in endpoints %}\n{{ one.host }}:{{ one.port }}\n{% endfor %}\n")
    template = Template(str(file))
    assert template.render({"endpoints": [{"host": "a", "port": 1}]}) == "a:1\n"
    file.write_text("x\n{{ nothing.at.all }}\n")
    os.utime(file, (1, 1))
    with pytest.raises(UsageError, match=r"lb\.j2:2: 'nothing' is undefined"):
        template.render({})
    file.write_text("x\n{% for %}\n")
    os.utime(file, (2, 2))
    with pytest.raises(UsageError, match=r"lb\.j2:2: "):
        template.render({})
    with pytest.raises(UsageError, match="no such file"):
        Template(str(tmp_path / "nothing.j2"))


class Run:
    """A command that fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count <= self.failures:
            raise EcsctlError("`reload` exited with 1")


def follow(tmp_path: Path, run: Run, texts: list[str], pause: float = 0.5) -> tuple[list[str], list[str]]:
    """What stands in the file after each text was shown, and what was noted."""
    clock, notes, stood = ManualClock(), [], []
    file = File(str(tmp_path / "out"))
    follower = Follower(file, run, clock, notes.append)
    for text in texts:
        follower.see(text)
        stood.append((tmp_path / "out").read_text())
        clock.sleep(pause)
    return stood, notes


def test_the_first_text_is_written_at_once_and_others_when_they_have_settled(tmp_path: Path) -> None:
    run = Run()
    stood, _ = follow(tmp_path, run, ["a", "b", "c", "c", "c", "d", "c"])
    assert stood == ["a", "a", "a", "c", "c", "c", "c"]
    assert run.count == 2


def test_what_never_settles_is_written_in_the_end(tmp_path: Path) -> None:
    texts = [str(number) for number in range(int(LONGEST / 0.5) + 2)]
    stood, _ = follow(tmp_path, Run(), texts)
    assert stood == ["0"] * (len(texts) - 1) + texts[-1:]


def test_what_stands_there_already_is_not_written_and_nothing_is_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("a")
    os.utime(out, (1, 1))
    run = Run()
    follow(tmp_path, run, ["a", "a"])
    assert (out.stat().st_mtime, run.count) == (1, 0)


def test_a_command_that_failed_is_run_again(tmp_path: Path) -> None:
    run = Run(failures=2)
    _, notes = follow(tmp_path, run, ["a"] * 10, pause=2.0)
    assert run.count == 3
    assert notes == ["`reload` exited with 1; trying again in 2 s", "`reload` exited with 1; trying again in 4 s"]


def test_a_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("before")
    real.chmod(0o640)
    link.symlink_to(real)
    File(str(link)).write("after")
    assert link.is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("after", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing" / "out", tmp_path):
        with pytest.raises(UsageError, match="cannot write"):
            File(str(path))


def test_what_a_command_prints_is_told_and_its_file_is_named() -> None:
    said: list[str] = []
    run_command('echo "new: $ECSCTL_OUT"; echo twice >&2', "/etc/x", said.append)
    assert said == ["new: /etc/x", "twice"]
    with pytest.raises(EcsctlError, match="exited with 3"):
        run_command("exit 3", None, said.append)
