"""Streams that nobody reads, or that cannot be written: what is under way goes on, and nothing is called a bug."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.account import holdings
from tests.support.sandbox import Running, start_sandbox

pytestmark = pytest.mark.slow

FILE = """
name: shop
taskDefinitions:
  web: {containerDefinitions: [{name: web, image: example/web, memory: 32, portMappings: ["80:80"]}]}
services:
  svc: {taskDefinition: web, desiredCount: 1}
instances: {count: 1}
"""

# For `make test-all`: each starts the installed program several times.
MORE_STREAMS = ["2>&-", "2> >(true)", ">&- 2>&- <&-"]
MORE_COMMANDS = ["up --yes", "ps -c shop", "plan", "--help"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_sandbox(tmp_path_factory.mktemp("sandbox"), docker="never", speed=20) as running:
        running.client("ecs").create_cluster(clusterName="other")  # something to list
        yield running


@pytest.fixture(scope="module")
def folder(sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("project")
    (made / "ecsctl.yaml").write_text(FILE)
    return made


def shell(sandbox: Running, folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash; ``$?`` of a pipe is that of its first command that failed."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=folder,
        env={**sandbox.environment, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "stream", ["2>/dev/full", *(pytest.param(line, marks=pytest.mark.slow) for line in MORE_STREAMS)]
)
def test_up_and_down_go_on_without_anybody_who_listens(sandbox: Running, folder: Path, stream: str) -> None:
    before = holdings(sandbox)
    ended = shell(sandbox, folder, f"ecsctl up --yes {stream}")
    assert ended.returncode == 0
    assert any(name.startswith("service ") for name in holdings(sandbox)), "it was carried out"
    if ">&-" not in stream.split()[0]:
        assert ended.stdout != "", "the addresses"
    assert shell(sandbox, folder, f"ecsctl down --yes {stream}").returncode == 0
    assert {name for name in holdings(sandbox) if "task definition" not in name} == {
        name for name in before if "task definition" not in name
    }


@pytest.mark.parametrize(
    "command", ["cluster list", "schema", *(pytest.param(line, marks=pytest.mark.slow) for line in MORE_COMMANDS)]
)
def test_data_that_cannot_be_written(sandbox: Running, folder: Path, command: str) -> None:
    if command in MORE_COMMANDS:
        assert shell(sandbox, folder, "ecsctl up --yes").returncode == 0
    gone = shell(sandbox, folder, f"ecsctl {command} | head -c 0")
    assert gone.returncode == 0, gone.stderr
    assert "Broken" not in gone.stderr
    full = shell(sandbox, folder, f"ecsctl {command} >/dev/full")
    assert full.returncode == 1
    assert "error: standard output cannot be written: No space left on device" in full.stderr
    for ended in (gone, full, shell(sandbox, folder, f"ecsctl {command} >&-")):
        assert "bug" not in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "Exception ignored" not in ended.stderr
    assert shell(sandbox, folder, f"ecsctl {command} >&-").returncode == 0


def test_a_terminal_without_the_characters_prints_replacements(sandbox: Running, folder: Path) -> None:
    sandbox.client("ecs").create_cluster(clusterName="plain", tags=[{"key": "team", "value": "Ä"}])
    for encoding in ("ascii", "latin-1"):
        ended = subprocess.run(
            ["ecsctl", "cluster", "show", "plain"],
            cwd=folder,
            env={**sandbox.environment, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
            capture_output=True,
            timeout=60,
        )
        assert ended.returncode == 0, ended.stderr
        ended.stdout.decode(encoding)
    ended = subprocess.run(
        ["ecsctl", "explain", "ECS014"],
        env={**sandbox.environment, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    ended.stdout.decode("ascii")
    faulty = folder / "faulty.yaml"
    faulty.write_text("name: shop\nservices: {ä: {}}\n", encoding="utf-8")
    ended = subprocess.run(
        ["ecsctl", "validate", "-f", str(faulty)],
        env={**sandbox.environment, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "services.?: " in ended.stdout.decode("ascii")
