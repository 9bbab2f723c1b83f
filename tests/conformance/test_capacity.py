"""Capacity providers: Auto Scaling groups, their providers, and what a cluster has of them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.asking import CLIENT, EITHER, INVALID, Aws, Ledger, refused
from tests.conformance.made import AMI, Network, make_profile, parameter, user_data

pytestmark = pytest.mark.costs
MakeCluster = Callable[..., str]


@dataclass(frozen=True)
class Group:
    """An Auto Scaling group over a launch template: its name (the template's too) and ARN."""

    name: str
    arn: str


def make_group(
    aws: Aws, ledger: Ledger, network: Network, cluster: str, size: int = 0, most: int = 2, **params: Any
) -> Group:
    """A group whose instances join the cluster."""
    ec2, scaling, name = aws.client("ec2"), aws.client("autoscaling"), aws.unique("group")
    data = {
        "ImageId": parameter(aws, AMI),
        "InstanceType": "t3.small",
        "IamInstanceProfile": {"Name": make_profile(aws, ledger)},
        "UserData": base64.b64encode(user_data(cluster).encode()).decode(),
        "MetadataOptions": {"HttpTokens": "required"},
    }
    ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    ledger.note(ec2.delete_launch_template, LaunchTemplateName=name)

    def create() -> bool:
        try:
            scaling.create_auto_scaling_group(
                AutoScalingGroupName=name,
                MinSize=0,
                MaxSize=most,
                DesiredCapacity=size,
                LaunchTemplate={"LaunchTemplateName": name, "Version": "$Latest"},
                VPCZoneIdentifier=",".join(network.subnets[:2]),
                **params,
            )
        except ClientError as error:
            # IAM takes its time to be known everywhere.
            if "Invalid IAM Instance Profile" in str(error):
                return False
            raise
        return True

    aws.until(create, "Auto Scaling knows the instance profile")
    ledger.note(scaling.delete_auto_scaling_group, AutoScalingGroupName=name, ForceDelete=True)
    found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    return Group(name, found["AutoScalingGroupARN"])


@pytest.fixture(scope="module")
def group(aws: Aws, ledger: Ledger, network: Network, cluster: str) -> Group:
    """An empty group."""
    return make_group(aws, ledger, network, cluster)


@pytest.fixture
def create(aws: Aws, group: Group) -> Iterator[Callable[..., dict[str, Any]]]:
    """CreateCapacityProvider over the group; what was made goes after the test."""
    ecs, made = aws.client("ecs"), []

    def call(**params: Any) -> dict[str, Any]:
        over = {"autoScalingGroupArn": group.arn, **params.pop("over", {})}
        given = {"name": aws.unique("provider"), "autoScalingGroupProvider": over, **params}
        provider = ecs.create_capacity_provider(**given)["capacityProvider"]
        made.append(provider["name"])
        return dict(provider)

    yield call
    for name in made:
        remove(aws, name)


def remove(aws: Aws, name: str) -> None:
    """Delete a provider, and wait until its group is free again."""
    ecs = aws.client("ecs")
    try:
        ecs.delete_capacity_provider(capacityProvider=name)
    except ClientError:
        return

    def gone() -> bool:
        rows = ecs.describe_capacity_providers(capacityProviders=[name])["capacityProviders"]
        return not rows or rows[0]["status"] == "INACTIVE"

    aws.until(gone, "the capacity provider is INACTIVE", 20.0)


def test_a_capacity_provider(create: Any, group: Group, account: str) -> None:
    """CreateCapacityProvider fills in: scaling DISABLED 100 % 1–10000 300 s, no protection, draining ENABLED."""
    provider = create()
    assert provider["status"] in ("ACTIVE", "PROVISIONING")
    assert provider["capacityProviderArn"].endswith(f":{account}:capacity-provider/{provider['name']}")
    found = provider["autoScalingGroupProvider"]
    assert found["autoScalingGroupArn"] == group.arn
    scaling = found["managedScaling"]
    assert (scaling["status"], scaling["targetCapacity"]) == ("DISABLED", 100)
    assert (scaling["minimumScalingStepSize"], scaling["maximumScalingStepSize"]) == (1, 10000)
    assert scaling["instanceWarmupPeriod"] == 300
    assert found["managedTerminationProtection"] == "DISABLED"
    assert found["managedDraining"] == "ENABLED"


@pytest.mark.parametrize("prefix", ["aws", "ecs", "fargate", "AWS", "Fargate-x"])
def test_names_of_providers(create: Any, prefix: str) -> None:
    """Provider names can't start with aws, ecs, fargate."""
    with refused(EITHER):
        create(name=f"{prefix}-conformance")


def test_names_are_given_once(create: Any, aws: Aws, ecs: Any, group: Group) -> None:
    """A second provider of a name, or over the same group, is refused."""
    provider = create()
    with refused(EITHER):
        create(name=provider["name"])


def test_protection_needs_scaling(create: Any) -> None:
    """Managed termination protection needs managed scaling."""
    with refused(EITHER, "managed scaling must be enabled"):
        create(over={"managedTerminationProtection": "ENABLED", "managedScaling": {"status": "DISABLED"}})


def test_protection_needs_the_groups(create: Any) -> None:
    """Managed termination protection needs the group's scale-in protection."""
    with refused(EITHER):
        create(over={"managedTerminationProtection": "ENABLED", "managedScaling": {"status": "ENABLED"}})


@pytest.mark.parametrize(
    "scaling",
    [
        {"targetCapacity": 0},
        {"targetCapacity": 101},
        {"minimumScalingStepSize": 0},
        {"maximumScalingStepSize": 10001},
        {"instanceWarmupPeriod": 10001},
    ],
    ids=lambda scaling: "-".join(f"{key}={value}" for key, value in scaling.items()),
)
def test_bounds_of_scaling(create: Any, scaling: dict[str, int]) -> None:
    """targetCapacity 1–100, step sizes 1–10000, instanceWarmupPeriod 0–10000."""
    with refused(EITHER):
        create(over={"managedScaling": {"status": "ENABLED", **scaling}})


def test_the_groups_tag(aws: Aws, create: Any, group: Group) -> None:
    """With managed scaling the group gets the tag AmazonECSManaged and a policy ECSManagedAutoScalingPolicy-…"""
    create(over={"managedScaling": {"status": "ENABLED"}})
    scaling = aws.client("autoscaling")

    def marked() -> bool:
        found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group.name])["AutoScalingGroups"][0]
        policies = scaling.describe_policies(AutoScalingGroupName=group.name)["ScalingPolicies"]
        return any(tag["Key"] == "AmazonECSManaged" for tag in found["Tags"]) and any(
            policy["PolicyName"].startswith("ECSManagedAutoScalingPolicy-") for policy in policies
        )

    assert aws.until(marked, "the group has ECS's tag and policy", 20.0)


