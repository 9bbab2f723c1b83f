"""The schema has every member of botocore's model, and validating by it gives what jsonschema alone gives."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsctl.aws.models import ecs_model, model_version
from ecsctl.manifest.schema import api as under_test
from ecsctl.manifest.schema.api import OPERATIONS, api_definitions, definitions, text_of
from ecsctl.manifest.schema.editor import FILES, file_schema
from ecsctl.manifest.schema.messages import MESSAGES
from ecsctl.manifest.schema.validator import validate
from ecsctl.manifest.shorthands.table import SHORTHANDS
from ecsctl.manifest.yaml.nodes import Scalar, made, path_text
from ecsctl.refusals.limits import CHECKED_ENUMERATIONS

AT = Scalar("f.yaml", 1, 1, None)


# What the project says for its services.
THE_PROJECTS = {"CreateServiceRequest.cluster", "CreateServiceRequest.clientToken"}
NAMES = {"RegisterTaskDefinitionRequest": "TaskDefinition", "CreateServiceRequest": "Service"}


def missing(definitions: dict[str, Any]) -> set[str]:
    """What botocore reads in the operations' inputs, and a schema has not: members and their values."""
    service = botocore.session.get_session().get_service_model("ecs")
    todo = [service.operation_model(operation).input_shape for operation in OPERATIONS]
    seen: set[str] = set()
    lacking: set[str] = set()
    while todo:
        shape = todo.pop()
        if shape.name in seen or (shape.type_name == "structure" and shape.is_document_type):
            continue
        seen.add(shape.name)
        made = definitions.get(shape.name if shape.name in definitions else NAMES.get(shape.name, ""), {})
        forms = [made, *made.get("anyOf", ())]
        if shape.type_name == "structure":
            properties = next((form["properties"] for form in forms if "properties" in form), {})
            for name, member in shape.members.items():
                values = set(getattr(member, "enum", ())) if member.name not in CHECKED_ENUMERATIONS else set()
                if name not in properties or not values <= enum_of(properties[name]):
                    lacking.add(f"{shape.name}.{name}")
                todo.append(member)
            required = next((form["required"] for form in forms if "required" in form), [])
            if shape.name not in NAMES and set(required) != set(shape.required_members):
                lacking.add(f"{shape.name} requires")
        elif shape.type_name == "list":
            todo.append(shape.member)
        elif shape.type_name == "map":
            todo += [shape.key, shape.value]
    assert len(seen) > 100
    return lacking


def enum_of(schema: dict[str, Any]) -> set[str]:
    return {value for form in (schema, *schema.get("anyOf", ())) for value in form.get("enum", ())}


def test_no_member_of_the_api_is_missing() -> None:
    assert missing(api_definitions(ecs_model())) == set()
    assert missing(definitions()) == set()
    assert missing(file_schema()["$defs"]) == THE_PROJECTS


@pytest.mark.parametrize("of", sorted(FILES))
def test_the_schema_of_each_file_has_its_members(of: str) -> None:
    whole = file_schema(of)
    jsonschema.Draft202012Validator.check_schema(whole)
    lacking = {item for item in missing(whole["$defs"]) if of != "overlay" or not item.endswith(" requires")}
    assert lacking == THE_PROJECTS
    validator = jsonschema.Draft202012Validator(whole)
    right = {
        "project": {"name": "p"},
        "overlay": {
            "services": {"web": {"desiredCount": 3, "tags": None}},
            "taskDefinitions": {"web": {"memory": "1GB"}},
        },
        "task-definition": {"image": "x", "memory": "1GB"},
        "service": {"taskDefinition": "t", "loadBalancer": "lb:80"},
        "run-task": {"taskDefinition": "t", "count": 2},
    }
    # A project is laid over another one, too.
    expected = ["project", "overlay"] if of == "overlay" else [of]
    assert [name for name, data in right.items() if validator.is_valid(data)] == expected


def test_an_overlay_says_only_what_it_changes() -> None:
    validator = jsonschema.Draft202012Validator(file_schema("overlay"))
    overlay = {
        "taskDefinitions": {
            "web": {"environment": {"A": None, "B": "b"}, "networkMode": None},
            "api": {"containerDefinitions": [{"name": "api", "memory": None, "portMappings": None}]},
            "old": None,
        }
    }
    assert not [error.message for error in validator.iter_errors(overlay)]
    assert not validator.is_valid({"taskDefinitions": {"web": {"memroy": 1}}})


