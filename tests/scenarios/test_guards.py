"""What others use is not taken from them: refused before the first change, with who it is and what to type next."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecsctl.aws.session import Aws
from tests.support.account import Holdings, holdings
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

FILE = """
name: shop
cluster: home
instances: {count: 2}
taskDefinitions:
  web:
    containerDefinitions: [{name: web, image: example/web, cpu: 1, memory: 32}]
services:
  svc: {taskDefinition: web, desiredCount: 1}
"""
OTHER = """
name: other
cluster: home
taskDefinitions:
  owebs:
    containerDefinitions: [{name: web, image: example/web, cpu: 1, memory: 32}]
services:
  oweb: {taskDefinition: owebs, desiredCount: 2}
"""
CONTAINER = {"name": "web", "image": "theirs", "memory": 16}


class Shop:
    """A project with a cluster and two instances, and what others do there."""

    def __init__(self, sandbox: Running, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.aws: Aws = sandbox.aws()
        self.ecs: Any = sandbox.client("ecs")

    @classmethod
    def made_of(cls, sandbox: Running, folder: Path, file: str) -> Shop:
        """The project as ``up`` makes it of this file."""
        made = cls(sandbox, folder)
        ended = made.run("up", file, "--yes")
        assert ended.code == 0, ended.err
        return made

    def run(self, command: str, file: str = FILE, *flags: str) -> Ended:
        path = self.folder / "ecsctl.yaml"
        path.write_text(file)
        return ecsctl(self.aws, command, "-f", str(path), *flags)

    def holdings(self) -> Holdings:
        """What the account has, with the tasks of the cluster."""
        tasks = sorted(self.ecs.list_tasks(cluster="home")["taskArns"])
        arns = self.ecs.list_container_instances(cluster="home")["containerInstanceArns"]
        found = self.ecs.describe_container_instances(cluster="home", containerInstances=arns)["containerInstances"]
        states = sorted((item["ec2InstanceId"], item["status"]) for item in found)
        return {**holdings(self.sandbox), "tasks": tasks, "container instances": states}

    def hosts(self) -> list[str]:
        return [id_ for id_, _ in self.holdings()["container instances"]]

    def theirs(self) -> None:
        self.ecs.register_task_definition(family="theirs", containerDefinitions=[CONTAINER])

    def started(self, count: int, **more: Any) -> list[Any]:
        self.theirs()
        tasks = self.ecs.run_task(cluster="home", taskDefinition="theirs", count=count, **more)["tasks"]
        self.sandbox.sandbox.advance(10)
        return list(tasks)


@pytest.fixture
def shop(sandbox: Running, tmp_path: Path) -> Shop:
    return Shop.made_of(sandbox, tmp_path, FILE)


def service_of_another_project(shop: Shop) -> list[str]:
    ended = shop.run("up", OTHER, "--yes")
    assert ended.code == 0, ended.err
    return ["service oweb of project other", "`ecsctl service delete oweb -c home`"]


def service_of_nobody(shop: Shop) -> list[str]:
    shop.theirs()
    shop.ecs.create_service(cluster="home", serviceName="guest", taskDefinition="theirs", desiredCount=2)
    shop.sandbox.sandbox.advance(10)
    return [
        "service guest, which ecsctl did not make",
        "`aws ecs delete-service --cluster home --service guest --force`",
    ]


def tasks_of_nobody(shop: Shop) -> list[str]:
    started = shop.started(4)
    ids = [task["taskArn"].rsplit("/", 1)[-1][:8] for task in started]
    return [f"task {ids[0]}, which ecsctl did not make", f"`ecsctl stop {ids[0]} -c home`"]


def tasks_of_another_project(shop: Shop) -> list[str]:
    started = shop.started(4, tags=[{"key": "ecsctl:project", "value": "other"}])
    return [f"task {started[0]['taskArn'].rsplit('/', 1)[-1][:8]} of project other"]


FOREIGN = [service_of_another_project, service_of_nobody, tasks_of_nobody, tasks_of_another_project]
TAKES = {
    "down": ("down", FILE, "--yes"),
    "fewer": ("up", FILE.replace("count: 2", "count: 1"), "--yes"),
    "none": ("up", FILE.replace("instances: {count: 2}", ""), "--yes"),
    "moved": ("up", FILE.replace("cluster: home", "cluster: away"), "--yes"),
}


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.slow
def test_what_others_run_is_not_stopped_nor_left_without_its_cluster(
    shop: Shop, foreign: Callable[[Shop], list[str]]
) -> None:
    named = foreign(shop)
    before = shop.holdings()
    # All that takes something away for one of them; for the others what differs.
    names = TAKES if foreign is service_of_another_project else ("down", "fewer")
    for name in names:
        command, file, *flags = TAKES[name]
        ended = shop.run(command, file, *flags)
        assert ended.code == 1, name
        assert all(part in ended.err for part in named), ended.err
        assert "nothing was changed" in ended.err
        assert shop.holdings() == before, name
    # The plan says it, too; what takes nothing away is planned as ever.
    data = json.loads(shop.run("plan", TAKES["fewer"][1], "-o", "json").out)
    assert {(item["action"], item["name"]) for item in data["refusals"]} == {("update", "ecsctl-shop")}
    assert all(item["usedBy"].startswith(("service ", "task ")) for item in data["refusals"])
    if foreign is service_of_another_project:
        told = shop.run("plan", TAKES["fewer"][1])
        assert told.code == 1
        assert f"! refused: changing auto-scaling-group ecsctl-shop would stop {named[0]}" in told.out
        assert shop.run("up", FILE.replace("count: 2", "count: 3"), "--yes").code == 0


def test_the_projects_own_tasks_never_block(shop: Shop) -> None:
    started = ecsctl(shop.aws, "run", "web", "-c", "home", "--detach", "--count", "2")
    assert started.code == 0, started.err
    assert shop.run("up", FILE.replace("count: 2", "count: 1"), "--yes").code == 0
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 0, ended.err
    assert not [name for name in holdings(shop.sandbox) if "shop" in name or "home" in name]


def test_a_smaller_group_is_taken_where_auto_scaling_spares_what_others_use(shop: Shop) -> None:
    [task] = shop.started(1)
    [described] = shop.ecs.describe_tasks(cluster="home", tasks=[task["taskArn"]])["tasks"]
    arn = described["containerInstanceArn"]
    [host] = shop.ecs.describe_container_instances(cluster="home", containerInstances=[arn])["containerInstances"]
    shop.sandbox.client("autoscaling").set_instance_protection(
        AutoScalingGroupName="ecsctl-shop", InstanceIds=[host["ec2InstanceId"]], ProtectedFromScaleIn=True
    )
    ended = shop.run("plan", FILE.replace("count: 2", "count: 1"))
    assert (ended.code, "refused" in ended.out) == (0, False)
    assert shop.run("down", FILE, "--yes").code == 1


def test_what_is_not_in_use_goes_although_others_use_the_rest(shop: Shop) -> None:
    """Others' tasks on instances of their own do not keep the group; their services keep the cluster."""
    shop.theirs()
    shop.ecs.create_service(cluster="home", serviceName="idle", taskDefinition="theirs", desiredCount=0)
    assert shop.run("up", FILE.replace("count: 2", "count: 1"), "--yes").code == 0
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 1
    assert "removing cluster home would take the cluster from service idle, which ecsctl did not make" in ended.err


