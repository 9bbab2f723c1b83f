"""Container instances: images, user data, roles, agents that register."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.asking import Aws, Ledger, refused
from tests.conformance.made import (
    AMI,
    Fleet,
    Network,
    joined,
    launch_instances,
    make_profile,
    parameter,
    user_data,
)

pytestmark = pytest.mark.costs
MakeCluster = Callable[..., str]
OPTIMIZED = "/aws/service/ecs/optimized-ami/amazon-linux-2023"
PLAIN = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"


@pytest.fixture(scope="module")
def profile(aws: Aws, ledger: Ledger) -> dict[str, str]:
    """An instance profile for all the instances of this module."""
    return {"Name": make_profile(aws, ledger)}


def comes(aws: Aws, cluster: str, ids: list[str]) -> Fleet:
    """The instances once they have joined."""
    return aws.until(lambda: joined(aws, cluster, ids), f"the instances join {cluster}", 20.0)


def stays_away(aws: Aws, cluster: str, ids: list[str]) -> None:
    """The instances boot, and do not join."""
    ec2 = aws.client("ec2")

    def booted() -> bool:
        rows = ec2.describe_instances(InstanceIds=ids)["Reservations"][0]["Instances"]
        return all(row["State"]["Name"] == "running" for row in rows)

    assert aws.until(booted, "the instances run")
    aws.sleep(180 if aws.real else 3)
    assert joined(aws, cluster, ids) is None


@pytest.mark.parametrize("variant", ["", "arm64/", "gpu/", "inf/"])
def test_image_parameters(aws: Aws, variant: str) -> None:
    """The ECS-optimised AMIs are public parameters: …/amazon-linux-2023/[arm64/|gpu/|inf/]recommended/image_id."""
    try:
        assert re.fullmatch(r"ami-[0-9a-f]{8,17}", parameter(aws, f"{OPTIMIZED}/{variant}recommended/image_id"))
    except ClientError as error:
        if not variant or error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        # Some regions lack some variants.


def test_the_recommended_image_as_json(aws: Aws) -> None:
    """Without /image_id the parameter is JSON, with image_id, image_name, ecs_agent_version."""
    found = json.loads(parameter(aws, f"{OPTIMIZED}/recommended"))
    assert found["image_id"] == parameter(aws, f"{OPTIMIZED}/recommended/image_id")
    assert {"image_name", "ecs_agent_version", "ecs_runtime_version", "os"} <= set(found)


@pytest.mark.parametrize("generation", ["aws-ecs-2", "aws-ecs-3"])
@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_bottlerocket_parameters(aws: Aws, generation: str, architecture: str) -> None:
    """Bottlerocket's: /aws/service/bottlerocket/aws-ecs-2|3/{x86_64|arm64}/latest/image_id."""
    name = f"/aws/service/bottlerocket/{generation}/{architecture}/latest/image_id"
    assert parameter(aws, name).startswith("ami-")


def test_ubuntu_parameters(aws: Aws) -> None:
    """Ubuntu's: /aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id."""
    name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    assert parameter(aws, name).startswith("ami-")


def test_unknown_parameters(aws: Aws) -> None:
    """A variant that a region lacks: ParameterNotFound."""
    with refused("ParameterNotFound"):
        parameter(aws, f"{OPTIMIZED}/nope/recommended/image_id")


def test_ten_parameters_a_call(aws: Aws) -> None:
    """GetParameters takes 10 names."""
    ssm = aws.client("ssm")
    names = [f"{OPTIMIZED}/{number}" for number in range(11)]
    assert len(ssm.get_parameters(Names=names[:10])["InvalidParameters"]) == 10
    with refused("ValidationException"):
        ssm.get_parameters(Names=names)


def test_images_by_parameter(aws: Aws, ledger: Ledger, profile: dict[str, str]) -> None:
    """EC2 takes resolve:ssm:<parameter> as ImageId."""
    ids = launch_instances(aws, ledger, None, ImageId=f"resolve:ssm:{AMI}", IamInstanceProfile=profile)
    row = aws.client("ec2").describe_instances(InstanceIds=ids)["Reservations"][0]["Instances"][0]
    assert row["ImageId"] == parameter(aws, AMI)
    aws.client("ec2").terminate_instances(InstanceIds=ids)