@pytest.mark.parametrize("shape", ["RegisterTaskDefinitionRequest", "CreateServiceRequest", "RunTaskRequest"])
def test_a_member_that_is_taken_out_is_missed(shape: str) -> None:
    api = api_definitions(ecs_model())
    properties = api[shape]["properties"]
    for member in list(properties):
        taken = properties.pop(member)
        assert missing(api) == {f"{shape}.{member}"}
        properties[member] = taken


def test_enums_bounds_and_documentation_come_along() -> None:
    api = api_definitions(ecs_model(), documented=True)
    request = api["RegisterTaskDefinitionRequest"]
    assert request["properties"]["networkMode"]["enum"] == ["bridge", "host", "awsvpc", "none"]
    assert "Docker networking mode" in request["properties"]["networkMode"]["description"]
    assert api["Tags"]["maxItems"] == 50
    assert api["CapacityProviderStrategyItem"]["properties"]["weight"]["maximum"] == 1000
    assert "<p>" not in json.dumps(api)


def test_documentation_becomes_plain_text() -> None:
    assert text_of("<p>A &amp; <code>b</code></p> <ul> <li> <p>one</p> </li></ul>") == "A & b\n- one"


def test_both_schemas_are_schemas() -> None:
    strict = {"$schema": under_test.SCHEMA_ID, "$ref": "#/$defs/Project", "$defs": definitions()}
    jsonschema.Draft202012Validator.check_schema(strict)
    jsonschema.Draft202012Validator.check_schema(file_schema())


def test_the_schema_is_kept_and_made_again_where_the_kept_one_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    under_test.definitions.cache_clear()
    first = definitions()
    (kept,) = (tmp_path / "ecsctl").iterdir()
    assert model_version() in kept.name
    for broken in (b"", b"[]", b"{}", b"\xff", b'{"RegisterTaskDefinitionRequest": 1}'):
        kept.write_bytes(broken)
        under_test.definitions.cache_clear()
        assert definitions() == first
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/none")
    under_test.definitions.cache_clear()
    assert definitions() == first
    under_test.definitions.cache_clear()


PROJECT: dict[str, Any] = {
    "name": "p",
    "account": "515432163751",
    "instances": {"count": {"min": 1, "desired": 1, "max": 2}, "type": "t3.small"},
    "taskDefinitions": {
        "web": {
            "networkMode": "bridge",
            "containerDefinitions": [
                {
                    "name": "web",
                    "image": "nginx",
                    "memory": 100,
                    "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                    "environment": [{"name": "A", "value": "b"}],
                    "healthCheck": {"command": ["CMD", "x"], "interval": 30},
                    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}},
                    "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}],
                }
            ],
            "tags": [{"key": "k", "value": "v"}],
        }
    },
    "loadBalancers": {"lb": {"type": "classic", "healthCheck": {"interval": 5, "target": "TCP:80"}}},
    "services": {
        "s": {
            "taskDefinition": "web",
            "desiredCount": 2,
            "loadBalancer": {"name": "lb", "containerPort": 80},
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        }
    },
    "tags": {"a": "b"},
}


def _paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(deeper for key, value in inner for deeper in _paths(value, (*path, key)))]


PLACES = _paths(PROJECT)[1:]
VALUES = st.sampled_from([None, True, 0, -1, 2**40, 1.5, "", "x", "a b", "x" * 300, [], {}, [1], {"a": 1}, ["a"], [{}]])


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "drop", "add"]), VALUES), max_size=3))
def test_the_faults_are_those_that_jsonschema_alone_finds(changes: list[tuple[tuple[Any, ...], str, Any]]) -> None:
    data = copy.deepcopy(PROJECT)
    for path, how, value in changes:
        _change(data, path, how, copy.deepcopy(value))
    strict = {"$schema": under_test.SCHEMA_ID, "$ref": "#/$defs/Project", "$defs": definitions()}
    errors = list(jsonschema.Draft202012Validator(strict).iter_errors(data))
    validated = validate(made(data, AT), "Project")
    keys = ("additionalProperties", "required")
    of_values = {path_text(tuple(error.path)) for error in errors if error.validator not in keys}
    messages = {fault.path: fault.message for fault in validated.faults}
    of_keys = {path for path, text in messages.items() if text.startswith("unknown key") or text.endswith("is missing")}
    assert of_values <= set(messages)
    assert set(messages) - of_keys <= of_values
    assert bool(of_keys - of_values) <= any(error.validator in keys for error in errors)
    assert bool(validated.faults) == bool(errors)
    if not errors:
        assert validated.data == data


