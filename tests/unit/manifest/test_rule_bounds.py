"""Where ecsctl's own rules begin to find something, how severely, and what they leave alone."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from ecsctl.manifest import check
from ecsctl.manifest.rules import all_rules

Json = dict[str, Any]
BOX: Json = {"name": "c", "image": "nginx:1", "memory": 64}


def project(*, box: Json | None = None, task: Json | None = None, service: Json | None = None, **more: Any) -> Json:
    """A project of one task definition, with a service where that is given."""
    made: Json = {
        "name": "p",
        "taskDefinitions": {"t": {"containerDefinitions": [{**BOX, **(box or {})}], **(task or {})}},
    }
    if service is not None:
        made["services"] = {"s": {"taskDefinition": "t", **service}}
    return {**made, **more}


def told(document: Json) -> dict[str, str]:
    """The severities of what is found, by rule."""
    _, faults = check(["-"], stdin=io.BytesIO(json.dumps(document).encode()), env={})
    return {str(fault.rule): fault.severity for fault in faults}


def lb(**members: Any) -> Json:
    return {"loadBalancers": {"lb": members}}


def rules(hosts: int, paths: int) -> Json:
    reference: Json = {"name": "lb", "containerPort": 80}
    if hosts:
        reference["host"] = [f"h{n}.example" for n in range(hosts)]
    if paths:
        reference["path"] = [f"/p{n}" for n in range(paths)]
    return project(
        box={"portMappings": [{"containerPort": 80}]},
        service={"desiredCount": 1, "loadBalancer": reference},
        **lb(type="application", listeners=[{"port": 80}]),
    )


def redirecting(protocol: str | None, certificate: str | None) -> Json:
    secure = {"port": 443, "protocol": protocol, "certificate": certificate}
    listeners = [{"port": 80, "redirect": 443}, {name: value for name, value in secure.items() if value}]
    return project(**lb(type="application", listeners=listeners))


def fixed(desired: int, instances: Any, low: int | None = None, **service: Any) -> Json:
    deployment = {} if low is None else {"deploymentConfiguration": {"minimumHealthyPercent": low}}
    return project(
        box={"portMappings": [{"containerPort": 80, "hostPort": 80}]},
        service={"desiredCount": desired, **deployment, **service},
        instances={"count": instances},
    )


TAGS = {f"t{number}": "v" for number in range(50)}
STRATEGY = {"capacityProviderStrategy": [{"capacityProvider": "mine", "weight": 1}]}


@pytest.mark.parametrize(
    ("rule", "document", "found"),
    [
        ("ECS060", project(**lb(healthCheck={"interval": 6, "timeout": 5})), False),
        ("ECS060", project(**lb(healthCheck={"interval": 5, "timeout": 5})), True),
        # The timeout that is not said is below the interval that is.
        ("ECS060", project(**lb(healthCheck={"interval": 5})), False),
        ("ECS061", project(**lb(healthCheck={"interval": 61, "timeout": 60})), False),
        ("ECS061", project(**lb(healthCheck={"interval": 62, "timeout": 61})), True),
        ("ECS061", project(**lb(type="application", healthCheck={"interval": 62, "timeout": 61})), False),
        ("ECS064", fixed(2, {"min": 1, "desired": 1, "max": 2}), False),
        ("ECS064", fixed(3, {"min": 1, "desired": 1, "max": 2}), True),
        ("ECS064", fixed(3, 2, launchType="EXTERNAL"), False),
        ("ECS064", fixed(3, 2, **STRATEGY), False),
        ("ECS065", project(instances={"count": {"min": 1, "desired": 2, "max": 3}}), False),
        ("ECS065", project(instances={"count": {"min": 1, "desired": 4, "max": 3}}), True),
        ("ECS065", project(instances={"count": {"min": 2, "desired": 1, "max": 3}}), True),
        ("ECS065", project(instances={"count": {"min": 4, "max": 3}}), True),
        ("ECS084", redirecting("HTTPS", "arn:cert"), False),
        ("ECS084", redirecting(None, "arn:cert"), False),
        ("ECS084", redirecting("HTTP", None), True),
        ("ECS084", redirecting("HTTP", "arn:cert"), True),
        ("ECS086", rules(3, 2), False),
        ("ECS086", rules(3, 3), True),
        ("ECS087", project(**lb(type="application", slowStart=30)), False),
        ("ECS087", project(**lb(type="application", slowStart=29)), True),
        ("ECS087", project(**lb(type="application", slowStart=0)), False),
        ("ECS156", project(tags=dict(list(TAGS.items())[:49])), False),
        ("ECS156", project(tags=TAGS), True),
        ("ECS156", project(tags={"k" * 128: "v"}), False),
        ("ECS156", project(tags={"k" * 129: "v"}), True),
        ("ECS156", project(tags={"AWS:x": "v"}), True),
        ("ECS156", project(tags={"Ecsctl:x": "v"}), True),
        ("ECS156", project(tags={"awsome": "v"}), False),
        ("ECS201", project(box={"image": "registry:5000/nginx"}), True),
        ("ECS201", project(box={"image": "registry:5000/nginx:1"}), False),
        ("ECS201", project(box={"image": "nginx:latest"}), True),
        ("ECS203", project(box={"memory": None, "memoryReservation": 64}), True),
        ("ECS203", project(box={"memory": None, "memoryReservation": 64}, task={"memory": "512"}), False),
        ("ECS203", project(box={"memoryReservation": 64}), False),
        ("ECS204", fixed(2, 2), True),
        ("ECS204", fixed(2, 2, 100), True),
        ("ECS204", fixed(2, 2, 99), False),
        ("ECS204", fixed(2, 3), False),
        ("ECS206", project(box={"privileged": True}), True),
        ("ECS206", project(box={"privileged": True}, service={"desiredCount": 1, "launchType": "FARGATE"}), False),
        ("ECS209", project(task={"requiresCompatibilities": ["FARGATE"]}, service={"desiredCount": 1}), True),
        ("ECS209", project(task={"requiresCompatibilities": ["EC2", "FARGATE"]}, service={"desiredCount": 1}), False),
        (
            "ECS209",
            project(
                task={"requiresCompatibilities": ["FARGATE"]}, service={"desiredCount": 1, "launchType": "FARGATE"}
            ),
            False,
        ),
    ],
)
def test_a_rule_begins_where_it_says(rule: str, document: Json, found: bool) -> None:
    for holder in (document["taskDefinitions"]["t"]["containerDefinitions"][0],):
        for name in [name for name, value in holder.items() if value is None]:
            del holder[name]
    assert rule in all_rules()
    assert (rule in told(document)) is found


@pytest.mark.parametrize(
    ("rule", "severity", "document"),
    [
        ("ECS060", "error", project(**lb(healthCheck={"interval": 5, "timeout": 5}))),
        (
            "ECS067",
            "warning",
            project(service={"enableExecuteCommand": True}, instances={"count": 1, "agent": "container"}),
        ),
        ("ECS201", "warning", project(box={"image": "nginx"})),
        ("ECS204", "warning", fixed(2, 2)),
        ("ECS206", "warning", project(box={"privileged": True})),
    ],
)
def test_what_aws_refuses_is_an_error_and_what_is_unwise_a_warning(rule: str, severity: str, document: Json) -> None:
    assert told(document)[rule] == severity