def mime(cluster: str) -> str:
    """User data of two parts."""
    return (
        'Content-Type: multipart/mixed; boundary="==B=="\nMIME-Version: 1.0\n\n'
        '--==B==\nContent-Type: text/cloud-config; charset="us-ascii"\n\npackages:\n  - jq\n\n'
        '--==B==\nContent-Type: text/x-shellscript; charset="us-ascii"\n\n'
        f"#!/bin/bash\necho ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config\n\n--==B==--\n"
    )


USER_DATA: dict[str, Callable[[str], str]] = {
    "echo": lambda name: f"#!/bin/bash\necho ECS_CLUSTER={name} >> /etc/ecs/ecs.config\n",
    "quoted echo": lambda name: f'#!/bin/bash -xe\necho "ECS_CLUSTER={name}" | tee -a /etc/ecs/ecs.config\n',
    "here-document": lambda name: (
        f"#!/bin/bash\ncat <<'EOF' >> /etc/ecs/ecs.config\nECS_CLUSTER={name}\nECS_ENABLE_TASK_IAM_ROLE=true\nEOF\n"
    ),
    "variable": lambda name: f"#!/bin/sh\nCLUSTER={name}\necho ECS_CLUSTER=$CLUSTER >> /etc/ecs/ecs.config\n",
    "multi-part": mime,
}


@pytest.mark.parametrize("form", USER_DATA)
def test_user_data(aws: Aws, ledger: Ledger, make_cluster: MakeCluster, profile: dict[str, str], form: str) -> None:
    """ECS_CLUSTER in /etc/ecs/ecs.config, however user data writes it, is the cluster that the agent joins."""
    cluster = make_cluster()
    comes(aws, cluster, launch_instances(aws, ledger, USER_DATA[form](cluster), IamInstanceProfile=profile))


def test_bottlerocket_joins(aws: Aws, ledger: Ledger, make_cluster: MakeCluster, profile: dict[str, str]) -> None:
    """Bottlerocket's user data is TOML: [settings.ecs] and cluster = "name"; a shell script is none."""
    cluster = make_cluster()
    image = parameter(aws, "/aws/service/bottlerocket/aws-ecs-2/x86_64/latest/image_id")
    data = f'[settings.ecs]\ncluster = "{cluster}"\n'
    comes(aws, cluster, launch_instances(aws, ledger, data, ImageId=image, IamInstanceProfile=profile))
    wrong = launch_instances(aws, ledger, user_data(cluster), ImageId=image, IamInstanceProfile=profile)
    stays_away(aws, cluster, wrong)


def test_an_agent_by_docker_run(aws: Aws, ledger: Ledger, make_cluster: MakeCluster, profile: dict[str, str]) -> None:
    """A plain image joins where user data installs Docker and runs the agent; without, it never does."""
    cluster = make_cluster()
    image = parameter(aws, PLAIN)
    data = (
        "#!/bin/bash\nmkdir -p /var/log/ecs /etc/ecs /var/lib/ecs/data\n"
        f"echo ECS_CLUSTER={cluster} > /etc/ecs/ecs.config\n"
        "sysctl -w net.ipv4.conf.all.route_localnet=1\n"
        "iptables -t nat -A PREROUTING -p tcp -d 169.254.170.2 --dport 80 -j DNAT --to-destination 127.0.0.1:51679\n"
        "iptables -t nat -A OUTPUT -d 169.254.170.2 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 51679\n"
        "dnf install -y docker && systemctl enable --now docker\n"
        "docker run --name ecs-agent -d --net=host --env-file=/etc/ecs/ecs.config "
        "-v /var/run/docker.sock:/var/run/docker.sock -v /var/log/ecs:/log -v /var/lib/ecs/data:/data "
        "-e ECS_DATADIR=/data/ -e ECS_ENABLE_TASK_IAM_ROLE=true public.ecr.aws/ecs/amazon-ecs-agent:latest\n"
    )
    comes(aws, cluster, launch_instances(aws, ledger, data, ImageId=image, IamInstanceProfile=profile))
    without = launch_instances(aws, ledger, user_data(cluster), ImageId=image, IamInstanceProfile=profile)
    stays_away(aws, cluster, without)