def test_there_are_words_for_every_keyword_of_the_schema() -> None:
    def keywords(schema: Any) -> set[str]:
        inner = [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
        inner += schema.get("properties", {}).values()
        return set(schema).union(*(keywords(each) for each in inner))

    used = set().union(*(keywords(one) for name, one in definitions().items() if not name.startswith("ReadOnly")))
    structural = {
        "if",
        "else",
        "$ref",
        "properties",
        "items",
        "additionalProperties",
        "required",
        "deprecated",
        "description",
    }
    assert used - structural <= set(MESSAGES)


def _change(data: Any, path: tuple[Any, ...], how: str, value: Any) -> None:
    for part in path[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return
    last = path[-1]
    if isinstance(data, list):
        data.append(value)
    elif isinstance(data, dict):
        if how == "drop":
            data.pop(last, None)
        else:
            data[last if how == "set" else f"{last}x"] = value


@pytest.mark.parametrize("path", [path for path in PLACES if not isinstance(path[-1], int)])
def test_a_misspelt_key_is_told_with_the_one_that_is_meant(path: tuple[Any, ...]) -> None:
    data = copy.deepcopy(PROJECT)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    name = path[-1]
    if len(name) < 4 or path[0] == "tags" or path[-2:-1] == ("options",):
        return
    inner[name.upper()] = inner.pop(name)
    faults = validate(made(data, AT), "Project").faults
    assert any(fault.allowed == f"did you mean {name}?" for fault in faults), faults


def test_an_unknown_key_is_a_warning_where_asked() -> None:
    validated = validate(made({"name": "p", "nmae": 1}, AT), "Project", lenient=True)
    assert [fault.severity for fault in validated.faults] == ["warning"]
    assert validated.data == {"name": "p"}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("account",), 515432163751, 'expected a string, got the number 515432163751 (write "515432163751" in quotes)'),
        (("services", "s", "desiredCount"), "2", "expected an integer, got the string '2' (write 2 without quotes)"),
        (("services", "s", "desiredCount"), 2.0, "expected an integer, got the number 2.0 (write it without a frac"),
        (("services", "s", "desiredCount"), True, "expected an integer, got the boolean True"),
        (("services", "s", "desiredCount"), 2**40, "1099511627776 is out of range (-2147483648 to 2147483647)"),
        (("services", "s", "taskDefinition"), None, 'expected a string, got null (omit the key, or write "" for an em'),
        (("services", "s"), ["x"], "expected a mapping, got a list"),
        (
            ("taskDefinitions", "web", "networkMode"),
            "Bridge",
            "the string 'Bridge' is not an allowed value (did you mea",
        ),
        (("taskDefinitions", "web", "tags"), [{"key": "k"}] * 51, "too many items: 51 (at most 50)"),
        (("taskDefinitions", "web", "tags", 0, "key"), "", "must not be empty"),
        (("taskDefinitions", "web", "tags", 0, "key"), "k" * 129, "too long: 129 characters (at most 128)"),
        (("account",), "515432163751\n", "is not valid (12 digits, in quotes)"),
    ],
)
def test_each_kind_of_fault_is_told_in_words_of_its_own(path: tuple[Any, ...], value: Any, told: str) -> None:
    data = copy.deepcopy(PROJECT)
    inner: Any = data
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    validated = validate(made(data, AT), "Project")
    assert len(validated.faults) == 1
    assert f"{path_text(path)}: " in str(validated.faults[0])
    assert told in str(validated.faults[0])
    # What is wrong is no part of what the rules get; a string of a list keeps its place.
    if isinstance(path[-1], str):
        holder: Any = validated.data
        for part in path[:-1]:
            holder = holder[part]
        assert path[-1] not in holder


def test_a_bound_that_does_not_count_itself_is_told_as_one() -> None:
    data = copy.deepcopy(PROJECT)
    data["services"]["s"]["scaling"] = {"min": 1, "max": 2, "cpu": 0, "requestsPerTarget": 0}
    told = [str(fault).partition(": services.s.")[2] for fault in validate(made(data, AT), "Project").faults]
    assert sorted(told) == [
        "scaling.cpu: 0 is out of range (more than 0, at most 100)",
        "scaling.requestsPerTarget: 0 is out of range (more than 0)",
    ]


