"""What is registered and described again differs in nothing; what is really changed does."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ecsctl.ecs_definitions.differences import (
    diff_services,
    diff_task_definitions,
    normalize_service,
    normalize_tags,
    normalize_task_definition,
    redact,
)
from ecsctl.manifest.schema.api import definitions

Schema = dict[str, Any]
DEFINITIONS = definitions()
WORDS = st.sampled_from(["a", "b", "web", "/x", "1", "arn:aws:x"])


def generated(schema: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a schema."""
    if "$ref" in schema:
        schema = DEFINITIONS[schema["$ref"].removeprefix("#/$defs/")]
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return st.lists(generated(schema["items"], depth + 1), min_size=1, max_size=min(3, schema.get("maxItems", 3)))
    if kind == "object" and "properties" in schema:
        required = set(schema.get("required", ()))
        needed = {key: generated(one, depth + 1) for key, one in schema["properties"].items() if key in required}
        others = {key: generated(one, depth + 1) for key, one in schema["properties"].items() if key not in required}
        if schema.get("maxProperties"):
            return st.one_of([st.fixed_dictionaries({key: one}) for key, one in others.items()])
        return st.fixed_dictionaries(needed, optional=others)
    if kind == "object":
        return st.dictionaries(WORDS, generated(schema["additionalProperties"], depth + 1), min_size=1, max_size=2)
    if kind == "integer":
        least = max(schema["minimum"], 0)
        return st.integers(least, min(schema["maximum"], least + 4))
    return {"boolean": st.booleans(), "number": st.just(1.5), "string": WORDS}.get(str(kind), st.just({"a": "b"}))


TASKS = generated({"$ref": "#/$defs/RegisterTaskDefinitionRequest"})
SERVICES = generated({"$ref": "#/$defs/CreateServiceRequest"})


