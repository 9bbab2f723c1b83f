"""Several files of one project: overlays, includes, extends, env files; and what cannot be read."""

from __future__ import annotations

import io
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ecsctl.errors import EcsctlError, UsageError
from ecsctl.importers.compose.project import from_compose
from ecsctl.importers.document import Target
from ecsctl.manifest.interpolation.dotenv import parse
from ecsctl.manifest.model import SpecError
from tests.unit.importers.support import EC2, compose, data_of, notes_of, only_container


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files, dedented."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")


def test_later_files_lie_over_earlier_ones(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.yaml": """
                services:
                  web:
                    image: example/web:1
                    command: ["serve"]
                    ports: ["80:80", "81:81"]
                    environment: [A=1, B=2]
                    volumes: ["one:/data"]
                    dns: [10.0.0.1]
            """,
            "b.yaml": """
                services:
                  web:
                    image: example/web:2
                    command: ["serve", "--fast"]
                    ports: !override ["8080:80"]
                    environment: {B: "3", C: "4"}
                    volumes: ["two:/data"]
                    dns: [10.0.0.2]
            """,
        },
    )
    data = data_of(from_compose([str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")], EC2))
    box = only_container(data)
    assert box["image"] == "example/web:2"
    assert box["command"] == ["serve", "--fast"]
    assert box["portMappings"] == ["8080:80"]
    assert box["environment"] == {"A": "1", "B": "3", "C": "4"}
    assert box["mountPoints"] == ["shop_two:/data"]
    assert box["dnsServers"] == ["10.0.0.1", "10.0.0.2"]


def test_reset_takes_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "a.yaml": "services: {web: {image: a, ports: ['80:80'], environment: {A: '1', B: '2'}}}\n",
            "b.yaml": "services:\n  web:\n    ports: !reset []\n    environment:\n      A: !reset null\n",
        },
    )
    box = only_container(data_of(from_compose([str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")], EC2)))
    assert "portMappings" not in box
    assert box["environment"] == {"B": "2"}


def test_extends_and_include_follow_their_own_folders(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "compose.yaml": """
                include: [parts/db.yaml]
                services:
                  web:
                    extends: {file: parts/base.yaml, service: base}
                    ports: ["80:80"]
                    environment: {OWN: "1"}
                  worker:
                    extends: web
                    command: work
            """,
            "parts/base.yaml": """
                services:
                  base:
                    image: example/base
                    env_file: base.env
                    environment: {COMMON: "yes"}
            """,
            "parts/base.env": "FROM_FILE=1\nOWN=0\n",
            "parts/db.yaml": "services: {db: {image: postgres}}\n",
        },
    )
    imported = from_compose([str(tmp_path / "compose.yaml")], EC2)
    data = data_of(imported)
    assert sorted(data["services"]) == ["db", "web", "worker"]
    (worker,) = data["taskDefinitions"]["shop-worker"]["containerDefinitions"]
    assert worker["image"] == "example/base"
    assert worker["command"] == ["work"]
    assert worker["environment"] == {"FROM_FILE": "1", "OWN": "1", "COMMON": "yes"}
    assert any("web publishes 80 too" in note for note in notes_of(imported))


def test_a_note_names_the_file_that_says_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "compose.yaml": "services: {web: {extends: {file: base.yaml, service: base}}}\n",
            "base.yaml": "services:\n  base:\n    image: a\n    stop_signal: SIGINT\n",
        },
    )
    (note,) = from_compose([str(tmp_path / "compose.yaml")], EC2).notes
    assert str(note).startswith(f"{tmp_path / 'base.yaml'}:4: services.web.stop_signal: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services: {a: {extends: b, image: x}, b: {extends: a}}", "extends itself"),
        ("services: {a: {extends: {file: none.yaml, service: b}, image: x}}", "none.yaml"),
        ("services: {a: {extends: nobody, image: x}}", "not found"),
        ("include: [compose.yaml]\nservices: {a: {image: x}}", "comes back to itself"),
        ("include: [broken.yaml]\nservices: {a: {image: x}}", "not followed"),
        ("services: {a: {image: x, env_file: none.env}}", "none.env was not read: there is no such file"),
        ("services: {a: {image: x, env_file: [{path: none.env, required: false}]}}", "it is optional"),
        ("services: {a: {image: x, image: y}}", "written twice"),
    ],
)
def test_what_cannot_be_followed_is_told(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [", encoding="utf-8")
    _, notes = compose(tmp_path, text)
    assert any(told in note for note in notes), notes


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("services: {}", UsageError),
        ("- a\n- b", SpecError),
        ("a: [", SpecError),
        ("", SpecError),
        ("services:\n\tweb: {}", SpecError),
        ("services: {web: {image: x, profiles: [a]}}", UsageError),
    ],
)
def test_what_is_no_project_is_refused_with_its_place(text: str, error: type[EcsctlError], tmp_path: Path) -> None:
    with pytest.raises(error) as caught:
        compose(tmp_path, text)
    assert "compose.yaml" in str(caught.value)


def test_a_large_file_takes_its_time_and_no_more(tmp_path: Path) -> None:
    services = "".join(f"  s{n}:\n    image: a\n    stop_signal: X\n    ports: ['{n + 1}:80']\n" for n in range(3000))
    start = time.perf_counter()
    data, notes = compose(tmp_path, f"services:\n{services}")
    assert len(data["services"]) == 3000
    assert len(notes) >= 3000
    assert time.perf_counter() - start < 60


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        from_compose([str(tmp_path / "none.yaml")], EC2)


class Piped:
    """A standard input of bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_standard_input(tmp_path: Path) -> None:
    before = sys.stdin
    sys.stdin = Piped(b"services: {web: {image: a, stop_signal: USR1}}")  # type: ignore[assignment]
    try:
        imported = from_compose(["-"], EC2)
    finally:
        sys.stdin = before
    assert only_container(data_of(imported))["image"] == "a"
    assert str(imported.notes[0]).startswith("<stdin>:1: ")


def test_the_name_is_the_files_the_env_files_or_the_folders(tmp_path: Path) -> None:
    folder = tmp_path / "My Shop!"
    write(folder, {"compose.yaml": "services: {web: {image: a}}\n"})
    file = str(folder / "compose.yaml")
    assert data_of(from_compose([file], Target()))["name"] == "My-Shop"
    write(folder, {".env": "COMPOSE_PROJECT_NAME=other\n"})
    assert data_of(from_compose([file], Target()))["name"] == "other"
    write(folder, {"compose.yaml": "name: third\nservices: {web: {image: a}}\n"})
    assert data_of(from_compose([file], Target()))["name"] == "third"
    assert data_of(from_compose([file], Target(name="fourth")))["name"] == "fourth"


def test_an_override_that_compose_would_read_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"compose.override.yaml": "services: {}\n"})
    _, notes = compose(tmp_path, "services: {web: {image: a}}")
    assert any("compose.override.yaml is there too" in note for note in notes)