@pytest.mark.parametrize(
    ("tags", "whose"), [([], ", which ecsctl did not make"), ([("ecsctl:project", "other")], " of project other")]
)
def test_instances_of_others_keep_the_cluster(shop: Shop, tags: list[tuple[str, str]], whose: str) -> None:
    ec2 = shop.sandbox.client("ec2")
    versions = ec2.describe_launch_template_versions(LaunchTemplateName="ecsctl-shop")["LaunchTemplateVersions"]
    template = versions[0]["LaunchTemplateData"]
    [instance] = ec2.run_instances(
        ImageId=template["ImageId"],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        UserData=base64.b64decode(template["UserData"]).decode(),
        IamInstanceProfile=template["IamInstanceProfile"],
    )["Instances"]
    if tags:
        ec2.create_tags(Resources=[instance["InstanceId"]], Tags=[{"Key": key, "Value": value} for key, value in tags])
    for _ in range(20):
        shop.sandbox.sandbox.advance(10)
        if instance["InstanceId"] in shop.hosts():
            break
    assert instance["InstanceId"] in shop.hosts()
    before = shop.holdings()
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 1
    assert f"removing cluster home would take the cluster from instance {instance['InstanceId']}{whose}" in ended.err
    assert shop.holdings() == before


@pytest.fixture
def prod(sandbox: Running, tmp_path: Path) -> Shop:
    """A cluster made by commands, in which another project runs a service."""
    made = Shop(sandbox, tmp_path)
    assert ecsctl(made.aws, "cluster", "create", "home").code == 0
    assert ecsctl(made.aws, "instance", "bootstrap", "-c", "home", "--count", "2").code == 0
    service_of_another_project(made)
    return made


