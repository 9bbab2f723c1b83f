"""``ecsctl sandbox`` as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest

from tests.support.sandbox import clean_environment


class Shell:
    """Types ``ecsctl sandbox …`` in an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.env = {**clean_environment(folder), "ECSCTL_SANDBOX_HOME": str(folder / "home")}

    def type(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "ecsctl", "sandbox", *words],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done


@pytest.fixture
def shell(tmp_path: Path):
    made = Shell(tmp_path)
    yield made
    made.type("stop")


def test_a_life_of_a_sandbox(shell: Shell) -> None:
    started = shell.type("start", "--port", "0", "--docker", "never")
    endpoint = started.stdout.strip()
    assert endpoint.startswith("http://127.0.0.1:")
    assert "simulated" in started.stderr
    assert shell.type("start").stdout.strip() == endpoint

    told = json.loads(shell.type("status", "-o", "json").stdout)
    assert told["endpoint"] == endpoint
    assert "simulated: --docker never" in shell.type("status").stdout

    exports = shell.type("env").stdout
    code = f'{exports}\nprintf \'%s %s\' "$AWS_ENDPOINT_URL" "${{AWS_PROFILE-none}}"'
    evaluated = subprocess.run(
        ["sh", "-c", code], env={**shell.env, "AWS_PROFILE": "mine"}, capture_output=True, text=True
    )
    assert evaluated.stdout == f"{endpoint} none"
    assert f"set -gx AWS_ENDPOINT_URL {endpoint};" in shell.type("env", "--shell", "fish").stdout

    assert "add --yes" in shell.type("reset", code=2).stderr
    shell.type("reset", "--yes")
    assert "stopped" in shell.type("stop").stderr
    assert "does not run" in shell.type("stop").stderr


def test_what_does_not_run(shell: Shell) -> None:
    refused = shell.type("status", code=6)
    assert refused.stdout == ""
    assert "ecsctl sandbox start" in refused.stderr


def test_operations_are_listed(shell: Shell) -> None:
    shell.type("start", "--port", "0", "--docker", "never")
    rows = {
        row["operation"]: row["state"] for row in json.loads(shell.type("status", "--operations", "-o", "json").stdout)
    }
    assert (rows["RunTask"], rows["UpdateContainerAgent"], rows["CreateGateway"]) == ("works", "simulated", "missing")
    model = botocore.session.get_session().get_service_model("ecs")
    assert set(rows) == set(model.operation_names)