def test_lines_of_env_files() -> None:
    found, problems = parse(
        '# comment\nexport A=1\nB = two words # comment\nC=\'raw $X\'\nD="a\\nb \\"q\\""\nE=\nF\n'
        "G='one\ntwo'\nnot a line\nH=#x\nI=\"open"
    )
    assert found == {
        "A": "1",
        "B": "two words",
        "C": "raw $$X",
        "D": 'a\nb "q"',
        "E": "",
        "F": None,
        "G": "one\ntwo",
        "H": "#x",
    }
    assert problems == ["line 10 is no NAME=value", "the quote in line 12 is not closed"]


@pytest.mark.parametrize(
    ("written", "mappings", "told"),
    [
        ("8080:80/tcp", ["8080:80"], ""),
        ("80", ["80"], ""),
        ("3000-3002", ["3000-3002"], ""),
        ("9090-9091:8080-8081", ["9090:8080", "9091:8081"], ""),
        ("49100-49110:22", ["22"], "any of a range"),
        ("0.0.0.0:80:80", ["80:80"], ""),
        ("[::1]:6001:6001", ["6001:6001"], "cannot publish on ::1"),
        ("127.0.0.1::5000", ["5000"], "cannot publish on 127.0.0.1"),
        ("80:80/sctp", None, "not sctp"),
        ("70000:80", None, "it is no port"),
        ("90-80:90-80", None, "it is no port"),
        ("1-2000:1-2000", 100, "a task may publish 100"),
    ],
)
def test_ports(written: str, mappings: list[str] | int | None, told: str, tmp_path: Path) -> None:
    data, notes = compose(tmp_path, f'services: {{web: {{image: a, ports: ["{written}"]}}}}')
    found = only_container(data).get("portMappings")
    assert (len(found) if isinstance(mappings, int) else found) == mappings
    assert any(told in note for note in notes) if told else notes == []


def test_a_port_with_a_name_keeps_its_protocol(tmp_path: Path) -> None:
    text = "services: {web: {image: a, ports: [{target: 80, published: '8080', name: HTTP Port, app_protocol: http}]}}"
    data, notes = compose(tmp_path, text)
    assert only_container(data)["portMappings"] == [
        {"containerPort": 80, "hostPort": 8080, "name": "http-port", "appProtocol": "http"}
    ]
    assert notes == []


def test_port_22_is_not_opened_to_the_world(tmp_path: Path) -> None:
    data, notes = compose(tmp_path, "services: {web: {image: a, ports: ['22:22', '80:80']}}")
    assert data["instances"]["ingress"] == [80]
    assert any("port 22 is not opened" in note for note in notes)
