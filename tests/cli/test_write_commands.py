"""The commands that change things without a file: cluster, instance and service, on a sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from tests.support.account import holdings
from tests.support.command import ecsctl
from tests.support.sandbox import Running

CONTAINER = {"name": "web", "image": "example/web", "cpu": 1, "memory": 32}
PORTS = [{"containerPort": 80, "hostPort": 80}]


@pytest.fixture
def aws(sandbox: Running) -> Aws:
    return sandbox.aws()


@pytest.fixture
def service_file(tmp_path: Path) -> Path:
    path = tmp_path / "service.json"
    path.write_text(json.dumps({"serviceName": "svc", "taskDefinition": "web:1", "desiredCount": 1}))
    return path


def cluster_with(aws: Aws, sandbox: Running, count: int) -> None:
    assert ecsctl(aws, "cluster", "create", "prod").out == "prod\n"
    if count:
        ended = ecsctl(aws, "instance", "bootstrap", "-c", "prod", "--count", str(count), "--ingress", "8080")
        assert ended.code == 0, ended.err
        assert len(ended.lines) == count
    sandbox.client("ecs").register_task_definition(
        family="web", containerDefinitions=[{**CONTAINER, "portMappings": PORTS}]
    )


def group(sandbox: Running) -> dict[str, Any]:
    [found] = sandbox.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return dict(found)


def test_a_cluster_is_created_once_and_deleted_with_all_in_it(aws: Aws, sandbox: Running, service_file: Path) -> None:
    nothing = holdings(sandbox)
    cluster_with(aws, sandbox, 1)
    again = ecsctl(aws, "cluster", "create", "prod")
    assert (again.code, again.out) == (0, "prod\n")
    assert "Nothing to change" in again.err
    assert ecsctl(aws, "service", "create", str(service_file), "-c", "prod").code == 0
    ended = ecsctl(aws, "cluster", "delete", "prod", "--yes")
    assert ended.code == 0, ended.err
    left = {name for name in holdings(sandbox) if name not in nothing}
    assert [name.rsplit("/", 1)[-1] for name in left] == ["web:1"], "task definitions stay"
    assert ecsctl(aws, "cluster", "delete", "prod", "--yes").code == 6


def test_commands_leave_a_namesakes_other_clusters_alone(aws: Aws, sandbox: Running, tmp_path: Path) -> None:
    file = tmp_path / "ecsctl.yaml"
    file.write_text("name: prod\ncluster: elsewhere\ninstances: {count: 1}\n")
    assert ecsctl(aws, "up", "-f", str(file), "--yes").code == 0
    before = holdings(sandbox)
    assert ecsctl(aws, "cluster", "create", "prod").code == 0
    for command in (["bootstrap", "--count", "2"], ["remove", "--all", "--yes"]):
        ended = ecsctl(aws, "instance", *command, "-c", "prod")
        assert ended.code == 1
        assert "belongs to cluster elsewhere" in ended.err
    ended = ecsctl(aws, "cluster", "delete", "prod", "--yes")
    assert ended.code == 0, ended.err
    assert holdings(sandbox) == before


@pytest.mark.parametrize("name", ["", "a b", "x" * 256, "café"])
def test_a_name_that_aws_refuses_is_refused_before(aws: Aws, name: str) -> None:
    ended = ecsctl(aws, "cluster", "create", name)
    assert ended.code == 2
    assert "is not the name or ARN of a cluster" in ended.err


def test_bootstrap_again_changes_nothing_and_another_count_scales(aws: Aws, sandbox: Running) -> None:
    cluster_with(aws, sandbox, 1)
    before = holdings(sandbox)
    flags = ["instance", "bootstrap", "-c", "prod", "--ingress", "8080"]
    assert ecsctl(aws, *flags, "--count", "1").code == 0
    assert holdings(sandbox) == before
    ended = ecsctl(aws, *flags, "--count", "3")
    assert ended.code == 0, ended.err
    assert len(ended.lines) == 3
    assert (group(sandbox)["MinSize"], group(sandbox)["MaxSize"]) == (3, 3)


def test_bootstrap_makes_what_is_safe(aws: Aws, sandbox: Running) -> None:
    cluster_with(aws, sandbox, 1)
    ec2 = sandbox.client("ec2")
    [instance] = ec2.describe_instances(Filters=[{"Name": "tag:ecsctl:project", "Values": ["prod"]}])["Reservations"][
        0
    ]["Instances"]
    versions = ec2.describe_launch_template_versions(LaunchTemplateName="ecsctl-prod")["LaunchTemplateVersions"]
    options = versions[0]["LaunchTemplateData"]["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)
    assert instance["IamInstanceProfile"]["Arn"].endswith("/ecsctl-prod-eu-west-1")
    [security] = ec2.describe_security_groups(GroupNames=["ecsctl-prod-instances"])["SecurityGroups"]
    assert [rule["FromPort"] for rule in security["IpPermissions"]] == [8080]
    ended = ecsctl(aws, "instance", "bootstrap", "-c", "prod", "--count", "1", "--ingress", "22")
    assert ended.code == 2
    assert "SSH" in ended.err


@pytest.mark.parametrize(("region", "partition"), [("cn-northwest-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov")])
def test_bootstrap_in_other_partitions(sandbox: Running, region: str, partition: str) -> None:
    target = Target(region=region, endpoint_url=sandbox.endpoint, credentials=sandbox.info.credentials)
    aws = Aws(target, clock=sandbox.aws().clock)
    assert ecsctl(aws, "cluster", "create", "prod").code == 0
    ended = ecsctl(aws, "instance", "bootstrap", "-c", "prod", "--count", "1")
    assert (ended.code, len(ended.lines)) == (0, 1), ended.err
    [role] = [r for r in aws.pages("iam", "ListRoles", {}, "Roles") if r["RoleName"] == f"ecsctl-prod-{region}"]
    assert role["Arn"].startswith(f"arn:{partition}:iam::")
    ended = ecsctl(aws, "cluster", "delete", "prod", "--yes")
    assert ended.code == 0, ended.err
    sandbox.sandbox.reset()


def test_bootstrap_wants_a_cluster(aws: Aws) -> None:
    ended = ecsctl(aws, "instance", "bootstrap", "-c", "nope", "--count", "1")
    assert ended.code == 6
    assert "ecsctl cluster create" in ended.err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--image", "windows"], "no image 'windows'"),
        (["--image", "ami-0123456789abcdef0"], "no image ami-0123456789abcdef0"),
        (["--type", "t99.huge"], "no instance type t99.huge"),
        (["--subnet", "subnet-0123456789abcdef0"], "no subnet subnet-0123456789abcdef0"),
        (["--ingress", "http"], "'http' is not a valid ingress rule"),
    ],
)
def test_bootstrap_says_what_does_not_exist_and_makes_nothing(
    aws: Aws, sandbox: Running, flags: list[str], told: str
) -> None:
    ecsctl(aws, "cluster", "create", "prod")
    before = holdings(sandbox)
    ended = ecsctl(aws, "instance", "bootstrap", "-c", "prod", "--count", "1", *flags)
    assert ended.code != 0
    assert told in ended.err
    assert holdings(sandbox) == before


def test_an_instance_is_drained_terminated_and_not_replaced(aws: Aws, sandbox: Running, service_file: Path) -> None:
    cluster_with(aws, sandbox, 2)
    assert ecsctl(aws, "service", "create", str(service_file), "-c", "prod").code == 0
    [task] = ecsctl(aws, "locate", "-c", "prod", "-o", "json").json
    victim = task["instanceId"]
    ended = ecsctl(aws, "instance", "remove", victim, "-c", "prod", "--yes")
    assert ended.code == 0, ended.err
    listed = ecsctl(aws, "instance", "list", "-c", "prod", "-q").lines
    assert len(listed) == 1
    assert victim not in listed
    assert (group(sandbox)["MinSize"], group(sandbox)["DesiredCapacity"]) == (1, 1)
    [moved] = ecsctl(aws, "locate", "-c", "prod", "-o", "json").json
    assert moved["instanceId"] == listed[0]


def test_an_instance_can_be_renewed(aws: Aws, sandbox: Running) -> None:
    cluster_with(aws, sandbox, 1)
    [old] = ecsctl(aws, "instance", "list", "-c", "prod", "-q").lines
    ended = ecsctl(aws, "instance", "remove", old, "--replace", "-c", "prod", "--yes")
    assert ended.code == 0, ended.err
    assert group(sandbox)["DesiredCapacity"] == 1
    [new] = ecsctl(aws, "instance", "bootstrap", "-c", "prod", "--count", "1", "--ingress", "8080").lines
    assert new != old


def test_all_that_bootstrap_made_goes_from_a_cluster_of_somebody_else(aws: Aws, sandbox: Running) -> None:
    sandbox.client("ecs").create_cluster(clusterName="theirs")
    before = holdings(sandbox)
    assert ecsctl(aws, "instance", "bootstrap", "-c", "theirs", "--count", "1").code == 0
    ended = ecsctl(aws, "instance", "remove", "--all", "-c", "theirs", "--yes")
    assert ended.code == 0, ended.err
    assert holdings(sandbox) == before
    assert ecsctl(aws, "instance", "remove", "-c", "theirs", "--yes").code == 2


def test_user_data_is_printed_as_it_is(aws: Aws) -> None:
    ended = ecsctl(aws, "instance", "user-data", "--image", "bottlerocket", "-c", "prod")
    assert ended.out == '[settings.ecs]\ncluster = "prod"\n'


def test_a_service_is_created_once_scaled_and_deleted(aws: Aws, sandbox: Running, service_file: Path) -> None:
    cluster_with(aws, sandbox, 2)
    create = ["service", "create", str(service_file), "-c", "prod"]
    ended = ecsctl(aws, *create)
    assert (ended.code, ended.out) == (0, "svc\n"), ended.err
    again = ecsctl(aws, *create)
    assert (again.code, again.out) == (0, "svc\n")
    assert "Nothing to change" in again.err

    service_file.write_text(json.dumps({**json.loads(service_file.read_text()), "desiredCount": 2}))
    ended = ecsctl(aws, *create)
    assert ended.code == 1
    assert "desiredCount: 1 → 2" in ended.err

    ended = ecsctl(aws, "service", "scale", "svc", "2", "-c", "prod")
    assert ended.code == 0, ended.err
    ecs = sandbox.client("ecs")
    [service] = ecs.describe_services(cluster="prod", services=["svc"])["services"]
    assert (service["desiredCount"], service["runningCount"]) == (2, 2)
    assert ecsctl(aws, *create).code == 0

    assert ecsctl(aws, "service", "delete", "svc", "-c", "prod", "--yes").code == 0
    [service] = ecs.describe_services(cluster="prod", services=["svc"])["services"]
    assert service["status"] == "INACTIVE"
    assert ecsctl(aws, "service", "delete", "svc", "-c", "prod", "--yes").code == 6
    # And the same request makes another service, not the deleted one again.
    assert ecsctl(aws, *create).code == 0
    assert ecs.describe_services(cluster="prod", services=["svc"])["services"][0]["status"] == "ACTIVE"


def test_a_service_takes_the_cluster_of_its_file_and_the_newest_revision(
    aws: Aws, sandbox: Running, service_file: Path
) -> None:
    cluster_with(aws, sandbox, 1)
    service_file.write_text(
        json.dumps({"cluster": "prod", "serviceName": "svc", "taskDefinition": "web", "desiredCount": 0})
    )
    assert ecsctl(aws, "service", "create", str(service_file)).code == 0
    [service] = sandbox.client("ecs").describe_services(cluster="prod", services=["svc"])["services"]
    assert service["taskDefinition"].endswith("/web:1")


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"taskDefinition": "nope"}, 6, "no task definition nope"),
        (
            {"loadBalancers": [{"loadBalancerName": "lb", "containerName": "web", "containerPort": 80}]},
            6,
            "no classic load balancer lb",
        ),
        ({"cluster": "nowhere"}, 6, "no cluster nowhere"),
        ({"desiredCount": "many"}, 2, "desiredCount"),
    ],
)
def test_a_service_that_cannot_be_is_refused_before(
    aws: Aws, sandbox: Running, service_file: Path, change: dict[str, Any], code: int, told: str
) -> None:
    cluster_with(aws, sandbox, 0)
    before = holdings(sandbox)
    service_file.write_text(json.dumps({**json.loads(service_file.read_text()), **change}))
    ended = ecsctl(aws, "service", "create", str(service_file), *([] if "cluster" in change else ["-c", "prod"]))
    assert ended.code == code, ended.err
    assert told in ended.err
    assert holdings(sandbox) == before


def test_what_has_no_room_is_told_with_its_cause(aws: Aws, sandbox: Running, service_file: Path) -> None:
    cluster_with(aws, sandbox, 1)
    service_file.write_text(json.dumps({**json.loads(service_file.read_text()), "desiredCount": 2}))
    ended = ecsctl(aws, "service", "create", str(service_file), "-c", "prod", "--timeout", "60s")
    assert ended.code == 1
    assert "1 of 2 tasks run" in ended.err
    assert "error: service svc cannot place its tasks: host port 80 is in use on i-" in ended.err


def test_a_flag_left_out_leaves_alone_what_is_there(aws: Aws, sandbox: Running) -> None:
    assert ecsctl(aws, "cluster", "create", "prod").code == 0
    first = ["instance", "bootstrap", "-c", "prod"]
    flags = ["--image", "ubuntu", "--agent", "container", "--type", "t3.medium", "--ingress", "80"]
    assert ecsctl(aws, *first, "--count", "1", *flags).code == 0
    ec2 = sandbox.client("ec2")

    def made() -> tuple[Any, Any]:
        versions = ec2.describe_launch_template_versions(LaunchTemplateName="ecsctl-prod")["LaunchTemplateVersions"]
        [security] = ec2.describe_security_groups(GroupNames=["ecsctl-prod-instances"])["SecurityGroups"]
        return versions, security["IpPermissions"]

    before = made()
    ended = ecsctl(aws, *first, "--count", "2")
    assert (ended.code, len(ended.lines)) == (0, 2), ended.err
    assert made() == before
    assert ecsctl(aws, "instance", "scale", "3", "-c", "prod").code == 0
    assert (made(), group(sandbox)["DesiredCapacity"]) == (before, 3)

    # Fewer, or anything else, is shown and asked.
    for command in (["instance", "scale", "1", "-c", "prod"], [*first, "--count", "3", "--type", "t3.small"]):
        ended = ecsctl(aws, *command)
        assert ended.code == 2
        assert "update " in ended.err
        assert "add --yes in a script; nothing was changed" in ended.err
        assert (made(), group(sandbox)["DesiredCapacity"]) == (before, 3)
    assert ecsctl(aws, *first, "--count", "3", "--type", "t3.small", "--yes").code == 0
    versions, rules = made()
    assert rules == before[1]
    assert len(versions) == 2
    old, new = (item["LaunchTemplateData"] for item in sorted(versions, key=lambda item: int(item["VersionNumber"])))
    assert (old.pop("InstanceType"), new.pop("InstanceType")) == ("t3.medium", "t3.small")
    assert {**old, "TagSpecifications": ()} == {**new, "TagSpecifications": ()}
    assert ecsctl(aws, "instance", "scale", "1", "-c", "prod", "--yes").code == 0
    assert len(ecsctl(aws, "instance", "list", "-c", "prod", "-q").lines) == 1


def test_scaling_instances_wants_a_group_of_bootstrap(aws: Aws, sandbox: Running) -> None:
    cluster_with(aws, sandbox, 0)
    ended = ecsctl(aws, "instance", "scale", "2", "-c", "prod")
    assert ended.code == 6
    assert "`ecsctl instance bootstrap -c prod --count 2` makes one" in ended.err
