"""Services: daemons, draining instances, protected tasks, tags, placement, Fargate, capacity providers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.asking import EITHER, INVALID, Aws, Ledger, refused
from tests.conformance.made import Fleet, Network, joined, launch_instances, user_data
from tests.conformance.serving import Services

pytestmark = pytest.mark.costs
Register = Callable[..., dict[str, Any]]
NewFleet = Callable[..., Fleet]


@pytest.fixture(scope="module")
def good(register: Register) -> str:
    return str(register()["taskDefinitionArn"])


@pytest.fixture
def services(aws: Aws, fleet: Fleet) -> Iterator[Services]:
    made = Services(aws, fleet.cluster)
    yield made
    made.drop()


@pytest.fixture
def on_fargate(aws: Aws, cluster: str) -> Iterator[Services]:
    made = Services(aws, cluster)
    yield made
    made.drop()


def test_a_daemon_runs_everywhere(services: Services, good: str, fleet: Fleet) -> None:
    """A DAEMON service runs one task on every instance, and its desired count is their number."""
    name = services.create(good, None, schedulingStrategy="DAEMON")
    found = services.until(name, lambda row: row["runningCount"] == len(fleet.arns), "the daemon runs everywhere")
    assert found["desiredCount"] == len(fleet.arns)
    assert {task["containerInstanceArn"] for task in services.tasks(name)} == set(fleet.arns)


def test_a_daemon_follows(aws: Aws, ledger: Ledger, new_fleet: NewFleet, good: str) -> None:
    """A DAEMON service starts a task on an instance that joins later."""
    fleet = new_fleet(1)
    services = Services(aws, fleet.cluster)
    name = services.create(good, None, schedulingStrategy="DAEMON")
    services.until(name, lambda row: row["runningCount"] == 1, "the daemon runs")
    more = launch_instances(aws, ledger, user_data(fleet.cluster))
    found = services.until(name, lambda row: row["runningCount"] == 2, "the daemon runs on the new instance", 30.0)
    assert found["desiredCount"] == 2
    assert joined(aws, fleet.cluster, more)
    services.drop()


def test_a_daemon_keeps_to_its_constraint(services: Services, good: str, fleet: Fleet, ecs: Any) -> None:
    """A DAEMON service with memberOf runs only where that holds."""
    attribute = {"name": "conf.daemon", "value": "yes", "targetId": fleet.arns[1]}
    ecs.put_attributes(cluster=fleet.cluster, attributes=[attribute])
    constraint = {"type": "memberOf", "expression": "attribute:conf.daemon == yes"}
    name = services.create(good, None, schedulingStrategy="DAEMON", placementConstraints=[constraint])
    services.until(name, lambda row: row["runningCount"] == 1, "the daemon runs")
    assert [task["containerInstanceArn"] for task in services.tasks(name)] == [fleet.arns[1]]
    assert services.look(name)["desiredCount"] == 1


def test_no_count_for_a_daemon(services: Services, good: str) -> None:
    """UpdateService takes no desired count for a DAEMON service."""
    name = services.create(good, None, schedulingStrategy="DAEMON")
    with refused(EITHER):
        services.update(name, desiredCount=1)


def test_draining_moves_tasks(aws: Aws, ecs: Any, new_fleet: NewFleet, good: str) -> None:
    """DRAINING: a service's tasks move to other instances, and what nobody else runs stays until it is done."""
    fleet = new_fleet(2)
    services = Services(aws, fleet.cluster)
    name = services.running(good, 2)
    alone = ecs.start_task(cluster=fleet.cluster, taskDefinition=good, containerInstances=[fleet.arns[0]])["tasks"][0]
    answer = ecs.update_container_instances_state(
        cluster=fleet.cluster, containerInstances=[fleet.arns[0]], status="DRAINING"
    )
    assert [row["status"] for row in answer["containerInstances"]] == ["DRAINING"]

    def moved() -> bool:
        rows = services.tasks(name)
        return len(rows) == 2 and all(
            row["containerInstanceArn"] == fleet.arns[1] and row["lastStatus"] == "RUNNING" for row in rows
        )

    assert aws.until(moved, "the service's tasks run elsewhere", 30.0)
    left = ecs.list_tasks(cluster=fleet.cluster, containerInstance=fleet.arns[0])["taskArns"]
    assert left == [alone["taskArn"]]
    draining = ecs.list_container_instances(cluster=fleet.cluster, status="DRAINING")["containerInstanceArns"]
    assert draining == [fleet.arns[0]]
    services.drop()


