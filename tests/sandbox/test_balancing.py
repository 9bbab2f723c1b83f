"""Balancers in a sandbox whose containers are simulated: health follows the tasks, and addresses answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.support import Account, fetch, until
from tests.support.sandbox import Running


@pytest.fixture(scope="module")
def cluster(account: Account) -> str:
    account.ecs.create_cluster(clusterName="web")
    account.profile("web")
    for _ in range(2):
        account.member("web", account.instance("web", "web"))
    return "web"


def in_service(account: Account, balancer: str) -> list[str]:
    rows = account.elb.describe_instance_health(LoadBalancerName=balancer)["InstanceStates"]
    return [row["State"] for row in rows]


def targets(account: Account, group: str) -> list[dict[str, Any]]:
    return list(account.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"])


def states(account: Account, group: str) -> list[str]:
    return [row["TargetHealth"]["State"] for row in targets(account, group)]


def test_a_classic_balancer_from_nothing_to_an_answer(
    account: Account, running: Running, cluster: str, name: str
) -> None:
    account.register(name, portMappings=[{"containerPort": 80, "hostPort": 8080}])
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 8081, "InstancePort": 8080}
    made = account.elb.create_load_balancer(
        LoadBalancerName=name, Listeners=[listener], AvailabilityZones=["eu-west-1a"]
    )
    address = made["DNSName"]
    assert address.startswith("127.0.2.")
    until(lambda: fetch(f"http://{address}:8081/")[0] == 503, "503 without a target")
    balancer = {"loadBalancerName": name, "containerName": "web", "containerPort": 80}
    account.ecs.create_service(
        cluster=cluster, serviceName=name, taskDefinition=name, desiredCount=2, loadBalancers=[balancer]
    )
    until(lambda: in_service(account, name) == ["InService", "InService"], "both in service")
    answers = {fetch(f"http://{address}:8081/")[1] for _ in range(6)}
    assert len(answers) == 2
    assert all("simulated container" in answer for answer in answers)
    account.ecs.update_service(cluster=cluster, service=name, desiredCount=0)
    until(lambda: fetch(f"http://{address}:8081/")[0] == 503, "503 after the last target")
    account.elb.delete_load_balancer(LoadBalancerName=name)
    until(lambda: fetch(f"http://{address}:8081/")[0] == 0, "no listener any more")


def test_an_instance_without_a_task_is_out_of_service(account: Account, cluster: str, name: str) -> None:
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 8082, "InstancePort": 9}
    account.elb.create_load_balancer(LoadBalancerName=name, Listeners=[listener], AvailabilityZones=["eu-west-1a"])
    ids = [{"InstanceId": instance} for instance in account.members(cluster)]
    account.elb.register_instances_with_load_balancer(LoadBalancerName=name, Instances=ids)
    account.elb.register_instances_with_load_balancer(LoadBalancerName=name, Instances=ids)
    assert in_service(account, name) == ["OutOfService", "OutOfService"]


def test_only_the_named_listener_goes(account: Account, name: str) -> None:
    listeners = [{"Protocol": "TCP", "LoadBalancerPort": port, "InstancePort": 9} for port in (8083, 8084, 8085)]
    account.elb.create_load_balancer(LoadBalancerName=name, Listeners=listeners, AvailabilityZones=["eu-west-1a"])
    account.elb.delete_load_balancer_listeners(LoadBalancerName=name, LoadBalancerPorts=[8083, 8085])
    found = account.elb.describe_load_balancers(LoadBalancerNames=[name])["LoadBalancerDescriptions"][0]
    assert [row["Listener"]["LoadBalancerPort"] for row in found["ListenerDescriptions"]] == [8084]


def test_a_balancer_and_a_listener_are_made_once_and_another_of_their_name_or_port_is_refused(
    account: Account, name: str
) -> None:
    elbv2, group = account.elbv2, target_group(account, name)
    listen(account, name, group, 8180)
    listen(account, name, group, 8180)
    [balancer] = [row for row in elbv2.describe_load_balancers()["LoadBalancers"] if row["LoadBalancerName"] == name]
    arn = balancer["LoadBalancerArn"]
    assert [row["Port"] for row in elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]] == [8180]
    subnets = [row["SubnetId"] for row in account.ec2.describe_subnets()["Subnets"]][:2]
    with pytest.raises(elbv2.exceptions.DuplicateLoadBalancerNameException):
        elbv2.create_load_balancer(Name=name, Subnets=subnets, Scheme="internal")
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    with pytest.raises(elbv2.exceptions.DuplicateListenerException):
        elbv2.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=8180, DefaultActions=answer)


def target_group(account: Account, name: str, **more: Any) -> str:
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = account.elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, **more)
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def listen(account: Account, name: str, group: str, port: int) -> str:
    subnets = [row["SubnetId"] for row in account.ec2.describe_subnets()["Subnets"]][:2]
    made = account.elbv2.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]
    actions = [{"Type": "forward", "TargetGroupArn": group}]
    account.elbv2.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=port, DefaultActions=actions
    )
    return str(made["DNSName"])


def test_two_tasks_of_one_instance_are_two_targets(account: Account, cluster: str, name: str) -> None:
    group = target_group(account, name)
    address = listen(account, name, group, 8086)
    account.register(name, portMappings=[{"containerPort": 80, "hostPort": 0}])
    balancer = {"targetGroupArn": group, "containerName": "web", "containerPort": 80}
    account.ecs.create_service(
        cluster=cluster, serviceName=name, taskDefinition=name, desiredCount=4, loadBalancers=[balancer]
    )
    until(lambda: states(account, group) == ["healthy"] * 4, "four healthy targets")
    ports = {(row["Target"]["Id"], row["Target"]["Port"]) for row in targets(account, group)}
    assert len(ports) == 4
    assert len({instance for instance, _ in ports}) == 2
    until(lambda: len({fetch(f"http://{address}:8086/")[1] for _ in range(8)}) == 4, "an answer of each")
    account.ecs.update_service(cluster=cluster, service=name, desiredCount=1)
    until(lambda: "draining" in states(account, group), "draining targets")
    until(lambda: states(account, group) == ["healthy"], "one target left")


def test_a_group_without_a_listener_is_not_in_use(account: Account, cluster: str, name: str) -> None:
    group = target_group(account, name)
    instance = next(iter(account.members(cluster)))
    account.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": instance, "Port": 9}])
    row = targets(account, group)[0]
    assert (row["TargetHealth"]["State"], row["TargetHealth"]["Reason"]) == ("unused", "Target.NotInUse")


def test_a_target_where_nothing_listens_is_unhealthy(account: Account, cluster: str, name: str) -> None:
    group = target_group(account, name)
    listen(account, name, group, 8087)
    instance = next(iter(account.members(cluster)))
    account.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": instance, "Port": 9}])
    until(lambda: states(account, group) == ["unhealthy"], "an unhealthy target")
    assert targets(account, group)[0]["TargetHealth"]["Reason"] == "Target.FailedHealthChecks"
    asked = account.elbv2.describe_target_health(TargetGroupArn=group, Targets=[{"Id": instance, "Port": 10}])
    assert asked["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"] == "Target.NotRegistered"


def test_a_fargate_task_answers_at_its_public_address(account: Account, cluster: str, name: str) -> None:
    account.ecs.register_task_definition(
        family=name,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "web", "image": "web:1", "portMappings": [{"containerPort": 8088}]}],
    )
    subnet = account.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "assignPublicIp": "ENABLED"}}
    arn = account.run(cluster, name, launchType="FARGATE", networkConfiguration=network)
    details = {row["name"]: row["value"] for row in account.reached(arn, "RUNNING")["attachments"][0]["details"]}
    described = account.ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])
    address = described["NetworkInterfaces"][0]["Association"]["PublicIp"]
    assert "simulated container" in fetch(f"http://{address}:8088/")[1]
    account.ecs.stop_task(cluster=cluster, task=arn)
    account.reached(arn, "STOPPED")
    assert fetch(f"http://{address}:8088/")[0] == 0
    assert not account.ec2.describe_network_interfaces(
        Filters=[{"Name": "network-interface-id", "Values": [details["networkInterfaceId"]]}]
    )["NetworkInterfaces"]
