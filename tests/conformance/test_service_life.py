"""Services: the scheduler, deployments, the circuit breaker, deletion."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.asking import ABSENT_IMAGE, INVALID, Aws, refused
from tests.conformance.made import Fleet
from tests.conformance.serving import Services

pytestmark = pytest.mark.costs
Register = Callable[..., dict[str, Any]]
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
STEADY = "has reached a steady state."


@pytest.fixture
def services(aws: Aws, fleet: Fleet) -> Iterator[Services]:
    made = Services(aws, fleet.cluster)
    yield made
    made.drop()


@pytest.fixture(scope="module")
def good(register: Register) -> str:
    return str(register()["taskDefinitionArn"])


@pytest.fixture(scope="module")
def better(register: Register) -> str:
    return str(register(app={"environment": [{"name": "VERSION", "value": "2"}]})["taskDefinitionArn"])


@pytest.fixture(scope="module")
def absent(register: Register) -> str:
    """A definition whose image cannot be pulled."""
    return str(register(app={"image": ABSENT_IMAGE})["taskDefinitionArn"])


def test_to_the_desired_count(services: Services, good: str) -> None:
    """A service starts as many tasks as it wants, and its deployment is COMPLETED."""
    name = services.create(good, 3)
    found = services.steady(name)
    assert (found["runningCount"], found["pendingCount"]) == (3, 0)
    (deployment,) = found["deployments"]
    assert (deployment["rolloutState"], deployment["runningCount"]) == ("COMPLETED", 3)
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} completed."


def test_tasks_of_a_service(services: Services, good: str) -> None:
    """A service's task has startedBy the deployment's id, and the group service:NAME."""
    name = services.running(good, 2)
    deployment = services.look(name)["deployments"][0]["id"]
    for task in services.tasks(name):
        assert (task["startedBy"], task["group"]) == (deployment, f"service:{name}")
        assert task["taskDefinitionArn"] == good


def test_the_events_of_a_start(services: Services, good: str) -> None:
    """ "(service x) has started 2 tasks: (task …) (task …).", "… deployment completed.", "… steady state."."""
    name = services.running(good, 2)
    services.told(name, STEADY)
    told = services.messages(name)
    ids = {task["taskArn"].rsplit("/", 1)[-1] for task in services.tasks(name)}
    started = " ".join(text for text in told if "has started" in text)
    assert re.match(rf"\(service {name}\) has started \d tasks: ", started)
    assert set(re.findall(r"\(task ([0-9a-f]{32})\)", started)) == ids
    deployment = services.look(name)["deployments"][0]["id"]
    assert f"(service {name}) (deployment {deployment}) deployment completed." in told
    assert told[0] == f"(service {name}) {STEADY}"


def test_scaling_out(services: Services, good: str) -> None:
    """A higher desired count starts the difference, in the same deployment."""
    name = services.running(good, 1)
    before = services.look(name)["deployments"][0]["id"]
    services.update(name, desiredCount=3)
    found = services.until(name, lambda row: row["runningCount"] == 3, "three run")
    assert [row["id"] for row in found["deployments"]] == [before]


def test_scaling_in(services: Services, good: str, aws: Aws) -> None:
    """A lower desired count stops tasks: "Scaling activity initiated by (deployment …)", ServiceSchedulerInitiated."""
    name = services.running(good, 3)
    deployment = services.look(name)["deployments"][0]["id"]
    services.update(name, desiredCount=1)
    gone = aws.until(lambda: len(rows := services.tasks(name, "STOPPED")) == 2 and rows, "two stop")
    reasons = {(task["stopCode"], task["stoppedReason"]) for task in gone}
    assert reasons == {("ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {deployment})")}
    assert "has stopped 2 running tasks" in services.told(name, "has stopped")


def test_scaling_in_keeps_balance(services: Services, good: str) -> None:
    """Scaling in takes from the fullest instance: what stays is spread."""
    name = services.running(good, 4)
    services.update(name, desiredCount=2)
    services.until(name, lambda row: row["runningCount"] == 2, "two run")
    places = Counter(task["containerInstanceArn"] for task in services.tasks(name))
    assert sorted(places.values()) == [1, 1]


def test_healing(services: Services, good: str, ecs: Any, aws: Aws) -> None:
    """A task that is stopped is replaced; failedTasks of a completed deployment does not count it."""
    name = services.running(good, 2)
    first = services.tasks(name)[0]["taskArn"]
    ecs.stop_task(cluster=services.cluster, task=first)

    def replaced() -> bool:
        arns = {task["taskArn"] for task in services.tasks(name) if task["lastStatus"] == "RUNNING"}
        return len(arns) == 2 and first not in arns

    assert aws.until(replaced, "another task runs instead")
    assert services.look(name)["deployments"][0]["failedTasks"] == 0


def test_a_new_definition(services: Services, good: str, better: str) -> None:
    """UpdateService with another definition begins a deployment: PRIMARY beside ACTIVE, then alone and COMPLETED."""
    name = services.running(good, 2)
    before = services.look(name)["deployments"][0]["id"]
    answer = services.update(name, taskDefinition=better)
    assert [row["status"] for row in answer["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert (answer["deployments"][0]["rolloutState"], answer["deployments"][1]["id"]) == ("IN_PROGRESS", before)
    assert answer["taskDefinition"] == better
    found = services.steady(name)
    assert found["deployments"][0]["taskDefinition"] == better
    assert {task["taskDefinitionArn"] for task in services.tasks(name)} == {better}


def test_forcing_a_deployment(services: Services, good: str) -> None:
    """forceNewDeployment replaces every task by the same definition."""
    name = services.running(good, 2)
    before = {task["taskArn"] for task in services.tasks(name)}
    assert len(services.update(name, forceNewDeployment=True)["deployments"]) == 2
    services.steady(name)
    after = {task["taskArn"] for task in services.tasks(name)}
    assert len(after) == 2
    assert not before & after


def test_an_update_that_changes_nothing(services: Services, good: str) -> None:
    """An update that changes nothing begins no deployment."""
    name = services.running(good, 1)
    before = services.look(name)["deployments"]
    answer = services.update(name, taskDefinition=good, desiredCount=1)
    assert [row["id"] for row in answer["deployments"]] == [row["id"] for row in before]


def watch_rollout(services: Services, name: str) -> tuple[int, int]:
    """(fewest running, most live) tasks that are seen until the service is steady."""
    least, most = 10**6, 0

    def probe() -> bool:
        nonlocal least, most
        found = services.look(name)
        least = min(least, found["runningCount"])
        most = max(most, found["runningCount"] + found["pendingCount"])
        return len(found["deployments"]) == 1 and found["runningCount"] == found["desiredCount"]

    assert services.aws.until(probe, "the rollout is over", 30.0, every_state=True)
    return least, most


def test_minimum_100(services: Services, good: str, better: str) -> None:
    """minimumHealthyPercent 100, maximumPercent 200: never fewer than wanted run, never more than twice."""
    name = services.running(good, 2)
    services.update(name, taskDefinition=better)
    least, most = watch_rollout(services, name)
    assert least >= 2
    assert 2 < most <= 4


def test_maximum_100(services: Services, good: str, better: str) -> None:
    """minimumHealthyPercent 50, maximumPercent 100: half may be missing, none is too many."""
    configuration = {"minimumHealthyPercent": 50, "maximumPercent": 100}
    name = services.running(good, 2, deploymentConfiguration=configuration, availabilityZoneRebalancing="DISABLED")
    services.update(name, taskDefinition=better)
    least, most = watch_rollout(services, name)
    assert least >= 1
    assert most <= 2


def test_minimum_0(services: Services, good: str, better: str, register: Register) -> None:
    """minimumHealthyPercent 0 lets a task with a fixed port be replaced on its own instance."""
    ports = [{"containerPort": 80, "hostPort": 18200}]
    first = register(app={"portMappings": ports})["taskDefinitionArn"]
    second = register(app={"portMappings": ports, "cpu": 17})["taskDefinitionArn"]
    configuration = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    name = services.running(first, 2, deploymentConfiguration=configuration, availabilityZoneRebalancing="DISABLED")
    services.update(name, taskDefinition=second)
    assert services.steady(name)["taskDefinition"] == second


def test_a_deployment_that_blocks_itself(services: Services, register: Register) -> None:
    """ "… was unable to stop or start tasks during a deployment because of the service deployment configuration." """
    first = register()["taskDefinitionArn"]
    second = register(app={"cpu": 17})["taskDefinitionArn"]
    configuration = {"minimumHealthyPercent": 99, "maximumPercent": 100}
    name = services.running(first, 1, deploymentConfiguration=configuration, availabilityZoneRebalancing="DISABLED")
    services.update(name, taskDefinition=second)
    told = services.told(name, "was unable to stop or start tasks during a deployment")
    assert "because of the service deployment configuration" in told


def test_no_place_for_fixed_ports(services: Services, register: Register) -> None:
    """A fixed port with more tasks than instances: "was unable to place a task because no container instance met all
    of its requirements. The closest matching (container-instance …) is already using a port required by your task." """
    arn = register(app={"portMappings": [{"containerPort": 80, "hostPort": 18201}]})["taskDefinitionArn"]
    name = services.create(arn, 3)
    told = services.told(name, "was unable to place a task")
    assert "because no container instance met all of its requirements." in told
    assert re.search(r"The closest matching \(container-instance [0-9a-f]{32}\) is already using a port required", told)
    assert services.look(name)["runningCount"] <= 2


