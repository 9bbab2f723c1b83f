"""What keeps a security group from being deleted, each thing once."""

from __future__ import annotations

from ecsctl.deploy.kinds.security_group_users import users_of
from tests.support.fake_aws import FakeAws


def test_an_instance_that_an_interface_names_is_told_once_and_one_that_ended_not_at_all() -> None:
    interface = {
        "NetworkInterfaceId": "eni-1",
        "Groups": [{"GroupId": "sg-1"}],
        "Attachment": {"InstanceId": "i-1", "AttachmentId": "a"},
    }
    machines = [
        {"InstanceId": id_, "State": {"Name": state}, "SecurityGroups": [{"GroupId": "sg-1"}]}
        for id_, state in (("i-1", "running"), ("i-2", "stopping"), ("i-3", "terminated"))
    ]
    aws = FakeAws(
        {
            "ec2:DescribeNetworkInterfaces": lambda query: {"NetworkInterfaces": [interface]},
            "ec2:DescribeInstances": lambda query: {"Reservations": [{"Instances": machines}]},
            "ec2:DescribeSecurityGroups": lambda query: {"SecurityGroups": []},
        }
    )
    told = users_of(aws, "sg-1")
    assert [line.partition(" (")[0] for line in told] == ["network interface eni-1", "instance i-2"]
    assert "attached to instance i-1" in told[0]
