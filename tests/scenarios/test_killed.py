"""Killed anywhere, run again: ``up`` and ``down`` cut off after each of their AWS calls.

The cut is made at the door to AWS: right after the n-th call took effect the run dies as by SIGKILL, or it lives on and
only the answer is lost. Then the same command runs again, and AWS must be as after one undisturbed run, and a third run
must find nothing to do.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ecsctl.aws.session import Aws
from ecsctl.deploy.pipeline import execute, prepare, prepare_removal
from ecsctl.errors import AwsError
from ecsctl.manifest import load_spec
from ecsctl.manifest.model import Spec
from tests.support.sandbox import Running, SandboxClock

pytestmark = pytest.mark.slow

FILE = """
name: {name}
region: eu-west-1
cluster: {name}
instances: {{count: 1, ingress: [8080]}}
taskDefinitions:
  {name}-web:
    containerDefinitions:
      - {{name: web, image: example/web, cpu: 1, memory: 32, portMappings: ["80:80"], logs: awslogs}}
loadBalancers:
  {name}-lb: {{type: classic}}
services:
  {name}-svc:
    taskDefinition: {name}-web
    desiredCount: 1
    loadBalancer: {name}-lb:80
"""
FARGATE = """
name: {name}
cluster: {name}
taskDefinitions:
  {name}-web: {{image: example/web, requiresCompatibilities: FARGATE, networkMode: awsvpc, cpu: 256, memory: 512MB,
                portMappings: ["80"]}}
loadBalancers:
  {name}-lb: {{type: application}}
services:
  {name}-svc: {{taskDefinition: {name}-web, launchType: FARGATE, desiredCount: 1, ingress: [80],
                loadBalancer: {name}-lb:80}}