@pytest.mark.parametrize(
    ("app", "what"), [({"cpu": 30000}, "CPU units"), ({"memory": 500000}, "memory")], ids=["cpu", "memory"]
)
def test_no_place(services: Services, register: Register, app: dict[str, Any], what: str) -> None:
    """ "… has insufficient CPU units available", "… has insufficient memory available"."""
    name = services.create(register(app=app)["taskDefinitionArn"])
    assert f"has insufficient {what} available" in services.told(name, "was unable to place a task")


def test_no_place_for_its_attributes(services: Services, register: Register) -> None:
    """ "… is missing an attribute required by your task"."""
    platform = {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    name = services.create(register(runtimePlatform=platform)["taskDefinitionArn"])
    assert "is missing an attribute required by your task" in services.told(name, "was unable to place a task")


def test_repeats_are_muted(services: Services, register: Register, aws: Aws) -> None:
    """The same complaint is told once; its repeats are muted for six hours."""
    name = services.create(register(app={"memory": 500000})["taskDefinitionArn"])
    services.told(name, "was unable to place a task")
    services.update(name, desiredCount=2)
    aws.sleep(2.5)
    assert len([text for text in services.messages(name) if "was unable to place a task" in text]) == 1


def test_an_empty_cluster(aws: Aws, cluster: str, good: str) -> None:
    """A service without instances waits, and tells: "No Container Instances were found in your cluster."."""
    services = Services(aws, cluster)
    name = services.create(good)
    told = services.told(name, "was unable to place a task")
    assert "No Container Instances were found in your cluster" in told
    services.drop()


def test_tasks_that_cannot_start(services: Services, absent: str) -> None:
    """failedTasks counts the tasks of a deployment that did not start; the service keeps trying."""
    name = services.create(absent, 1)
    services.until(name, lambda row: row["deployments"][0]["failedTasks"] >= 2, "two tasks have failed", 40.0)
    assert services.look(name)["deployments"][0]["rolloutState"] == "IN_PROGRESS"


def test_unable_to_start_consistently(services: Services, absent: str) -> None:
    """ "(service x) is unable to consistently start tasks successfully." after tasks failed again and again."""
    name = services.create(absent, 2)
    services.told(name, "is unable to consistently start tasks successfully", 60.0)


def test_the_circuit_breaker_trips(services: Services, absent: str) -> None:
    """The circuit breaker ends a first deployment: FAILED at 3 failed tasks, "tasks failed to start"; nothing to go
    back to, so nothing is started any more."""
    name = services.create(absent, 1, deploymentConfiguration=BREAKER)
    found = services.until(
        name, lambda row: row["deployments"][0]["rolloutState"] == "FAILED", "the breaker has tripped", 60.0
    )
    deployment = found["deployments"][0]
    assert deployment["failedTasks"] >= 3
    assert "tasks failed to start" in deployment["rolloutStateReason"]
    told = services.messages(name)
    assert f"(service {name}) (deployment {deployment['id']}) deployment failed: tasks failed to start." in told


def test_below_the_threshold(services: Services, absent: str) -> None:
    """The threshold is at least 3: with two failed tasks the deployment is still IN_PROGRESS."""
    name = services.create(absent, 2, deploymentConfiguration=BREAKER)
    seen: dict[int, set[str]] = {}

    def probe() -> bool:
        deployment = services.look(name)["deployments"][0]
        seen.setdefault(deployment["failedTasks"], set()).add(deployment["rolloutState"])
        return deployment["rolloutState"] == "FAILED"

    assert services.aws.until(probe, "the breaker has tripped", 60.0)
    for failed, states in seen.items():
        assert failed >= 3 or states == {"IN_PROGRESS"}, seen


def test_half_of_the_desired_count(services: Services, absent: str) -> None:
    """The threshold is half of the desired count where that is more than 3: at 8 wanted it is 4."""
    name = services.create(absent, 8, deploymentConfiguration=BREAKER)
    found = services.until(
        name, lambda row: row["deployments"][0]["rolloutState"] == "FAILED", "the breaker has tripped", 60.0
    )
    assert found["deployments"][0]["failedTasks"] >= 4


def test_repeats_are_told_after_six_hours(services: Services, register: Register, aws: Aws) -> None:
    """The complaint of a service that still lacks a place is told again after six hours."""
    name = services.create(register(app={"memory": 500000})["taskDefinitionArn"])
    services.told(name, "was unable to place a task")
    aws.advance(6 * 3600 + 60)
    assert services.aws.until(
        lambda: len([text for text in services.messages(name) if "was unable to place a task" in text]) == 2,
        "it is told again",
    )


def test_a_hundred_events(services: Services, good: str, aws: Aws) -> None:
    """A service keeps its last 100 events, newest first."""
    name = services.create(good, 0)
    services.steady(name)
    for number in range(60):
        services.update(name, desiredCount=1 - number % 2)
        aws.advance(3)
    events = services.look(name)["events"]
    assert len(events) == 100
    times = [event["createdAt"] for event in events]
    assert times == sorted(times, reverse=True)


def test_the_circuit_breaker_rolls_back(services: Services, good: str, absent: str) -> None:
    """With rollback the last completed deployment comes back: the old definition runs, and the failed one is told."""
    name = services.running(good, 1, deploymentConfiguration=BREAKER)
    services.update(name, taskDefinition=absent)
    assert "rolling back to deployment" in services.told(name, "rolling back to deployment", 60.0)
    found = services.steady(name, 30.0)
    assert found["taskDefinition"] == good
    assert {task["taskDefinitionArn"] for task in services.tasks(name)} == {good}
    assert "COMPLETED" in found["deployments"][0]["rolloutState"]


def test_old_tasks_stay_while_new_ones_fail(services: Services, good: str, absent: str) -> None:
    """Without a circuit breaker a deployment that cannot start leaves the old tasks as they are."""
    name = services.running(good, 2)
    services.update(name, taskDefinition=absent)
    services.until(name, lambda row: row["deployments"][0]["failedTasks"] >= 1, "a task has failed", 40.0)
    found = services.look(name)
    assert [row["status"] for row in found["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert found["runningCount"] == 2


def test_unhealthy_tasks_are_replaced(services: Services, register: Register, aws: Aws) -> None:
    """A service's task whose container health check fails: "Task failed container health checks"."""
    check = {"command": ["CMD-SHELL", "exit 1"], "interval": 5, "timeout": 2, "retries": 1}
    name = services.create(register(app={"healthCheck": check})["taskDefinitionArn"])
    gone = aws.until(lambda: services.tasks(name, "STOPPED"), "a task stops", 30.0)[0]
    assert gone["stopCode"] == "ServiceSchedulerInitiated"
    assert gone["stoppedReason"].rstrip(".") == "Task failed container health checks"


def test_healthy_tasks_complete_a_deployment(services: Services, register: Register) -> None:
    """A deployment of tasks with a health check is COMPLETED once they are HEALTHY."""
    check = {"command": ["CMD-SHELL", "exit 0"], "interval": 5, "timeout": 2}
    name = services.running(register(app={"healthCheck": check})["taskDefinitionArn"])
    assert [task["healthStatus"] for task in services.tasks(name)] == ["HEALTHY"]


def test_deleting_needs_zero(services: Services, good: str, ecs: Any) -> None:
    """ "The service cannot be stopped while it is scaled above 0." """
    name = services.running(good)
    with refused(INVALID, "The service cannot be stopped while it is scaled above 0"):
        ecs.delete_service(cluster=services.cluster, service=name)
    assert services.look(name)["status"] == "ACTIVE"


def test_deleting_needs_no_deployment(services: Services, good: str, better: str, ecs: Any) -> None:
    """ "The service cannot be stopped while deployments are active." """
    name = services.running(good)
    # A protected task keeps its deployment from ending.
    (task,) = services.tasks(name)
    call = {"cluster": services.cluster, "tasks": [task["taskArn"]]}
    ecs.update_task_protection(**call, protectionEnabled=True)
    services.update(name, taskDefinition=better, desiredCount=0)
    with refused(INVALID, "The service cannot be stopped while deployments are active"):
        ecs.delete_service(cluster=services.cluster, service=name)
    ecs.update_task_protection(**call, protectionEnabled=False)


def test_a_deleted_service_drains(services: Services, good: str, ecs: Any) -> None:
    """DeleteService: DRAINING while its tasks stop, then INACTIVE; it leaves ListServices, not DescribeServices."""
    name = services.running(good)
    deleted = ecs.delete_service(cluster=services.cluster, service=name, force=True)["service"]
    assert deleted["status"] == "DRAINING"
    pages = ecs.get_paginator("list_services").paginate(cluster=services.cluster)
    assert deleted["serviceArn"] not in [arn for page in pages for arn in page["serviceArns"]]
    found = services.until(name, lambda row: row["status"] == "INACTIVE", "the service is INACTIVE")
    assert (found["desiredCount"], found["runningCount"], found["deployments"]) == (0, 0, [])


def test_a_name_that_still_drains(services: Services, good: str, ecs: Any) -> None:
    """ "Unable to Start a service that is still Draining."; once it is INACTIVE, the name is free again."""
    name = services.running(good)
    ecs.delete_service(cluster=services.cluster, service=name, force=True)
    with refused(INVALID, "Unable to Start a service that is still Draining"):
        services.create(good, 1, serviceName=name)
    services.until(name, lambda row: row["status"] == "INACTIVE", "the service is INACTIVE")
    services.create(good, 1, serviceName=name)
    services.steady(name)


def test_inactive_services_cannot_be_changed(services: Services, good: str, ecs: Any) -> None:
    """ServiceNotActiveException "Service was not ACTIVE." of an INACTIVE or DRAINING service."""
    name = services.running(good)
    ecs.delete_service(cluster=services.cluster, service=name, force=True)
    with refused("ServiceNotActiveException", "Service was not ACTIVE"):
        services.update(name, desiredCount=1)
    services.until(name, lambda row: row["status"] == "INACTIVE", "the service is INACTIVE")
    with refused("ServiceNotActiveException", "Service was not ACTIVE"):
        services.update(name, desiredCount=1)


def test_counts_of_the_cluster(services: Services, good: str, ecs: Any) -> None:
    """The cluster counts its running tasks and active services."""
    before = ecs.describe_clusters(clusters=[services.cluster])["clusters"][0]
    services.running(good, 2)
    after = ecs.describe_clusters(clusters=[services.cluster])["clusters"][0]
    assert after["activeServicesCount"] == before["activeServicesCount"] + 1
    assert after["runningTasksCount"] >= 2