def test_the_default_cluster_is_made(aws: Aws, ledger: Ledger, ecs: Any, profile: dict[str, str]) -> None:
    """Without ECS_CLUSTER the agent makes the cluster `default` and joins it."""
    if not any(row["status"] == "ACTIVE" for row in ecs.describe_clusters(clusters=["default"])["clusters"]):
        ledger.cluster("default")
    ids = launch_instances(aws, ledger, None, IamInstanceProfile=profile)
    aws.until(
        lambda: any(row["status"] == "ACTIVE" for row in ecs.describe_clusters(clusters=["default"])["clusters"]),
        "the cluster default is there",
        20.0,
    )
    comes(aws, "default", ids)
    aws.client("ec2").terminate_instances(InstanceIds=ids)


def test_a_cluster_that_is_not_there(
    aws: Aws, ledger: Ledger, ecs: Any, make_cluster: MakeCluster, profile: dict[str, str]
) -> None:
    """An agent does not create the cluster that it is told: it never registers, not even if the cluster comes later."""
    name = aws.unique("late")
    ids = launch_instances(aws, ledger, user_data(name), IamInstanceProfile=profile)
    aws.sleep(180 if aws.real else 3)
    assert ecs.describe_clusters(clusters=[name])["failures"][0]["reason"] == "MISSING"
    make_cluster(clusterName=name)
    stays_away(aws, name, ids)


def test_the_console_says_why(aws: Aws, ledger: Ledger, profile: dict[str, str]) -> None:
    """GetConsoleOutput of an instance that did not register tells of it."""
    ids = launch_instances(aws, ledger, user_data(aws.unique("nope")), IamInstanceProfile=profile)

    def told() -> str | None:
        text = aws.client("ec2").get_console_output(InstanceId=ids[0], Latest=True).get("Output", "")
        if text and not text.isprintable() and "\n" not in text:
            text = base64.b64decode(text).decode(errors="replace")
        return text if "ecs" in text.lower() else None

    assert aws.until(told, "the console tells of ECS", 20.0)


def test_without_a_profile(aws: Aws, ledger: Ledger, make_cluster: MakeCluster) -> None:
    """An instance without a profile never registers."""
    cluster = make_cluster()
    stays_away(aws, cluster, launch_instances(aws, ledger, user_data(cluster), IamInstanceProfile=None))


