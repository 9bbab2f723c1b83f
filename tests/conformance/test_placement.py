"""Placement: room, strategies, constraints, the query language, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import EITHER, INVALID, Aws, Ledger, refused
from tests.conformance.made import Fleet, Network, Tasks, make_fleet

pytestmark = pytest.mark.costs
Register = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def zones(aws: Aws, ledger: Ledger, make_cluster: Callable[..., str], network: Network) -> Fleet:
    """Three instances of one cluster: two in the first zone, one in the second."""
    cluster = make_cluster()
    first = make_fleet(aws, ledger, cluster, 2, SubnetId=network.subnets[0])
    second = make_fleet(aws, ledger, cluster, 1, SubnetId=network.subnets[1])
    return Fleet(cluster, (*first.arns, *second.arns), (*first.ec2_ids, *second.ec2_ids))


@pytest.fixture(scope="module")
def small(register: Register) -> str:
    """A definition of which dozens fit an instance."""
    return str(register(app={"cpu": 16, "memory": 16})["taskDefinitionArn"])


@pytest.fixture(scope="module")
def one(new_fleet: Callable[..., Fleet]) -> Fleet:
    """A cluster of one instance."""
    return new_fleet(1)


def places(answer: dict[str, Any]) -> list[int]:
    """How many tasks each instance got, fewest first, of those that got any."""
    return sorted(Counter(task["containerInstanceArn"] for task in answer["tasks"]).values())


def remaining(ecs: Any, fleet: Fleet, n: int = 0) -> dict[str, Any]:
    """The n-th instance's remaining resources by name."""
    rows = ecs.describe_container_instances(cluster=fleet.cluster, containerInstances=[fleet.arns[n]])
    found = {}
    for row in rows["containerInstances"][0]["remainingResources"]:
        found[row["name"]] = row["stringSetValue"] if row["type"] == "STRINGSET" else row["integerValue"]
    return found


def test_an_empty_cluster_throws(ecs: Any, cluster: str, definition: str) -> None:
    """ "No Container Instances were found in your cluster." """
    with refused(INVALID, "No Container Instances were found in your cluster"):
        ecs.run_task(cluster=cluster, taskDefinition=definition)


@pytest.mark.parametrize(
    ("short", "app"),
    [("CPU", {"cpu": 20000}), ("MEMORY", {"memory": 500000}), ("MEMORY", {"memory": 64, "memoryReservation": 64})],
    ids=["CPU", "MEMORY", "fits"],
)
def test_too_big_for_every_instance(zones: Fleet, register: Register, tasks: Tasks, short: str, app: Any) -> None:
    """RunTask without room: HTTP 200, a failure RESOURCE:CPU or RESOURCE:MEMORY an instance, no task."""
    answer = tasks.attempt(zones.cluster, register(app=app)["taskDefinitionArn"])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    if app.get("memoryReservation"):
        assert not answer["failures"]
        return
    assert answer["tasks"] == []
    assert {row["arn"] for row in answer["failures"]} == set(zones.arns)
    assert {row["reason"] for row in answer["failures"]} == {f"RESOURCE:{short}"}


def test_a_port_that_is_taken(one: Fleet, register: Register, tasks: Tasks) -> None:
    """A fixed host port that is taken: RESOURCE:PORTS."""
    arn = register(app={"portMappings": [{"containerPort": 80, "hostPort": 18100}]})["taskDefinitionArn"]
    assert not tasks.attempt(one.cluster, arn)["failures"]
    answer = tasks.attempt(one.cluster, arn)
    assert [(row["arn"], row["reason"]) for row in answer["failures"]] == [(one.arns[0], "RESOURCE:PORTS")]


@pytest.mark.parametrize("port", [22, 2375, 2376, 51678, 51679, 51680])
def test_reserved_ports(one: Fleet, register: Register, tasks: Tasks, port: int) -> None:
    """The ports 22, 2375, 2376 and 51678 to 51680 are reserved."""
    arn = register(app={"portMappings": [{"containerPort": 80, "hostPort": port}]})["taskDefinitionArn"]
    assert [row["reason"] for row in tasks.attempt(one.cluster, arn)["failures"]] == ["RESOURCE:PORTS"]


