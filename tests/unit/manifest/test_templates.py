"""Templates are filled in at their places, whatever the values; what cannot be filled is told there."""

from __future__ import annotations

import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.errors import NotFoundError, UsageError
from ecsctl.manifest import inspect, load_spec
from ecsctl.manifest.interpolation.external_refs import refer
from ecsctl.manifest.interpolation.templates import Filler, Values
from ecsctl.manifest.interpolation.variables import gather, read_env_file
from ecsctl.manifest.model import SpecError
from ecsctl.manifest.yaml.nodes import plain
from ecsctl.manifest.yaml.reader import read


def filled(text: str, **variables: str) -> tuple[Any, list[str]]:
    """The plain data of a document filled with these variables, and its faults."""
    root, faults = read("f.yaml", text.encode())
    assert root is not None
    assert not faults, faults
    filler = Filler(Values(variables))
    return plain(filler.fill(root)), [str(fault) for fault in filler.faults]


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${A}", "one"),
        ("x${A}y${A}", "xoneyone"),
        ("${NONE:-two}", "two"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY-two}", ""),
        ("${NONE:-}", ""),
        ("${NONE:-${A}}", "one"),
        ("${NONE:-${ALSO:-${A}}!}", "one!"),
        ("${A:?must be}", "one"),
        ("${A:+given}", "given"),
        ("${NONE:+given}", ""),
        ("$${A}", "${A}"),
        ("$$", "$"),
        ("$HOME $(x) $", "$HOME $(x) $"),
        ("a}b", "a}b"),
    ],
)
def test_templates(template: str, value: str) -> None:
    assert filled(json.dumps({"in": template}), A="one", EMPTY="") == ({"in": value}, [])
    assert filled(f"in: |-\n  {template}\n", A="one", EMPTY="") == ({"in": value}, [])


def test_a_number_that_is_filled_in_is_one_unless_it_is_quoted() -> None:
    assert filled("a: ${N}\nb: '${N}'\nc: ${F}\n", N="3", F="true") == ({"a": 3, "b": "3", "c": "true"}, [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: x ${B}\n", "f.yaml:1:6: a: the variable B is not set (export B=…, --set B=…, or ${B:-default}; $${B} for"),
        ("a: 'x ${B}'\n", "f.yaml:1:7: a: the variable B is not set"),
        ("- ${B:?say which}\n", "f.yaml:1:3: [0]: B is not set: say which"),
        ("- ${B?}\n", "f.yaml:1:3: [0]: B is not set"),
        ("- ${}\n", "f.yaml:1:3: [0]: ${} has no valid variable name"),
        ("- ${1A}\n", "f.yaml:1:3: [0]: ${1A} has no valid variable name"),
        ("- ${A B}\n", "f.yaml:1:3: [0]: ${A B} is not a valid template"),
        ("a: ${N}\n", "f.yaml:1:4: a: it becomes a number of more than 4300 digits"),
        ("- ${A\n", "f.yaml:1:3: [0]: ${ is not closed"),
        ("- ${nope:x}\n", "f.yaml:1:3: [0]: ${nope:…} is not a known reference (one of ssm, secret, cfn, tfstate, git"),
        ("- ${ssm:/a}\n", "f.yaml:1:3: [0]: ${ssm:/a} is known to AWS only, and AWS is not called here"),
        ("- ${cfn:a}\n", "f.yaml:1:3: [0]: ${cfn:a}: it is not an output of a stack (${cfn:STACK.OUTPUT})"),
        ("- ${git:author}\n", "f.yaml:1:3: [0]: ${git:author}: git has no value of this name (one of sha, short"),
        ("- ${tfstate:x}\n", "f.yaml:1:3: [0]: ${tfstate:x}: it is not an output of a Terraform state"),
        ("- ${tfstate:none.json#x}\n", "f.yaml:1:3: [0]: ${tfstate:none.json#x}: cannot read none.json: No such file"),
    ],
)
def test_what_cannot_be_filled_is_told_at_its_place(text: str, fault: str) -> None:
    _, faults = filled(text, A="one", N="9" * 5000)
    assert len(faults) == 1
    assert faults[0].startswith(fault), faults[0]


@given(st.text(alphabet="${}:-?+A $#.\\", max_size=30), st.text(max_size=10))
def test_no_template_breaks_the_filler(template: str, value: str) -> None:
    data, faults = filled(json.dumps({"in": template}), A=value)
    assert isinstance(data["in"], str)
    assert faults or "${A}" not in template.replace("$$", "") or value in data["in"]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20))
