"""What a deployment changes of a definition, and what it leaves as it is."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.actions.definition_changes import DefinitionChange, changed, main_container
from ecsctl.ecs_definitions.described import registrable
from ecsctl.ecs_definitions.image_names import image_name
from ecsctl.errors import UsageError

WEB = {
    "name": "web",
    "image": "registry.example:5000/team/web:1@sha256:abc",
    "memory": 64,
    "environment": [{"name": "LEVEL", "value": "info"}, {"name": "PORT", "value": "80"}],
    "secrets": [{"name": "TOKEN", "valueFrom": "/app/token"}],
}
LOG = {"name": "log", "image": "log:3", "memory": 32, "essential": False}


def definition(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"family": "web", "containerDefinitions": [*containers], **more}


def rows(made: dict[str, Any]) -> dict[str, Any]:
    return {row["name"]: row for row in made["containerDefinitions"]}


@pytest.mark.parametrize(
    ("text", "registry", "path", "tag", "digest"),
    [
        ("nginx", "docker.io", "library/nginx", None, None),
        ("team/web:1.2", "docker.io", "team/web", "1.2", None),
        ("docker.io/nginx:1", "docker.io", "library/nginx", "1", None),
        ("localhost/web", "localhost", "web", None, None),
        ("localhost:5000/web:x", "localhost:5000", "web", "x", None),
        ("registry.example:5000/a/b", "registry.example:5000", "a/b", None, None),
        ("ghcr.io/a/b:1@sha256:abc", "ghcr.io", "a/b", "1", "sha256:abc"),
        (
            "1.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:abc",
            "1.dkr.ecr.eu-west-1.amazonaws.com",
            "web",
            None,
            "sha256:abc",
        ),
    ],
)
def test_the_parts_of_an_images_name(text: str, registry: str, path: str, tag: str | None, digest: str | None) -> None:
    name = image_name(text)
    assert (name.registry, name.path, name.tag, name.digest) == (registry, path, tag, digest)
    assert str(name) == text


def test_a_tag_replaces_tag_and_digest_and_nothing_else() -> None:
    before = definition(WEB, LOG)
    made = changed(before, DefinitionChange(tags={None: "2"}))
    assert rows(made)["web"]["image"] == "registry.example:5000/team/web:2"
    assert rows(made)["log"] == LOG
    assert before == definition(WEB, LOG), "what was given stays as it was"
    assert changed(before, DefinitionChange(tags={"log": "4"}))["containerDefinitions"] == [
        WEB,
        {**LOG, "image": "log:4"},
    ]


def test_a_name_is_a_variable_or_a_secret_whichever_was_said_last() -> None:
    change = DefinitionChange(environment={"TOKEN": "plain", "LEVEL": "debug"}, secrets={"PORT": "/app/port"})
    web = rows(changed(definition(WEB), change))["web"]
    assert web["environment"] == [{"name": "LEVEL", "value": "debug"}, {"name": "TOKEN", "value": "plain"}]
    assert web["secrets"] == [{"name": "PORT", "valueFrom": "/app/port"}]


def test_sizes_are_the_tasks_where_it_has_them() -> None:
    fargate = changed(definition(WEB, cpu="256", memory="512"), DefinitionChange(cpu=512, memory=1024))
    assert (fargate["cpu"], fargate["memory"]) == ("512", "1024")
    assert rows(fargate)["web"]["memory"] == 64
    ec2 = changed(definition(WEB), DefinitionChange(cpu=512, memory=1024))
    assert (rows(ec2)["web"]["cpu"], rows(ec2)["web"]["memory"]) == (512, 1024)
    assert "memory" not in ec2


@pytest.mark.parametrize(
    ("containers", "fronted", "meant"),
    [
        ([LOG], [], "log"),
        ([WEB, LOG], [], "web"),
        ([WEB, {**LOG, "essential": True}], ["log"], "log"),
        ([WEB, {**LOG, "essential": True}], [], None),
    ],
)
def test_the_container_that_is_meant(containers: list[Any], fronted: list[str], meant: str | None) -> None:
    assert main_container(definition(*containers), fronted) == meant


def test_a_container_that_is_unclear_or_unknown_is_told_with_those_there_are() -> None:
    several = definition(WEB, {**LOG, "essential": True})
    with pytest.raises(UsageError, match="several containers") as raised:
        changed(several, DefinitionChange(images={None: "x"}))
    assert "web, log" in str(raised.value.hint)
    with pytest.raises(UsageError, match="no container nope"):
        changed(several, DefinitionChange(images={"nope": "x"}))
    assert rows(changed(several, DefinitionChange(container="log", images={None: "x"})))["log"]["image"] == "x"


def test_what_only_a_revision_has_is_not_registered_again() -> None:
    described = {**definition(WEB), "revision": 3, "status": "ACTIVE", "requiresAttributes": [], "tags": [{"key": "a"}]}
    assert registrable(described) == {**definition(WEB), "tags": [{"key": "a"}]}