def test_other_protocols_have_other_ports(one: Fleet, register: Register, tasks: Tasks) -> None:
    """TCP and UDP ports are counted apart."""
    for protocol in ("tcp", "udp"):
        mapping = {"containerPort": 80, "hostPort": 18101, "protocol": protocol}
        arn = register(app={"portMappings": [mapping]})["taskDefinitionArn"]
        assert not tasks.attempt(one.cluster, arn)["failures"]


def test_interfaces_end(one: Fleet, register: Register, network: Network, tasks: Tasks) -> None:
    """awsvpc tasks beyond the interfaces of the instance's type: RESOURCE:ENI (a t3.small has three, one its own)."""
    arn = register(networkMode="awsvpc")["taskDefinitionArn"]
    answer = tasks.attempt(one.cluster, arn, count=3, networkConfiguration=network.awsvpc())
    assert len(answer["tasks"]) == 2
    assert [row["reason"] for row in answer["failures"]] == ["RESOURCE:ENI"]


def test_no_gpu(one: Fleet, register: Register, tasks: Tasks) -> None:
    """A task that needs a GPU is not placed where there is none."""
    arn = register(app={"resourceRequirements": [{"type": "GPU", "value": "1"}]})["taskDefinitionArn"]
    answer = tasks.attempt(one.cluster, arn)
    assert answer["tasks"] == []
    assert answer["failures"][0]["reason"] in ("RESOURCE:GPU", "ATTRIBUTE")


