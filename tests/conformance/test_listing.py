"""Lists and look-ups: pages, filters, ids and ARNs, what is MISSING."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import EITHER, INVALID, Aws, refused
from tests.conformance.made import Fleet, Tasks
from tests.conformance.serving import Services

Register = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def crowd(aws: Aws, make_cluster: Callable[..., str], definition: str) -> Services:
    """A cluster with twelve services that want nothing."""
    services = Services(aws, make_cluster())
    for _ in range(12):
        services.create(definition, 0)
    return services


def test_ten_services_a_page(ecs: Any, crowd: Services) -> None:
    """ListServices returns 10 by default, and a token for the rest; with maxResults up to 100."""
    first = ecs.list_services(cluster=crowd.cluster)
    assert len(first["serviceArns"]) == 10
    second = ecs.list_services(cluster=crowd.cluster, nextToken=first["nextToken"])
    assert len(second["serviceArns"]) == 2
    assert "nextToken" not in second
    assert not set(first["serviceArns"]) & set(second["serviceArns"])
    assert len(ecs.list_services(cluster=crowd.cluster, maxResults=100)["serviceArns"]) == 12


def test_every_page_once(ecs: Any, crowd: Services) -> None:
    """A paginator finds everything once, whatever the size of its pages."""
    for size in (1, 5, 12):
        pages = ecs.get_paginator("list_services").paginate(cluster=crowd.cluster, PaginationConfig={"PageSize": size})
        arns = [arn for page in pages for arn in page["serviceArns"]]
        assert len(arns) == len(set(arns)) == 12


def test_tokens_are_checked(ecs: Any, crowd: Services) -> None:
    """A nextToken that is none is refused, and one of another list too."""
    with refused(EITHER):
        ecs.list_services(cluster=crowd.cluster, nextToken="nonsense")
    token = ecs.list_services(cluster=crowd.cluster, maxResults=1)["nextToken"]
    with refused(EITHER):
        ecs.list_task_definitions(nextToken=token)


def test_services_by_kind(ecs: Any, crowd: Services, definition: str) -> None:
    """ListServices filters by launchType and schedulingStrategy."""
    daemon = crowd.create(definition, None, schedulingStrategy="DAEMON")
    found = ecs.list_services(cluster=crowd.cluster, schedulingStrategy="DAEMON")["serviceArns"]
    assert [arn.rsplit("/", 1)[-1] for arn in found] == [daemon]
    assert ecs.list_services(cluster=crowd.cluster, launchType="FARGATE")["serviceArns"] == []
    ecs.delete_service(cluster=crowd.cluster, service=daemon, force=True)


def test_services_by_name_and_arn(ecs: Any, crowd: Services) -> None:
    """DescribeServices takes names, long and short ARNs; what is not there is MISSING, beside what is."""
    name = crowd.made[0]
    arn = ecs.describe_services(cluster=crowd.cluster, services=[name])["services"][0]["serviceArn"]
    short = arn.replace(f"{crowd.cluster}/", "")
    for reference in (arn, short):
        found = ecs.describe_services(cluster=crowd.cluster, services=[reference])["services"]
        assert [row["serviceArn"] for row in found] == [arn]
    answer = ecs.describe_services(cluster=crowd.cluster, services=[name, "conf-nope"])
    assert len(answer["services"]) == 1
    (failure,) = answer["failures"]
    assert failure["reason"] == "MISSING"
    assert failure["arn"].endswith("/conf-nope")


def test_definitions_by_family(ecs: Any, aws: Aws, register: Register, ledger: Any) -> None:
    """ListTaskDefinitions by family: the whole name, sorted by revision, DESC the newest first."""
    family = aws.unique("family")
    for name in (family, f"{family}-more"):
        ledger.family(name)
    arns = [register(family=family)["taskDefinitionArn"] for _ in range(3)]
    register(family=f"{family}-more")
    assert ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"] == arns
    assert ecs.list_task_definitions(familyPrefix=family, sort="DESC")["taskDefinitionArns"] == arns[::-1]
    assert ecs.list_task_definition_families(familyPrefix=family)["families"] == [family, f"{family}-more"]
    ecs.deregister_task_definition(taskDefinition=arns[0])
    assert ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"] == arns[1:]
    assert ecs.list_task_definitions(familyPrefix=family, status="INACTIVE")["taskDefinitionArns"] == arns[:1]


def test_families_by_status(ecs: Any, aws: Aws, register: Register, ledger: Any) -> None:
    """A family without ACTIVE revisions is listed as INACTIVE."""
    family = aws.unique("family")
    ledger.family(family)
    arn = register(family=family)["taskDefinitionArn"]
    assert ecs.list_task_definition_families(familyPrefix=family, status="ACTIVE")["families"] == [family]
    ecs.deregister_task_definition(taskDefinition=arn)
    assert ecs.list_task_definition_families(familyPrefix=family, status="ACTIVE")["families"] == []
    assert ecs.list_task_definition_families(familyPrefix=family, status="INACTIVE")["families"] == [family]


@pytest.mark.costs
def test_filters_of_tasks(ecs: Any, fleet: Fleet, register: Register, tasks: Tasks, aws: Aws) -> None:
    """ListTasks filters by family, containerInstance, launchType and startedBy."""
    definition = register()
    mark = aws.unique("by")
    (task,) = tasks.run(fleet.cluster, definition["taskDefinitionArn"], startedBy=mark)
    tasks.run(fleet.cluster, register()["taskDefinitionArn"])

    def listed(**filters: Any) -> list[str]:
        return list(ecs.list_tasks(cluster=fleet.cluster, **filters)["taskArns"])

    assert listed(family=definition["family"]) == [task["taskArn"]]
    assert listed(startedBy=mark) == [task["taskArn"]]
    assert task["taskArn"] in listed(containerInstance=task["containerInstanceArn"])
    other = next(arn for arn in fleet.arns if arn != task["containerInstanceArn"])
    assert task["taskArn"] not in listed(containerInstance=other)
    assert task["taskArn"] in listed(launchType="EC2")
    assert listed(launchType="FARGATE") == []


@pytest.mark.parametrize(
    "other", [{"family": "f"}, {"serviceName": "s"}, {"launchType": "EC2"}], ids=lambda o: next(iter(o))
)
def test_started_by_alone(ecs: Any, cluster: str, other: dict[str, str]) -> None:
    """ListTasks: startedBy must be the only filter."""
    with refused(INVALID):
        ecs.list_tasks(cluster=cluster, startedBy="x", **other)


@pytest.mark.costs
def test_tasks_by_id_and_arn(ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """DescribeTasks takes ids, long and short ARNs, and answers in the order asked for, each once."""
    first, second = (tasks.run(fleet.cluster, definition)[0]["taskArn"] for _ in range(2))
    short = first.replace(f"{fleet.cluster}/", "")
    for reference in (first, short, first.rsplit("/", 1)[-1]):
        found = ecs.describe_tasks(cluster=fleet.cluster, tasks=[reference])["tasks"]
        assert [row["taskArn"] for row in found] == [first]
    found = ecs.describe_tasks(cluster=fleet.cluster, tasks=[second, first, second])["tasks"]
    assert sorted(row["taskArn"] for row in found) == sorted([first, second])


@pytest.mark.costs
def test_ids_belong_to_their_cluster(ecs: Any, fleet: Fleet, cluster: str, definition: str, tasks: Tasks) -> None:
    """A task's id works with its own cluster only; elsewhere failures[].reason=MISSING under HTTP 200."""
    (task,) = tasks.run(fleet.cluster, definition)
    for reference in (task["taskArn"].rsplit("/", 1)[-1], task["taskArn"]):
        answer = ecs.describe_tasks(cluster=cluster, tasks=[reference])
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert answer["tasks"] == []
        assert [row["reason"] for row in answer["failures"]] == ["MISSING"]
    answer = ecs.describe_container_instances(cluster=cluster, containerInstances=[fleet.arns[0].rsplit("/", 1)[-1]])
    assert [row["reason"] for row in answer["failures"]] == ["MISSING"]