def test_updating(create: Any, ecs: Any, aws: Aws) -> None:
    """UpdateCapacityProvider changes what is given and leaves the rest."""
    provider = create(over={"managedScaling": {"status": "ENABLED", "targetCapacity": 80}})
    update = {"managedScaling": {"targetCapacity": 90}}
    answer = ecs.update_capacity_provider(name=provider["name"], autoScalingGroupProvider=update)
    assert answer["capacityProvider"]["updateStatus"] in ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")

    def found() -> Any:
        rows = ecs.describe_capacity_providers(capacityProviders=[provider["name"]])["capacityProviders"]
        scaling = rows[0]["autoScalingGroupProvider"]["managedScaling"]
        return scaling if scaling["targetCapacity"] == 90 else None

    assert aws.until(found, "the update is there")["status"] == "ENABLED"


def test_deleting_is_asynchronous(create: Any, ecs: Any, aws: Aws) -> None:
    """DeleteCapacityProvider: DELETE_IN_PROGRESS, then INACTIVE with DELETE_COMPLETE; its group stays."""
    name = create()["name"]
    answer = ecs.delete_capacity_provider(capacityProvider=name)["capacityProvider"]
    assert answer["updateStatus"] == "DELETE_IN_PROGRESS"

    def gone() -> Any:
        rows = ecs.describe_capacity_providers(capacityProviders=[name])["capacityProviders"]
        return rows[0] if rows and rows[0]["status"] == "INACTIVE" else None

    assert aws.until(gone, "the provider is INACTIVE", 20.0)["updateStatus"] == "DELETE_COMPLETE"