def test_commands_take_nothing_from_others(prod: Shop) -> None:
    before = prod.holdings()
    host = prod.hosts()[0]
    for command in (
        ["cluster", "delete", "home", "--yes"],
        ["instance", "remove", host, "-c", "home", "--yes"],
        ["instance", "remove", host, "-c", "home", "--yes", "--force"],
        ["instance", "remove", host, "-c", "home", "--yes", "--replace"],
        ["instance", "remove", "--all", "-c", "home", "--yes"],
        ["instance", "bootstrap", "-c", "home", "--count", "1"],
        ["instance", "scale", "1", "-c", "home", "--yes"],
    ):
        ended = ecsctl(prod.aws, *command)
        assert ended.code == 1, command
        assert "service oweb of project other" in ended.err, command
        assert "nothing was changed" in ended.err
        assert "`ecsctl service delete oweb -c home`" in ended.err
        assert prod.holdings() == before, command


def test_once_they_have_gone_all_goes(prod: Shop) -> None:
    assert ecsctl(prod.aws, "service", "delete", "oweb", "-c", "home", "--yes").code == 0
    ended = ecsctl(prod.aws, "cluster", "delete", "home", "--yes")
    assert ended.code == 0, ended.err
    assert "cluster home" not in holdings(prod.sandbox)


def test_a_service_that_comes_while_the_question_stands_there_keeps_the_cluster(sandbox: Running) -> None:
    aws, ecs = sandbox.aws(), sandbox.client("ecs")
    assert ecsctl(aws, "cluster", "create", "home").code == 0
    ecs.register_task_definition(family="theirs", containerDefinitions=[CONTAINER])

    def meanwhile() -> str:
        ecs.create_service(cluster="home", serviceName="guest", taskDefinition="theirs", desiredCount=0)
        return "y"

    ended = ecsctl(aws, "cluster", "delete", "home", answer=meanwhile)
    assert ended.code == 1
    told = " ".join(ended.err.split())
    said = "removing cluster home would take the cluster from service guest, which ecsctl did not make"
    assert f"{said}; nothing was changed" in told
    assert ecs.describe_clusters(clusters=["home"])["clusters"][0]["status"] == "ACTIVE"


@pytest.mark.slow
def test_what_others_begin_to_use_while_the_question_stands_there_is_not_taken(prod: Shop) -> None:
    assert ecsctl(prod.aws, "service", "delete", "oweb", "-c", "home", "--yes").code == 0
    host = prod.hosts()[0]
    before: list[Any] = []

    def meanwhile() -> str:
        if not before:
            prod.started(4)
            before.append(prod.holdings())
        return "y"

    for command in (
        ["cluster", "delete", "home"],
        ["instance", "remove", host, "-c", "home"],
        ["instance", "scale", "1", "-c", "home"],
    ):
        for task in prod.ecs.list_tasks(cluster="home")["taskArns"]:
            prod.ecs.stop_task(cluster="home", task=task)
        prod.sandbox.sandbox.advance(60)
        before.clear()
        ended = ecsctl(prod.aws, *command, answer=meanwhile)
        assert ended.code == 1, command
        told = " ".join(ended.err.split())
        assert ", which ecsctl did not make" in told
        assert "nothing was changed" in told
        assert prod.holdings() == before[0], command


@pytest.mark.slow
def test_guards_are_read_again_only_after_a_question_and_only_where_something_goes(shop: Shop) -> None:
    asked: list[str] = []
    real = shop.aws.call

    def call(service: str, operation: str, *arguments: Any, **options: Any) -> Any:
        asked.append(operation)
        return real(service, operation, *arguments, **options)

    shop.aws.call = call  # type: ignore[method-assign]
    more = FILE.replace("count: 2", "count: 3")
    (shop.folder / "ecsctl.yaml").write_text(more)
    assert ecsctl(shop.aws, "up", "-f", str(shop.folder / "ecsctl.yaml"), "--no-wait", answer=lambda: "y").code == 0
    assert "ListClusters" not in asked
    assert "ListContainerInstances" not in asked