@pytest.mark.costs
def test_instances_by_status(ecs: Any, fleet: Fleet) -> None:
    """ListContainerInstances filters by status and by expression."""
    active = ecs.list_container_instances(cluster=fleet.cluster, status="ACTIVE")["containerInstanceArns"]
    assert sorted(active) == sorted(fleet.arns)
    assert ecs.list_container_instances(cluster=fleet.cluster, status="DRAINING")["containerInstanceArns"] == []
    expression = f"ec2InstanceId == {fleet.ec2_ids[0]}"
    found = ecs.list_container_instances(cluster=fleet.cluster, filter=expression)["containerInstanceArns"]
    assert found == [fleet.arns[0]]


@pytest.mark.costs
def test_from_a_task_to_its_machine(aws: Aws, ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """task.containerInstanceArn → DescribeContainerInstances.ec2InstanceId → DescribeInstances."""
    (task,) = tasks.running(fleet.cluster, definition)
    rows = ecs.describe_container_instances(cluster=fleet.cluster, containerInstances=[task["containerInstanceArn"]])[
        "containerInstances"
    ]
    found = aws.client("ec2").describe_instances(InstanceIds=[rows[0]["ec2InstanceId"]])
    machine = found["Reservations"][0]["Instances"][0]
    assert machine["InstanceId"] in fleet.ec2_ids
    assert machine["PrivateIpAddress"]


@pytest.mark.costs
def test_one_unknown_instance(aws: Aws, fleet: Fleet) -> None:
    """One unknown id fails the whole DescribeInstances call; the filter instance-id does not."""
    ec2, known = aws.client("ec2"), fleet.ec2_ids[0]
    unknown = "i-0123456789abcdef0"
    with refused("InvalidInstanceID.NotFound"):
        ec2.describe_instances(InstanceIds=[known, unknown])
    found = ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": [known, unknown]}])
    assert [row["InstanceId"] for r in found["Reservations"] for row in r["Instances"]] == [known]


@pytest.mark.costs
def test_pages_of_instances(aws: Aws, fleet: Fleet) -> None:
    """DescribeInstances: MaxResults can't be combined with InstanceIds."""
    with refused("InvalidParameterCombination"):
        aws.client("ec2").describe_instances(InstanceIds=[fleet.ec2_ids[0]], MaxResults=10)


@pytest.mark.parametrize("size", [4, 1001])
def test_pages_of_interfaces(aws: Aws, size: int) -> None:
    """DescribeNetworkInterfaces: MaxResults 5–1000."""
    with refused("InvalidParameterValue"):
        aws.client("ec2").describe_network_interfaces(MaxResults=size)


@pytest.mark.costs
def test_attributes_are_listed(ecs: Any, fleet: Fleet) -> None:
    """PutAttributes, ListAttributes by name and value, DeleteAttributes."""
    attribute = {"name": "conf.colour", "value": "blue", "targetId": fleet.arns[0]}
    (put,) = ecs.put_attributes(cluster=fleet.cluster, attributes=[attribute])["attributes"]
    assert (put["name"], put["value"]) == ("conf.colour", "blue")
    call = {"cluster": fleet.cluster, "targetType": "container-instance", "attributeName": "conf.colour"}
    assert [row["targetId"] for row in ecs.list_attributes(**call)["attributes"]] == [fleet.arns[0]]
    assert ecs.list_attributes(**call, attributeValue="red")["attributes"] == []
    ecs.delete_attributes(cluster=fleet.cluster, attributes=[{"name": "conf.colour", "targetId": fleet.arns[0]}])
    assert ecs.list_attributes(**call)["attributes"] == []


@pytest.mark.costs
def test_targets_of_attributes(ecs: Any, fleet: Fleet) -> None:
    """PutAttributes on what is not there: TargetNotFoundException."""
    nobody = fleet.arns[0].rsplit("/", 1)[0] + "/" + "0" * 32
    with refused("TargetNotFoundException"):
        ecs.put_attributes(cluster=fleet.cluster, attributes=[{"name": "a", "value": "b", "targetId": nobody}])
