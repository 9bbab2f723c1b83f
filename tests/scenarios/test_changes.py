"""A project through its life on one AWS: each change of the file is one plan, and after it nothing is left to plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ecsctl.aws.session import Aws
from tests.support.account import holdings
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

Json = dict[str, Any]


@pytest.fixture
def project(sandbox: Running, tmp_path: Path) -> Project:
    return Project(sandbox, tmp_path / "ecsctl.yaml")


class Project:
    """A file that changes, and the AWS it is brought to."""

    def __init__(self, sandbox: Running, file: Path) -> None:
        self.sandbox = sandbox
        self.aws: Aws = sandbox.aws()
        self.file = file
        self.data: Json = {
            "name": "shop",
            "cluster": "shop",
            "instances": {"count": 2},
            "taskDefinitions": {
                "web": {
                    "containerDefinitions": [
                        {"name": "web", "image": "example/web", "cpu": 1, "memory": 32, "portMappings": ["80:80"]}
                    ]
                }
            },
            "loadBalancers": {
                "front": {
                    "type": "classic",
                    "healthCheck": {"interval": 5, "timeout": 2, "healthyThreshold": 2, "unhealthyThreshold": 2},
                }
            },
            "services": {"svc": {"taskDefinition": "web", "desiredCount": 2, "loadBalancer": "front:80"}},
        }

    def run(self, command: str, *arguments: str) -> Ended:
        self.file.write_text(yaml.safe_dump(self.data))
        return ecsctl(self.aws, command, "-f", str(self.file), *arguments)

    def plan(self) -> dict[str, dict[str, tuple[str | None, str | None]]]:
        """What would change: by ``action kind name``, the fields with before and after."""
        ended = self.run("plan", "-o", "json")
        assert ended.code == 0, ended.err
        return {
            f"{change['action']} {change['kind']} {change['name']}": {
                field["path"]: (field["before"], field["after"]) for field in change["fields"]
            }
            for change in ended.json["changes"]
        }

    def up(self, *arguments: str) -> Ended:
        ended = self.run("up", "--yes", *arguments)
        assert ended.code == 0, ended.err
        assert self.plan() == {}
        return ended

    def describe(self, service: str, operation: str, **query: Any) -> Json:
        return dict(getattr(self.sandbox.client(service), operation)(**query))


def test_a_family_that_the_file_does_not_define_is_the_newest_revision_in_aws(project: Project) -> None:
    project.data["services"] = {"svc": {"taskDefinition": "elsewhere", "desiredCount": 1}}
    del project.data["loadBalancers"]
    checked = project.run("validate")
    assert (checked.code, "[ECS215]" in checked.out) == (0, True)
    missing = project.run("up", "--yes")
    assert missing.code == 6
    assert "service svc: there is no task definition elsewhere in eu-west-1" in missing.err
    assert "the file has web" in missing.err
    boxes = [{"name": "web", "image": "example/web", "memory": 32}]
    for _ in range(2):
        project.aws.call("ecs", "RegisterTaskDefinition", {"family": "elsewhere", "containerDefinitions": boxes})
    assert project.run("up", "--yes").code == 0
    query = {"cluster": "shop", "services": ["svc"]}
    (found,) = project.aws.call("ecs", "DescribeServices", query)["services"]
    assert found["taskDefinition"].endswith("/elsewhere:2")
    assert project.plan() == {}


def test_a_life(project: Project) -> None:
    nothing = holdings(project.sandbox)
    ended = project.up()
    assert ended.out.startswith("SERVICE")
    assert "load balancer front" in ended.out
    rows = project.run("up", "--yes", "-o", "json").json
    assert [row["service"] for row in rows] == ["svc"] * 3
    assert rows[1]["url"].startswith("http://")

    # A new image is a new revision, and the service follows.
    project.data["taskDefinitions"]["web"]["containerDefinitions"][0]["image"] = "example/web:2"
    assert project.plan() == {
        "update task-definition web": {"containerDefinitions[web].image": ("example/web", "example/web:2")},
        "update service svc": {"taskDefinition": ("web:1", "(revision of task-definition web)")},
    }
    project.data["services"]["svc"]["deploymentConfiguration"] = {"minimumHealthyPercent": 50}
    project.up()
    [service] = project.describe("ecs", "describe_services", cluster="shop", services=["svc"])["services"]
    assert service["taskDefinition"].endswith("/web:2")
    assert len(service["deployments"]) == 1

    # Counts, a health check, a port of the instances.
    project.data["services"]["svc"]["desiredCount"] = 1
    project.data["instances"]["count"] = 3
    project.data["instances"]["ingress"] = ["443@10.0.0.0/8"]
    project.data["loadBalancers"]["front"]["healthCheck"]["interval"] = 7
    assert {name: list(fields) for name, fields in project.plan().items()} == {
        "update service svc": ["desiredCount"],
        "update auto-scaling-group ecsctl-shop": ["minSize", "desiredCapacity", "maxSize"],
        "update security-group ecsctl-shop-instances": ["ingress"],
        "update load-balancer front": ["healthCheck.Interval"],
    }
    project.up()
    listed = ecsctl(project.aws, "instance", "list", "-c", "shop", "-q").lines
    assert len(listed) == 3

    # Another type: the template changes, and it is said what that means.
    project.data["instances"]["type"] = "t3.medium"
    assert "keep the old launch template" in project.run("plan").err
    project.up()

    # What the file no longer has goes.
    del project.data["services"]["svc"]
    del project.data["loadBalancers"]
    assert {name for name in project.plan() if name.startswith("remove")} == {
        "remove service svc",
        "remove load-balancer front",
        "remove security-group ecsctl-shop-front",
    }
    project.up()
    assert project.describe("elb", "describe_load_balancers")["LoadBalancerDescriptions"] == []

    # And all of it goes.
    ended = project.run("down", "--yes")
    assert ended.code == 0, ended.err
    assert holdings(project.sandbox) == nothing
    assert "Nothing to remove" in project.run("down", "--yes").err


@pytest.mark.slow
def test_another_scheme_is_another_balancer_and_another_service(project: Project) -> None:
    project.up()
    project.data["loadBalancers"]["front"]["scheme"] = "internal"
    assert project.plan() == {
        "replace load-balancer front": {"scheme": ("internet-facing", "internal")},
        "replace service svc": project.plan()["replace service svc"],
    }
    project.up()
    [balancer] = project.describe("elb", "describe_load_balancers")["LoadBalancerDescriptions"]
    assert balancer["Scheme"] == "internal"
    states = project.describe("elb", "describe_instance_health", LoadBalancerName="front")["InstanceStates"]
    assert [state["State"] for state in states] == ["InService", "InService"]


@pytest.mark.slow
def test_another_cluster_takes_the_project_along(project: Project) -> None:
    project.up()
    project.data["cluster"] = "elsewhere"
    assert {"remove service shop/svc", "remove cluster shop"} <= set(project.plan())
    assert "keep the old launch template" not in project.run("plan").err
    project.up()
    clusters = project.describe("ecs", "list_clusters")["clusterArns"]
    assert [arn.rsplit("/", 1)[-1] for arn in clusters] == ["elsewhere"]
    [service] = project.describe("ecs", "describe_services", cluster="elsewhere", services=["svc"])["services"]
    assert service["runningCount"] == 2


@pytest.mark.slow
def test_what_could_not_be_looked_for_is_told_and_is_no_success(project: Project) -> None:
    project.up()
    project.data["cluster"] = "elsewhere"
    del project.data["services"], project.data["loadBalancers"]
    fault = {"kind": "error", "operation": ["GetResources"], "code": "InternalFailure", "status": 500}
    project.sandbox.sandbox.add_fault(fault)
    assert "could not look at what project shop has of ecs:cluster" in project.run("plan").err
    ended = project.run("down", "--yes")
    assert ended.code == 1
    assert "Nothing is left" not in ended.err
    assert "something may be left" in ended.err
    assert "resourcegroupstaggingapi:GetResources" in ended.err
    project.sandbox.sandbox.clear_faults()
    assert project.run("down", "--yes").code == 0
    assert project.describe("ecs", "list_clusters")["clusterArns"] == []


@pytest.mark.slow
def test_a_dead_instance_is_waited_for_by_an_up_that_plans_nothing(project: Project) -> None:
    project.up()
    victim = ecsctl(project.aws, "instance", "list", "-c", "shop", "-q").lines[0]
    project.sandbox.client("ec2").terminate_instances(InstanceIds=[victim])
    ended = project.up()
    assert "Nothing to change" in ended.err
    listed = ecsctl(project.aws, "instance", "list", "-c", "shop", "-q").lines
    assert len(listed) == 2
    assert victim not in listed
    [service] = project.describe("ecs", "describe_services", cluster="shop", services=["svc"])["services"]
    assert service["runningCount"] == 2


@pytest.mark.slow
def test_a_stopped_instance_is_no_leftover(project: Project) -> None:
    nothing = holdings(project.sandbox)
    del project.data["services"], project.data["loadBalancers"]
    project.up()
    victim = ecsctl(project.aws, "instance", "list", "-c", "shop", "-q").lines[0]
    project.sandbox.client("autoscaling").suspend_processes(AutoScalingGroupName="ecsctl-shop")
    project.sandbox.client("ec2").stop_instances(InstanceIds=[victim])
    ended = project.run("down", "--yes")
    assert ended.code == 0, ended.err
    assert holdings(project.sandbox) == nothing


@pytest.mark.slow
def test_tasks_run_by_hand_go_with_the_cluster(project: Project) -> None:
    nothing = holdings(project.sandbox)
    del project.data["services"], project.data["loadBalancers"]
    project.up()
    assert ecsctl(project.aws, "run", "web", "-c", "shop", "-q").code == 0
    ended = project.run("down", "--yes")
    assert ended.code == 0, ended.err
    assert holdings(project.sandbox) == nothing


def test_half_of_it_gone_is_no_trouble_for_either_way(project: Project) -> None:
    nothing = holdings(project.sandbox)
    project.up()
    sandbox = project.sandbox
    sandbox.client("elb").delete_load_balancer(LoadBalancerName="front")
    sandbox.client("ecs").delete_service(cluster="shop", service="svc", force=True)
    sandbox.client("ecs").deregister_task_definition(taskDefinition="web:1")
    assert {name.split(" ", 1)[1] for name in project.plan()} == {
        "load-balancer front",
        "service svc",
        "task-definition web",
    }
    project.up()
    sandbox.client("ecs").deregister_task_definition(taskDefinition="web:2")
    sandbox.client("elb").delete_load_balancer(LoadBalancerName="front")
    ended = project.run("down", "--yes")
    assert ended.code == 0, ended.err
    assert holdings(sandbox) == nothing


def test_nothing_is_done_without_a_yes_where_nobody_can_be_asked(project: Project) -> None:
    before = holdings(project.sandbox)
    ended = project.run("up")
    assert ended.code == 2
    assert "--yes" in ended.err
    assert "create cluster shop" in ended.err
    assert holdings(project.sandbox) == before


def test_exit_codes_tell_scripts_what_there_is_to_do(project: Project) -> None:
    assert project.run("plan", "--exit-code").code == 3
    project.up("--no-wait")
    assert project.run("plan", "--exit-code").code == 0


def test_another_account_is_refused_before_anything_is_read(project: Project) -> None:
    before = holdings(project.sandbox)
    project.data["account"] = "999999999999"
    for command in (["plan"], ["up", "--yes"], ["down", "--yes"]):
        ended = project.run(*command)
        assert ended.code == 1
        assert "the file is for account 999999999999" in ended.err
    assert holdings(project.sandbox) == before


def test_a_file_without_services_prints_no_addresses_but_valid_json(project: Project) -> None:
    del project.data["services"], project.data["loadBalancers"], project.data["instances"]
    assert project.up().out == ""
    assert project.run("up", "--yes", "-o", "json").json == []


@pytest.mark.slow
def test_diff_shows_the_definitions_that_up_would_change(project: Project) -> None:
    box = project.data["taskDefinitions"]["web"]["containerDefinitions"][0]
    box["environment"] = {"KEY": "hunter1"}
    new = project.run("diff", "--exit-code")
    assert new.code == 3, new.err
    assert "--- /dev/null" in new.lines
    assert "+++ service svc (file)" in new.lines
    assert project.run("up", "--yes").code == 0
    same = project.run("diff", "--exit-code")
    assert (same.code, same.out) == (0, ""), same
    box["image"], box["environment"] = "example/web:2", {"KEY": "hunter2"}
    project.data["services"]["svc"]["desiredCount"] = 1
    changed = project.run("diff", "--exit-code")
    assert changed.code == 3, changed.err
    assert "--- task-definition web:1 (AWS)" in changed.lines
    assert [line for line in changed.lines if line[:1] in "-+" and line[:3] not in ("---", "+++")] == [
        "-    KEY: (hidden)",
        "-  image: example/web",
        "+    KEY: (hidden, changed)",
        "+  image: example/web:2",
        "-desiredCount: 2",
        "+desiredCount: 1",
        "-taskDefinition: web:1",
        "+taskDefinition: (revision of task-definition web)",
    ]
    assert [item["kind"] for item in project.run("diff", "-o", "json").json] == ["task-definition", "service"]
    assert "hunter" not in new.out + changed.out


@pytest.mark.slow
def test_tags_of_the_file_reach_all_that_was_made(project: Project) -> None:
    project.data["tags"] = {"team": "web", "stage": "beta"}
    project.up()
    project.data["tags"] = {"team": "shop"}
    project.data["services"]["svc"]["tags"] = [{"key": "tier", "value": "front"}]
    project.data["services"]["svc"]["propagateTags"] = "SERVICE"
    planned = project.plan()
    assert len(planned) >= 9
    assert {name.split()[0] for name in planned} == {"update"}
    for fields in planned.values():
        assert fields["tags.team"] == ("web", "shop")
        assert fields["tags.stage"] == ("beta", None)
    assert planned["update service svc"]["tags.tier"] == (None, "front")
    project.up()
    [definition] = project.describe("ecs", "list_task_definitions")["taskDefinitionArns"]
    assert definition.endswith("/web:1")
    rows = project.describe("ecs", "list_tags_for_resource", resourceArn=definition)["tags"]
    assert {row["key"]: row["value"] for row in rows} == {
        "ecsctl:project": "shop",
        "ecsctl:tags": "team",
        "team": "shop",
    }
    instances = project.describe("ec2", "describe_instances")["Reservations"][0]["Instances"]
    tags = {row["Key"]: row["Value"] for row in instances[0]["Tags"]}
    assert tags["team"] == "shop"
    assert "stage" not in tags


@pytest.mark.slow
def test_a_strategy_of_fargate_s_associates_its_providers(project: Project) -> None:
    project.data = {
        "name": "shop",
        "cluster": "shop",
        "taskDefinitions": {
            "job": {
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "cpu": "256",
                "memory": "512",
                "containerDefinitions": [{"name": "job", "image": "example/job"}],
            }
        },
        "services": {"job": {"taskDefinition": "job", "desiredCount": 1, "launchType": "FARGATE", "ingress": [80]}},
    }
    project.up()
    del project.data["services"]["job"]["launchType"]
    project.data["services"]["job"]["capacityProviderStrategy"] = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    planned = project.plan()
    assert planned["update cluster shop"] == {"capacityProviders": (None, "FARGATE_SPOT")}
    assert "update service job" in planned
    project.up()
    # And back: an empty strategy, no new service.
    del project.data["services"]["job"]["capacityProviderStrategy"]
    project.data["services"]["job"]["launchType"] = "FARGATE"
    assert "update service job" in project.plan()
    project.up()
    [service] = project.describe("ecs", "describe_services", cluster="shop", services=["job"])["services"]
    assert (service["launchType"], service.get("capacityProviderStrategy", [])) == ("FARGATE", [])
    assert project.run("down", "--yes").code == 0
