"""Every example file and every YAML block of the README loads, and is planned against an empty account."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sandbox import start_sandbox

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "examples").rglob("*.y*ml") if "name:" in path.read_text())
BLOCKS = [
    block for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.S) if "name:" in block
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory):
    with start_sandbox(tmp_path_factory.mktemp("sandbox"), docker="never") as running:
        yield running


def plan(path: Path, sandbox) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ecsctl", "plan", "--exit-code", "-f", str(path)],
        capture_output=True,
        text=True,
        env=sandbox.environment,
        cwd=path.parent,
    )


def test_there_are_examples_and_blocks() -> None:
    assert len(FILES) >= 3
    assert BLOCKS


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_loads_and_is_planned(path: Path, sandbox) -> None:
    planned = plan(path, sandbox)
    assert planned.returncode == 3, planned.stderr
    assert "create" in planned.stdout


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:30])
def test_every_yaml_block_of_the_readme_loads_and_is_planned(block: str, sandbox, tmp_path: Path) -> None:
    path = tmp_path / "ecsctl.yaml"
    path.write_text(block)
    planned = plan(path, sandbox)
    assert planned.returncode == 3, planned.stderr
    assert "create" in planned.stdout
