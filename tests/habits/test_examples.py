"""Every example file and every YAML block of the README loads, and is planned against an empty account."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.support.command import ecsctl
from tests.support.sandbox import Running

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "examples").rglob("*.y*ml") if "name:" in path.read_text())
BLOCKS = [
    block for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.S) if "name:" in block
]


def assert_planned(sandbox: Running, path: Path) -> None:
    stages = (yaml.safe_load(path.read_text()).get("stages") or {}).keys()
    for chosen in [["--stage", stage] for stage in stages] or [[]]:
        planned = ecsctl(sandbox.aws(), *chosen, "plan", "--exit-code", "-f", str(path))
        assert planned.code == 3, planned.err
        assert "create" in planned.out


def test_there_are_examples_and_blocks() -> None:
    assert len(FILES) >= 3
    assert BLOCKS


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_loads_and_is_planned(path: Path, sandbox: Running) -> None:
    assert_planned(sandbox, path)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:30])
def test_every_yaml_block_of_the_readme_loads_and_is_planned(block: str, sandbox: Running, tmp_path: Path) -> None:
    path = tmp_path / "ecsctl.yaml"
    path.write_text(block)
    assert_planned(sandbox, path)
