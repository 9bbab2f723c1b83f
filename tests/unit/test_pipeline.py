"""The stages put together: what is waited for, what a failure ends, and what is left."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ecsctl.deploy.changes import UPDATE, Change, Plan
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.iam_role import InstanceRole
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.observe import Snapshot
from ecsctl.deploy.pipeline import Prepared, execute
from ecsctl.deploy.plan import plan
from ecsctl.deploy.resources import Actual, Resource, Scope
from ecsctl.errors import EcsctlError, ExitCode
from ecsctl.polling import Clock
from tests.support.fake_aws import FakeAws, refused

Json = dict[str, Any]
SCOPE = Scope("shop", "shop", "eu-west-1")
TAGS = {"ecsctl:project": "shop"}
ARN = "arn:aws:ecs:eu-west-1:1:service/shop/web"
GROUP = AutoScalingGroup("ecsctl-shop", TAGS, minimum=1, desired=1, maximum=1, cluster="shop")
SERVICE = Service(
    "web", TAGS, after=(GROUP.key,), cluster="shop", definition={"serviceName": "web", "taskDefinition": "web:1"}
)


def prepared(*resources: Resource, changed: tuple[Change, ...] = ()) -> Prepared:
    """Of these resources, those without a change are there already; services are to be made."""
    made = {
        item.key: Actual(item.key, item.name, "shop", item.fields(), {"name": item.name})
        for item in resources
        if item.kind != Service.kind
    }
    snapshot = Snapshot(SCOPE, made)
    found = plan({item.key: item for item in resources}, snapshot, prune=False)
    return Prepared(Plan("shop", "shop", (*changed, *found.changes)), snapshot, {item.key: item for item in resources})


class Account(FakeAws):
    """One group whose only instance joins after so many looks, and a service that is steady at once."""

    def __init__(self, looks: int, clock: Clock | None = None) -> None:
        super().__init__(
            {
                "autoscaling:DescribeAutoScalingGroups": lambda query: {
                    "AutoScalingGroups": [{"AutoScalingGroupName": GROUP.name, "Instances": [{"InstanceId": "i-1"}]}]
                },
                "ecs:ListContainerInstances": self._instances,
                "ecs:DescribeContainerInstances": lambda query: {
                    "containerInstances": [{"ec2InstanceId": "i-1", "status": "ACTIVE", "agentConnected": True}]
                },
                "ecs:DescribeServices": lambda query: {"services": [self.service] if self.service else []},
                "ecs:CreateService": self._create,
                "ec2:DescribeInstances": lambda query: {"Reservations": []},
                "ec2:GetConsoleOutput": lambda query: {},
            },
            clock=clock,
        )
        self.looks = looks
        self.service: Json = {}

    def _instances(self, query: Json) -> Json:
        self.looks -= 1
        return {"containerInstanceArns": ["arn:1"] if self.looks < 0 else []}

    def _create(self, query: Json) -> Json:
        deployment = {"id": "d", "status": "PRIMARY", "rolloutState": "COMPLETED", "runningCount": 0, "desiredCount": 0}
        self.service = {
            "serviceArn": ARN,
            "serviceName": "web",
            "status": "ACTIVE",
            "desiredCount": 0,
            "runningCount": 0,
            "deployments": [deployment],
        }
        return {"service": self.service}


def test_a_service_is_made_when_its_instances_have_joined() -> None:
    aws = Account(looks=3)
    execute(aws, prepared(GROUP, SERVICE))
    operations = aws.operations()
    assert operations.count("ecs:ListContainerInstances") == 4, "they are waited for once"
    assert operations.index("ecs:CreateService") > operations.index("ecs:DescribeContainerInstances")


def test_without_waiting_it_is_made_at_once() -> None:
    aws = Account(looks=3)
    execute(aws, prepared(GROUP, SERVICE), wait=False)
    assert "ecs:ListContainerInstances" not in aws.operations()
    assert "ecs:CreateService" in aws.operations()


def test_a_wait_that_fails_says_what_it_kept_from_beginning() -> None:
    with pytest.raises(EcsctlError, match="0 of 1 have joined after 600 s") as failed:
        execute(Account(looks=10**6), prepared(GROUP, SERVICE))
    assert failed.value.code == ExitCode.TIMEOUT
    assert "service web: not started, because it depends on what failed" in failed.value.details


def test_a_refusal_is_told_at_once_although_instances_are_waited_for() -> None:
    role = InstanceRole("role", TAGS, policies=("arn:aws:iam::aws:policy/A",))
    there = Actual(role.key, "arn", "shop", {"policies": frozenset()}, {"name": "role"})
    change = Change(UPDATE, role.key, resource=role, actual=there, renews=False)
    # On the machine's own clock: the instances would be waited for for ten minutes.
    aws = Account(looks=10**6, clock=Clock())
    aws.answers["iam:AttachRolePolicy"] = refused("iam:AttachRolePolicy", "AccessDenied")
    start = time.monotonic()
    with pytest.raises(EcsctlError, match=r"update iam-role role: .*AccessDenied") as failed:
        execute(aws, prepared(GROUP, SERVICE, changed=(change,)))
    assert time.monotonic() - start < 60
    assert failed.value.details == ("service web: not started, because it depends on what failed",)
    assert "ecs:CreateService" not in aws.operations()
