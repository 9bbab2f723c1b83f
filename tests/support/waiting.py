"""A service that is waited for, as a script of looks: what AWS answers at each, on a clock that the waits move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ecsctl.deploy.wait_services import wait_for_services
from ecsctl.errors import AwsError, EcsctlError
from tests.support.clock import SteppedClock
from tests.support.fake_aws import FakeAws

Json = dict[str, Any]
NOW = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
ARN = "arn:aws:ecs:eu-west-1:123456789012"
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"
CLOSEST = (
    "(service svc) was unable to place a task because no container instance met all of its requirements. The closest "
    "matching (container-instance 1) {}. For more information, see the Troubleshooting section of the Amazon ECS "
    "Developer Guide."
)


def at(seconds: float) -> datetime:
    """So many seconds after what is waited for began."""
    return NOW + timedelta(seconds=seconds)


def deployment(number: int = 1, state: str | None = "IN_PROGRESS", **more: Any) -> Json:
    """A PRIMARY deployment of ``web:2``, ``ecs-svc/1`` unless numbered, with 2 of 2 tasks running."""
    made: Json = {
        "id": f"ecs-svc/{number}",
        "status": "PRIMARY",
        "taskDefinition": f"{ARN}:task-definition/web:2",
        "desiredCount": 2,
        "runningCount": 2,
        "failedTasks": 0,
        "createdAt": at(number - 1),
    }
    return {**made, **({"rolloutState": state} if state else {}), **more}


def starting(running: int = 0, **more: Any) -> Json:
    """The deployment, with so many tasks running."""
    return deployment(runningCount=running, **more)


def earlier(running: int = 2, **more: Any) -> Json:
    """The deployment of before, which still runs tasks of ``web:1``."""
    before = {"status": "ACTIVE", "taskDefinition": f"{ARN}:task-definition/web:1", "createdAt": at(-9999)}
    return deployment(0, "COMPLETED", **{**before, "runningCount": running, **more})


def service(*deployments: Json, **more: Any) -> Json:
    """The service, of cluster ``prod``; its counts are the sums of its deployments' unless given."""
    return {
        "serviceArn": f"{ARN}:service/prod/svc",
        "serviceName": "svc",
        "clusterArn": f"{ARN}:cluster/prod",
        "status": "ACTIVE",
        "launchType": "EC2",
        "desiredCount": 2,
        "runningCount": sum(row.get("runningCount", 0) for row in deployments),
        "pendingCount": sum(row.get("pendingCount", 0) for row in deployments),
        "deployments": list(deployments),
        **more,
    }


def event(message: str, seconds: float = 2, number: int = 1) -> Json:
    """An event of the service, so many seconds after the beginning."""
    return {"id": f"e{number}", "createdAt": at(seconds), "message": message}


def stopped(number: int, seconds: float = 3, *, containers: Sequence[Json] = (), **more: Any) -> Json:
    """A task of the deployment that has stopped."""
    return {
        "taskArn": f"{ARN}:task/prod/{number:08x}{'0123456789abcdef' * 2}"[: len(f"{ARN}:task/prod/") + 32],
        "taskDefinitionArn": f"{ARN}:task-definition/web:2",
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "startedBy": "ecs-svc/1",
        "group": "service:svc",
        "stopCode": "TaskFailedToStart",
        "stoppedReason": "Task failed to start",
        "stoppedAt": at(seconds),
        "containers": list(containers),
        **more,
    }


def on_its_way(number: int, **more: Any) -> Json:
    """A task of the deployment that does not run yet."""
    live = {"lastStatus": "PENDING", "desiredStatus": "RUNNING", "stopCode": None, "stoppedReason": None}
    return {**stopped(number), **live, "stoppedAt": None, **more}


def instance(number: int, **more: Any) -> Json:
    """A container instance of type t3.small (x86_64), half of whose memory is taken."""
    attributes = {
        "ecs.instance-type": "t3.small",
        "ecs.availability-zone": "eu-west-1a",
        "ecs.cpu-architecture": "x86_64",
        "ecs.os-type": "linux",
        "com.amazonaws.ecs.capability.docker-remote-api.1.19": None,
    }
    left = [("CPU", 2048), ("MEMORY", 1900)]
    return {
        "containerInstanceArn": f"{ARN}:container-instance/prod/{number:032x}",
        "ec2InstanceId": f"i-{number}",
        "status": "ACTIVE",
        "agentConnected": True,
        "attributes": [{"name": name, "value": value} for name, value in {**attributes, **more.pop("has", {})}.items()],
        "registeredResources": [
            {"name": "CPU", "type": "INTEGER", "integerValue": 2048},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": 3800},
        ],
        "remainingResources": [
            *({"name": name, "type": "INTEGER", "integerValue": more.pop(name.lower(), value)} for name, value in left),
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", *map(str, more.pop("ports", ()))]},
        ],
        **more,
    }