def test_the_editors_schema_takes_short_and_long_forms() -> None:
    validator = jsonschema.Draft202012Validator(file_schema())
    assert validator.is_valid(PROJECT), list(validator.iter_errors(PROJECT))
    short = {
        "name": "p",
        "x-mine": [1],
        "instances": {"count": 2, "ingress": [80, "443@10.0.0.0/8"]},
        "taskDefinitions": {
            "one": {"image": "nginx", "memory": "512MB", "portMappings": ["80:80"], "environment": {"A": 1}},
            "file": "./web.json",
        },
        "services": {"s": {"taskDefinition": "one", "loadBalancer": "lb:80", "tags": {"a": "b"}}},
    }
    assert validator.is_valid(short), [error.message for error in validator.iter_errors(short)]
    assert not validator.is_valid({"name": "p", "taskDefinitions": {"a": {"image": "x", "memroy": 1}}})
    assert not validator.is_valid({})
    templates = {
        "name": "${NAME}",
        "region": "${R}",
        "services": {"s": {"taskDefinition": "t:1", "desiredCount": "${N}"}},
    }
    assert validator.is_valid(templates)
    assert not validator.is_valid({"name": "p", "services": {"s": {"taskDefinition": "t:1", "desiredCount": "many"}}})


ROOT = Path(__file__).parents[3]
WRITTEN = [
    *(path.read_text() for path in sorted((ROOT / "examples").rglob("*.y*ml")) if "name:" in path.read_text()),
    *(
        block
        for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)
        if block.startswith("name:")
    ),
]


LEAST: dict[str, Any] = {
    "TaskDefinition": {"image": "x"},
    "Service": {"taskDefinition": "x"},
    "Tmpfs": {"size": 1},
    "ContainerRestartPolicy": {"enabled": True},
    "Scaling": {"min": 1, "max": 2},
}


@pytest.mark.parametrize("text", WRITTEN, ids=range(len(WRITTEN)))
def test_an_editor_finds_nothing_wrong_in_what_we_show(text: str) -> None:
    errors = list(jsonschema.Draft202012Validator(file_schema()).iter_errors(yaml.safe_load(text)))
    assert not errors, [(error.json_path, error.message) for error in errors]


@pytest.mark.parametrize("name", [name for name in SHORTHANDS if name not in ("TaskDefinition", "ContainerDefinition")])
def test_an_editor_finds_nothing_wrong_in_a_shorthand(name: str) -> None:
    whole = file_schema()
    shape, _, member = name.partition(".")
    short = yaml.safe_load(SHORTHANDS[name].short)
    validator = jsonschema.Draft202012Validator({"$ref": f"#/$defs/{shape}", "$defs": whole["$defs"]})
    if shape in ("Ingress", "Listener"):
        assert all(validator.is_valid(item) for item in short)
    elif member:
        others = dict.fromkeys(definitions()[shape].get("required", ()), "x") | LEAST.get(shape, {})
        if shape == "TaskDefinition":
            others.pop("containerDefinitions")
        assert not [error.message for error in validator.iter_errors({**others, member: short})]
    else:
        assert validator.is_valid(short)


def test_an_editor_takes_templates_for_anything_but_a_mapping() -> None:
    validator = jsonschema.Draft202012Validator(file_schema())
    vpc = {"subnets": "${tfstate:vpc.tfstate#subnets}", "assignPublicIp": "${PUBLIC}"}
    written = {
        "name": "p",
        "account": "${ACCOUNT}",
        "taskDefinitions": {
            "one": {"image": "${IMAGE}", "networkMode": "${MODE:-bridge}", "memory": "${M}", "volumes": ["a:/b"]},
            "two": {"image": "x", "logs": "awslogs", "volumes": {"data": None}},
        },
        "services": {
            "s": {
                "taskDefinition": "one",
                "launchType": "${T}",
                "desiredCount": "${N}",
                "enableExecuteCommand": "${X}",
                "networkConfiguration": {"awsvpcConfiguration": vpc},
            }
        },
    }
    assert not list(validator.iter_errors(written))
    for wrong in ("subnet-1", "x${Y"):
        vpc["subnets"] = wrong
        assert not validator.is_valid(written)
