"""``validate``, ``render``, ``schema`` and ``explain``, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from ecsctl.manifest.rules import all_rules
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
    taskDefinition: web.x
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
        "message": "expected an integer, got the string '1'",
        "allowed": "write 1 without quotes",
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


def test_files_may_be_named_without_f(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "base.yaml").write_text(GOOD)
    (folder / "over.yaml").write_text("nmae: x\n")
    monkeypatch.setenv("ECSCTL_FILE", "nowhere.yaml")
    assert run("validate", "base.yaml").code == 0
    for arguments in (("base.yaml", "over.yaml"), ("-f", "base.yaml", "over.yaml")):
        assert run("validate", *arguments).lines[-1].startswith("over.yaml:1:1: nmae: unknown key")


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
    assert "note: ecsctl.yaml:4:16: ${ssm:/image} is known to AWS only, and stays unresolved" in ended.err


EVERYTHING_OPEN = """\
name: p
instances: {count: "${ssm:/c}", ingress: ["${ssm:/i}", {fromPort: "${ssm:/i}"}]}
taskDefinitions:
  t:
    executionRoleArn: ${cfn:s.Role}
    networkMode: ${ssm:/mode}
    requiresCompatibilities: ["${ssm:/compat}"]
    cpu: ${ssm:/cpu}
    memory: ${ssm:/mem}
    containerDefinitions:
      - name: ${ssm:/name}
        image: ${ssm:/image}
        cpu: ${ssm:/c}
        essential: ${ssm:/e}
        portMappings: ["${ssm:/port}", {containerPort: "${ssm:/p2}"}]
        secrets: {A: "${secret:a}"}
        environment: {DB_PASSWORD: "${ssm:/x}"}
        healthCheck: ${ssm:/hc}
        mountPoints: ["${ssm:/m}"]
        command: ${ssm:/cmd}
        dependsOn: ["${ssm:/d}"]
  u: ${ssm:/file}
loadBalancers:
  lb: {listeners: ["${ssm:/l}"], healthCheck: {interval: "${ssm:/i}"}}
services:
  s:
    taskDefinition: ${ssm:/t}
    desiredCount: ${ssm:/n}
    loadBalancer: ${ssm:/lb}
    launchType: ${ssm:/lt}
    networkConfiguration: {awsvpcConfiguration: {subnets: "${cfn:a.Subnets}"}}
  r:
    taskDefinition: t
    loadBalancers: [{targetGroupArn: "${cfn:a.Tg}", containerName: x, containerPort: 1}]
"""


def test_anything_may_be_known_to_aws_only(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(EVERYTHING_OPEN)
    ended = run("validate", "-o", "json")
    assert ended.code == 0, ended.out
    assert {fault["severity"] for fault in ended.json} <= {"warning"}
    assert ended.err.count("known to AWS only") == EVERYTHING_OPEN.count("${")
    rendered = yaml.safe_load(run("render").out)
    shown = rendered["taskDefinitions"]["t"]
    assert (shown["cpu"], shown["requiresCompatibilities"]) == ("${ssm:/cpu}", ["${ssm:/compat}"])
    assert shown["containerDefinitions"][0]["essential"] == "${ssm:/e}"
    assert shown["containerDefinitions"][0]["portMappings"] == ["${ssm:/port}", {"containerPort": "${ssm:/p2}"}]
    assert rendered["services"]["s"]["desiredCount"] == "${ssm:/n}"


def test_logs_say_the_region_of_all_files_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "aws"))
    (folder / "ecsctl.yaml").write_text(GOOD)
    (folder / "over.yaml").write_text("region: eu-north-1\n")

    def region(*arguments: str) -> str | None:
        data = run("render", "-o", "json", "--task-definition", "web", *arguments).json
        found: str | None = data["containerDefinitions"][0]["logConfiguration"]["options"].get("awslogs-region")
        return found

    assert region() is None
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert region() == "us-west-2"
    assert region("-f", "ecsctl.yaml", "-f", "over.yaml") == "eu-north-1"
    assert region("-f", "ecsctl.yaml", "-f", "over.yaml", "--region", "sa-east-1") == "sa-east-1"


def test_lenient_counts_wherever_definitions_are_read(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(GOOD + "nmae: 1\n")
    assert run("render").code == 2
    assert "nmae" not in run("render", "--lenient").out
    for command in ("plan", "up", "down"):
        ended = ecsctl(FakeAws({}), command, "--yes") if command != "plan" else ecsctl(FakeAws({}), command)
        assert (ended.code, "unknown key 'nmae'" in ended.err) == (2, True), ended.err
        again = ecsctl(FakeAws({}), command, "--lenient")
        assert "error: 1 fault" not in again.err


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
    assert "Amazon ECS says: Container names must be unique" in page
    assert "What is checked: containerDefinitions[].name\n" in page
    assert run("explain", "14").out == page
    assert "validate --strict" in run("explain", "ECS201").out
    data = run("explain", "ECS014", "-o", "json").json
    assert (data["rule"], data["looksAt"]) == ("ECS014", "containerDefinitions[].name")
    ended = run("explain", "ECS999")
    assert ended.code == 6
    assert "`ecsctl explain` lists them" in ended.err


def test_nothing_heavy_is_loaded_to_validate(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(GOOD)
    code = (
        "import sys\nfrom ecsctl.cli.main import run\nrun(['validate'])\nrun(['validate'])\n"
        "print(sorted({'boto3', 'botocore', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    run("validate")  # leaves the schema in the cache
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", [["--help"], ["explain", "ECS014"], ["sandbox", "status"], ["ps", "--help"]])
def test_jsonschema_is_loaded_only_where_a_file_is_read(command: list[str]) -> None:
    code = (
        f"import sys\nfrom ecsctl.cli.main import run\nrun({command})\n"
        "print(sorted({'jsonschema'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_json_output_of_a_valid_file_is_an_empty_list(folder: Path) -> None:
    (folder / "ecsctl.yaml").write_text(GOOD)
    assert json.loads(run("validate", "-o", "json").out) == []
