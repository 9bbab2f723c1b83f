"""``validate``, ``render``, ``schema`` and ``explain``, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from ecsctl.spec.rules import all_rules
from tests.support.command import Ended, ecsctl
from tests.support.fake_aws import FakeAws

GOOD = """\
name: hello
cluster: C
taskDefinitions:
  web: {image: "nginx:1", memory: 128MB, logs: awslogs, portMappings: ["80:80"], environment: {A: "${A:-b}"}}
services:
  s: {taskDefinition: web, desiredCount: 1}
"""
BAD = """\
name: hello
services:
  s:
    taskDefinition: web
    desiredCount: "1"
    launchtype: EC2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "ECSCTL_FILE", "A"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*arguments: str) -> Ended:
    """Run a command; an AWS that would refuse every call stands by."""
    aws = FakeAws({})
    ended = ecsctl(aws, *arguments)
    assert aws.calls == []
    return ended


def test_a_valid_file_is_said_to_be_so(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(GOOD)
    ended = run("validate")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "hello: 1 task definition, 1 service: valid\n"


def test_faults_come_as_lines_on_stdout(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(BAD)
    ended = run("validate")
    assert ended.code == 2
    assert [line.split(": ")[0] for line in ended.lines] == ["ecsctl.yaml:4:21", "ecsctl.yaml:5:19", "ecsctl.yaml:6:5"]
    assert "[ECS001]" in ended.lines[0]
    assert ended.err == "3 errors, 0 warnings\n"


def test_faults_as_json_and_as_annotations(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(BAD)
    faults = run("validate", "-o", "json").json
    assert faults[1] == {
        "file": "ecsctl.yaml",
        "line": 5,
        "column": 19,
        "severity": "error",
        "rule": None,
        "path": "services.s.desiredCount",
        "message": "expected a whole number, not the string '1'",
        "allowed": "1 without quotes",
    }
    lines = run("validate", "-o", "github").lines
    assert lines[0].startswith(
        "::error file=ecsctl.yaml,line=4,col=21,title=ECS001::services.s.taskDefinition: there is no"
    )


def test_an_annotation_escapes_what_would_end_it(folder: Path) -> None:
    (folder / "a,b.yaml").write_text('name: "x\\ny%"\n')
    (line,) = run("validate", "-f", "a,b.yaml", "-o", "github").lines
    assert line.startswith("::error file=a%2Cb.yaml,line=1,col=7,title=ecsctl::name: ")
    assert "y%25" in line


def test_warnings_are_errors_when_strict_and_unknown_keys_warnings_when_lenient(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(GOOD.replace("nginx:1", "nginx:latest"))
    assert run("validate").code == 0
    assert "1 warning" in run("validate").err
    assert run("validate", "--strict").code == 2
    (folder / "ecsctl.yaml").write_text(GOOD.replace("cluster: C", "clustre: C"))
    assert run("validate").code == 2
    assert run("validate", "--lenient").code == 0


def test_a_missing_file_says_what_to_do(folder: Path) -> None:
    ended = run("validate")
    assert ended.code == 2
    assert ended.err.startswith(f"error: there is no ecsctl.yaml in {folder}\nhint: ")


def test_variables_of_templates_are_set_on_the_command_line(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(GOOD)
    (folder / "vars").write_text("A=file\n")
    for options, value in (
        ((), "b"),
        (("--env-file", "vars"), "file"),
        (("--env-file", "vars", "--set", "A=set"), "set"),
    ):
        box = yaml.safe_load(run("render", *options).out)["taskDefinitions"]["web"]["containerDefinitions"][0]
        assert box["environment"] == [{"name": "A", "value": value}]
    assert run("render", "--set", "nonsense").code == 2


def test_what_only_aws_knows_is_noted_and_left_open(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(GOOD.replace('"nginx:1"', '"${ssm:/image}"'))
    ended = run("validate")
    assert ended.code == 0
    assert "note: ecsctl.yaml:4:16: ${ssm:/image} is known to AWS only, and left open" in ended.err


def test_what_is_rendered_is_what_botocore_takes(folder: Path) -> None:
    import botocore.session
    from botocore.validate import ParamValidator

    (folder / "ecsctl.yaml").write_text(GOOD)
    service = botocore.session.get_session().get_service_model("ecs")
    for options, operation in (
        (("--task-definition", "web"), "RegisterTaskDefinition"),
        (("--service", "s"), "CreateService"),
    ):
        data = run("render", "-o", "json", *options).json
        report = ParamValidator().validate(data, service.operation_model(operation).input_shape)
        assert not report.has_errors(), report.generate_report()
    assert run("render", "--service", "none").code == 6


def test_the_schema_takes_the_file(folder: Path) -> None:
    schema = run("schema").json
    assert jsonschema.Draft202012Validator(schema).is_valid(yaml.safe_load(GOOD))
    assert not jsonschema.Draft202012Validator(schema).is_valid(yaml.safe_load(BAD))


def test_rules_are_listed_and_explained(folder: Path) -> None:
    assert len(run("explain").lines) == len(all_rules()) + 1
    page = run("explain", "ecs014").out
    assert page.startswith("ECS014 (error): Container names are unique within a task definition.\n")
    assert "The service's own words: Container names must be unique" in page
    assert run("explain", "ECS014", "-o", "json").json["rule"] == "ECS014"
    ended = run("explain", "ECS999")
    assert ended.code == 6
    assert "`ecsctl explain` lists them" in ended.err


def test_nothing_heavy_is_loaded_to_validate(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(GOOD)
    code = (
        "import sys\nfrom ecsctl.cli.main import run\nrun(['validate'])\nrun(['validate'])\n"
        "print(sorted({'boto3', 'botocore', 'rich', 'jsonschema'} & set(sys.modules)), file=sys.stderr)"
    )
    run("validate")  # leaves the schema in the cache
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_json_output_of_a_valid_file_is_an_empty_list(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(GOOD)
    assert json.loads(run("validate", "-o", "json").out) == []