def test_without_a_policy(aws: Aws, ledger: Ledger, make_cluster: MakeCluster) -> None:
    """An instance whose role may not ecs:RegisterContainerInstance never registers."""
    cluster, iam = make_cluster(), aws.client("iam")
    name = aws.unique("bare")
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    )
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    ledger.note(iam.delete_role, RoleName=name)
    iam.create_instance_profile(InstanceProfileName=name)
    ledger.note(iam.delete_instance_profile, InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    ledger.note(iam.remove_role_from_instance_profile, InstanceProfileName=name, RoleName=name)
    ids = launch_instances(aws, ledger, user_data(cluster), IamInstanceProfile={"Name": name})
    stays_away(aws, cluster, ids)


def test_an_unknown_profile(aws: Aws, network: Network) -> None:
    """RunInstances with a profile that is not there (yet): InvalidParameterValue "Invalid IAM Instance Profile"."""
    with refused("InvalidParameterValue", "Invalid IAM Instance Profile"):
        aws.client("ec2").run_instances(
            ImageId=parameter(aws, AMI),
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            IamInstanceProfile={"Name": aws.unique("nope")},
        )


def test_imds_v2(aws: Aws, ledger: Ledger, profile: dict[str, str]) -> None:
    """HttpTokens required and the hop limit are told by DescribeInstances."""
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    ids = launch_instances(aws, ledger, None, IamInstanceProfile=profile, MetadataOptions=options)
    row = aws.client("ec2").describe_instances(InstanceIds=ids)["Reservations"][0]["Instances"][0]
    assert row["MetadataOptions"]["HttpTokens"] == "required"
    assert row["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    aws.client("ec2").terminate_instances(InstanceIds=ids)


def connected(ecs: Any, fleet: Fleet) -> bool:
    rows = ecs.describe_container_instances(cluster=fleet.cluster, containerInstances=list(fleet.arns))
    return all(row["agentConnected"] for row in rows["containerInstances"])


def test_stopped_instances_stay(aws: Aws, ecs: Any, new_fleet: Callable[..., Fleet]) -> None:
    """A stopped EC2 instance stays registered, disconnected; started again it is the same container instance."""
    fleet, ec2 = new_fleet(1), aws.client("ec2")
    ec2.stop_instances(InstanceIds=list(fleet.ec2_ids))
    assert aws.until(lambda: not connected(ecs, fleet), "the agent is disconnected", 20.0)
    assert ecs.list_container_instances(cluster=fleet.cluster)["containerInstanceArns"] == list(fleet.arns)

    def stopped() -> bool:
        rows = ec2.describe_instances(InstanceIds=list(fleet.ec2_ids))["Reservations"][0]["Instances"]
        return all(row["State"]["Name"] == "stopped" for row in rows)

    assert aws.until(stopped, "the instance is stopped", 20.0)
    ec2.start_instances(InstanceIds=list(fleet.ec2_ids))
    assert aws.until(lambda: connected(ecs, fleet), "the agent is connected again", 20.0)
    assert ecs.list_container_instances(cluster=fleet.cluster)["containerInstanceArns"] == list(fleet.arns)


def test_another_type_is_refused(aws: Aws, ecs: Any, new_fleet: Callable[..., Fleet]) -> None:
    """An instance whose type was changed does not register again: its container instance stays disconnected."""
    fleet, ec2 = new_fleet(1), aws.client("ec2")
    ec2.stop_instances(InstanceIds=list(fleet.ec2_ids))
    assert aws.until(lambda: not connected(ecs, fleet), "the agent is disconnected", 20.0)
    ec2.modify_instance_attribute(InstanceId=fleet.ec2_ids[0], InstanceType={"Value": "t3.medium"})
    ec2.start_instances(InstanceIds=list(fleet.ec2_ids))
    aws.sleep(180 if aws.real else 3)
    assert not connected(ecs, fleet)


def test_terminated_instances_go(aws: Aws, ecs: Any, new_fleet: Callable[..., Fleet]) -> None:
    """Terminating a running instance deregisters it."""
    fleet = new_fleet(2)
    aws.client("ec2").terminate_instances(InstanceIds=[fleet.ec2_ids[0]])
    left = lambda: ecs.list_container_instances(cluster=fleet.cluster)["containerInstanceArns"]  # noqa: E731
    assert aws.until(lambda: left() == [fleet.arns[1]], "the container instance has gone", 20.0)
    counted = ecs.describe_clusters(clusters=[fleet.cluster])["clusters"][0]
    assert counted["registeredContainerInstancesCount"] == 1


def test_managed_policies(aws: Aws) -> None:
    """AWS's managed policies exist; the instances' one allows RegisterContainerInstance, and no logs:CreateLogGroup."""
    iam = aws.client("iam")
    documents = {}
    for name in (
        "service-role/AmazonEC2ContainerServiceforEC2Role",
        "service-role/AmazonECSTaskExecutionRolePolicy",
        "AmazonSSMManagedInstanceCore",
    ):
        policy = iam.get_policy(PolicyArn=f"arn:aws:iam::aws:policy/{name}")["Policy"]
        version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        documents[name] = json.dumps(version["PolicyVersion"]["Document"])
    instances = documents["service-role/AmazonEC2ContainerServiceforEC2Role"]
    assert "ecs:RegisterContainerInstance" in instances
    assert "logs:CreateLogGroup" not in instances


def test_the_service_linked_role(aws: Aws, make_cluster: MakeCluster) -> None:
    """CreateCluster makes the service-linked role AWSServiceRoleForECS."""
    make_cluster()
    iam = aws.client("iam")

    def there() -> Any:
        try:
            return iam.get_role(RoleName="AWSServiceRoleForECS")["Role"]
        except ClientError:
            return None

    role = aws.until(there, "the role is there")
    assert role["Path"] == "/aws-service-role/ecs.amazonaws.com/"
    assert "ecs.amazonaws.com" in json.dumps(role["AssumeRolePolicyDocument"])


def test_no_launch_configurations(aws: Aws) -> None:
    """Launch configurations cannot be created by accounts of today: launch templates instead."""
    with refused(("UnsupportedOperation", "AccessDenied"), "launch templates"):
        aws.client("autoscaling").create_launch_configuration(
            LaunchConfigurationName=aws.unique("old"), ImageId=parameter(aws, AMI), InstanceType="t3.small"
        )
