"""A bug is told in two lines, with a file that can be sent: versions, calls and traceback, and no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecsctl.aws.redaction import HIDDEN, redacted, redacted_arguments, redacted_text
from ecsctl.aws.session import Aws
from tests.support.command import ecsctl
from tests.support.fake_aws import FakeAws
from tests.support.wire import Wire

SECRET = "hunter2"
INPUT: dict[str, Any] = {
    "family": "web",
    "nextToken": "page-2",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "example/web",
            "environment": [{"name": "DB_PASSWORD", "value": SECRET}, {"name": "MODE", "value": SECRET}],
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:eu-west-1:1:parameter/key"}],
            "command": ["serve", "--password", SECRET, f"--db=mysql://root:{SECRET}@db/web", f"--api-key={SECRET}"],
            "repositoryCredentials": {"credentialsParameter": "arn:aws:secretsmanager:eu-west-1:1:secret:x"},
            "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": SECRET, "tag": "{{.ID}}"}},
            "dockerLabels": {"team": "a", "vault_token": SECRET},
        }
    ],
    "overrides": {"containerOverrides": [{"name": "web", "environment": [{"name": "A", "value": SECRET}]}]},
    "LaunchTemplateData": {"ImageId": "ami-1", "UserData": SECRET},
    "Credentials": {"SessionToken": SECRET},
    "blob": SECRET.encode(),
}


def test_what_may_be_a_secret_is_hidden_and_all_else_is_shown() -> None:
    shown = redacted(INPUT)
    assert SECRET not in json.dumps(shown)
    [container] = shown["containerDefinitions"]
    assert container["environment"] == [
        {"name": "DB_PASSWORD", "value": HIDDEN},
        {"name": "MODE", "value": HIDDEN},
    ]
    assert container["secrets"] == INPUT["containerDefinitions"][0]["secrets"]
    assert container["command"][:2] == ["serve", "--password"]
    assert container["command"][3] == f"--db=mysql://root:{HIDDEN}@db/web"
    assert container["logConfiguration"]["options"] == {"splunk-token": HIDDEN, "tag": "{{.ID}}"}
    assert container["repositoryCredentials"] == INPUT["containerDefinitions"][0]["repositoryCredentials"]
    assert (shown["family"], shown["nextToken"], shown["LaunchTemplateData"]["ImageId"]) == ("web", "page-2", "ami-1")
    assert INPUT["LaunchTemplateData"]["UserData"] == SECRET, "a copy"


def test_a_command_line_is_shown_without_values_of_variables() -> None:
    assert redacted_arguments(["run", "web", "-c", "prod", "-e", f"PASSWORD={SECRET}", "--", "sh", "-c", SECRET]) == [
        "run", "web", "-c", "prod", "-e", f"PASSWORD={HIDDEN}", "--", "(3 more arguments)"
    ]  # fmt: skip
    assert redacted_arguments(["up", "--set", "TAG=1", "--region=eu-west-1"]) == [
        "up", "--set", f"TAG={HIDDEN}", "--region=eu-west-1"
    ]  # fmt: skip
    assert redacted_text(f"GET https://user:{SECRET}@host/x failed") == f"GET https://user:{HIDDEN}@host/x failed"


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeAws:
    """An Aws of which an answer is of a sort that no command reckons with."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return FakeAws(
        {
            "ecs:ListClusters": lambda query: {"clusterArns": ["arn:aws:ecs:eu-west-1:1:cluster/web"]},
            "ecs:DescribeClusters": lambda query: {"clusters": [7], "failures": []},
        }
    )


def test_a_bug_leaves_a_report_whose_place_is_told(broken: Aws, tmp_path: Path) -> None:
    ended = ecsctl(broken, "cluster", "list")
    assert (ended.code, ended.out) == (70, "")
    error, hint = ended.err.splitlines()
    assert error.startswith("error: unexpected ")
    [path] = (tmp_path / "state" / "ecsctl").iterdir()
    assert str(path) in hint
    assert path.stat().st_mode & 0o077 == 0
    text = path.read_text()
    for said in ("ecsctl 0.", "botocore ", "Python 3.", "ecsctl cluster list", "Traceback", "cluster_view"):
        assert said in text
    assert "Traceback" not in ended.err


def test_with_debug_the_traceback_is_shown_too(broken: Aws) -> None:
    ended = ecsctl(broken, "cluster", "list", "--debug")
    assert ended.code == 70
    assert "Traceback" in ended.err


def test_where_no_report_can_be_written_the_bug_is_told(
    broken: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    ended = ecsctl(broken, "cluster", "list")
    assert ended.code == 70
    assert "--debug" in ended.err


def test_the_calls_of_a_report_have_no_secrets() -> None:
    wire = Wire({"RegisterTaskDefinition": lambda query: {"taskDefinition": {"family": "web"}}})
    definition = {
        "family": "web",
        "containerDefinitions": [{"name": "web", "environment": [{"name": "A", "value": SECRET}]}],
    }
    wire.aws.call("ecs", "RegisterTaskDefinition", definition)
    [call] = wire.aws.recent_calls()
    assert call["call"] == "ecs:RegisterTaskDefinition"
    assert call["outcome"] == "answered"
    assert SECRET not in json.dumps(call)
