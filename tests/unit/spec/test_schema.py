"""The schema has every member of botocore's model, and our check of it agrees with jsonschema's."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import botocore.session
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsctl.aws.models import ecs_model, model_version
from ecsctl.spec import schema as under_test
from ecsctl.spec.checker import Checker
from ecsctl.spec.editor import file_schema
from ecsctl.spec.nodes import Scalar, made
from ecsctl.spec.schema import OPERATIONS, api_definitions, definitions, text_of

AT = Scalar("f.yaml", 1, 1, None)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_member_of_the_api_is_missing(operation: str) -> None:
    api = api_definitions(ecs_model())
    service = botocore.session.get_session().get_service_model("ecs")
    todo = [service.operation_model(operation).input_shape]
    seen: set[str] = set()
    while todo:
        shape = todo.pop()
        if shape.name in seen:
            continue
        seen.add(shape.name)
        if shape.type_name == "structure" and not shape.is_document_type:
            assert set(api[shape.name]["properties"]) == set(shape.members), shape.name
            assert api[shape.name].get("required", []) == list(shape.required_members)
            todo += shape.members.values()
        elif shape.type_name == "list":
            assert api[shape.name]["type"] == "array"
            todo.append(shape.member)
        elif shape.type_name == "map":
            todo += [shape.key, shape.value]
    assert len(seen) > 20


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
def test_our_check_and_jsonschema_have_the_same_verdict(changes: list[tuple[tuple[Any, ...], str, Any]]) -> None:
    data = copy.deepcopy(PROJECT)
    for path, how, value in changes:
        _change(data, path, how, copy.deepcopy(value))
    strict = {"$schema": under_test.SCHEMA_ID, "$ref": "#/$defs/Project", "$defs": definitions()}
    expected = jsonschema.Draft202012Validator(strict).is_valid(data)
    checker = Checker(definitions())
    kept = checker.check(made(data, AT), "Project")
    assert (not checker.faults) == expected, [str(fault) for fault in checker.faults]
    if expected:
        assert kept == data


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
    checker = Checker(definitions())
    checker.check(made(data, AT), "Project")
    assert any(fault.allowed == f"did you mean {name}?" for fault in checker.faults), checker.faults


def test_an_unknown_key_is_a_warning_where_asked() -> None:
    checker = Checker(definitions(), lenient=True)
    kept = checker.check(made({"name": "p", "nmae": 1}, AT), "Project")
    assert [fault.severity for fault in checker.faults] == ["warning"]
    assert kept == {"name": "p"}


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