@dataclass(frozen=True)
class Look:
    """What AWS has at one moment."""

    service: Json | None
    tasks: Sequence[Json] = ()
    targets: Sequence[Json] = ()
    rollout: Json = field(default_factory=dict)


@dataclass
class Story:
    """A wait for the service ``svc``: at each look AWS is as the next one of ``looks`` says; the last one stays."""

    looks: Sequence[Look | Json | None]
    definition: Json = field(default_factory=dict)
    instances: Sequence[Json] = field(default_factory=lambda: [instance(9)])
    matching: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    groups: Sequence[Json] = ()
    logs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    passed: float = 0.0
    place: int = -1

    @property
    def look(self) -> Look:
        look = self.looks[min(self.place, len(self.looks) - 1)]
        return look if isinstance(look, Look) else Look(look)

    def aws(self, clock: SteppedClock) -> FakeAws:
        return FakeAws(
            {
                "ecs:DescribeServices": self._services,
                "ecs:DescribeServiceDeployments": lambda query: {"serviceDeployments": [self.look.rollout]},
                "ecs:ListTasks": lambda query: {
                    "taskArns": [
                        row["taskArn"]
                        for row in self.look.tasks
                        if row["desiredStatus"] == query.get("desiredStatus", "RUNNING")
                    ]
                },
                "ecs:DescribeTasks": lambda query: {
                    "tasks": [row for row in self.look.tasks if row["taskArn"] in query["tasks"]],
                    "failures": [],
                },
                "ecs:DescribeTaskDefinition": lambda query: {"taskDefinition": self._definition(query), "tags": []},
                "ecs:ListContainerInstances": lambda query: {
                    "containerInstanceArns": [
                        row["containerInstanceArn"]
                        for row in (self.matching[query["filter"]] if query.get("filter") else self.instances)
                    ]
                },
                "ecs:DescribeContainerInstances": lambda query: {"containerInstances": list(self.instances)},
                "ec2:DescribeInstances": lambda query: {
                    "Reservations": [
                        {
                            "Instances": [
                                {"InstanceId": id_, "Tags": [{"Key": "aws:autoscaling:groupName", "Value": "g"}]}
                            ]
                        }
                        for id_ in query["Filters"][0]["Values"]
                    ]
                },
                "autoscaling:DescribeAutoScalingGroups": lambda query: {"AutoScalingGroups": list(self.groups)},
                "elbv2:DescribeTargetHealth": lambda query: {
                    "TargetHealthDescriptions": [{"TargetHealth": row} for row in self.look.targets]
                },
                "elb:DescribeInstanceHealth": lambda query: {"InstanceStates": list(self.look.targets)},
                "logs:GetLogEvents": self._logs,
            },
            clock=clock,
        )

    def _services(self, query: Json) -> Json:
        self.place += 1
        found = self.look.service
        return {"services": [found] if found else [], "failures": [] if found else [{"reason": "MISSING"}]}

    def _definition(self, query: Json) -> Json:
        assert query["taskDefinition"] == "web:2"
        return {"family": "web", "revision": 2, "containerDefinitions": [{"name": "web"}], **self.definition}

    def _logs(self, query: Json) -> Json:
        key = f"{query['logGroupName']} {query['logStreamName']}"
        if key not in self.logs:
            raise AwsError("logs:GetLogEvents", "ResourceNotFoundException", "The specified log stream does not exist.")
        return {"events": [{"message": line} for line in self.logs[key]][-query["limit"] :]}

    def wait(self, *, timeout: float = 600, step: float = 2, deployment: str = "ecs-svc/1", **more: Any) -> list[str]:
        """Wait, each look ``step`` seconds after the one before; the names of the services that are steady."""
        clock = SteppedClock(step, NOW)
        clock.passed = self.passed
        aws = self.aws(clock)
        try:
            views = wait_for_services(
                aws,
                "prod",
                ["svc"],
                timeout=timeout,
                report=self.lines.append,
                since=NOW,
                deployments={"svc": deployment},
                **more,
            )
        finally:
            self.passed = clock.passed
        return [view.name for view in views]

    def fails(self, **more: Any) -> EcsctlError:
        """Wait, and give the error that it ends with."""
        try:
            self.wait(**more)
        except EcsctlError as error:
            return error
        raise AssertionError(f"the wait succeeded: {self.lines}")
