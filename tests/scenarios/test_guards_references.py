"""What others refer to is not taken from them: balancers, target groups, templates, profiles, groups, definitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.test_guards import Shop
from tests.support.account import holdings
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

FILE = """
name: shop
cluster: home
instances: {count: 1}
taskDefinitions:
  web:
    containerDefinitions:
      - name: web
        image: example/web
        cpu: 1
        memory: 32
        portMappings: ["80"]
        logConfiguration: {logDriver: awslogs, options: {awslogs-group: /ecs/web, awslogs-region: eu-west-1}}
  fixed:
    containerDefinitions: [{name: web, image: example/web, cpu: 1, memory: 32, portMappings: ["81:80"]}]
loadBalancers:
  front: {type: application, listeners: ["80", "8080"]}
  old: {type: classic, listeners: ["81"]}
services:
  svc: {taskDefinition: web, desiredCount: 1, loadBalancer: "front:80"}
  two: {taskDefinition: fixed, desiredCount: 0, loadBalancer: "old:80"}
"""
CONTAINER = {"name": "web", "image": "theirs", "memory": 16, "portMappings": [{"containerPort": 80, "hostPort": 81}]}
Undo = Callable[[], Any]


@pytest.fixture
def shop(sandbox: Running, tmp_path: Path) -> Shop:
    made = Shop(sandbox, tmp_path)
    ended = made.run("up", FILE, "--yes")
    assert ended.code == 0, ended.err
    made.ecs.create_cluster(clusterName="away")
    made.ecs.register_task_definition(family="theirs", containerDefinitions=[CONTAINER])
    return made


def subnets(shop: Shop) -> list[str]:
    return sorted(item["SubnetId"] for item in shop.sandbox.client("ec2").describe_subnets()["Subnets"])


def a_service(shop: Shop, cluster: str, name: str, family: str, **more: Any) -> Undo:
    shop.ecs.create_service(cluster=cluster, serviceName=name, taskDefinition=family, desiredCount=0, **more)
    return lambda: shop.ecs.delete_service(cluster=cluster, service=name, force=True)


def a_family(shop: Shop, **more: Any) -> str:
    made = shop.ecs.register_task_definition(family="more", **{"containerDefinitions": [CONTAINER], **more})
    return str(made["taskDefinition"]["taskDefinitionArn"])


def balancer(shop: Shop) -> dict[str, Any]:
    [found] = shop.sandbox.client("elbv2").describe_load_balancers()["LoadBalancers"]
    return dict(found)


def target_group(shop: Shop) -> str:
    [found] = shop.sandbox.client("elbv2").describe_target_groups()["TargetGroups"]
    return str(found["TargetGroupArn"])


def group(shop: Shop) -> dict[str, Any]:
    [found] = shop.sandbox.client("ec2").describe_security_groups(GroupNames=["ecsctl-shop-instances"])[
        "SecurityGroups"
    ]
    return dict(found)


def a_scaling_group(shop: Shop) -> tuple[str, Undo]:
    client = shop.sandbox.client("autoscaling")
    client.create_auto_scaling_group(
        AutoScalingGroupName="guests",
        LaunchTemplate={"LaunchTemplateName": "ecsctl-shop", "Version": "$Latest"},
        MinSize=0,
        MaxSize=1,
        DesiredCapacity=0,
        VPCZoneIdentifier=subnets(shop)[0],
    )
    said = (
        "removing launch-template ecsctl-shop would take it from auto-scaling-group guests, which ecsctl did not make"
    )
    return said, lambda: client.delete_auto_scaling_group(AutoScalingGroupName="guests", ForceDelete=True)


def an_instance(shop: Shop) -> tuple[str, Undo]:
    ec2 = shop.sandbox.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    profile = {"Name": "ecsctl-shop-eu-west-1"}
    [made] = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, IamInstanceProfile=profile)["Instances"]
    said = f"removing instance-profile ecsctl-shop-eu-west-1 would take it from instance {made['InstanceId']}, which"
    return said, lambda: ec2.terminate_instances(InstanceIds=[made["InstanceId"]])


def a_profile(shop: Shop) -> tuple[str, Undo]:
    iam = shop.sandbox.client("iam")
    iam.create_instance_profile(InstanceProfileName="guests", Tags=[{"Key": "ecsctl:project", "Value": "other"}])
    both = {"InstanceProfileName": "guests", "RoleName": "ecsctl-shop-eu-west-1"}
    iam.add_role_to_instance_profile(**both)
    said = "removing iam-role ecsctl-shop-eu-west-1 would take it from instance-profile guests of project other"
    return said, lambda: iam.remove_role_from_instance_profile(**both)


def a_log(shop: Shop) -> tuple[str, Undo]:
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1"}}
    family = a_family(shop, containerDefinitions=[{**CONTAINER, "logConfiguration": logs}])
    said = "removing log-group /ecs/web would take it from service logging, which ecsctl did not make (it logs there)"
    return said, a_service(shop, "home", "logging", family)


def a_definition(shop: Shop) -> tuple[str, Undo]:
    said = "removing task-definition web would take it from service running, which ecsctl did not make (it runs web:1)"
    return said, a_service(shop, "away", "running", "web")


def a_target(shop: Shop) -> tuple[str, Undo]:
    targets = [{"targetGroupArn": target_group(shop), "containerName": "web", "containerPort": 80}]
    name = target_group(shop).split("/")[-2]
    said = f"removing target-group {name} would cut off service behind, which ecsctl did not make"
    return said, a_service(shop, "away", "behind", "theirs", loadBalancers=targets)


def a_classic(shop: Shop) -> tuple[str, Undo]:
    old = [{"loadBalancerName": "old", "containerName": "web", "containerPort": 80}]
    said = "removing load-balancer old would cut off service classic, which ecsctl did not make"
    return said, a_service(shop, "away", "classic", "theirs", loadBalancers=old)


def a_listener(shop: Shop) -> tuple[str, Undo]:
    client = shop.sandbox.client("elbv2")
    action = {"Type": "forward", "TargetGroupArn": target_group(shop)}
    [made] = client.create_listener(
        LoadBalancerArn=balancer(shop)["LoadBalancerArn"], Port=9000, Protocol="HTTP", DefaultActions=[action]
    )["Listeners"]
    said = "removing load-balancer-v2 front would take it from listener 9000 of load balancer front, which"
    return said, lambda: client.delete_listener(ListenerArn=made["ListenerArn"])


def a_rule(shop: Shop) -> tuple[str, Undo]:
    client = shop.sandbox.client("elbv2")
    listeners = client.describe_listeners(LoadBalancerArn=balancer(shop)["LoadBalancerArn"])["Listeners"]
    [listener] = [item for item in listeners if item["Port"] == 80]
    [made] = client.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=7,
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": target_group(shop)}],
        Tags=[{"Key": "ecsctl:project", "Value": "other"}],
    )["Rules"]
    said = "take it from rule 7 of listener 80 of load balancer front of project other"
    return said, lambda: client.delete_rule(RuleArn=made["RuleArn"])


def another_group(shop: Shop) -> tuple[str, Undo]:
    ec2 = shop.sandbox.client("ec2")
    id_ = ec2.create_security_group(GroupName="guests", Description="theirs", VpcId=group(shop)["VpcId"])["GroupId"]
    pair = {"GroupId": group(shop)["GroupId"]}
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [pair]}
    ec2.authorize_security_group_ingress(GroupId=id_, IpPermissions=[rule])
    said = f"removing security-group ecsctl-shop-instances would take it from security-group guests ({id_}), which"
    return said, lambda: ec2.delete_security_group(GroupId=id_)


def tasks_in_the_group(shop: Shop) -> tuple[str, Undo]:
    family = a_family(
        shop,
        containerDefinitions=[{"name": "web", "image": "theirs"}],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        requiresCompatibilities=["FARGATE"],
    )
    network = {"awsvpcConfiguration": {"subnets": subnets(shop)[:1], "securityGroups": [group(shop)["GroupId"]]}}
    said = "removing security-group ecsctl-shop-instances would take it from service inside, which ecsctl did not make"
    return said, a_service(shop, "away", "inside", family, launchType="FARGATE", networkConfiguration=network)


def an_interface(shop: Shop) -> tuple[str, Undo]:
    ec2 = shop.sandbox.client("ec2")
    made = ec2.create_network_interface(SubnetId=subnets(shop)[0], Groups=[group(shop)["GroupId"]])
    id_ = made["NetworkInterface"]["NetworkInterfaceId"]
    said = f"removing security-group ecsctl-shop-instances would take it from network interface {id_}, which"
    return said, lambda: ec2.delete_network_interface(NetworkInterfaceId=id_)


def an_instance_in_the_group(shop: Shop) -> tuple[str, Undo]:
    ec2 = shop.sandbox.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    groups = [group(shop)["GroupId"]]
    [made] = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SecurityGroupIds=groups)["Instances"]
    said = f"removing security-group ecsctl-shop-instances would take it from instance {made['InstanceId']}, which"
    return said, lambda: ec2.terminate_instances(InstanceIds=[made["InstanceId"]])


def a_task_in_the_group(shop: Shop) -> tuple[str, Undo]:
    family = a_family(
        shop,
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{"name": "web", "image": "theirs"}],
    )
    network = {"awsvpcConfiguration": {"subnets": subnets(shop)[:1], "securityGroups": [group(shop)["GroupId"]]}}
    [task] = shop.ecs.run_task(
        cluster="away", taskDefinition=family, launchType="FARGATE", networkConfiguration=network
    )["tasks"]
    shop.sandbox.sandbox.advance(20)
    id_ = task["taskArn"].rsplit("/", 1)[-1][:8]
    said = f"removing security-group ecsctl-shop-instances would take it from task {id_}, which ecsctl did not make"
    return said, lambda: shop.ecs.stop_task(cluster="away", task=task["taskArn"])


def a_balancer_in_the_group(shop: Shop) -> tuple[str, Undo]:
    elb = shop.sandbox.client("elb")
    listener = {"Protocol": "TCP", "LoadBalancerPort": 90, "InstanceProtocol": "TCP", "InstancePort": 90}
    elb.create_load_balancer(
        LoadBalancerName="guests",
        Listeners=[listener],
        Subnets=subnets(shop)[:1],
        SecurityGroups=[group(shop)["GroupId"]],
        Tags=[{"Key": "ecsctl:project", "Value": "other"}],
    )
    said = "security-group ecsctl-shop-instances would take it from load balancer guests of project other"
    return said, lambda: elb.delete_load_balancer(LoadBalancerName="guests")


USERS: list[Callable[[Shop], tuple[str, Undo]]] = [
    a_scaling_group,
    an_instance,
    a_profile,
    a_log,
    a_definition,
    a_target,
    a_classic,
    a_listener,
    a_rule,
    another_group,
    tasks_in_the_group,
    an_interface,
    an_instance_in_the_group,
    a_task_in_the_group,
    a_balancer_in_the_group,
]


def test_what_others_refer_to_stays_with_all_the_rest(shop: Shop) -> None:
    made = {make.__name__: make(shop) for make in USERS}
    before = shop.holdings()
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 1
    assert [name for name, (said, _) in made.items() if said not in ended.err] == [], ended.err
    assert shop.holdings() == before
    for _, undo in made.values():
        undo()
    shop.sandbox.sandbox.advance(120)
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 0, ended.err
    assert not [name for name in holdings(shop.sandbox) if "shop" in name or "home" in name]


def test_a_listener_that_goes_takes_no_rule_of_others_with_it(shop: Shop) -> None:
    a_rule(shop)
    fewer = FILE.replace('["80", "8080"]', '["8080"]')
    ended = shop.run("up", fewer, "--yes")
    assert ended.code == 1
    assert "changing load-balancer-v2 front would take it from rule 7 of listener 80" in ended.err
    assert shop.run("plan", FILE.replace('["80", "8080"]', '["80"]')).code == 0