def described(definition: dict[str, Any], flip: bool) -> dict[str, Any]:
    """What ECS answers of a definition: defaults filled in, lists without an order turned around, its own members."""
    answer = copy.deepcopy(definition)
    answer.pop("tags", None)
    mode = answer.get("networkMode") or (
        "awsvpc" if "FARGATE" in answer.get("requiresCompatibilities", []) else "bridge"
    )
    for member in ("volumes", "placementConstraints"):
        answer.setdefault(member, [])
    for box in answer["containerDefinitions"]:
        for member in ("environment", "mountPoints", "volumesFrom", "portMappings", "systemControls"):
            box.setdefault(member, [])
        box.setdefault("cpu", 0)
        box.setdefault("essential", True)
        for mapping in box["portMappings"]:
            mapping.setdefault("protocol", "tcp")
            same = mapping.get("containerPort", 0) if mode in ("awsvpc", "host") else 0
            mapping.setdefault("hostPort", same)
        if "healthCheck" in box:
            box["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, **box["healthCheck"]}
        if "logConfiguration" in box:
            box["logConfiguration"].setdefault("secretOptions", [])
            box["logConfiguration"].setdefault("options", {})
        if flip:
            for member in (
                "environment",
                "secrets",
                "mountPoints",
                "portMappings",
                "ulimits",
                "dependsOn",
                "volumesFrom",
            ):
                box.get(member, []).reverse()
    for volume in answer["volumes"]:
        volume.setdefault("host", {})
    if flip:
        for member in ("containerDefinitions", "volumes", "requiresCompatibilities"):
            answer.get(member, []).reverse()
    answer.update(
        taskDefinitionArn="arn:aws:ecs:eu-west-1:1:task-definition/x:3",
        revision=3,
        status="ACTIVE",
        requiresAttributes=[{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
        compatibilities=["EC2"],
        registeredAt="2026-01-01",
        registeredBy="arn:aws:iam::1:user/x",
    )
    return answer


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(TASKS, st.booleans())
def test_a_task_definition_described_again_differs_in_nothing(definition: dict[str, Any], flip: bool) -> None:
    answer = described(definition, flip)
    assert normalize_task_definition(answer) == normalize_task_definition(definition)
    assert diff_task_definitions(definition, answer) == []
    assert normalize_task_definition(normalize_task_definition(answer)) == normalize_task_definition(answer)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(TASKS, TASKS)
@pytest.mark.slow
def test_differences_are_told_exactly_where_the_canonical_forms_differ(a: dict[str, Any], b: dict[str, Any]) -> None:
    same = normalize_task_definition(a) == normalize_task_definition(b)
    assert (diff_task_definitions(a, b) == []) == same
    assert {path for path, _, _ in diff_task_definitions(a, b)} == {path for path, _, _ in diff_task_definitions(b, a)}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(SERVICES)
def test_a_service_described_again_differs_in_nothing(service: dict[str, Any]) -> None:
    breaker = service.get("deploymentConfiguration", {}).get("deploymentCircuitBreaker")
    assume(not (breaker and not breaker["enable"]))
    answer = {
        "launchType": "EC2",
        "schedulingStrategy": "REPLICA",
        "propagateTags": "NONE",
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "healthCheckGracePeriodSeconds": 0,
        "placementConstraints": [],
        "placementStrategy": [],
        "loadBalancers": [],
        "serviceRegistries": [],
        **copy.deepcopy(service),
        "serviceArn": "arn",
        "clusterArn": "arn",
        "status": "ACTIVE",
        "runningCount": 1,
        "events": [],
        "deployments": [],
    }
    assert diff_services(service, answer) == []


BASE = {
    "family": "web",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "nginx:1",
            "memory": 100,
            "portMappings": [{"containerPort": 80}],
            "environment": [{"name": "A", "value": "one"}, {"name": "B", "value": "two"}],
        }
    ],
}


def changed(**members: Any) -> dict[str, Any]:
    other = copy.deepcopy(BASE)
    box: Any = other["containerDefinitions"]
    box[0].update(members)
    return other


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (changed(image="nginx:2"), [("containerDefinitions[web].image", "nginx:1", "nginx:2")]),
        (
            changed(environment=[{"name": "B", "value": "2"}, {"name": "C", "value": "3"}]),
            [
                ("containerDefinitions[web].environment[A]", "one", None),
                ("containerDefinitions[web].environment[B]", "two", "2"),
                ("containerDefinitions[web].environment[C]", None, "3"),
            ],
        ),
        (
            changed(portMappings=[{"containerPort": 80, "hostPort": 80}]),
            [("containerDefinitions[web].portMappings[80/tcp].hostPort", None, 80)],
        ),
        (changed(command=["a", "b"]), [("containerDefinitions[web].command", None, ["a", "b"])]),
        ({**BASE, "cpu": "1 vCPU"}, [("cpu", None, "1024")]),
        ({**BASE, "memory": "0.5GB"}, [("memory", None, "512")]),
        ({**BASE, "tags": [{"key": "a", "value": "b"}]}, []),
        (changed(essential=True, cpu=0, mountPoints=[], privileged=False), []),
    ],
)
def test_changes_of_a_task_definition(after: dict[str, Any], changes: list[Any]) -> None:
    assert diff_task_definitions(BASE, after) == changes


@pytest.mark.parametrize(
    ("mode", "host", "same"),
    [("bridge", 0, True), ("bridge", 80, False), ("awsvpc", 80, True), ("host", 80, True), ("host", 0, True)],
)
def test_a_host_port_means_something_in_bridge_only(mode: str, host: int, same: bool) -> None:
    before = {**BASE, "networkMode": mode}
    after = {**changed(portMappings=[{"containerPort": 80, "hostPort": host}]), "networkMode": mode}
    assert (diff_task_definitions(before, after) == []) == same


def test_the_order_of_commands_and_name_servers_means_something() -> None:
    assert diff_task_definitions(changed(dnsServers=["a", "b"]), changed(dnsServers=["b", "a"]))
    assert diff_task_definitions(changed(command=["a", "b"]), changed(command=["b", "a"]))