def test_a_value_cannot_change_the_structure(value: str) -> None:
    text = b"name: p\ntaskDefinitions: {t: {image: 'x:1', memory: 64, environment: {A: '${A}', B: b}}}\n"
    spec = load_spec(["-"], stdin=io.BytesIO(text), values=Values({"A": value}))
    box = spec.task_definitions["t"].definition["containerDefinitions"][0]
    assert box["environment"] == [{"name": "A", "value": value}, {"name": "B", "value": "b"}]


def test_values_take_the_kind_that_is_wanted() -> None:
    text = (
        b"name: ${NAME}\naccount: ${ACCOUNT}\ntaskDefinitions:\n  t:\n    image: nginx:${TAG}\n    memory: '${MB}'\n"
        b"    essential: ${YES}\n    environment: {N: '${MB}', F: '${YES}'}\n    portMappings: ['${PORT}:80']\n"
        b"    stopTimeout: '${STOP}'\n"
        b"services: {s: {taskDefinition: t, desiredCount: '${COUNT}'}}\n"
    )
    variables = {"NAME": "p", "ACCOUNT": "012345678901", "TAG": "1.10", "MB": "512", "YES": "true", "PORT": "8080"}
    variables |= {"STOP": "1m", "COUNT": "3"}
    spec = load_spec(["-"], stdin=io.BytesIO(text), values=Values(variables))
    definition = spec.task_definitions["t"].definition
    box = definition["containerDefinitions"][0]
    assert (spec.name, spec.account, definition["memory"]) == ("p", "012345678901", "512")
    assert (box["image"], box["essential"], box["stopTimeout"]) == ("nginx:1.10", True, 60)
    assert box["environment"] == [{"name": "N", "value": "512"}, {"name": "F", "value": "true"}]
    assert box["portMappings"] == [{"containerPort": 80, "hostPort": 8080}]
    assert spec.services["s"].definition["desiredCount"] == 3


def test_a_wrong_value_is_told_at_the_template() -> None:
    text = b"name: p\nservices:\n  s:\n    taskDefinition: t:1\n    desiredCount: ${COUNT}\n"
    with pytest.raises(SpecError) as caught:
        load_spec(["-"], stdin=io.BytesIO(text), values=Values({"COUNT": "many"}))
    assert str(caught.value).startswith(
        "<stdin>:5:19: services.s.desiredCount: expected an integer, got the string 'many'"
    )


OPEN = b"""\
name: p
region: eu-west-1
taskDefinitions:
  t: {image: "x:1", memory: "${ssm:/memory}", secrets: {T: "${secret:app#key}"}, executionRoleArn: "${cfn:s.Role}"}
services:
  s: {taskDefinition: t, desiredCount: "${ssm:/count}"}
"""


def test_what_only_aws_knows_is_left_open_and_said_so() -> None:
    spec, checked = inspect(["-"], stdin=io.BytesIO(OPEN), values=Values(leave_unresolved=True))
    assert not checked.errors
    assert spec is not None
    assert spec.services["s"].definition["desiredCount"] == "${ssm:/count}"
    assert spec.task_definitions["t"].definition["executionRoleArn"] == "${cfn:s.Role}"
    assert [note.split(" is ")[0] for note in checked.notes] == [
        "<stdin>:4:29: ${ssm:/memory}",
        "<stdin>:4:60: ${secret:app#key}",
        "<stdin>:4:100: ${cfn:s.Role}",
        "<stdin>:6:40: ${ssm:/count}",
    ]


SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf:key::"


