"""Every kind of fault, injected in a sandbox by its command or its API, and seen by boto3."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import botocore.config
import botocore.exceptions
import pytest

from tests.sandbox.support import Account, until
from tests.support.sandbox import REGION, Running

pytestmark = pytest.mark.slow

LONG = 60.0
CHECK = {"command": ["CMD-SHELL", "true"]}


@pytest.fixture(autouse=True)
def no_fault_is_left(running: Running) -> Iterator[None]:
    yield
    running.sandbox.clear_faults()


def fault(running: Running, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """``ecsctl sandbox fault …``."""
    command = [sys.executable, "-m", "ecsctl", "sandbox", "fault", *words]
    done = subprocess.run(command, env=running.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def triggered(running: Running, name: str) -> int:
    return next(int(row["triggered"]) for row in running.sandbox.faults() if row["id"] == name)


def impatient(running: Running, service: str = "ecs") -> Any:
    """A client that tries once."""
    import boto3

    config = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client(service, REGION, endpoint_url=running.endpoint, config=config, **CREDENTIALS)


CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


def error_of(call: Any, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**params)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.fixture
def cluster(account: Account, name: str) -> str:
    account.ecs.create_cluster(clusterName=name)
    return name


@pytest.fixture
def host(account: Account, cluster: str) -> str:
    """An instance that has joined the cluster."""
    made = account.instance(cluster, account.profile(cluster))
    account.member(cluster, made)
    return made


def containers(task: dict[str, Any]) -> dict[str, Any]:
    """The task's only container."""
    (container,) = task["containers"]
    return dict(container)


def test_the_nth_call_is_refused(running: Running, account: Account, cluster: str) -> None:
    words = ["--operation", "ecs:DescribeClusters", "--nth", "2", "--code", "ClusterNotFoundException"]
    name = fault(running, "add", "error", *words, "--message", "Not here.").stdout.strip()
    client = impatient(running)
    client.describe_clusters(clusters=[cluster])
    assert error_of(client.describe_clusters, clusters=[cluster]) == (400, "ClusterNotFoundException", "Not here.")
    client.describe_clusters(clusters=[cluster])
    row = json.loads(fault(running, "list", "-o", "json").stdout)[0]
    assert (row["id"], row["state"], row["matches"], row["triggered"]) == (name, "exhausted", 3, 1)
    assert fault(running, "list").stdout.splitlines()[1].split()[0] == name
    assert fault(running, "clear", name).stderr.strip() == f"cleared {name}"
    assert json.loads(fault(running, "list", "-o", "json").stdout) == []


def test_a_servers_failure_is_retried_by_clients(running: Running, account: Account, cluster: str) -> None:
    made = running.sandbox.add_fault({"kind": "error", "operation": ["ecs:ListClusters"], "times": 2})
    assert account.ecs.list_clusters()["clusterArns"]
    assert triggered(running, made["id"]) == 2


def test_an_operation_is_throttled(running: Running, account: Account, cluster: str) -> None:
    fault(running, "add", "throttle", "--operation", "ecs:Run*", "--operation", "ec2:DescribeVpcs")
    account.register(cluster)
    client = impatient(running)
    refused = error_of(client.run_task, cluster=cluster, taskDefinition=cluster)
    assert refused == (400, "ThrottlingException", "Rate exceeded")
    assert error_of(impatient(running, "ec2").describe_vpcs)[:2] == (503, "RequestLimitExceeded")
    fault(running, "clear")
    logged = running.sandbox.requests(operation="RunTask", limit=1)[0]
    assert (logged["error"], len(logged["faults"])) == ("ThrottlingException", 1)


def test_an_answer_comes_late(running: Running, account: Account, cluster: str) -> None:
    fault(running, "add", "latency", "--operation", "ListClusters", "--seconds", "0.3", "--times", "1")
    account.ecs.list_clusters()
    account.ecs.list_clusters()
    late, prompt = running.sandbox.requests(operation="ListClusters", limit=2)
    assert late["milliseconds"] >= 300
    assert late["faults"]
    assert not prompt["faults"]


