"""Instances: which join a cluster, which do not and why, and what becomes of those that go."""

from __future__ import annotations

import botocore.exceptions
import pytest

from tests.sandbox.support import AL2023, UBUNTU, Account, until

pytestmark = pytest.mark.slow

BOTTLEROCKET = "/aws/service/bottlerocket/aws-ecs-2/x86_64/latest/image_id"


@pytest.fixture
def cluster(account: Account, name: str) -> str:
    account.ecs.create_cluster(clusterName=name)
    account.profile(name)
    return name


def test_an_instance_joins_the_cluster_of_its_user_data(account: Account, cluster: str) -> None:
    instance = account.instance(cluster, cluster)
    member = account.member(cluster, instance)
    sizes = {row["name"]: row.get("integerValue") for row in member["registeredResources"]}
    assert (member["status"], member["agentConnected"]) == ("ACTIVE", True)
    assert sizes["CPU"] == 2048
    assert 1900 <= sizes["MEMORY"] <= 1960
    assert f"registered in cluster {cluster}" in account.console(instance)


@pytest.mark.parametrize("by", ["Name", "Arn"])
def test_every_instance_of_a_call_has_the_profile(account: Account, cluster: str, by: str) -> None:
    profile = account.iam.get_instance_profile(InstanceProfileName=cluster)["InstanceProfile"]
    value = {"Name": cluster, "Arn": profile["Arn"]}[by]
    account.ec2.run_instances(
        ImageId=account.parameter(AL2023),
        MinCount=3,
        MaxCount=3,
        InstanceType="t3.small",
        UserData=f"#!/bin/bash\necho ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config\n",
        IamInstanceProfile={by: value},
    )
    until(lambda: len(account.members(cluster)) == 3, "three instances")


def test_bottlerocket_takes_toml_and_no_script(account: Account, cluster: str) -> None:
    right = account.instance(cluster, cluster, BOTTLEROCKET, f'[settings.ecs]\ncluster = "{cluster}"\n')
    wrong = account.instance(cluster, cluster, BOTTLEROCKET)
    account.member(cluster, right)
    until(lambda: "user data is not TOML" in account.console(wrong), "the console's word")
    assert list(account.members(cluster)) == [right]


def test_ubuntu_joins_only_where_its_script_brings_the_agent(account: Account, cluster: str) -> None:
    script = f"#!/bin/bash\napt-get install -y docker.io\ndocker run -e ECS_CLUSTER={cluster} amazon/amazon-ecs-agent\n"
    right = account.instance(cluster, cluster, UBUNTU, script)
    wrong = account.instance(cluster, cluster, UBUNTU)
    account.member(cluster, right)
    until(lambda: "has no ECS agent" in account.console(wrong), "the console's word")
    assert list(account.members(cluster)) == [right]


def test_without_a_profile_no_agent_registers(account: Account, cluster: str) -> None:
    instance = account.instance(cluster, None)
    until(lambda: "NoCredentialProviders" in account.console(instance), "the console's word")
    assert account.members(cluster) == {}


def test_without_the_policy_no_agent_registers(account: Account, cluster: str) -> None:
    account.profile(f"{cluster}-bare", policy=None)
    instance = account.instance(cluster, f"{cluster}-bare")
    until(lambda: "AccessDeniedException" in account.console(instance), "the console's word")
    assert account.members(cluster) == {}


def test_a_cluster_that_is_not_there_gets_no_agent(account: Account, cluster: str) -> None:
    instance = account.instance(f"{cluster}-misspelt", cluster)
    until(lambda: "Cluster not found" in account.console(instance), "the console's word")


def test_user_data_that_is_no_script_leads_to_the_default_cluster(account: Account, cluster: str) -> None:
    instance = account.instance(cluster, cluster, script=f"echo ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config")
    until(lambda: "registered in cluster default" in account.console(instance), "the console's word")
    assert "it is not run" in account.console(instance)
    assert instance in account.members("default")


def test_every_instance_has_a_loopback_address_of_its_own(account: Account, cluster: str) -> None:
    instances = [account.instance(cluster, cluster) for _ in range(3)]
    addresses = {account.public_address(instance) for instance in instances}
    assert len(addresses) == 3
    # 127.0.1.x, unless other sandboxes of this machine have all of these.
    assert all(address.startswith("127.0.") and address != "127.0.0.1" for address in addresses)


