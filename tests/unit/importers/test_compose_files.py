"""Several files of one project: overlays, includes, extends, env files; and what cannot be read."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path

import pytest

from ecsctl.errors import EcsctlError, UsageError
from ecsctl.importers.compose.project import from_compose
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
        ("include: [compose.yaml]\nservices: {a: {image: x}}", "includes itself"),
        ("include: [broken.yaml]\nservices: {a: {image: x}}", "ignored"),
        ("services: {a: {image: x, env_file: none.env}}", "none.env was not read: there is no such file"),
        ("services: {a: {image: x, env_file: [{path: none.env, required: false}]}}", "it is optional"),
        ("services: {a: {image: x, image: y}}", "duplicate key"),
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


@pytest.mark.slow
def test_what_a_file_takes_grows_with_its_size_and_no_faster(tmp_path: Path) -> None:
    def cpu_seconds(count: int) -> float:
        services = "".join(
            f"  s{n}:\n    image: a\n    stop_signal: X\n    ports: ['{n + 1}:80']\n" for n in range(count)
        )
        start = time.process_time()
        data, notes = compose(tmp_path, f"services:\n{services}")
        took = time.process_time() - start
        assert len(data["services"]) == count
        assert len(notes) >= count
        return took

    cpu_seconds(10)  # imports
    # Eight times as much takes eight times as long; were it quadratic, 64 times.
    assert cpu_seconds(800) < 24 * min(cpu_seconds(100), cpu_seconds(100))