def test_draining_can_be_taken_back(aws: Aws, ecs: Any, new_fleet: NewFleet) -> None:
    """A DRAINING instance can be ACTIVE again."""
    fleet = new_fleet(1)
    for status in ("DRAINING", "ACTIVE"):
        answer = ecs.update_container_instances_state(
            cluster=fleet.cluster, containerInstances=list(fleet.arns), status=status
        )
        assert [row["status"] for row in answer["containerInstances"]] == [status]


def test_instances_that_end(aws: Aws, new_fleet: NewFleet, good: str) -> None:
    """A terminated instance deregisters; its tasks stop: "Host EC2 (instance i-…) terminated."; others replace them."""
    fleet = new_fleet(2)
    services = Services(aws, fleet.cluster)
    name = services.running(good, 2)
    aws.client("ec2").terminate_instances(InstanceIds=[fleet.ec2_ids[0]])

    def healed() -> bool:
        rows = services.tasks(name)
        return len(rows) == 2 and all(
            row["containerInstanceArn"] == fleet.arns[1] and row["lastStatus"] == "RUNNING" for row in rows
        )

    assert aws.until(healed, "the tasks run on the instance that is left", 30.0)
    (gone,) = (row for row in services.tasks(name, "STOPPED") if row["containerInstanceArn"] == fleet.arns[0])
    assert gone["stoppedReason"].rstrip(".") == f"Host EC2 (instance {fleet.ec2_ids[0]}) terminated"
    services.drop()


def test_protected_tasks_stay(services: Services, good: str, ecs: Any, aws: Aws) -> None:
    """UpdateTaskProtection: a protected task is not taken by a scale-in; GetTaskProtection tells it."""
    name = services.running(good, 3)
    kept = services.tasks(name)[2]["taskArn"]
    answer = ecs.update_task_protection(cluster=services.cluster, tasks=[kept], protectionEnabled=True)
    assert [row["protectionEnabled"] for row in answer["protectedTasks"]] == [True]
    assert answer["protectedTasks"][0]["expirationDate"]
    services.update(name, desiredCount=1)
    services.until(name, lambda row: row["runningCount"] == 1, "one runs")
    assert [task["taskArn"] for task in services.tasks(name)] == [kept]
    told = ecs.get_task_protection(cluster=services.cluster, tasks=[kept])["protectedTasks"]
    assert [(row["taskArn"], row["protectionEnabled"]) for row in told] == [(kept, True)]
    off = ecs.update_task_protection(cluster=services.cluster, tasks=[kept], protectionEnabled=False)
    assert off["protectedTasks"][0]["protectionEnabled"] is False


def test_only_tasks_of_services_are_protected(fleet: Fleet, good: str, ecs: Any, tasks: Any) -> None:
    """UpdateTaskProtection of a task without a service: failures TASK_NOT_VALID."""
    (task,) = tasks.run(fleet.cluster, good)
    answer = ecs.update_task_protection(cluster=fleet.cluster, tasks=[task["taskArn"]], protectionEnabled=True)
    assert answer["protectedTasks"] == []
    assert [row["reason"] for row in answer["failures"]] == ["TASK_NOT_VALID"]


def test_tags_are_propagated(services: Services, register: Register, ecs: Any) -> None:
    """propagateTags SERVICE or TASK_DEFINITION and enableECSManagedTags put tags on the tasks."""
    tagged = register(tags=[{"key": "from", "value": "definition"}])["taskDefinitionArn"]
    own = [{"key": "from", "value": "service"}]
    for source, value in (("SERVICE", "service"), ("TASK_DEFINITION", "definition")):
        name = services.running(tagged, 1, tags=own, propagateTags=source, enableECSManagedTags=True)
        arn = services.tasks(name)[0]["taskArn"]
        found = ecs.describe_tasks(cluster=services.cluster, tasks=[arn], include=["TAGS"])["tasks"][0]["tags"]
        assert {row["key"]: row["value"] for row in found} == {
            "from": value,
            "aws:ecs:clusterName": services.cluster,
            "aws:ecs:serviceName": name,
        }


def test_a_service_spreads(services: Services, good: str) -> None:
    """A service spreads its tasks over the instances without being told to."""
    name = services.running(good, 4)
    assert sorted(Counter(task["containerInstanceArn"] for task in services.tasks(name)).values()) == [2, 2]