def test_an_attribute_that_is_missing(one: Fleet, register: Register, tasks: Tasks) -> None:
    """A task of another architecture than the instance's: ATTRIBUTE."""
    other = register(runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"})
    answer = tasks.attempt(one.cluster, other["taskDefinitionArn"])
    assert answer["tasks"] == []
    assert answer["failures"][0]["reason"] == "ATTRIBUTE"


def test_as_many_as_fit(one: Fleet, ecs: Any, register: Register, tasks: Tasks) -> None:
    """RunTask of more than fit starts what fits, and tells of the rest in failures."""
    half = remaining(ecs, one)["CPU"] // 2
    arn = register(app={"cpu": half, "memory": 16})["taskDefinitionArn"]
    answer = tasks.attempt(one.cluster, arn, count=4)
    assert len(answer["tasks"]) == 2
    assert answer["failures"]
    assert {row["reason"] for row in answer["failures"]} == {"RESOURCE:CPU"}


def test_resources_are_taken_and_given_back(aws: Aws, ecs: Any, new_fleet: Any, register: Register) -> None:
    """remainingResources go down by a task's cpu, memory and fixed ports at once, and up again when it has stopped."""
    fleet = new_fleet(1)
    before = remaining(ecs, fleet)
    ports = [{"containerPort": 80, "hostPort": 18102}]
    arn = register(app={"cpu": 100, "memory": 64, "memoryReservation": 50, "portMappings": ports})["taskDefinitionArn"]
    task = ecs.run_task(cluster=fleet.cluster, taskDefinition=arn)["tasks"][0]["taskArn"]
    during = remaining(ecs, fleet)
    assert (before["CPU"] - during["CPU"], before["MEMORY"] - during["MEMORY"]) == (100, 50)
    assert "18102" in during["PORTS"]
    ecs.stop_task(cluster=fleet.cluster, task=task)
    assert aws.until(lambda: remaining(ecs, fleet) == before, "everything is given back")


def test_spread_by_default(zones: Fleet, small: str, tasks: Tasks) -> None:
    """Without a strategy tasks are spread over zones."""
    answer = tasks.attempt(zones.cluster, small, count=4)
    by_zone = Counter(task["availabilityZone"] for task in answer["tasks"])
    assert sorted(by_zone.values()) == [2, 2]


def test_spread_over_instances(zones: Fleet, small: str, tasks: Tasks) -> None:
    """spread by instanceId: every instance gets as many as the others."""
    for field in ("instanceId", "host"):
        answer = tasks.attempt(
            zones.cluster,
            small,
            count=6,
            group=f"spread-{field}",
            placementStrategy=[{"type": "spread", "field": field}],
        )
        assert places(answer) == [2, 2, 2]


def test_spread_over_zones(zones: Fleet, small: str, tasks: Tasks) -> None:
    """spread by attribute:ecs.availability-zone: every zone gets as many as the others."""
    strategy = [{"type": "spread", "field": "attribute:ecs.availability-zone"}]
    answer = tasks.attempt(zones.cluster, small, count=6, group="by-zone", placementStrategy=strategy)
    assert sorted(Counter(task["availabilityZone"] for task in answer["tasks"]).values()) == [3, 3]


def test_binpack(zones: Fleet, small: str, tasks: Tasks) -> None:
    """binpack: all on the instance that has least left."""
    for field in ("cpu", "memory", "MEMORY"):
        answer = tasks.attempt(zones.cluster, small, count=5, placementStrategy=[{"type": "binpack", "field": field}])
        assert places(answer) == [5]


def test_zones_first_then_binpack(zones: Fleet, small: str, tasks: Tasks) -> None:
    """Strategies apply in order: spread over zones, then binpack within each."""
    strategy = [
        {"type": "spread", "field": "attribute:ecs.availability-zone"},
        {"type": "binpack", "field": "memory"},
    ]
    answer = tasks.attempt(zones.cluster, small, count=6, group="zones-first", placementStrategy=strategy)
    assert places(answer) == [3, 3]


def test_random(zones: Fleet, small: str, tasks: Tasks) -> None:
    """random places anywhere there is room."""
    answer = tasks.attempt(zones.cluster, small, count=10, placementStrategy=[{"type": "random"}])
    assert len(answer["tasks"]) == 10


def test_distinct_instances(zones: Fleet, small: str, tasks: Tasks) -> None:
    """distinctInstance: one task of the group an instance, and failures for the rest."""
    answer = tasks.attempt(
        zones.cluster, small, count=4, group="distinct", placementConstraints=[{"type": "distinctInstance"}]
    )
    assert places(answer) == [1, 1, 1]
    assert answer["failures"]


EXPRESSIONS: dict[str, int] = {
    "attribute:ecs.instance-type == t3.small": 3,
    "attribute:ecs.instance-type != t3.small": 0,
    "attribute:ecs.instance-type =~ t3.*": 3,
    "attribute:ecs.instance-type !~ t3.*": 0,
    "attribute:ecs.instance-type in [t2.micro, t3.small]": 3,
    "attribute:ecs.instance-type not_in [t2.micro, t3.small]": 0,
    "attribute:ecs.os-type == linux and attribute:conf.rack == a": 1,
    "attribute:conf.rack == a or attribute:conf.rack == b": 2,
    "attribute:conf.rack exists": 2,
    "attribute:conf.rack !exists": 1,
    "not(attribute:conf.rack == a)": 2,
    "(attribute:conf.rack == a or attribute:conf.rack == b) and attribute:ecs.os-type == linux": 2,
    "agentConnected == true": 3,
    "runningTasksCount < 1000": 3,
    "task:group == nothing-of-the-kind": 0,
}


@pytest.fixture(scope="module")
def racks(ecs: Any, zones: Fleet) -> Fleet:
    """The instances, two of them with an attribute of their own."""
    attributes = [
        {"name": "conf.rack", "value": "a", "targetId": zones.arns[0]},
        {"name": "conf.rack", "value": "b", "targetId": zones.arns[1]},
    ]
    ecs.put_attributes(cluster=zones.cluster, attributes=attributes)
    return zones


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_query_language(ecs: Any, racks: Fleet, expression: str) -> None:
    """ListContainerInstances filters by the cluster query language: ==, !=, =~, in, exists, and, or, not, groups."""
    found = ecs.list_container_instances(cluster=racks.cluster, filter=expression)["containerInstanceArns"]
    assert len(found) == EXPRESSIONS[expression]


def test_member_of(racks: Fleet, small: str, tasks: Tasks) -> None:
    """memberOf: only where the expression holds."""
    constraint = {"type": "memberOf", "expression": "attribute:conf.rack == b"}
    answer = tasks.attempt(racks.cluster, small, count=3, placementConstraints=[constraint])
    assert {task["containerInstanceArn"] for task in answer["tasks"]} == {racks.arns[1]}


def test_member_of_nothing(racks: Fleet, small: str, tasks: Tasks) -> None:
    """memberOf nothing: a failure an instance, "MemberOf placement constraint unsatisfied."""
    constraint = {"type": "memberOf", "expression": "attribute:conf.rack == z"}
    answer = tasks.attempt(racks.cluster, small, placementConstraints=[constraint])
    assert answer["tasks"] == []
    assert {row["reason"] for row in answer["failures"]} == {"MemberOf placement constraint unsatisfied."}


def test_the_definitions_constraints_hold(racks: Fleet, register: Register, tasks: Tasks) -> None:
    """The task definition's own memberOf holds too."""
    own = register(placementConstraints=[{"type": "memberOf", "expression": "attribute:conf.rack == a"}])
    answer = tasks.attempt(racks.cluster, own["taskDefinitionArn"], count=2)
    assert {task["containerInstanceArn"] for task in answer["tasks"]} == {racks.arns[0]}


def test_near_another_group(racks: Fleet, small: str, tasks: Tasks) -> None:
    """task:group: where a task of that group runs (affinity), or where none does (anti-affinity)."""
    first = tasks.attempt(racks.cluster, small, group="magnet")["tasks"][0]
    tasks.wait(racks.cluster, [first["taskArn"]], "RUNNING")
    near = {"type": "memberOf", "expression": "task:group == magnet"}
    away = {"type": "memberOf", "expression": "not(task:group == magnet)"}
    answer = tasks.attempt(racks.cluster, small, placementConstraints=[near])
    assert answer["tasks"][0]["containerInstanceArn"] == first["containerInstanceArn"]
    answer = tasks.attempt(racks.cluster, small, count=3, placementConstraints=[away])
    assert first["containerInstanceArn"] not in {task["containerInstanceArn"] for task in answer["tasks"]}


@pytest.mark.parametrize(
    "expression", ["attribute:a == ", "attribute:a is b", "(attribute:a == b", "nonsense", "attribute:a == b and"]
)
def test_expressions_are_checked(ecs: Any, cluster: str, expression: str) -> None:
    """An expression outside the grammar is refused."""
    with refused(EITHER):
        ecs.list_container_instances(cluster=cluster, filter=expression)


def test_start_task(racks: Fleet, small: str, ecs: Any, tasks: Tasks) -> None:
    """StartTask: one task on each of the named instances, no strategy asked; unknown ones are MISSING."""
    nobody = racks.arns[0].rsplit("/", 1)[0] + "/" + "0" * 32
    answer = ecs.start_task(
        cluster=racks.cluster, taskDefinition=small, containerInstances=[racks.arns[2], racks.arns[0], nobody]
    )
    tasks.note(racks.cluster, answer["tasks"])
    assert {task["containerInstanceArn"] for task in answer["tasks"]} == {racks.arns[0], racks.arns[2]}
    assert answer["failures"] == [{"arn": nobody, "reason": "MISSING"}]


def test_start_task_without_room(one: Fleet, register: Register, ecs: Any) -> None:
    """StartTask without room: a failure RESOURCE:MEMORY."""
    arn = register(app={"memory": 400000})["taskDefinitionArn"]
    answer = ecs.start_task(cluster=one.cluster, taskDefinition=arn, containerInstances=[one.arns[0]])
    assert answer["tasks"] == []
    assert [row["reason"] for row in answer["failures"]] == ["RESOURCE:MEMORY"]


def test_draining_instances_take_no_tasks(new_fleet: Any, ecs: Any, small: str, tasks: Tasks) -> None:
    """RunTask places nothing on a DRAINING instance; with no other ACTIVE one: "No Container Instances were found"."""
    fleet = new_fleet(2)
    ecs.update_container_instances_state(cluster=fleet.cluster, containerInstances=[fleet.arns[0]], status="DRAINING")
    answer = tasks.attempt(fleet.cluster, small, count=4)
    assert {task["containerInstanceArn"] for task in answer["tasks"]} == {fleet.arns[1]}
    ecs.update_container_instances_state(cluster=fleet.cluster, containerInstances=[fleet.arns[1]], status="DRAINING")
    with refused(INVALID, "No Container Instances were found in your cluster"):
        ecs.run_task(cluster=fleet.cluster, taskDefinition=small)


def test_agents_must_be_connected(aws: Aws, new_fleet: Any, ecs: Any, small: str, tasks: Tasks) -> None:
    """A stopped EC2 instance stays registered, its agent disconnected: failures AGENT."""
    fleet = new_fleet(1)
    aws.client("ec2").stop_instances(InstanceIds=list(fleet.ec2_ids))

    def asleep() -> bool:
        row = ecs.describe_container_instances(cluster=fleet.cluster, containerInstances=[fleet.arns[0]])
        return not row["containerInstances"][0]["agentConnected"]

    assert aws.until(asleep, "the agent is disconnected")
    answer = tasks.attempt(fleet.cluster, small)
    assert [(row["arn"], row["reason"]) for row in answer["failures"]] == [(fleet.arns[0], "AGENT")]