def test_providers_of_a_cluster(create: Any, ecs: Any, make_cluster: MakeCluster, aws: Aws) -> None:
    """A provider that a cluster has cannot be deleted; PutClusterCapacityProviders lets it go."""
    name, cluster = create()["name"], make_cluster()
    strategy = [{"capacityProvider": name, "weight": 1, "base": 0}]
    aws.until(
        lambda: ecs.describe_capacity_providers(capacityProviders=[name])["capacityProviders"][0]["status"] == "ACTIVE",
        "the provider is ACTIVE",
    )
    answer = ecs.put_cluster_capacity_providers(
        cluster=cluster, capacityProviders=[name, "FARGATE"], defaultCapacityProviderStrategy=strategy
    )["cluster"]
    assert sorted(answer["capacityProviders"]) == sorted([name, "FARGATE"])
    assert answer["defaultCapacityProviderStrategy"] == strategy
    with refused((*EITHER, "ResourceInUseException")):
        ecs.delete_capacity_provider(capacityProvider=name)

    def emptied() -> bool:
        try:
            ecs.put_cluster_capacity_providers(
                cluster=cluster, capacityProviders=[], defaultCapacityProviderStrategy=[]
            )
        except (ecs.exceptions.UpdateInProgressException, ecs.exceptions.ResourceInUseException):
            return False
        return True

    assert aws.until(emptied, "the cluster has no providers", 20.0)
    assert ecs.describe_clusters(clusters=[cluster])["clusters"][0]["capacityProviders"] == []


def test_unknown_providers(ecs: Any, cluster: str, make_cluster: MakeCluster) -> None:
    """A provider that is not there: MISSING in DescribeCapacityProviders, refused everywhere else."""
    answer = ecs.describe_capacity_providers(capacityProviders=["conf-nope"])
    assert [row["reason"] for row in answer["failures"]] == ["MISSING"]
    with refused(EITHER):
        ecs.put_cluster_capacity_providers(
            cluster=cluster, capacityProviders=["conf-nope"], defaultCapacityProviderStrategy=[]
        )
    with refused(EITHER):
        make_cluster(capacityProviders=["conf-nope"])
    with refused(EITHER):
        ecs.delete_capacity_provider(capacityProvider="conf-nope")


def test_fargates_own(ecs: Any) -> None:
    """FARGATE and FARGATE_SPOT are always there, ACTIVE, and cannot be deleted."""
    rows = ecs.describe_capacity_providers(capacityProviders=["FARGATE", "FARGATE_SPOT"])["capacityProviders"]
    assert {(row["name"], row["status"]) for row in rows} == {("FARGATE", "ACTIVE"), ("FARGATE_SPOT", "ACTIVE")}
    with refused(EITHER):
        ecs.delete_capacity_provider(capacityProvider="FARGATE")


def test_pages_of_providers(ecs: Any) -> None:
    """DescribeCapacityProviders without names has pages and tokens of its own."""
    first = ecs.describe_capacity_providers(maxResults=1)
    assert len(first["capacityProviders"]) == 1
    second = ecs.describe_capacity_providers(maxResults=1, nextToken=first["nextToken"])
    assert second["capacityProviders"][0]["name"] != first["capacityProviders"][0]["name"]


def test_a_mix_is_refused(create: Any, ecs: Any, make_cluster: MakeCluster, aws: Aws) -> None:
    """A strategy cannot mix Fargate's providers with Auto Scaling groups'."""
    name, cluster = create()["name"], make_cluster()
    strategy = [{"capacityProvider": name, "weight": 1}, {"capacityProvider": "FARGATE", "weight": 1}]
    with refused(EITHER):
        ecs.put_cluster_capacity_providers(
            cluster=cluster, capacityProviders=[name, "FARGATE"], defaultCapacityProviderStrategy=strategy
        )


def test_a_group_brings_instances(
    aws: Aws, ledger: Ledger, ecs: Any, network: Network, make_cluster: MakeCluster
) -> None:
    """A group's instances join by its template's user data, know their provider, and lost ones are replaced."""
    cluster = make_cluster()
    group = make_group(aws, ledger, network, cluster, size=1)
    name = aws.unique("provider")
    ecs.create_capacity_provider(name=name, autoScalingGroupProvider={"autoScalingGroupArn": group.arn})

    def attached() -> bool:
        try:
            ecs.put_cluster_capacity_providers(
                cluster=cluster, capacityProviders=[name], defaultCapacityProviderStrategy=[]
            )
        except ClientError:
            return False
        return True

    assert aws.until(attached, "the cluster has the provider")

    def members() -> list[dict[str, Any]]:
        arns = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
        if not arns:
            return []
        rows = ecs.describe_container_instances(cluster=cluster, containerInstances=arns)["containerInstances"]
        return [row for row in rows if row["agentConnected"]]

    (first,) = aws.until(members, "the instance has joined", 30.0)
    assert aws.until(lambda: members()[0].get("capacityProviderName") == name, "it knows its provider")
    aws.client("ec2").terminate_instances(InstanceIds=[first["ec2InstanceId"]])
    assert aws.until(
        lambda: [row["ec2InstanceId"] for row in members() if row["ec2InstanceId"] != first["ec2InstanceId"]],
        "another instance has come in its place",
        40.0,
    )
    with refused("ResourceInUse"):
        aws.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=group.name)
    last = [row["ec2InstanceId"] for row in members()]
    aws.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=group.name, ForceDelete=True)

    def ended() -> bool:
        found = aws.client("ec2").describe_instances(InstanceIds=last)["Reservations"]
        return all(row["State"]["Name"] in ("shutting-down", "terminated") for r in found for row in r["Instances"])

    assert aws.until(ended, "the instances go with their group, by force", 20.0)
    ecs.put_cluster_capacity_providers(cluster=cluster, capacityProviders=[], defaultCapacityProviderStrategy=[])
    remove(aws, name)