SERVICE = {
    "serviceName": "s",
    "desiredCount": 2,
    "launchType": "EC2",
    "roleArn": "arn:aws:iam::1:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
    "deploymentConfiguration": {
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
    },
    "networkConfiguration": {
        "awsvpcConfiguration": {"subnets": ["b", "a"], "securityGroups": [], "assignPublicIp": "DISABLED"}
    },
    "placementStrategy": [{"type": "spread", "field": "instanceId"}],
}


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        ({}, []),
        ({"desiredCount": 2}, []),
        ({"desiredCount": 3}, [("desiredCount", 2, 3)]),
        ({"deploymentConfiguration": {"maximumPercent": 200}}, []),
        ({"deploymentConfiguration": {"maximumPercent": 150}}, [("deploymentConfiguration.maximumPercent", 200, 150)]),
        (
            {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}},
            [("deploymentConfiguration.deploymentCircuitBreaker", None, {"enable": True, "rollback": True})],
        ),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a", "b"]}}}, []),
        ({"placementStrategy": [{"type": "spread", "field": "host"}]}, []),
        ({"taskDefinition": "x:1", "tags": [], "clientToken": "x"}, []),
        ({"enableExecuteCommand": False}, []),
        ({"enableExecuteCommand": True}, [("enableExecuteCommand", None, True)]),
    ],
)
def test_changes_of_a_service_are_those_of_the_members_that_are_said(
    wanted: dict[str, Any], changes: list[Any]
) -> None:
    assert diff_services({"serviceName": "s", **wanted}, SERVICE) == changes


def test_a_role_is_the_same_by_name_and_by_arn() -> None:
    by_name, by_arn = {"role": "own"}, {"roleArn": "arn:aws:iam::1:role/path/own"}
    assert normalize_service(by_name) == normalize_service(by_arn) == {"role": "own"}


def test_tags_are_a_mapping_without_those_of_aws() -> None:
    assert normalize_tags([{"key": "b", "value": "1"}, {"key": "a"}, {"key": "aws:x", "value": "y"}]) == {
        "a": "",
        "b": "1",
    }
    assert normalize_tags(None) == {}


def test_values_of_variables_are_never_shown() -> None:
    secret = "hunter2"
    box = {"name": "web", "image": "i", "environment": [{"name": "A", "value": secret}]}
    other = {"name": "web", "image": "i", "environment": [{"name": "A", "value": secret + "x"}]}
    before = {"family": "f", "containerDefinitions": [box]}
    for after in (
        {"family": "f", "containerDefinitions": [other]},
        {"family": "f", "containerDefinitions": []},
        {"family": "f", "containerDefinitions": [{"name": "web", "image": "i"}]},
    ):
        for one, two in ((before, after), (after, before)):
            for path, *values in diff_task_definitions(one, two):
                assert secret not in repr([redact(path, value) for value in values])
    assert secret not in repr(redact("", before))
    assert redact("", before)["containerDefinitions"][0]["image"] == "i"


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("containerDefinitions[a].secrets[TOKEN]", "arn:x", "arn:x"),
        ("containerDefinitions[a].logConfiguration.options.splunk-token", "x", "(hidden)"),
        ("containerDefinitions[a].logConfiguration.options.awslogs-group", "x", "x"),
        ("containerDefinitions[a].repositoryCredentials.credentialsParameter", "arn", "arn"),
        ("containerDefinitions[a].image", "x", "x"),
        ("desiredCount", None, None),
    ],
)
def test_what_is_named_like_a_secret_is_hidden(path: str, value: Any, shown: Any) -> None:
    assert redact(path, value) == shown


def test_an_empty_text_of_an_emulator_is_nothing_where_the_user_has_not_written_it() -> None:
    container = {"name": "web", "image": "i", "environment": [{"name": "A", "value": ""}], "dockerLabels": {"a": ""}}
    told = {**container, "user": "", "workingDirectory": "", "hostname": ""}
    answered = {
        "family": "web",
        "taskRoleArn": "",
        "networkMode": "",
        "pidMode": "",
        "cpu": "",
        "containerDefinitions": [told],
    }
    assert diff_task_definitions({"family": "web", "containerDefinitions": [container]}, answered) == []
    assert diff_services({"launchType": "", "platformVersion": ""}, {"serviceName": "web"}) == []
    [[path, before, after]] = diff_task_definitions(
        {"family": "web", "containerDefinitions": [{**container, "dockerLabels": {}}]},
        {"family": "web", "containerDefinitions": [container]},
    )
    assert (path, before, after) == ("containerDefinitions[web].dockerLabels", None, {"a": ""})
