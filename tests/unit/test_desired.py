"""From a Spec to resources: names, owners, who may reach whom, and what comes first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ecsctl.deploy.data_sources import DataSources, Subnet, flavour_of, parameter_of
from ecsctl.deploy.desired import desired
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.classic_load_balancer import ClassicLoadBalancer, Listener
from ecsctl.deploy.kinds.iam_role import InstanceRole
from ecsctl.deploy.kinds.launch_template import LaunchTemplate
from ecsctl.deploy.kinds.security_group import Ingress, SecurityGroup
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.plan import ordered
from ecsctl.deploy.resources import OWNER_TAG, Key, Ref, Resource, base_name
from ecsctl.errors import EcsctlError
from ecsctl.manifest import load_spec
from ecsctl.manifest.model import Spec

SOURCES = DataSources(
    "eu-west-1",
    subnets=(Subnet("subnet-a", "vpc-1", "eu-west-1a"), Subnet("subnet-b", "vpc-1", "eu-west-1b")),
    image="ami-1",
)
FILE = """
name: hello
cluster: prod
tags: {team: web}
instances: {count: 2, image: ubuntu, keyName: me, ingress: ["443", "8000-8100/udp@10.0.0.0/8"]}
taskDefinitions:
  web:
    containerDefinitions:
      - {name: web, image: nginx, memory: 64, portMappings: ["8080:80"]}
loadBalancers:
  front: {type: classic, ingress: [192.0.2.0/24]}
services:
  svc: {taskDefinition: web, desiredCount: 2, loadBalancer: "front:80"}