"""
READS = ("Describe", "List", "Get")
# More calls than `up` or `down` make: the tests say how many there were, and fail where this is too few.
MOST_CALLS = 64
CHUNKS = 8
names = itertools.count()


class Killed(BaseException):
    """The process dies here."""


class Mortal(Aws):
    """A door that breaks at its n-th call, in the way that ``how`` says."""

    def __init__(self, sandbox: Running, n: int | None = None, how: str = "") -> None:
        super().__init__(sandbox.target, clock=SandboxClock(sandbox.sandbox))
        self.n, self.how = n, how
        self.calls = 0
        self.writes: list[str] = []
        self.dead = threading.Event()
        self._count = threading.Lock()

    def call(
        self, service: str, operation: str, params: Mapping[str, Any] | None = None, *, about: str | None = None
    ) -> dict[str, Any]:
        with self._count:
            if self.dead.is_set():
                raise Killed
            mine = self.calls
            self.calls += 1
        answer = super().call(service, operation, params, about=about)
        if not operation.startswith(READS):
            self.writes.append(f"{service}:{operation}")
        if mine == self.n and self.how == "after":
            self.dead.set()
            raise Killed
        if mine == self.n and self.how == "lost":
            raise AwsError(f"{service}:{operation}", "AnswerLost", "the answer was lost", ambiguous=True)
        return answer


def door(sandbox: Running, n: int | None = None, how: str = "") -> Mortal:
    return Mortal(sandbox, n, how)


def project(tmp_path: Path, text: str = FILE) -> Spec:
    name = f"k{next(names)}"
    file = tmp_path / f"{name}.yaml"
    file.write_text(text.format(name=name))
    return load_spec([str(file)])


def up(aws: Mortal, spec: Spec) -> None:
    execute(aws, prepare(aws, spec), wait=False)


def down(aws: Mortal, spec: Spec) -> None:
    execute(aws, prepare_removal(aws, spec), wait=False)


def attempt(run: Any, aws: Mortal, spec: Spec) -> bool:
    """Run; whether it came to its end."""
    try:
        run(aws, spec)
    except (Killed, AwsError):
        return False
    except Exception as error:
        # What the other threads of a dying run meet.
        if not aws.dead.is_set() and "AnswerLost" not in str(error):
            raise
        return False
    return True


def state(sandbox: Running, spec: Spec) -> dict[str, Any]:
    """What AWS has under the project's name, read by plain boto3; the name itself left out."""
    ecs, ec2, iam = sandbox.client("ecs"), sandbox.client("ec2"), sandbox.client("iam")
    elb, groups = sandbox.client("elb"), sandbox.client("autoscaling")
    logs = sandbox.client("logs")
    own = [{"Name": "tag:ecsctl:project", "Values": [spec.name]}]
    service, balancer = f"{spec.name}-svc", f"{spec.name}-lb"
    clusters = [arn for arn in ecs.list_clusters()["clusterArns"] if arn.endswith(f"/{spec.name}")]
    services = ecs.describe_services(cluster=spec.name, services=[service])["services"] if clusters else []
    balancers = [
        b for b in elb.describe_load_balancers()["LoadBalancerDescriptions"] if b["LoadBalancerName"] == balancer
    ]
    asgs = [
        g
        for g in groups.describe_auto_scaling_groups()["AutoScalingGroups"]
        if spec.name in g["AutoScalingGroupName"].split("-")
    ]
    roles = [r["RoleName"] for r in iam.list_roles()["Roles"] if f"-{spec.name}-" in r["RoleName"]]
    profiles = [
        p for p in iam.list_instance_profiles()["InstanceProfiles"] if f"-{spec.name}-" in p["InstanceProfileName"]
    ]
    templates = ec2.describe_launch_templates(Filters=own)["LaunchTemplates"]
    revisions = ecs.list_task_definitions(familyPrefix=f"{spec.name}-web", status="ACTIVE")

    def policies(role: str) -> list[dict[str, Any]]:
        return list(iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"])

    found: dict[str, Any] = {
        "clusters": len(clusters),
        "services": [(s["status"], s["desiredCount"]) for s in services if s["status"] != "INACTIVE"],
        "definitions": len(revisions["taskDefinitionArns"]),
        "balancers": [
            (b["HealthCheck"]["Target"], b["HealthCheck"]["Interval"], len(b["ListenerDescriptions"]))
            for b in balancers
        ],
        "security groups": sorted(
            (g["GroupName"].removeprefix(f"ecsctl-{spec.name}-").removeprefix(spec.name), len(g["IpPermissions"]))
            for g in ec2.describe_security_groups(Filters=own)["SecurityGroups"]
        ),
        "log groups": [
            group["logGroupName"].removeprefix(f"/ecs/{spec.name}-")
            for group in logs.describe_log_groups(logGroupNamePrefix=f"/ecs/{spec.name}-")["logGroups"]
        ],
        "templates": [t["LatestVersionNumber"] for t in templates],
        "groups": [(g["MinSize"], g["DesiredCapacity"], g["MaxSize"]) for g in asgs],
        "roles": [sorted(policy["PolicyName"] for policy in policies(role)) for role in roles],
        "profiles": [len(p["Roles"]) for p in profiles],
        "instances": sum(
            i["State"]["Name"] in ("pending", "running")
            for r in ec2.describe_instances(Filters=own)["Reservations"]
            for i in r["Instances"]
        ),
    }
    return found


def assert_whole(found: dict[str, Any]) -> None:
    assert found["clusters"] == 1
    # Behind a lost answer a second revision may have been made and taken back: one is ACTIVE, and the service runs it.
    assert found["definitions"] == 1
    assert found["services"] == [("ACTIVE", 1)]
    assert found["balancers"] == [("TCP:80", 10, 1)]
    assert found["security groups"] == [("-lb", 1), ("instances", 2)]
    assert found["log groups"] == ["web"]
    assert found["templates"] == [1]
    assert found["groups"] == [(1, 1, 1)]
    assert found["roles"] == [["AmazonEC2ContainerServiceforEC2Role", "AmazonSSMManagedInstanceCore"]]
    assert found["profiles"] == [1]
    assert found["instances"] == 1


def assert_nothing(found: dict[str, Any]) -> None:
    assert {key: value for key, value in found.items() if value} == {}


def ways(n: int) -> tuple[str, ...]:
    """How the n-th call is cut off: in one of the two ways; in both, in ten minutes more, by KILLED=everywhere."""
    both = ("after", "lost")
    return both if os.environ.get("KILLED") == "everywhere" else (both[(n + n // CHUNKS) % 2],)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_up_and_down_cut_off_at_every_call(sandbox: Running, tmp_path: Path, chunk: int) -> None:
    ended = False
    for n, how in ((call, way) for call in range(chunk, MOST_CALLS, CHUNKS) for way in ways(call)):
        spec = project(tmp_path)
        ended = attempt(up, door(sandbox, n, how), spec) and door(sandbox).calls == 0
        up(door(sandbox), spec)
        assert_whole(state(sandbox, spec))
        third = door(sandbox)
        assert prepare(third, spec).plan.empty, f"{how} call {n}"
        assert third.writes == []

        attempt(down, door(sandbox, n, how), spec)
        down(door(sandbox), spec)
        assert_nothing(state(sandbox, spec))
        assert prepare_removal(door(sandbox), spec).plan.empty
    assert ended, f"up makes more than {MOST_CALLS - CHUNKS} calls: raise MOST_CALLS"


def forwarding(sandbox: Running, spec: Spec) -> dict[str, Any]:
    """What a project behind an application balancer has."""
    elb, ec2 = sandbox.client("elbv2"), sandbox.client("ec2")
    own = [{"Name": "tag:ecsctl:project", "Values": [spec.name]}]
    rows = [b for b in elb.describe_load_balancers()["LoadBalancers"] if b["LoadBalancerName"] == f"{spec.name}-lb"]
    groups = [
        group["TargetGroupName"]
        for group in elb.describe_target_groups()["TargetGroups"]
        if group["TargetGroupName"].startswith(f"ecsctl-{spec.name}-svc-")
    ]
    return {
        "listeners": [len(elb.describe_listeners(LoadBalancerArn=b["LoadBalancerArn"])["Listeners"]) for b in rows],
        "target groups": len(groups),
        "security groups": len(ec2.describe_security_groups(Filters=own)["SecurityGroups"]),
        **{key: value for key, value in state(sandbox, spec).items() if key in ("clusters", "services", "definitions")},
    }


@pytest.mark.parametrize("how", ["after", "lost"])
def test_a_project_behind_an_application_balancer_cut_off_at_its_writes(
    sandbox: Running, tmp_path: Path, how: str
) -> None:
    whole = project(tmp_path, FARGATE)
    counted = door(sandbox)
    up(counted, whole)
    expected = forwarding(sandbox, whole)
    assert (expected["listeners"], expected["target groups"], expected["security groups"]) == ([1], 1, 2)
    # The two ways share the calls: the file's other kinds are cut off at each of theirs above.
    for n in range(["after", "lost"].index(how), counted.calls, 5):
        spec = project(tmp_path, FARGATE)
        first = door(sandbox, n, how)
        attempt(up, first, spec)
        if not first.writes:
            continue
        up(door(sandbox), spec)
        assert forwarding(sandbox, spec) == expected, f"{how} call {n}"
        assert prepare(door(sandbox), spec).plan.empty, f"{how} call {n}"
        attempt(down, door(sandbox, n, how), spec)
        down(door(sandbox), spec)
        assert_nothing(forwarding(sandbox, spec))


def test_two_at_the_same_time_end_with_one_of_each(sandbox: Running, tmp_path: Path) -> None:
    spec = project(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(up, door(sandbox), spec) for _ in range(2)]
    for result in results:
        result.result()
    assert_whole(state(sandbox, spec))
    assert prepare(door(sandbox), spec).plan.empty
    down(door(sandbox), spec)
    assert_nothing(state(sandbox, spec))