def test_an_answer_is_lost_after_the_effect(running: Running, account: Account, name: str) -> None:
    fault(running, "add", "lost-response", "--operation", "CreateCluster", "--times", "1")
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        impatient(running).create_cluster(clusterName=name)
    assert account.ecs.describe_clusters(clusters=[name])["clusters"][0]["status"] == "ACTIVE"
    logged = running.sandbox.requests(operation="CreateCluster", errors=True, limit=1)[0]
    assert (logged["status"], logged["names"]) == (0, {"clusterName": name})


def test_an_agent_is_cut_off_and_comes_back(running: Running, account: Account, cluster: str, host: str) -> None:
    account.register(cluster)
    task = account.run(cluster, cluster)
    assert account.reached(task, "RUNNING", LONG)["connectivity"] == "CONNECTED"
    name = fault(running, "add", "agent-disconnect", "--cluster", cluster).stdout.strip()
    until(lambda: not account.member(cluster, host)["agentConnected"], "the agent is cut off", LONG)
    assert account.member(cluster, host)["status"] == "ACTIVE"
    assert (account.task(task)["lastStatus"], account.task(task)["connectivity"]) == ("RUNNING", "DISCONNECTED")
    refused = account.ecs.run_task(cluster=cluster, taskDefinition=cluster)
    assert [row["reason"] for row in refused["failures"]] == ["AGENT"]
    assert triggered(running, name) == 1
    fault(running, "clear", name)
    until(lambda: account.member(cluster, host)["agentConnected"], "the agent is back", LONG)
    account.run(cluster, cluster)


def test_an_agent_stays_cut_off_while_the_sandbox_restarts(running: Running, account: Account, name: str) -> None:
    account.ecs.create_cluster(clusterName=name)
    made = account.instance(name, account.profile(name))
    account.member(name, made)
    injected = running.sandbox.add_fault({"kind": "agent-disconnect", "instance": made})
    until(lambda: not account.member(name, made)["agentConnected"], "the agent is cut off", LONG)
    running.sandbox.stop()
    port = int(running.endpoint.rsplit(":", 1)[1])
    running.sandbox.start(port=port, docker="never", region=REGION)
    assert not account.member(name, made)["agentConnected"]
    running.sandbox.clear_faults(injected["id"])
    until(lambda: account.member(name, made)["agentConnected"], "the agent is back", LONG)


