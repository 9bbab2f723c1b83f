"""The kinds that the contract is held against: one row a kind.

A row says how a resource of the kind looks, what it needs, and for each field another value. A new kind is covered by
adding its row to ``CASES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ecsctl.deploy.changes import REPLACE, UPDATE
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.classic_load_balancer import ClassicLoadBalancer, Listener
from ecsctl.deploy.kinds.cluster import Cluster
from ecsctl.deploy.kinds.elbv2_listeners import Forward, ListenerRule
from ecsctl.deploy.kinds.iam_role import InstanceRole
from ecsctl.deploy.kinds.instance_profile import InstanceProfile
from ecsctl.deploy.kinds.launch_template import METADATA, LaunchTemplate
from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.kinds.log_group import LogGroup
from ecsctl.deploy.kinds.scalable_target import ScalableTarget, Timed, Tracking
from ecsctl.deploy.kinds.security_group import Ingress, SecurityGroup
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.kinds.service_role import ServiceRole, path_of, role_name, trusted
from ecsctl.deploy.kinds.target_group import TargetGroup
from ecsctl.deploy.kinds.task_definition import TaskDefinition
from ecsctl.deploy.resources import CLUSTER_TAG, IMAGE_TAG, OWNER_TAG, Ref, Resource, base_name

REGION = "eu-west-1"
REPLICA_ONLY = ("desiredCount", "deploymentConfiguration", "placementStrategy", "placementConstraints")
POLICIES = tuple(
    f"arn:aws:iam::aws:policy/{path}"
    for path in ("service-role/AmazonEC2ContainerServiceforEC2Role", "AmazonSSMManagedInstanceCore")
)


@dataclass(frozen=True)
class Network:
    """The default VPC of the account, its subnets, another VPC, and an image."""

    vpc: str
    subnets: tuple[str, ...]
    other_vpc: str
    image: str


@dataclass(frozen=True)
class Edit:
    """Another value of one field: what it makes of the resource, and what has to be done for it."""

    to: Callable[[Any], Resource]
    action: str = UPDATE


@dataclass(frozen=True)
class Case:
    """``resource`` is the one that is looked at; ``needs`` are the others that it refers to.

    ``edits`` has every field of ``resource.fields()``, by name, but those that are ``immutable``.
    """

    resource: Resource
    needs: tuple[Resource, ...] = ()
    edits: Mapping[str, Edit] = field(default_factory=dict)
    immutable: Mapping[str, Callable[[Any], Resource]] = field(default_factory=dict)


def tags(project: str) -> dict[str, str]:
    return {OWNER_TAG: project, "team": "web"}


def cluster(project: str, network: Network) -> Case:
    spot = frozenset({"FARGATE_SPOT"})
    return Case(
        Cluster(project, tags(project)),
        edits={
            "capacityProviders": Edit(lambda item: replace(item, providers=spot)),
            "serviceConnectDefaults": Edit(lambda item: replace(item, namespace=project)),
        },
    )


def log_group(project: str, network: Network) -> Case:
    return Case(LogGroup(f"/ecs/{project}", tags(project)))


def iam_role(project: str, network: Network) -> Case:
    role = InstanceRole(f"{base_name(project)}-{REGION}", tags(project), policies=POLICIES[:1])
    principal = {"Service": ["ec2.amazonaws.com", "ssm.amazonaws.com"]}
    trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    return Case(
        role,
        edits={
            "policies": Edit(lambda item: replace(item, policies=POLICIES)),
            "trust": Edit(lambda item: replace(item, trust={"Version": "2012-10-17", **trust})),
        },
    )


def service_role(project: str, network: Network) -> Case:
    allowed = ({"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::files/*"},)
    role = ServiceRole(
        role_name(project, REGION, "web"),
        tags(project),
        policies=("arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers",),
        trust=trusted("ecs"),
        path=path_of(project, REGION),
        statements=allowed,
    )
    other = ({**allowed[0], "Action": "s3:GetObject"},)
    return Case(
        role,
        edits={
            "policies": Edit(lambda item: replace(item, policies=(*role.policies, POLICIES[1]))),
            "trust": Edit(lambda item: replace(item, trust=trusted("ecs-tasks"))),
            "statements": Edit(lambda item: replace(item, statements=other)),
        },
    )


def instance_profile(project: str, network: Network) -> Case:
    role, other = (InstanceRole(f"{base_name(project)}-{name}", tags(project)) for name in (REGION, "other"))
    profile = InstanceProfile(f"{base_name(project)}-{REGION}", tags(project), role=Ref(role.key, "name"))
    edit = Edit(lambda item: replace(item, role=Ref(other.key, "name")))
    return Case(profile, (role, other), {"role": edit})


def a_group(project: str, network: Network, name: str = "group") -> SecurityGroup:
    return SecurityGroup(f"{base_name(project)}-{name}", tags(project), vpc=network.vpc, description="a group")


def security_group(project: str, network: Network) -> Case:
    other = a_group(project, network, "other")
    rules = (Ingress(80, 80, "tcp", "0.0.0.0/0"), Ingress(8000, 8100, "udp", "10.0.0.0/8"))
    more = (rules[0], Ingress(443, 443, "tcp", "::/0"), Ingress(1, 65535, "tcp", Ref(other.key, "id")))
    group = replace(a_group(project, network), ingress=rules)
    return Case(
        group,
        (other,),
        {"ingress": Edit(lambda item: replace(item, ingress=more))},
        {"vpc": lambda item: replace(item, vpc=network.other_vpc)},
    )


def a_template(project: str, network: Network, name: str = "") -> tuple[LaunchTemplate, tuple[Resource, ...]]:
    profile, role = instance_profile(project, network).resource, iam_role(project, network).resource
    group = a_group(project, network)
    template = LaunchTemplate(
        f"{base_name(project)}{name}",
        {**tags(project), "Name": f"{project}-ecs", IMAGE_TAG: "al2023"},
        image=network.image,
        image_source="al2023",
        instance_type="t3.small",
        user_data="#!/bin/sh\necho ECS_CLUSTER=nowhere >> /etc/ecs/ecs.config\n",
        profile=Ref(profile.key, "name"),
        security_groups=(Ref(group.key, "id"),),
    )
    return template, (role, profile, group)


def launch_template(project: str, network: Network) -> Case:
    template, needs = a_template(project, network)
    other = a_group(project, network, "other")
    role = next(item for item in needs if isinstance(item, InstanceRole))
    profile = InstanceProfile(f"{base_name(project)}-other", tags(project), role=Ref(role.key, "name"))
    image = {IMAGE_TAG: "ubuntu"}
    edits = {
        "image": lambda item: replace(item, image_source="ubuntu", tags={**item.tags, **image}),
        "instanceType": lambda item: replace(item, instance_type="m7g.large"),
        "userData": lambda item: replace(item, user_data="#!/bin/sh\ntrue\n"),
        "instanceProfile": lambda item: replace(item, profile=Ref(profile.key, "name")),
        "securityGroups": lambda item: replace(item, security_groups=(*item.security_groups, Ref(other.key, "id"))),
        "keyName": lambda item: replace(item, key_name="admin"),
        "instanceTags": lambda item: replace(item, tags={**item.tags, "stage": "beta"}),
        "metadataOptions": lambda item: replace(item, metadata={**METADATA, "HttpPutResponseHopLimit": 2}),
    }
    return Case(template, (*needs, other, profile), {name: Edit(to) for name, to in edits.items()})


def auto_scaling_group(project: str, network: Network) -> Case:
    template, needs = a_template(project, network)
    other, _ = a_template(project, network, "-other")
    first, second = Cluster(project, tags(project)), Cluster(f"{project}-2", tags(project))
    group = AutoScalingGroup(
        base_name(project),
        {**tags(project), CLUSTER_TAG: project},
        after=(first.key, second.key),
        maximum=2,
        subnets=network.subnets[:1],
        template=Ref(template.key, "id"),
        cluster=project,
    )
    moved = {CLUSTER_TAG: second.name}
    return Case(
        group,
        (*needs, template, other, first, second),
        {
            "maxSize": Edit(lambda item: replace(item, maximum=3)),
            "desiredCapacity": Edit(lambda item: replace(item, desired=1)),
            "minSize": Edit(lambda item: replace(item, minimum=1)),
            "subnets": Edit(lambda item: replace(item, subnets=network.subnets)),
            "launchTemplate": Edit(lambda item: replace(item, template=Ref(other.key, "id"))),
            "cluster": Edit(lambda item: replace(item, cluster=second.name, tags={**item.tags, **moved}), REPLACE),
        },
    )


def a_family(project: str, name: str, **more: Any) -> TaskDefinition:
    container = {"name": "web", "image": "example/web", "memory": 64, "portMappings": [{"containerPort": 80}]}
    family = f"{project}-{name}"
    return TaskDefinition(
        family, tags(project), definition={"family": family, "containerDefinitions": [container], **more}
    )


def task_definition(project: str, network: Network) -> Case:
    def bigger(item: TaskDefinition) -> TaskDefinition:
        [container] = item.definition["containerDefinitions"]
        return replace(item, definition={**item.definition, "containerDefinitions": [{**container, "memory": 128}]})

    return Case(a_family(project, "web"), edits={"definition": Edit(bigger)})


def classic_load_balancer(project: str, network: Network) -> Case:
    groups = a_group(project, network), a_group(project, network, "other")
    check = {"Target": "HTTP:80/", "Interval": 10, "Timeout": 5, "HealthyThreshold": 2, "UnhealthyThreshold": 2}
    balancer = ClassicLoadBalancer(
        f"{project}-classic",
        tags(project),
        subnets=network.subnets[:1],
        security_groups=(Ref(groups[0].key, "id"),),
        listeners=(Listener(80, "HTTP", 80, "HTTP"), Listener(8080, "TCP", 8080, "TCP")),
        health_check=check,
    )
    listeners = (Listener(80, "HTTP", 8000, "HTTP"), Listener(81, "TCP", 81, "TCP"))
    security_groups = tuple(Ref(group.key, "id") for group in groups)
    return Case(
        balancer,
        groups,
        {
            "listeners": Edit(lambda item: replace(item, listeners=listeners)),
            "healthCheck": Edit(lambda item: replace(item, health_check={**check, "Target": "TCP:81", "Interval": 9})),
            "securityGroups": Edit(lambda item: replace(item, security_groups=security_groups)),
            "subnets": Edit(lambda item: replace(item, subnets=network.subnets), REPLACE),
            "scheme": Edit(lambda item: replace(item, scheme="internal"), REPLACE),
        },
    )


def a_target_group(project: str, network: Network, name: str = "tg", **more: Any) -> TargetGroup:
    check = {
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPath": "/",
        "HealthCheckIntervalSeconds": 10,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
    }
    return TargetGroup(f"{project}-{name}", tags(project), vpc=network.vpc, health_check=check, **more)


def target_group(project: str, network: Network) -> Case:
    group = a_target_group(project, network, deregistration_delay=30)
    changed = {**group.health_check, "HealthCheckPath": "/health", "HealthyThresholdCount": 4}
    changed.update(HealthCheckPort="8080", Matcher={"HttpCode": "200-299"})
    return Case(
        group,
        edits={
            "healthCheck": Edit(lambda item: replace(item, health_check=changed)),
            "deregistrationDelay": Edit(lambda item: replace(item, deregistration_delay=7)),
            "stickiness": Edit(lambda item: replace(item, stickiness=3600)),
            "slowStart": Edit(lambda item: replace(item, slow_start=60)),
            "port": Edit(lambda item: replace(item, port=8080), REPLACE),
            "protocol": Edit(lambda item: replace(item, protocol="HTTPS"), REPLACE),
            "targetType": Edit(lambda item: replace(item, target_type="ip"), REPLACE),
            "vpc": Edit(lambda item: replace(item, vpc=network.other_vpc), REPLACE),
        },
    )


def load_balancer(project: str, network: Network) -> Case:
    groups = a_group(project, network), a_group(project, network, "other")
    targets = a_target_group(project, network), a_target_group(project, network, "tg2")
    balancer = LoadBalancer(
        f"{project}-lb",
        tags(project),
        subnets=network.subnets[:2],
        security_groups=(Ref(groups[0].key, "id"),),
        listeners=(
            Forward(80, "HTTP", Ref(targets[0].key, "arn")),
            Forward(81, "HTTP", Ref(targets[0].key, "arn")),
        ),
    )
    rules = (
        ListenerRule(100, ("api.example.com",), ("/v1/*", "/v2/*"), Ref(targets[1].key, "arn")),
        ListenerRule(200, (), ("/static/*",), Ref(targets[0].key, "arn")),
    )
    listeners = (
        Forward(80, "HTTP", Ref(targets[1].key, "arn"), rules=rules),
        Forward(82, "HTTP", None, rules=rules[:1]),
        Forward(83, "HTTP", None, redirect=443),
    )
    security_groups = tuple(Ref(group.key, "id") for group in groups)
    tcp = tuple(replace(targets[0], name=f"{project}-tcp", protocol="TCP", port=port) for port in (90,))
    network_listeners = (Forward(90, "TCP", Ref(tcp[0].key, "arn")),)
    return Case(
        balancer,
        (*groups, *targets, *tcp),
        {
            "listeners": Edit(lambda item: replace(item, listeners=listeners)),
            "securityGroups": Edit(lambda item: replace(item, security_groups=security_groups)),
            "subnets": Edit(lambda item: replace(item, subnets=network.subnets)),
            "scheme": Edit(lambda item: replace(item, scheme="internal"), REPLACE),
            "type": Edit(lambda item: replace(item, type="network", listeners=network_listeners), REPLACE),
        },
    )


def service(project: str, network: Network) -> Case:
    web, other = a_family(project, "web"), a_family(project, "other", cpu="256")
    home = Cluster(project, tags(project))
    target = a_target_group(project, network)
    group = a_group(project, network)
    front = LoadBalancer(
        f"{project}-lb",
        tags(project),
        subnets=network.subnets[:2],
        security_groups=(Ref(group.key, "id"),),
        listeners=(Forward(80, "HTTP", Ref(target.key, "arn")),),
    )
    definition = {
        "serviceName": f"{project}-svc",
        "taskDefinition": Ref(web.key, "revision"),
        "desiredCount": 0,
        "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200},
    }
    made = Service(f"{project}-svc", tags(project), after=(home.key, front.key), cluster=project, definition=definition)

    def with_(**more: Any) -> Callable[[Service], Service]:
        return lambda item: replace(item, definition={**item.definition, **more})

    balancers = [{"targetGroupArn": Ref(target.key, "arn"), "containerName": "web", "containerPort": 80}]
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    return Case(
        made,
        (home, web, other, target, group, front),
        {
            "taskDefinition": Edit(with_(taskDefinition=Ref(other.key, "revision"))),
            "desiredCount": Edit(with_(desiredCount=1)),
            "deploymentConfiguration": Edit(
                with_(deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 150, **breaker})
            ),
            "placementStrategy": Edit(with_(placementStrategy=[{"type": "binpack", "field": "memory"}])),
            "placementConstraints": Edit(with_(placementConstraints=[{"type": "distinctInstance"}])),
            "loadBalancers": Edit(with_(loadBalancers=balancers)),
            "healthCheckGracePeriodSeconds": Edit(with_(healthCheckGracePeriodSeconds=30)),
            "enableECSManagedTags": Edit(with_(enableECSManagedTags=True)),
            "propagateTags": Edit(with_(propagateTags="SERVICE")),
            "schedulingStrategy": Edit(
                lambda item: replace(
                    item,
                    definition={
                        name: value
                        for name, value in {**item.definition, "schedulingStrategy": "DAEMON"}.items()
                        if name not in REPLICA_ONLY
                    },
                ),
                REPLACE,
            ),
        },
    )


def scalable_target(project: str, network: Network) -> Case:
    whole = service(project, network)
    assert isinstance(whole.resource, Service)
    definition = {name: value for name, value in whole.resource.definition.items() if name != "desiredCount"}
    scaled = replace(whole, resource=replace(whole.resource, definition=definition, first_count=0))
    cpu = Tracking("ECSServiceAverageCPUUtilization", 60.0, scale_in=120)
    night = Timed("cron(0 22 * * ? *)", "Europe/Paris", maximum=1)
    target = ScalableTarget(
        f"{project}/{scaled.resource.name}",
        tags(project),
        after=(scaled.resource.key,),
        minimum=0,
        maximum=3,
        policies={"ecsctl-cpu": cpu},
        schedules={},
    )
    memory = Tracking("ECSServiceAverageMemoryUtilization", 70.0)
    return Case(
        target,
        (*scaled.needs, scaled.resource),
        {
            "min": Edit(lambda item: replace(item, minimum=1)),
            "max": Edit(lambda item: replace(item, maximum=5)),
            "policies": Edit(lambda item: replace(item, policies={"ecsctl-memory": memory})),
            "schedules": Edit(lambda item: replace(item, schedules={"ecsctl-night": night})),
        },
    )


CASES: dict[str, Callable[[str, Network], Case]] = {
    "cluster": cluster,
    "iam-role": iam_role,
    "instance-profile": instance_profile,
    "service-role": service_role,
    "security-group": security_group,
    "launch-template": launch_template,
    "auto-scaling-group": auto_scaling_group,
    "log-group": log_group,
    "task-definition": task_definition,
    "load-balancer": classic_load_balancer,
    "target-group": target_group,
    "load-balancer-v2": load_balancer,
    "service": service,
    "scalable-target": scalable_target,
}


def an_instance(client: Callable[[str], Any], project: str, owner: str | None, network: Network) -> str:
    """One that a group of the project launched and lost, or somebody's; its id."""
    tags = {CLUSTER_TAG: project, **({OWNER_TAG: owner} if owner else {})}
    rows = [{"Key": key, "Value": value} for key, value in tags.items()]
    made = client("ec2").run_instances(
        ImageId=network.image,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": rows}],
    )
    return str(made["Instances"][0]["InstanceId"])


# The kinds of which no file asks for one: how a project, or somebody else, comes to have one.
LEFT: dict[str, Callable[[Callable[[str], Any], str, str | None, Network], str]] = {"instance": an_instance}