def test_templates_of_unknown_profiles(aws: Aws, network: Network, ledger: Ledger) -> None:
    """CreateAutoScalingGroup: ValidationError "You must use a valid fully-formed launch template. … Invalid IAM
    Instance Profile name"."""
    ec2, name = aws.client("ec2"), aws.unique("template")
    data = {
        "ImageId": parameter(aws, AMI),
        "InstanceType": "t3.small",
        "IamInstanceProfile": {"Name": aws.unique("nope")},
    }
    ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    ledger.note(ec2.delete_launch_template, LaunchTemplateName=name)
    with refused(
        "ValidationError", "You must use a valid fully-formed launch template", "Invalid IAM Instance Profile"
    ):
        aws.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=0,
            MaxSize=1,
            LaunchTemplate={"LaunchTemplateName": name},
            VPCZoneIdentifier=network.subnets[0],
        )


def test_fifty_protections_a_call(aws: Aws, group: Group) -> None:
    """SetInstanceProtection takes 50 ids."""
    with refused("ValidationError"):
        aws.client("autoscaling").set_instance_protection(
            AutoScalingGroupName=group.name,
            InstanceIds=[f"i-{number:017x}" for number in range(51)],
            ProtectedFromScaleIn=False,
        )


def test_an_empty_provider(
    aws: Aws, ecs: Any, create: Any, make_cluster: MakeCluster, definition: str, group: Group
) -> None:
    """Under a capacity provider RunTask does not fail for want of room: the task waits in PROVISIONING; later it stops:
    "TaskFailedToStart: EMPTY CAPACITY PROVIDER"."""
    name, cluster = create()["name"], make_cluster()

    def attached() -> bool:
        try:
            ecs.put_cluster_capacity_providers(
                cluster=cluster, capacityProviders=[name], defaultCapacityProviderStrategy=[]
            )
        except ClientError:
            return False
        return True

    assert aws.until(attached, "the cluster has the provider")
    answer = ecs.run_task(
        cluster=cluster,
        taskDefinition=definition,
        capacityProviderStrategy=[{"capacityProvider": name, "weight": 1}],
    )
    assert answer["failures"] == []
    (task,) = answer["tasks"]
    assert (task["lastStatus"], task["capacityProviderName"]) == ("PROVISIONING", name)
    aws.advance(20 * 60)
    (gone,) = ecs.describe_tasks(cluster=cluster, tasks=[task["taskArn"]])["tasks"]
    assert (gone["lastStatus"], gone["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    assert gone["stoppedReason"].startswith("TaskFailedToStart: ")
    assert "EMPTY CAPACITY PROVIDER" in gone["stoppedReason"]
    ecs.put_cluster_capacity_providers(cluster=cluster, capacityProviders=[], defaultCapacityProviderStrategy=[])


def test_managed_instances(aws: Aws, ecs: Any, cluster: str) -> None:
    """A Managed Instances provider needs a cluster, and never an Auto Scaling group beside it."""
    managed = {
        "infrastructureRoleArn": "arn:aws:iam::123456789012:role/ecsInfrastructureRole",
        "instanceLaunchTemplate": {
            "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole",
            "networkConfiguration": {"subnets": ["subnet-0123456789abcdef0"]},
        },
    }
    with refused((INVALID, CLIENT)):
        ecs.create_capacity_provider(name=aws.unique("managed"), managedInstancesProvider=managed)
    with refused((INVALID, CLIENT)):
        ecs.create_capacity_provider(name=aws.unique("nothing"))