def test_what_only_aws_knows_is_asked_once_in_the_files_region() -> None:
    asked: list[tuple[str, str, str | None]] = []
    answers = {"/memory": "512", "/count": "2", "app#key": SECRET, "s.Role": "role"}

    def lookup(kind: str, name: str, region: str | None) -> str:
        asked.append((kind, name, region))
        if name not in answers:
            raise NotFoundError(f"there is no {name}")
        return answers[name]

    spec = load_spec(["-"], stdin=io.BytesIO(OPEN), values=Values(lookup=lookup))
    assert spec.services["s"].definition["desiredCount"] == 2
    box = spec.task_definitions["t"].definition["containerDefinitions"][0]
    assert box["secrets"] == [{"name": "T", "valueFrom": SECRET}]
    assert len(asked) == 4
    assert {region for _, _, region in asked} == {"eu-west-1"}
    del answers["/count"]
    with pytest.raises(SpecError, match="there is no /count"):
        load_spec(["-"], stdin=io.BytesIO(OPEN), values=Values(lookup=lookup))


def test_git_and_terraform_states_are_read_beside_the_file(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(tmp_path), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "x")
    state = {"version": 4, "outputs": {"subnets": {"value": ["subnet-1", "subnet-2"]}, "n": {"value": 3}}}
    (tmp_path / "terraform.tfstate").write_text(json.dumps(state))
    path = tmp_path / "ecsctl.yaml"
    path.write_text(
        "name: p\ninstances:\n  count: ${tfstate:terraform.tfstate#n}\n"
        "  subnets: '${tfstate:terraform.tfstate#subnets}'\n"
        "tags: {commit: '${git:sha}', branch: 'on ${git:branch}'}\n"
    )
    spec = load_spec([str(path)])
    assert spec.tags == {"commit": git("rev-parse", "HEAD"), "branch": "on main"}
    assert spec.instances is not None
    assert spec.instances.desired == 3
    assert spec.instances.subnets == ("subnet-1", "subnet-2")


STATE = {
    "version": 4,
    "outputs": {
        "vpc": {"value": {"id": "vpc-1", "subnets": [{"id": "subnet-1"}, {"id": "subnet-2"}], "n": 3, "none": None}},
    },
}


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("vpc.id", "vpc-1"),
        ("vpc.subnets[1].id", "subnet-2"),
        ("vpc.subnets.0.id", "subnet-1"),
        ("vpc.n", "3"),
    ],
)
def test_parts_of_outputs_of_a_state(tmp_path: Path, reference: str, value: str) -> None:
    (tmp_path / "s.tfstate").write_text(json.dumps(STATE))
    assert refer("tfstate", f"s.tfstate#{reference}", file=str(tmp_path / "f"), region=None, lookup=None) == value


@pytest.mark.parametrize(
    ("reference", "told", "hint"),
    [
        ("s.tfstate#vpc.nope", "the output 'vpc.nope' has no 'nope'", "what is there has: id, n, none, subnets"),
        ("s.tfstate#vpc.subnets[2]", "has no 2", "2 items, counted from 0"),
        ("s.tfstate#vpc.id.x", "has no 'x'", "no parts"),
        ("s.tfstate#vpc.none", "the output 'vpc.none' has no value", None),
        ("s.tfstate#nope", "the state has no output 'nope'", "it has: vpc"),
        ("s.tfstate#vpc[", "it is not an output of a Terraform state", None),
        ("s3://bucket/s.tfstate#vpc", "a state is read from a file only", "`terraform state pull"),
    ],
)
def test_what_a_state_has_not_is_told(tmp_path: Path, reference: str, told: str, hint: str | None) -> None:
    (tmp_path / "s.tfstate").write_text(json.dumps(STATE))
    with pytest.raises(UsageError, match=re.escape(told)) as caught:
        refer("tfstate", reference, file=str(tmp_path / "f"), region=None, lookup=None)
    assert hint is None or hint in str(caught.value.hint)


def test_json_of_the_aws_command_line_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(
        '[{"name": "a", "image": "b:1", "memory": 64, "command": ["sh", "-c", "echo ${X}"]}]'
    )
    (tmp_path / "u.yaml").write_text("image: b:${TAG}\nmemory: 64\n")
    path = tmp_path / "ecsctl.yaml"
    path.write_text("name: p\ntaskDefinitions: {t: t.json, u: u.yaml}\n")
    spec = load_spec([str(path)], values=Values({"TAG": "2"}))
    boxes = {name: one.definition["containerDefinitions"][0] for name, one in spec.task_definitions.items()}
    assert boxes["t"]["command"][2] == "echo ${X}"
    assert boxes["u"]["image"] == "b:2"