@pytest.mark.parametrize("how", ["terminated", "stopped"])
def test_an_instance_dies(running: Running, account: Account, cluster: str, host: str, how: str) -> None:
    account.register(cluster)
    task = account.run(cluster, cluster)
    account.reached(task, "RUNNING", LONG)
    fault(running, "add", "instance-loss", "--instance", host, "--how", how)

    def state() -> str:
        found = account.ec2.describe_instances(InstanceIds=[host])["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    until(lambda: state() == how, f"the instance is {how}", LONG)
    found = account.ec2.describe_instances(InstanceIds=[host])["Reservations"][0]["Instances"][0]
    assert found["StateReason"]["Code"] == "Server.InternalError"
    if how == "stopped":
        until(lambda: not account.member(cluster, host)["agentConnected"], "its agent is silent", LONG)
        return
    stopped = account.reached(task, "STOPPED", LONG)
    assert stopped["stopCode"] == "TerminationNotice"
    assert f"Host EC2 (instance {host}) terminated" in stopped["stoppedReason"]
    assert account.members(cluster) == {}


def test_an_instance_is_impaired(running: Running, account: Account, cluster: str, host: str) -> None:
    name = fault(running, "add", "instance-loss", "--cluster", cluster, "--how", "impaired").stdout.strip()

    def status() -> str:
        told = account.ec2.describe_instance_status(InstanceIds=[host])["InstanceStatuses"][0]
        return str(told["InstanceStatus"]["Status"])

    until(lambda: status() == "impaired", "the instance is impaired", LONG)
    until(lambda: not account.member(cluster, host)["agentConnected"], "its agent is silent", LONG)
    fault(running, "clear", name)
    assert status() == "ok"
    until(lambda: account.member(cluster, host)["agentConnected"], "its agent is back", LONG)


def test_a_zone_dies(running: Running, account: Account, cluster: str) -> None:
    profile = account.profile(cluster)
    subnets = {row["AvailabilityZone"]: row["SubnetId"] for row in account.ec2.describe_subnets()["Subnets"]}
    dead, alive = sorted(subnets)[:2]
    hosts = [account.instance(cluster, profile, SubnetId=subnets[zone]) for zone in (dead, dead, alive)]
    for made in hosts:
        account.member(cluster, made)
    definition = {"name": "web", "image": "web:1"}
    account.ecs.register_task_definition(
        family=cluster, containerDefinitions=[definition], requiresCompatibilities=["FARGATE"], networkMode="awsvpc",
        cpu="256", memory="512",
    )  # fmt: skip
    network = {"awsvpcConfiguration": {"subnets": [subnets[dead], subnets[alive]]}}
    task = account.run(cluster, cluster, launchType="FARGATE", networkConfiguration=network)
    account.reached(task, "RUNNING", LONG)

    name = fault(running, "add", "zone-loss", "--zone", dead).stdout.strip()
    until(lambda: set(account.members(cluster)) == {hosts[2]}, "only the other zone's instance is left", LONG)
    stopped = account.reached(task, "STOPPED", LONG)
    assert (stopped["stopCode"], dead in stopped["stoppedReason"]) == ("InfrastructureHealth", True)
    assert triggered(running, name) >= 3, "two instances and a task"
    again = account.run(cluster, cluster, launchType="FARGATE", networkConfiguration=network)
    assert account.reached(again, "RUNNING", LONG)["availabilityZone"] == alive
    with pytest.raises(botocore.exceptions.ClientError, match=r"InsufficientInstanceCapacity.*" + dead):
        account.instance(cluster, profile, SubnetId=subnets[dead])
    fault(running, "clear", name)
    account.member(cluster, account.instance(cluster, profile, SubnetId=subnets[dead]))


@pytest.mark.parametrize("drains", [True, False])
def test_spot_takes_an_instance_back(running: Running, account: Account, cluster: str, drains: bool) -> None:
    script = f"#!/bin/bash\necho ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config\n"
    script += "echo ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config\n" if drains else ""
    made = account.instance(cluster, account.profile(cluster), script=script)
    account.member(cluster, made)
    account.register(cluster)
    task = account.run(cluster, cluster)
    account.reached(task, "RUNNING", LONG)
    notice = "0.6" if drains else "0"
    fault(running, "add", "spot-interruption", "--instance", made, "--notice", notice)
    seen = set()

    def look() -> bool:
        rows = account.ecs.list_container_instances(cluster=cluster, status="DRAINING")["containerInstanceArns"]
        seen.update(rows)
        return bool(account.task(task)["lastStatus"] == "STOPPED")

    until(look, "the task has stopped", LONG)
    assert bool(seen) is drains
    assert account.task(task)["stopCode"] == "TerminationNotice"
    found = account.ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
    assert found["StateReason"]["Code"] == "Server.SpotInstanceTermination"


def test_fargate_spot_takes_a_task_back(running: Running, account: Account, cluster: str) -> None:
    account.ecs.put_cluster_capacity_providers(
        cluster=cluster, capacityProviders=["FARGATE_SPOT"], defaultCapacityProviderStrategy=[]
    )
    account.ecs.register_task_definition(
        family=cluster, containerDefinitions=[{"name": "web", "image": "web:1"}], networkMode="awsvpc", cpu="256",
        memory="512", requiresCompatibilities=["FARGATE"],
    )  # fmt: skip
    subnet = account.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    task = account.run(
        cluster,
        cluster,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
    )
    account.reached(task, "RUNNING", LONG)
    fault(running, "add", "spot-interruption", "--cluster", cluster)
    stopped = account.reached(task, "STOPPED", LONG)
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("SpotInterruption", "Your Spot Task was interrupted.")


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("not-found", "registry.example/team/web:1: not found"),
        ("denied", "pull access denied for registry.example/team/web,"),
        ("timeout", "https://registry.example/v2/"),
        ("rate-limit", "toomanyrequests"),
    ],
)
def test_an_image_cannot_be_pulled(
    running: Running, account: Account, cluster: str, host: str, cause: str, words: str
) -> None:
    account.register(cluster, image="registry.example/team/web:1")
    fault(running, "add", "image-pull-failure", "--image", "*/team/*", "--cause", cause, "--times", "1")
    task = account.reached(account.run(cluster, cluster), "STOPPED", LONG)
    assert (task["stopCode"], task["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    reason = containers(task)["reason"]
    assert reason.startswith("CannotPullContainerError: ")
    assert words in reason
    account.reached(account.run(cluster, cluster), "RUNNING", LONG)


def test_a_container_crashes(running: Running, account: Account, cluster: str, host: str) -> None:
    account.register(cluster)
    runs = account.run(cluster, cluster)
    account.reached(runs, "RUNNING", LONG)
    fault(running, "add", "container-crash", "--family", cluster, "--exit-code", "42", "--times", "1")
    task = account.reached(runs, "STOPPED", LONG)
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert containers(task)["exitCode"] == 42
    account.reached(account.run(cluster, cluster), "RUNNING", LONG)


def test_a_service_replaces_what_crashes(running: Running, account: Account, cluster: str, host: str) -> None:
    account.register(cluster)
    account.ecs.create_service(cluster=cluster, serviceName="api", taskDefinition=cluster, desiredCount=1)
    account.register(f"{cluster}-other")
    other = account.run(cluster, f"{cluster}-other")
    account.reached(other, "RUNNING", LONG)
    name = fault(
        running, "add", "container-crash", "--service", "a*", "--container", "web", "--after", "0.1", "--times", "1"
    ).stdout.strip()
    until(lambda: triggered(running, name) == 1, "the service's container crashed", LONG)

    def replaced() -> bool:
        listed = account.ecs.list_tasks(cluster=cluster, serviceName="api", desiredStatus="STOPPED")["taskArns"]
        shown = account.ecs.describe_services(cluster=cluster, services=["api"])["services"][0]
        return len(listed) == 1 and shown["runningCount"] == 1

    until(replaced, "another task runs", LONG)
    assert account.task(other)["lastStatus"] == "RUNNING"


def test_a_container_is_out_of_memory(running: Running, account: Account, cluster: str, host: str) -> None:
    account.register(cluster)
    fault(running, "add", "out-of-memory", "--cluster", cluster, "--instance", host, "--times", "1")
    task = account.reached(account.run(cluster, cluster), "STOPPED", LONG)
    assert task["stopCode"] == "EssentialContainerExited"
    assert containers(task)["exitCode"] == 137
    assert containers(task)["reason"].startswith("OutOfMemoryError: ")


def test_a_disk_is_full(running: Running, account: Account, cluster: str, host: str) -> None:
    account.register(cluster)
    fault(running, "add", "disk-full", "--instance", host)
    task = account.reached(account.run(cluster, cluster), "STOPPED", LONG)
    assert task["stopCode"] == "TaskFailedToStart"
    assert containers(task)["reason"].startswith("CannotCreateContainerError: ")
    assert containers(task)["reason"].endswith("no space left on device")


def test_a_containers_health_check_fails(running: Running, account: Account, cluster: str, host: str) -> None:
    account.register(cluster, healthCheck=CHECK)
    task = account.run(cluster, cluster)
    until(lambda: account.task(task)["healthStatus"] == "HEALTHY", "the task is healthy", LONG)
    name = fault(running, "add", "unhealthy-container", "--task", task.rsplit("/", 1)[-1]).stdout.strip()
    until(lambda: account.task(task)["healthStatus"] == "UNHEALTHY", "the task is sick", LONG)
    fault(running, "clear", name)
    until(lambda: account.task(task)["healthStatus"] == "HEALTHY", "the task is healthy again", LONG)


def test_a_service_replaces_what_is_unhealthy(running: Running, account: Account, cluster: str, host: str) -> None:
    account.register(cluster, healthCheck=CHECK)
    account.ecs.create_service(cluster=cluster, serviceName="api", taskDefinition=cluster, desiredCount=1)
    fault(running, "add", "unhealthy-container", "--cluster", cluster, "--times", "1")

    def reason() -> str:
        arns = account.ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"]
        return str(account.task(arns[0]).get("stoppedReason", "")) if arns else ""

    assert "failed container health checks" in until(reason, "the sick task is stopped", LONG)


def test_a_targets_health_check_fails(running: Running, account: Account, cluster: str, host: str) -> None:
    vpc = account.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [row["SubnetId"] for row in account.ec2.describe_subnets()["Subnets"]][:2]
    group = account.elbv2.create_target_group(Name=cluster, Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
    balancer = account.elbv2.create_load_balancer(Name=cluster, Subnets=subnets)["LoadBalancers"][0]
    arn = group["TargetGroupArn"]
    account.elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )  # fmt: skip
    account.register(cluster, portMappings=[{"containerPort": 80, "hostPort": 0}])
    account.ecs.create_service(
        cluster=cluster, serviceName="api", taskDefinition=cluster, desiredCount=1, healthCheckGracePeriodSeconds=3600,
        loadBalancers=[{"targetGroupArn": arn, "containerName": "web", "containerPort": 80}],
    )  # fmt: skip

    def states() -> list[tuple[str, str]]:
        rows = account.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return [(row["TargetHealth"]["State"], row["TargetHealth"].get("Reason", "")) for row in rows]

    until(lambda: states() == [("healthy", "")], "the target is healthy", LONG)
    words = ["--balancer", cluster, "--target", host, "--cause", "response-code"]
    name = fault(running, "add", "unhealthy-target", *words).stdout.strip()
    until(lambda: states() == [("unhealthy", "Target.ResponseCodeMismatch")], "the target is sick", LONG)
    assert triggered(running, name) == 1
    fault(running, "clear", name)
    until(lambda: states() == [("healthy", "")], "the target is healthy again", LONG)


@pytest.fixture
def throttled(running: Running) -> Iterator[Running]:
    """The sandbox with the request rates of ECS."""
    running.sandbox.start(throttle=True)
    yield running
    running.sandbox.start(throttle=False)


def test_a_burst_gets_what_its_bucket_holds(throttled: Running, account: Account) -> None:
    client, began = impatient(throttled), time.monotonic()
    answers = []
    for _ in range(12):
        try:
            client.delete_task_definitions(taskDefinitions=["absent:1"])
            answers.append("")
        except botocore.exceptions.ClientError as refused:
            answers.append(f"{refused.response['ResponseMetadata']['HTTPStatusCode']} {refused.response['Error']}")
    refill = int(time.monotonic() - began)
    assert answers[:5] == [""] * 5
    assert 5 <= answers.count("") <= 5 + refill + 1
    assert set(answers) <= {"", "400 {'Message': 'Rate exceeded', 'Code': 'ThrottlingException'}"}


def test_clients_that_try_again_get_through_a_throttle(throttled: Running, account: Account, cluster: str) -> None:
    client = impatient(throttled)
    refused = 0
    while not refused:
        try:
            client.describe_clusters(clusters=[cluster])
        except botocore.exceptions.ClientError:
            refused += 1
    command = [sys.executable, "-m", "ecsctl", "cluster", "list", "-o", "json"]
    listed = subprocess.run(command, env=throttled.environment, capture_output=True, text=True, timeout=60)
    assert listed.returncode == 0, listed.stderr
    assert cluster in listed.stdout
    assert account.ecs.describe_clusters(clusters=[cluster])["clusters"]


def test_what_is_no_fault_is_refused(running: Running) -> None:
    assert "--seconds" in fault(running, "add", "latency", code=2).stderr
    assert "no fault error-99" in fault(running, "clear", "error-99", code=6).stderr
    fault(running, "add", "instance-loss", "--how", "flooded", code=2)
    assert running.sandbox.faults() == []


def test_the_same_over_http(running: Running) -> None:
    def ask(method: str, path: str, body: str = "") -> tuple[int, Any]:
        link = http.client.HTTPConnection(*running.endpoint.removeprefix("http://").split(":"), timeout=60)
        link.request(method, f"/_ecsctl/{path}", body, {"X-Ecsctl-Sandbox": "1"})
        answer = link.getresponse()
        text = json.loads(answer.read())
        link.close()
        return answer.status, text

    status, made = ask("POST", "faults", '{"kind": "error", "operation": ["ecs:*"], "nth": 100}')
    assert (status, made["state"], made["code"]) == (200, "active", "ServerException")
    assert ask("GET", "faults") == (200, {"faults": [made]})
    assert ask("DELETE", f"faults/{made['id']},error-99")[0] == 404
    assert ask("DELETE", f"faults/{made['id']}") == (200, {"faults": [made]})
    for wrong in ("no json", "[]", '{"kind": "flood"}', '{"kind": "latency"}'):
        status, answer = ask("POST", "faults", wrong)
        assert status == 400
        assert answer["message"]
    assert ask("POST", "throttle", '{"enabled": 1}')[0] == 400


def test_a_reset_forgets_faults(running: Running) -> None:
    running.sandbox.add_fault({"kind": "throttle"})
    running.sandbox.reset()
    assert running.sandbox.faults() == []
