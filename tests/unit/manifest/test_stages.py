"""Stages of a file: what is laid over what, the names that come of it, and what is refused."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ecsctl.errors import UsageError
from ecsctl.manifest import Spec, SpecError, check, inspect, load_spec, load_task_definition, stages_of
from ecsctl.manifest.interpolation.templates import Values
from ecsctl.manifest.loading.files import Reader
from ecsctl.manifest.loading.names import staged
from ecsctl.manifest.loading.outline import Outline
from ecsctl.manifest.schema.editor import file_schema

SHOP = """
name: shop
taskDefinitions:
  web: {image: "nginx:1", memory: 64, logs: awslogs, portMappings: [80], environment: {LOG: info, A: b}}
  job: {image: "job:1", memory: 64, family: "nightly-${STAGE:-none}", logs: awslogs}
loadBalancers:
  front: {type: application}
services:
  web: {taskDefinition: web, loadBalancer: "front:80", desiredCount: 1}
stages:
  prod:
    cluster: live
    services: {web: {desiredCount: 4}}
    taskDefinitions: {web: {memory: 256, environment: {LOG: "${LEVEL}", A: ~}}}
  dev:
"""


def write(folder: Path, text: str, name: str = "ecsctl.yaml") -> str:
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def spec(file: str, stage: str | None, **variables: str) -> Spec:
    known = {**variables, **({"STAGE": stage, "ECSCTL_STAGE": stage} if stage else {})}
    return load_spec([file], values=Values(known, stage=stage))


def container(found: Spec, family: str) -> dict[str, Any]:
    definition: dict[str, Any] = found.task_definitions[family].definition["containerDefinitions"][0]
    return definition


def faults(file: str, stage: str | None = None) -> list[str]:
    return [str(fault).split(": ", 1)[1] for fault in check([file], values=Values(stage=stage))[1] if not fault.rule]


def test_a_stage_is_laid_over_the_file_and_its_own_file_over_that(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP)
    write(tmp_path, "services: {web: {desiredCount: 6}}", "ecsctl.prod.yaml")
    write(tmp_path, "services: {web: {desiredCount: 9}}", "ecsctl.test.yml")
    prod, dev, test = spec(file, "prod", LEVEL="warn"), spec(file, "dev"), spec(file, "test")
    assert [one.services[f"web-{one.name[5:]}"].definition["desiredCount"] for one in (prod, dev, test)] == [6, 1, 9]
    assert container(prod, "web-prod")["environment"] == [{"name": "LOG", "value": "warn"}]
    assert prod.task_definitions["web-prod"].definition["memory"] == "256"
    assert len(container(dev, "web-dev")["environment"]) == 2


def test_names_carry_the_stage_where_the_file_does_not_say_them(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP)
    prod, dev = spec(file, "prod", LEVEL="x"), spec(file, "dev")
    assert (prod.name, prod.cluster) == ("shop-prod", "live")
    assert (dev.name, dev.cluster) == ("shop-dev", "shop-dev")
    assert list(dev.services) == ["web-dev"]
    service = dev.services["web-dev"]
    assert (service.definition["taskDefinition"], service.definition["serviceName"]) == ("web-dev", "web-dev")
    assert service.load_balancer is not None
    assert (list(dev.load_balancers), service.load_balancer.name) == (["front-dev"], "front-dev")
    assert list(dev.task_definitions) == ["web-dev", "nightly-dev"]
    assert [one.definition["family"] for one in dev.task_definitions.values()] == ["web-dev", "nightly-dev"]
    groups = [container(dev, family)["logConfiguration"]["options"]["awslogs-group"] for family in dev.task_definitions]
    assert groups == ["/ecs/web-dev", "/ecs/nightly-dev"]


def test_what_the_file_names_itself_is_named_so_in_every_stage(tmp_path: Path) -> None:
    text = """
    name: shop
    cluster: shop-dev-cluster
    taskDefinitions:
      web:
        family: web
        containerDefinitions:
          - name: c
            image: "nginx:1"
            memory: 64
            portMappings: ["80:80"]
            logConfiguration: {logDriver: awslogs, options: {awslogs-group: /ecs/web, awslogs-region: r}}
      own: own.json
    loadBalancers: {front: {name: the-front}}
    services:
      w: {taskDefinition: web, serviceName: site, loadBalancer: "front:80"}
      fixed: {taskDefinition: "own:3"}
    stages: {dev: {}}
    """
    file = write(tmp_path, text)
    own = '{"family": "own", "containerDefinitions": [{"name": "c", "image": "i:1", "memory": 8}]}'
    write(tmp_path, own, "own.json")
    found = spec(file, "dev")
    assert found.cluster == "shop-dev-cluster"
    assert list(found.task_definitions) == ["web", "own-dev"]
    assert list(found.services) == ["site", "fixed-dev"]
    assert list(found.load_balancers) == ["the-front"]
    assert container(found, "web")["logConfiguration"]["options"]["awslogs-group"] == "/ecs/web"
    assert found.services["site"].load_balancer.name == "the-front"  # type: ignore[union-attr]
    assert found.services["fixed-dev"].definition["taskDefinition"] == "own-dev:3"


def test_without_a_stage_a_definition_may_have_another_name_than_its_key(tmp_path: Path) -> None:
    text = "name: p\ntaskDefinitions:\n  web: {family: site, image: 'n:1', memory: 8, logs: awslogs}\n"
    found = load_spec([write(tmp_path, f"{text}services: {{s: {{taskDefinition: web}}}}")])
    assert found.services["s"].definition["taskDefinition"] == "site"
    assert container(found, "site")["logConfiguration"]["options"]["awslogs-group"] == "/ecs/site"


def test_a_stage_that_says_the_projects_name_is_what_there_was_before(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP.replace("cluster: live", "name: shop"))
    prod = spec(file, "prod", LEVEL="x")
    assert (prod.name, prod.cluster, list(prod.services), list(prod.load_balancers)) == (
        "shop",
        "shop",
        ["web"],
        ["front"],
    )


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("shop", "shop-prod"),
        ("prod", "prod"),
        ("prod-shop", "prod-shop"),
        ("a_prod_b", "a_prod_b"),
        ("prods", "prods-prod"),
    ],
)
def test_a_name_that_has_the_stage_in_it_says_it(name: str, there: str) -> None:
    assert staged(name, "prod") == there


def test_only_what_is_said_for_the_stage_has_to_have_its_variables(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP)
    assert spec(file, "dev").name == "shop-dev"
    with pytest.raises(SpecError, match=r"ecsctl.yaml:14:\d+: stages.prod.taskDefinitions.*LEVEL is not set"):
        spec(file, "prod")


def test_the_region_of_a_stage_is_where_its_references_are_looked_up(tmp_path: Path) -> None:
    asked = []

    def lookup(kind: str, reference: str, region: str | None) -> str:
        asked.append((kind, reference, region))
        return "nginx:2"

    text = "name: p\nregion: eu-west-1\ntaskDefinitions: {t: {image: '${ssm:/image}', memory: 8, logs: awslogs}}\n"
    file = write(tmp_path, f"{text}stages: {{us: {{region: us-east-1}}, eu: {{}}}}")
    for stage, region in (("us", "us-east-1"), ("eu", "eu-west-1")):
        found = load_spec([file], values=Values({}, lookup, stage=stage))
        assert asked[-1] == ("ssm", "/image", region)
        assert found.region == region
        assert container(found, f"t-{stage}")["logConfiguration"]["options"]["awslogs-region"] == region


def test_an_unknown_stage_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP)
    write(tmp_path, "{}", "ecsctl.qa.yaml")
    with pytest.raises(UsageError, match="has no stage 'pord'") as caught:
        spec(file, "pord")
    assert caught.value.hint == "it has: prod, dev, qa"
    with pytest.raises(UsageError, match="has stages, and none is chosen") as caught:
        spec(file, None)
    assert caught.value.hint is not None
    assert "prod, dev, qa" in caught.value.hint
    plain = write(tmp_path, "name: p", "plain.yaml")
    with pytest.raises(UsageError, match="has no stage 'dev'") as caught:
        spec(plain, "dev")
    assert caught.value.hint == "`stages: {dev: {}}` in it, or plain.dev.yaml beside it, is one"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stages: [dev]", "stages: expected a mapping of stages, not a list"),
        ("stages: {dev: 3}", "stages.dev: expected a mapping with the keys of a project, not the number 3"),
        ("stages: {'a b': {}, dev: }", "stages.a b: 'a b' is not a stage's name"),
        ("stages: {dev: {serivces: {}}}", "serivces: unknown key"),
        ("stages: {dev: {name: p-b}, b: {}}", "stages.b.name: stages dev and b have the same project name, p-b"),
    ],
)
def test_what_is_wrong_with_stages_is_told_at_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = write(tmp_path, f"name: p\n{text}\n")
    if text.startswith("stages: ["):
        write(tmp_path, "{}", "ecsctl.dev.yaml")
    found = faults(file, "dev")
    assert any(line.startswith(told) for line in found), found


def test_a_fault_stands_at_the_key_of_the_file_not_at_the_name_that_came_of_it(tmp_path: Path) -> None:
    text = "name: p\nservices:\n  w: {taskDefinition: nothing, desiredCount: -1}\n"
    text += "stages: {dev: {services: {w: {tags: 3}}}}\n"
    found = [str(one) for one in check([write(tmp_path, text)], values=Values(stage="dev"))[1]]
    assert any(":3:46: services.w.desiredCount: " in line for line in found), found
    assert any(":4:37: services.w.tags: " in line for line in found), found
    assert any(":3:23: warning: services.w.taskDefinition: " in line and "ECS215" in line for line in found), found


def test_a_stages_file_may_include_others_and_definitions(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP.replace("  dev:\n", "  dev: {include: more.yaml}\n"))
    write(tmp_path, "services: {web: {desiredCount: 2}, more: more.json}", "more.yaml")
    write(tmp_path, '{"serviceName": "more", "taskDefinition": "web"}', "more.json")
    found = spec(file, "dev")
    assert found.services["web-dev"].definition["desiredCount"] == 2
    assert found.services["more-dev"].definition["taskDefinition"] == "web-dev"


def test_the_stages_that_are_to_be_checked(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP)
    assert stages_of([file], values=Values(), reader=Reader()) == ["prod", "dev"]
    plain = write(tmp_path, "name: p", "plain.yaml")
    assert stages_of([plain], values=Values(), reader=Reader()) == [None]
    write(tmp_path, "{}", "plain.qa.yaml")
    write(tmp_path, "{}", "plain.schema.json")
    assert stages_of([plain], values=Values(), reader=Reader()) == [None, "qa"]


def test_reading_commands_know_the_cluster_and_region_of_a_stage(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP)
    write(tmp_path, "region: eu-north-1", "ecsctl.prod.yaml")
    assert Outline([file], {}, "prod").words == {"name": "shop-prod", "cluster": "live", "region": "eu-north-1"}
    assert Outline([file], {}, "dev").words == {"name": "shop-dev"}
    renamed = write(tmp_path, SHOP.replace("cluster: live", "name: shop"), "other.yaml")
    assert Outline([renamed], {}, "prod").words == {"name": "shop"}
    names = {("services", "web"): "web-dev", ("taskDefinitions", "web"): "web-dev"}
    assert Outline([file], {"STAGE": "dev"}, "dev").names == {**names, ("taskDefinitions", "job"): "nightly-dev"}
    for stage in ("pord", None):
        with pytest.raises(UsageError):
            Outline([file], {}, stage)


def test_an_editor_knows_what_may_stand_in_a_stage() -> None:
    validator = jsonschema.Draft202012Validator(file_schema())
    assert not list(validator.iter_errors(yaml.safe_load(SHOP)))
    for wrong in ({"serivces": {}}, {"services": {"w": {"desiredCount": [1]}}}, {"stages": {}}):
        assert list(validator.iter_errors({"name": "p", "stages": {"dev": wrong}})), wrong


def test_definitions_alone_are_taken_from_a_project_as_they_are_in_the_stage(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP)
    values = Values({"LEVEL": "warn", "STAGE": "prod"}, stage="prod", region="eu-west-1")
    [found], _ = load_task_definition(file, "web-prod", values=values)
    assert (found.family, found.definition["memory"]) == ("web-prod", "256")
    assert found.definition["containerDefinitions"][0]["logConfiguration"]["options"] == {
        "awslogs-group": "/ecs/web-prod",
        "awslogs-region": "eu-west-1",
        "awslogs-stream-prefix": "web",
    }
    alone = write(tmp_path, "{family: x, image: 'i:1', memory: 8}", "alone.yaml")
    assert load_task_definition(alone, values=values)[0][0].family == "x"


def test_a_pipe_is_read_once() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"name: p\ncluster: c\nstages: {dev: , prod: }\n")
    os.close(writing)
    reader, pipe = Reader(), f"/dev/fd/{reading}"
    try:
        assert stages_of([pipe], values=Values(), reader=reader) == ["dev", "prod"]
        specs = [inspect([pipe], values=Values(stage=stage), reader=reader)[0] for stage in ("dev", "prod")]
    finally:
        os.close(reading)
    assert [(spec.name, spec.cluster) for spec in specs if spec] == [("p-dev", "c-dev"), ("p-prod", "c-prod")]


@pytest.mark.parametrize(
    "text",
    ["stages: {dev: }\n", '"st\\u0061ges": {dev: }\n', "include: base.yaml\n"],
    ids=["plain", "escaped", "included"],
)
def test_stages_are_found_however_they_are_written(tmp_path: Path, text: str) -> None:
    write(tmp_path, "stages: {dev: }\n", "base.yaml")
    assert stages_of([write(tmp_path, f"name: p\n{text}")], values=Values(), reader=Reader()) == ["dev"]