def test_variables_come_from_files_the_environment_and_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# x\nA=file\nexport B='b b'\nC=\"c\\nc\"\nD=d # note\n\nE=\n")
    assert read_env_file(str(file), {}) == {"A": "file", "B": "b b", "C": "c\nc", "D": "d", "E": ""}
    found = gather({"A": "env"}, [str(file)], ["B=set", "X=a=b"])
    assert (found["A"], found["B"], found["X"], found["D"]) == ("env", "set", "a=b", "d")
    for wrong in ("x", "=v", "1=v", "a b=c"):
        with pytest.raises(UsageError, match="is not an assignment"):
            gather({}, [], [wrong])
    file.write_text("A=1\nsecret words\n")
    with pytest.raises(UsageError, match="line 2 is not NAME=value") as caught:
        read_env_file(str(file), {})
    assert "secret" not in str(caught.value)
    with pytest.raises(UsageError, match="cannot read"):
        read_env_file(str(tmp_path / "none"), {})


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=a#b", "a#b"),
        ("A=a #b", "a"),
        ("A='a #b' # c", "a #b"),
        ('A="a #b"', "a #b"),
        ("A='${B} $$ \\n'", "${B} $$ \\n"),
        ('A="${B}-${C:-c}"', "b-c"),
        ("A=${B}", "b"),
        ('A="\\"q\\" \\\\ \\t|"', '"q" \\ \t|'),
        ('A="one\ntwo"', "one\ntwo"),
        ("A = x ", "x"),
        ("A=x=y", "x=y"),
        ("A=$5.00 $$5", "$5.00 $5"),
        ("A", "of the environment"),
    ],
)
def test_an_env_file_is_read_as_compose_reads_it(tmp_path: Path, line: str, value: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"B=b\r\n{line}\n")
    known = {"A": "of the environment"} if line == "A" else {}
    assert read_env_file(str(file), known)["A"] == value


def test_what_an_env_file_cannot_say_is_told_without_its_values(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    for text, told in (('A="hush', "quote in line 1 is not closed"), ("A=hush${NOPE}", "NOPE is not set")):
        file.write_text(text)
        with pytest.raises(UsageError, match=told) as caught:
            read_env_file(str(file), {})
        assert "hush" not in str(caught.value)


def test_included_files_are_laid_under(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "base.yaml").write_text(
        "cluster: base\ntaskDefinitions:\n  t: {image: 'x:${TAG}', memory: 64}\ntags: {a: b}\n"
    )
    path = tmp_path / "ecsctl.yaml"
    path.write_text("name: p\ninclude: parts/base.yaml\ntaskDefinitions: {t: {memory: 128}}\n")
    spec = load_spec([str(path)], values=Values({"TAG": "1"}))
    assert (spec.cluster, spec.tags) == ("base", {"a": "b"})
    assert spec.task_definitions["t"].definition["memory"] == "128"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name: p\ninclude: ecsctl.yaml\n", "ecsctl.yaml:2:10: include: "),
        ("name: p\ninclude: [none.yaml]\n", "ecsctl.yaml:2:11: include: cannot read "),
        ("name: p\ninclude: {a: b}\n", "ecsctl.yaml:2:10: include: expected a path or a list of paths"),
        ("name: p\ninclude: [[a]]\n", "ecsctl.yaml:2:11: include: expected a path to a file"),
    ],
)
def test_what_cannot_be_included_is_told(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "ecsctl.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_spec([str(path)])
    assert str(caught.value).replace(f"{tmp_path}/", "", 1).startswith(fault)


def test_a_fault_of_an_included_file_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("taskDefinitions:\n  t: {image: x, memory: 64, cpuu: 1}\n")
    path = tmp_path / "ecsctl.yaml"
    path.write_text("name: p\ninclude: [base.yaml]\n")
    with pytest.raises(SpecError) as caught:
        load_spec([str(path)])
    assert str(caught.value).startswith(f"{tmp_path}/base.yaml:2:29: taskDefinitions.t.cpuu: unknown key")