def test_a_terminated_instance_leaves_its_cluster_and_nothing_behind(account: Account, cluster: str) -> None:
    group = account.ec2.create_security_group(GroupName=cluster, Description="x")["GroupId"]
    instance = account.instance(cluster, cluster, SecurityGroupIds=[group])
    account.member(cluster, instance)
    with pytest.raises(botocore.exceptions.ClientError, match="DependencyViolation"):
        account.ec2.delete_security_group(GroupId=group)
    for was in ("running", "terminated"):
        [ended] = account.ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"]
        assert ended["PreviousState"]["Name"] == was
    until(lambda: not account.members(cluster), "the instance to leave")
    account.ec2.delete_security_group(GroupId=group)


def test_a_stopped_instance_is_disconnected_and_comes_back(account: Account, cluster: str) -> None:
    instance = account.instance(cluster, cluster)
    before = account.member(cluster, instance)["containerInstanceArn"]
    account.ec2.stop_instances(InstanceIds=[instance])
    until(lambda: not account.members(cluster)[instance]["agentConnected"], "the agent to go")
    account.ec2.start_instances(InstanceIds=[instance])
    until(lambda: account.members(cluster)[instance]["agentConnected"], "the agent to come back")
    assert account.members(cluster)[instance]["containerInstanceArn"] == before
    assert account.public_address(instance).startswith("127.0.1.")


def test_a_security_group_that_another_names_is_kept(account: Account, name: str) -> None:
    first = account.ec2.create_security_group(GroupName=f"{name}-a", Description="x")["GroupId"]
    second = account.ec2.create_security_group(GroupName=f"{name}-b", Description="x")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": first}]}
    account.ec2.authorize_security_group_ingress(GroupId=second, IpPermissions=[rule])
    with pytest.raises(botocore.exceptions.ClientError, match="DependencyViolation"):
        account.ec2.delete_security_group(GroupId=first)
    account.ec2.delete_security_group(GroupId=second)
    account.ec2.delete_security_group(GroupId=first)


def test_a_profile_with_a_role_cannot_be_deleted(account: Account, name: str) -> None:
    account.profile(name)
    with pytest.raises(botocore.exceptions.ClientError, match="DeleteConflict"):
        account.iam.delete_instance_profile(InstanceProfileName=name)
    with pytest.raises(botocore.exceptions.ClientError, match="DeleteConflict"):
        account.iam.delete_role(RoleName=name)


@pytest.fixture
def group(account: Account, cluster: str) -> str:
    subnets = [row["SubnetId"] for row in account.ec2.describe_subnets()["Subnets"]][:2]
    script = f"#!/bin/bash\necho ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config\n"
    import base64

    data = {
        "ImageId": "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
        "InstanceType": "t3.small",
        "IamInstanceProfile": {"Name": cluster},
        "UserData": base64.b64encode(script.encode()).decode(),
        "MetadataOptions": {"HttpTokens": "required"},
    }
    account.ec2.create_launch_template(LaunchTemplateName=cluster, LaunchTemplateData=data)
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=cluster,
        LaunchTemplate={"LaunchTemplateName": cluster, "Version": "$Latest"},
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=2,
        VPCZoneIdentifier=",".join(subnets),
    )
    until(lambda: len(account.members(cluster)) == 2, "two instances")
    return cluster


def instances_of(account: Account, group: str) -> list[str]:
    found = account.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
    return [row["InstanceId"] for row in found[0]["Instances"]]


def test_a_group_spreads_over_its_subnets_and_keeps_its_templates_word(account: Account, group: str) -> None:
    described = account.ec2.describe_instances(InstanceIds=instances_of(account, group))
    rows = [row for reservation in described["Reservations"] for row in reservation["Instances"]]
    assert len({row["SubnetId"] for row in rows}) == 2
    assert {row["MetadataOptions"]["HttpTokens"] for row in rows} == {"required"}
    assert {row["ImageId"][:4] for row in rows} == {"ami-"}


def test_a_lost_instance_is_replaced_and_the_new_one_joins(account: Account, group: str) -> None:
    lost = instances_of(account, group)[0]
    account.ec2.terminate_instances(InstanceIds=[lost])
    until(lambda: len(account.members(group)) == 2 and lost not in account.members(group), "a replacement")
    assert lost not in instances_of(account, group)


def test_a_group_with_instances_goes_by_force_only(account: Account, group: str) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="ResourceInUse"):
        account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=group)
    account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=group, ForceDelete=True)
    until(lambda: not account.members(group), "the instances to go")