"""


@pytest.fixture
def spec(tmp_path_factory: pytest.TempPathFactory) -> Spec:
    file = tmp_path_factory.mktemp("desired") / "ecsctl.yaml"
    file.write_text(FILE)
    return load_spec([str(file)])


def made(spec: Spec, sources: DataSources = SOURCES) -> dict[str, Resource]:
    return {str(key): resource for key, resource in desired(spec, sources).items()}


def test_everything_carries_its_owner_and_the_tags_of_the_file(spec: Spec) -> None:
    resources = made(spec).values()
    assert {resource.tags.get(OWNER_TAG) for resource in resources} == {"hello"}
    assert {resource.tags.get("team") for resource in resources} == {"web"}


def test_the_balancer_reaches_the_host_port_and_nobody_else_does(spec: Spec) -> None:
    resources = made(spec)
    balancer = resources["load-balancer front"]
    assert isinstance(balancer, ClassicLoadBalancer)
    assert balancer.listeners == (Listener(80, "HTTP", 8080, "HTTP"),)
    assert balancer.health_check["Target"] == "TCP:8080"
    front = resources["security-group ecsctl-hello-front"]
    inside = resources["security-group ecsctl-hello-instances"]
    assert isinstance(front, SecurityGroup)
    assert isinstance(inside, SecurityGroup)
    assert front.ingress == (Ingress(80, 80, "tcp", "192.0.2.0/24"),)
    assert set(inside.ingress) == {
        Ingress(443, 443, "tcp", "0.0.0.0/0"),
        Ingress(8000, 8100, "udp", "10.0.0.0/8"),
        Ingress(8080, 8080, "tcp", Ref(front.key, "id")),
    }


def test_instances_launch_with_what_they_need(spec: Spec) -> None:
    template = made(spec, replace(SOURCES, flavour="ubuntu"))["launch-template ecsctl-hello"]
    assert isinstance(template, LaunchTemplate)
    assert (template.image, template.image_source, template.key_name) == ("ami-1", "ubuntu", "me")
    assert "ECS_CLUSTER=prod" in template.user_data
    assert "amazon-ecs-init" in template.user_data


def test_the_order_is_one_that_works(spec: Spec) -> None:
    places = {str(key): place for place, key in enumerate(ordered(desired(spec, SOURCES)))}
    for first, then in [
        ("cluster prod", "auto-scaling-group ecsctl-hello"),
        ("iam-role ecsctl-hello-eu-west-1", "instance-profile ecsctl-hello-eu-west-1"),
        ("instance-profile ecsctl-hello-eu-west-1", "launch-template ecsctl-hello"),
        ("security-group ecsctl-hello-front", "load-balancer front"),
        ("security-group ecsctl-hello-front", "security-group ecsctl-hello-instances"),
        ("launch-template ecsctl-hello", "auto-scaling-group ecsctl-hello"),
        ("auto-scaling-group ecsctl-hello", "service svc"),
        ("load-balancer front", "service svc"),
        ("task-definition web", "service svc"),
    ]:
        assert places[first] < places[then]


def test_names_in_iam_carry_the_region_and_are_short_enough(spec: Spec) -> None:
    long = replace(spec, name="n" * 200, instances=spec.instances, load_balancers={}, services={})
    facts = replace(SOURCES, region="ap-northeast-99")
    [role] = [resource for resource in desired(long, facts).values() if isinstance(resource, InstanceRole)]
    assert role.name.endswith("-ap-northeast-99")
    assert len(role.name) <= 64
    assert base_name("n" * 200) != base_name("n" * 201)


def test_the_policies_are_of_the_partition(spec: Spec) -> None:
    role = made(spec, replace(SOURCES, partition="aws-cn"))["iam-role ecsctl-hello-eu-west-1"]
    assert isinstance(role, InstanceRole)
    assert all(policy.startswith("arn:aws-cn:iam::aws:policy/") for policy in role.policies)
    assert any(policy.endswith("service-role/AmazonEC2ContainerServiceforEC2Role") for policy in role.policies)


def test_zones_that_lack_the_type_get_no_instances(spec: Spec) -> None:
    group = made(spec, replace(SOURCES, zones=frozenset({"eu-west-1b"})))["auto-scaling-group ecsctl-hello"]
    assert isinstance(group, AutoScalingGroup)
    assert group.subnets == ("subnet-b",)
    with pytest.raises(EcsctlError, match="zone that has t3"):
        desired(spec, replace(SOURCES, zones=frozenset({"eu-west-1z"})))


def test_subnets_of_two_networks_are_refused(spec: Spec) -> None:
    assert spec.instances is not None
    named = {id_: Subnet(id_, f"vpc-{id_[-1]}", "eu-west-1a") for id_ in ("subnet-1", "subnet-2")}
    across = replace(spec, instances=replace(spec.instances, subnets=tuple(named)))
    with pytest.raises(EcsctlError, match="2 VPCs"):
        desired(across, replace(SOURCES, named=named))


def test_a_service_of_a_family_that_is_not_in_the_file_runs_its_newest_revision(spec: Spec) -> None:
    other = replace(
        spec,
        task_definitions={},
        load_balancers={},
        services={"svc": replace(spec.services["svc"], load_balancer=None)},
    )
    service = desired(other, replace(SOURCES, revisions={"web": "web:7"}))[Key(Service.kind, "svc")]
    assert isinstance(service, Service)
    assert service.definition["taskDefinition"] == "web:7"


def test_a_balancer_that_nobody_stands_behind_says_what_is_missing(spec: Spec) -> None:
    alone = replace(spec, services={})
    front = replace(spec.load_balancers["front"], listeners=())
    with pytest.raises(EcsctlError, match="no listener") as raised:
        desired(replace(alone, load_balancers={"front": front}), SOURCES)
    assert "loadBalancer: front:80" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("image", "arm", "expected"),
    [
        ("al2023", False, "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"),
        ("al2023", True, "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"),
        ("bottlerocket", True, "/aws/service/bottlerocket/aws-ecs-2/arm64/latest/image_id"),
        ("ubuntu", False, "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"),
    ],
)
def test_where_the_newest_image_is_told(image: str, arm: bool, expected: str) -> None:
    assert parameter_of(image, arm=arm) == expected
    assert flavour_of(expected) == image


def test_an_unknown_image_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(EcsctlError) as raised:
        parameter_of("windows", arm=False)
    assert "bottlerocket" in str(raised.value.hint)


def test_instances_admit_a_forwarding_balancer_on_drawn_ports_where_the_file_names_none(tmp_path: Path) -> None:
    file = tmp_path / "ecsctl.yaml"
    for host, ports in (("", (32768, 65535)), ("8080:", (8080, 8080))):
        file.write_text(
            FILE.replace("8080:80", f"{host}80").replace("type: classic", "type: application"), encoding="utf-8"
        )
        resources = made(load_spec([str(file)]))
        inside = resources["security-group ecsctl-hello-instances"]
        assert isinstance(inside, SecurityGroup)
        front = Ref(Key(SecurityGroup.kind, "ecsctl-hello-front"), "id")
        assert [(rule.from_port, rule.to_port) for rule in inside.ingress if rule.source == front] == [ports]


def test_what_cannot_be_changed_of_a_target_group_is_in_its_name(tmp_path: Path) -> None:
    file = tmp_path / "ecsctl.yaml"

    def name(text: str, vpc: str = "vpc-1") -> str:
        file.write_text(text, encoding="utf-8")
        subnets = tuple(replace(subnet, vpc=vpc) for subnet in SOURCES.subnets)
        [key] = [
            key for key in desired(load_spec([str(file)]), replace(SOURCES, subnets=subnets)) if "target" in key.kind
        ]
        return key.name

    base = FILE.replace("type: classic", "type: application")
    names = [
        name(base),
        name(base, "vpc-2"),
        name(base.replace("type: application", "type: network")),
        name(base.replace("memory: 64", "memory: 64, essential: true")),
        name(
            base.replace("  web:\n", "  web:\n    networkMode: awsvpc\n")
            .replace("8080:80", "80")
            .replace("svc: {", "svc: {ingress: [80], ")
        ),
        name(base.replace("8080:80", "8081:81").replace("front:80", "front:81")),
        name(base.replace("cluster: prod", "cluster: test")),
    ]
    assert names[0] == names[3], "what can be changed is not"
    assert len(set(names)) == len(names) - 1
    assert max(map(len, names)) <= 32
