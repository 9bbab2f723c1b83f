"""Who lives in an account besides a project: services, tasks and instances, as AWS tells of them."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.deploy.resources import OWNER_TAG, Scope
from ecsctl.deploy.usage import Usage
from tests.support.fake_aws import FakeAws

Json = dict[str, Any]
SCOPE = Scope("shop", "home", "eu-west-1")
ARN = "arn:aws:ecs:eu-west-1:123456789012"


def owned(project: str | None) -> list[Json]:
    return [{"key": OWNER_TAG, "value": project}] if project else []


def service(name: str, project: str | None = "other", **more: Any) -> Json:
    arn = f"{ARN}:service/home/{name}"
    return {"serviceName": name, "serviceArn": arn, "status": "ACTIVE", "tags": owned(project), **more}


def task(name: str, group: str, host: str = "", project: str | None = None, **more: Any) -> Json:
    member = {"containerInstanceArn": f"{ARN}:container-instance/home/{host}"} if host else {}
    arn = f"{ARN}:task/home/{name}"
    return {"taskArn": arn, "group": group, "lastStatus": "RUNNING", "tags": owned(project), **member, **more}


def account(
    services: list[Json] | None = None,
    tasks: list[Json] | None = None,
    hosts: dict[str, str] | None = None,
    *,
    listed: list[str] | None = None,
    states: dict[str, str] | None = None,
    cluster_owner: str | None = None,
) -> Usage:
    """The usage of an account with one cluster. ``hosts``: EC2 ids by container instance; ``states``: EC2's, by id."""
    services, tasks, hosts = services or [], tasks or [], hosts or {}
    names = [item["serviceName"] for item in services] if listed is None else listed
    rows = [
        {"containerInstanceArn": f"{ARN}:container-instance/home/{host}", "ec2InstanceId": id_}
        for host, id_ in hosts.items()
    ]
    machines = [
        {"InstanceId": id_, "State": {"Name": (states or {}).get(id_, "running")}, "Tags": []}
        for id_ in hosts.values()
        if (states or {}).get(id_) != "unknown"
    ]

    def describe_services(query: Json) -> Json:
        return {"services": [item for item in services if item["serviceName"] in query["services"]]}

    return Usage(
        FakeAws(
            {
                "ecs:ListClusters": lambda query: {"clusterArns": [f"{ARN}:cluster/home"]},
                "ecs:DescribeClusters": lambda query: {
                    "clusters": [{"clusterName": "home", "status": "ACTIVE", "tags": owned(cluster_owner)}]
                },
                "ecs:ListServices": lambda query: {"serviceArns": [f"{ARN}:service/home/{name}" for name in names]},
                "ecs:DescribeServices": describe_services,
                "ecs:ListTasks": lambda query: {"taskArns": [item["taskArn"] for item in tasks]},
                "ecs:DescribeTasks": lambda query: {"tasks": tasks},
                "ecs:ListContainerInstances": lambda query: {
                    "containerInstanceArns": [row["containerInstanceArn"] for row in rows]
                },
                "ecs:DescribeContainerInstances": lambda query: {"containerInstances": rows},
                "ec2:DescribeInstances": lambda query: {"Reservations": [{"Instances": machines}]},
            }
        ),
        SCOPE,
    )


@pytest.mark.parametrize(
    ("cluster_owner", "tagged", "owner"),
    [
        ("shop", "home", "shop"),
        ("shop", "other", "other"),
        ("shop", None, None),
        ("other", "home", "home"),
        (None, "home", "home"),
    ],
)
def test_a_task_that_was_run_is_the_projects_own_only_in_its_own_cluster(
    cluster_owner: str | None, tagged: str | None, owner: str | None
) -> None:
    usage = account(tasks=[task("a" * 32, "family:web", project=tagged)], cluster_owner=cluster_owner)
    assert [item.owner for item in usage.workloads("home")] == [owner]


def test_a_service_that_has_just_gone_counts_while_its_tasks_run() -> None:
    gone = [service("busy", status="INACTIVE"), service("idle", status="INACTIVE"), service("web")]
    usage = account(gone, [task("a" * 32, "service:busy")], listed=["idle", "web"])
    assert [item.name for item in usage.services("home")] == ["busy", "web"]
    assert [item.kind for item in usage.workloads("home")] == ["service", "service"]


def test_tasks_that_have_stopped_use_nothing() -> None:
    tasks = [task("a" * 32, "family:web", lastStatus="STOPPED"), task("b" * 32, "family:web")]
    assert [item.name for item in account(tasks=tasks).workloads("home")] == ["b" * 32]


def test_only_what_has_tasks_on_these_instances_loses_something() -> None:
    services = [service("here"), service("elsewhere"), service("own", "shop")]
    tasks = [
        task("a" * 32, "service:here", "h1"),
        task("b" * 32, "service:here", "h2"),
        task("c" * 32, "service:elsewhere", "h2"),
        task("d" * 32, "service:own", "h1"),
        task("e" * 32, "family:batch", "h1"),
    ]
    usage = account(services, tasks, {"h1": "i-1", "h2": "i-2"})
    assert [str(use) for use in usage.on_instances("home", ["i-1"])] == [
        "service here of project other (1 task on i-1)",
        "task eeeeeeee, which ecsctl did not make (on i-1)",
    ]
    assert [str(use) for use in usage.on_instances("home", ["i-1", "i-2"])][:2] == [
        "service here of project other (2 tasks on i-1, i-2)",
        "service elsewhere of project other (1 task on i-2)",
    ]
    assert list(usage.on_instances("home", [])) == []


def test_services_that_refer_to_something_are_those_of_others() -> None:
    services = [service("theirs", role="r"), service("own", "shop", role="r"), service("nobodys", None)]
    usage = account(services)
    assert [use.what for use in usage.services_that(lambda item: item.get("role") == "r", "cut off")] == [
        "service theirs"
    ]


def test_an_instance_has_ended_where_ec2_says_so_and_an_external_one_never() -> None:
    hosts = {"h1": "i-1", "h2": "i-2", "h3": "i-3", "h4": "mi-4"}
    usage = account(hosts=hosts, states={"i-2": "terminated", "i-3": "unknown", "mi-4": "unknown"})
    assert {item.id: item.ended for item in usage.instances("home")} == {
        "i-1": False,
        "i-2": True,
        "i-3": True,
        "mi-4": False,
    }


def test_a_service_runs_what_its_deployments_and_task_sets_run() -> None:
    parts = {
        "deployments": [{"taskDefinition": "web:2"}, {"taskDefinition": "web:1"}],
        "taskSets": [{"taskDefinition": "web:3"}],
    }
    [found] = account([service("web", taskDefinition="web:2", **parts)]).services("home")
    assert found.definitions == {"web:1", "web:2", "web:3"}