def test_a_service_binpacks(services: Services, good: str) -> None:
    """A service with binpack fills one instance first."""
    name = services.running(good, 4, placementStrategy=[{"type": "binpack", "field": "memory"}])
    assert list(Counter(task["containerInstanceArn"] for task in services.tasks(name)).values()) == [4]


def test_a_service_with_distinct_instances(services: Services, good: str, fleet: Fleet) -> None:
    """distinctInstance: one task of the service an instance, the rest waits and is complained of."""
    name = services.create(good, 3, placementConstraints=[{"type": "distinctInstance"}])
    services.told(name, "was unable to place a task")
    rows = services.tasks(name)
    assert sorted(task["containerInstanceArn"] for task in rows) == sorted(fleet.arns)


def test_placement_can_be_updated(services: Services, good: str) -> None:
    """UpdateService changes strategy and constraints without a new deployment."""
    name = services.running(good, 1)
    before = services.look(name)["deployments"][0]["id"]
    strategy = [{"type": "binpack", "field": "cpu"}]
    answer = services.update(name, placementStrategy=strategy, availabilityZoneRebalancing="DISABLED")
    assert [(row["type"], row["field"].lower()) for row in answer["placementStrategy"]] == [("binpack", "cpu")]
    assert [row["id"] for row in answer["deployments"]] == [before]
    assert services.update(name, placementStrategy=[])["placementStrategy"] == []


def test_hosts_are_instances(services: Services, good: str) -> None:
    """spread by host is answered as spread by instanceId."""
    name = services.create(good, 0, placementStrategy=[{"type": "spread", "field": "host"}])
    assert services.look(name)["placementStrategy"] == [{"type": "spread", "field": "instanceId"}]


def test_a_service_on_fargate(on_fargate: Services, fargate_definition: str, network: Network) -> None:
    """A Fargate service runs its tasks, each with an interface of its own."""
    name = on_fargate.running(
        fargate_definition, 2, launchType="FARGATE", networkConfiguration=network.awsvpc(public=True)
    )
    rows = on_fargate.tasks(name)
    assert {row["launchType"] for row in rows} == {"FARGATE"}
    assert len({row["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for row in rows}) == 2


def test_shares_of_a_strategy(
    aws: Aws, ecs: Any, make_cluster: Callable[..., str], fargate_definition: str, network: Network
) -> None:
    """base first, then by weight: FARGATE base 1 weight 1, FARGATE_SPOT weight 3: of 5 tasks 2 and 3."""
    cluster = make_cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"])
    services = Services(aws, cluster)
    strategy = [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    name = services.running(
        fargate_definition,
        5,
        capacityProviderStrategy=strategy,
        networkConfiguration=network.awsvpc(public=True),
    )
    found = services.look(name)
    assert "launchType" not in found
    assert [row["weight"] for row in found["capacityProviderStrategy"]] == [1, 3]
    shares = Counter(task["capacityProviderName"] for task in services.tasks(name))
    assert shares == {"FARGATE": 2, "FARGATE_SPOT": 3}
    services.drop()


def test_the_clusters_strategy(
    aws: Aws, ecs: Any, make_cluster: Callable[..., str], fargate_definition: str, network: Network
) -> None:
    """Without launchType and strategy the cluster's default strategy holds, for services and for RunTask."""
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    cluster = make_cluster(capacityProviders=["FARGATE_SPOT"], defaultCapacityProviderStrategy=strategy)
    services = Services(aws, cluster)
    configuration = network.awsvpc(public=True)
    name = services.create(fargate_definition, 0, networkConfiguration=configuration)
    assert services.look(name)["capacityProviderStrategy"] == strategy
    answer = ecs.run_task(cluster=cluster, taskDefinition=fargate_definition, networkConfiguration=configuration)
    (task,) = answer["tasks"]
    assert (task["capacityProviderName"], task["launchType"]) == ("FARGATE_SPOT", "FARGATE")
    ecs.stop_task(cluster=cluster, task=task["taskArn"])
    services.drop()


def test_exec_is_not_enabled(fleet: Fleet, good: str, ecs: Any, tasks: Any) -> None:
    """ "The execute command failed because execute command was not enabled when the task was run …" """
    (task,) = tasks.running(fleet.cluster, good)
    with refused(INVALID, "execute command was not enabled when the task was run"):
        ecs.execute_command(cluster=fleet.cluster, task=task["taskArn"], command="sh", interactive=True)