@pytest.mark.slow
def test_an_instance_that_others_attached_is_not_terminated_nor_tagged(shop: Shop) -> None:
    ec2, scaling = shop.sandbox.client("ec2"), shop.sandbox.client("autoscaling")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    subnet = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["VPCZoneIdentifier"].split(",")[0]
    [made] = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"]
    id_ = made["InstanceId"]
    scaling.update_auto_scaling_group(AutoScalingGroupName="ecsctl-shop", MaxSize=3)
    scaling.attach_instances(InstanceIds=[id_], AutoScalingGroupName="ecsctl-shop")
    before = shop.holdings()
    said = f"would terminate instance {id_}, which ecsctl did not make (attached to the group by hand)"
    for command, file in (("up", FILE), ("down", FILE)):
        ended = shop.run(command, file, "--yes")
        assert ended.code == 1
        assert said in ended.err
        assert (
            f"`aws autoscaling detach-instances --auto-scaling-group-name ecsctl-shop --instance-ids {id_}" in ended.err
        )
        assert shop.holdings() == before
    tagged = FILE.replace("count: 2", "count: 3").replace("cluster: home", "cluster: home\ntags: {team: web}")
    assert shop.run("up", tagged, "--yes", "--no-wait").code == 0
    instances = [row for item in ec2.describe_instances()["Reservations"] for row in item["Instances"]]
    tags = {row["InstanceId"]: {tag["Key"] for tag in row.get("Tags", ())} for row in instances}
    assert {own for own, keys in tags.items() if "team" in keys} == tags.keys() - {id_}


@pytest.mark.slow
def test_what_others_put_on_the_group_is_told(shop: Shop) -> None:
    scaling, group = shop.sandbox.client("autoscaling"), {"AutoScalingGroupName": "ecsctl-shop"}
    [found] = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    scaling.put_lifecycle_hook(**group, LifecycleHookName="theirs", LifecycleTransition=transition)
    scaling.put_scaling_policy(
        **group, PolicyName="more", PolicyType="SimpleScaling", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1
    )
    scaling.put_scheduled_update_group_action(
        **group, ScheduledActionName="nightly", DesiredCapacity=0, Recurrence="0 0 * * *"
    )
    name = "guests"
    through = {"autoScalingGroupArn": found["AutoScalingGroupARN"], "managedScaling": {"status": "DISABLED"}}
    shop.ecs.create_capacity_provider(name=name, autoScalingGroupProvider=through)
    planned = shop.run("plan", FILE)
    assert planned.code == 0
    for what, command in (
        (
            "lifecycle hook theirs",
            "autoscaling delete-lifecycle-hook --auto-scaling-group-name ecsctl-shop --lifecycle-hook",
        ),
        ("scaling policy more", "autoscaling delete-policy --auto-scaling-group-name ecsctl-shop --policy-name more"),
        ("scheduled action nightly", "autoscaling delete-scheduled-action --auto-scaling-group-name ecsctl-shop"),
        (f"capacity provider {name}", f"ecs delete-capacity-provider --capacity-provider {name}"),
    ):
        assert f"auto-scaling-group ecsctl-shop has the {what}, which ecsctl did not make" in planned.err
        assert f"`aws {command}" in planned.err
    # A provider that no cluster has keeps the group as well.
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 1
    assert f"would take the group from capacity-provider {name}, which ecsctl did not make" in ended.err
    shop.ecs.delete_capacity_provider(capacityProvider=name)
    shop.sandbox.sandbox.advance(60)
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 0, ended.err
    for what in ("lifecycle hook theirs", "scaling policy more", "scheduled action nightly"):
        assert f"the {what}, which ecsctl did not make, goes with auto-scaling-group ecsctl-shop" in ended.err


@pytest.mark.slow
def test_a_service_that_comes_while_others_are_removed_keeps_its_instances(shop: Shop) -> None:
    """Between the first change of ``down`` and the end of the instances minutes may pass."""
    real = shop.aws.call

    def call(service: str, operation: str, *arguments: Any, **options: Any) -> Any:
        answer = real(service, operation, *arguments, **options)
        if operation == "DeleteService":
            shop.aws.call = real  # type: ignore[method-assign]
            shop.started(4)
        return answer

    shop.aws.call = call  # type: ignore[method-assign]
    hosts = set(shop.hosts())
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 1
    assert "auto-scaling-group ecsctl-shop is used by what project shop did not make, so it stays" in ended.err
    assert set(shop.hosts()) == hosts
    tasks = shop.ecs.list_tasks(cluster="home", family="theirs")["taskArns"]
    assert len(tasks) == 4
