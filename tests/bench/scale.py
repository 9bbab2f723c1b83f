"""How the sandbox does with 500 instances and 10,000 tasks, beside ``moto_server``, all asked over bare HTTP.

    make bench-scale
    make bench-scale ARGS='--instances 50 --tasks 1000 --rounds 3'

Both run in processes of their own, one after the other. What moto's server does not do (agents that join by
themselves, services that start tasks, anything that moves with time) has a dash. ``ratio`` is the sandbox's median by
moto's. Exits with 1 where an aim is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
PATIENCE = 300.0
AUTH = "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/{}/aws4_request, SignedHeaders=host, Signature=0"
TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]})
POLICY = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
SCRIPT = "IyEvYmluL2Jhc2gKZWNobyBFQ1NfQ0xVU1RFUj1iZW5jaCA+PiAvZXRjL2Vjcy9lY3MuY29uZmlnCg=="
AIMS = {
    "start-up to the first answered ECS call": 2.0,
    "start of 1,000 tasks by a service": 10.0,
    "DescribeTasks of 100 tasks": 0.05,
    "a steady turn of the control loop": 0.1,
    "reset": 1.0,
    "memory, MB": 1000.0,
}


@dataclass
class Endpoint:
    """A server, asked over one connection; answers of ECS are JSON, of EC2 and IAM text."""

    port: int
    pid: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def hang_up(self) -> None:
        """Close the connection; the next request opens another."""
        self._line.close()

    def post(self, path: str, body: str, headers: dict[str, str]) -> bytes:
        self._line.request("POST", path, body, headers)
        answer = self._line.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {content[:300]!r}")
        return content

    def json(self, service: str, target: str, **body: Any) -> dict[str, Any]:
        headers = {"Authorization": AUTH.format(service), "Content-Type": "application/x-amz-json-1.1"}
        headers |= {"Host": f"{service}.eu-west-1.amazonaws.com", "X-Amz-Target": target}
        return dict(json.loads(self.post("/", json.dumps(body), headers) or b"{}"))

    def ecs(self, operation: str, **body: Any) -> dict[str, Any]:
        return self.json("ecs", f"AmazonEC2ContainerServiceV20141113.{operation}", **body)

    def query(self, service: str, action: str, **parameters: Any) -> str:
        version = {"ec2": "2016-11-15", "iam": "2010-05-08", "elasticloadbalancing": "2015-12-01"}[service]
        headers = {"Authorization": AUTH.format(service), "Content-Type": "application/x-www-form-urlencoded"}
        headers["Host"] = f"{service}.eu-west-1.amazonaws.com"
        return self.post("/", urlencode({"Action": action, "Version": version, **parameters}), headers).decode()

    def sandbox(self, action: str, method: str = "POST") -> dict[str, Any]:
        self._line.request(method, f"/_ecsctl/{action}", "{}", {"X-Ecsctl-Sandbox": "1"})
        return dict(json.loads(self._line.getresponse().read()))

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        """Do something, and keep how long it took."""
        began = time.perf_counter()
        done = work()
        self.seconds.setdefault(name, []).append(time.perf_counter() - began)
        return done

    def memory(self) -> float:
        """Resident, in MB."""
        shown = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True)
        return int(shown.stdout) / 1000


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(command: list[str], port: int) -> Iterator[Endpoint]:
    """A server process, from its start to its first answer to ListClusters."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    made = Endpoint(port, process.pid)
    try:
        while True:
            try:
                made.ecs("ListClusters")
                break
            except OSError:
                made.hang_up()
                if time.perf_counter() - began > PATIENCE or process.poll() is not None:
                    raise
                time.sleep(0.01)
        made.seconds["start-up to the first answered ECS call"] = [time.perf_counter() - began]
        yield made
    finally:
        process.terminate()
        process.wait()


@contextmanager
def ours() -> Iterator[Endpoint]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [sys.executable, "-m", "ecsctl.sandbox.server", "--folder", folder, "--name", "bench"]
        with server([*command, "--port", str(port), "--docker", "never"], port) as made:
            yield made


@contextmanager
def motos() -> Iterator[Endpoint]:
    port = free_port()
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    with server(command, port) as made:
        yield made


def until(look: Callable[[], bool]) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > deadline:
            raise RuntimeError("it takes too long")
        time.sleep(0.05)


def fill_ours(at: Endpoint, instances: int) -> None:
    """A cluster with instances that joined by their user data."""
    at.query("iam", "CreateRole", RoleName="bench", AssumeRolePolicyDocument=TRUST)
    at.query("iam", "AttachRolePolicy", RoleName="bench", PolicyArn=POLICY)
    at.query("iam", "CreateInstanceProfile", InstanceProfileName="bench")
    at.query("iam", "AddRoleToInstanceProfile", InstanceProfileName="bench", RoleName="bench")
    image = at.json("ssm", "AmazonSSM.GetParameter", Name=IMAGE)["Parameter"]["Value"]
    at.ecs("CreateCluster", clusterName="bench")
    for begin in range(0, instances, 100):
        count = min(100, instances - begin)
        at.query("ec2", "RunInstances", ImageId=image, InstanceType="m5.large", MinCount=count, MaxCount=count,
                 UserData=SCRIPT, **{"IamInstanceProfile.Name": "bench"})  # fmt: skip
    until(lambda: joined(at) == instances)


def joined(at: Endpoint) -> int:
    return int(at.ecs("DescribeClusters", clusters=["bench"])["clusters"][0]["registeredContainerInstancesCount"])


def fill_moto(at: Endpoint, instances: int) -> None:
    """A cluster with instances that the bench registers itself, as moto's server has no agents."""
    at.ecs("CreateCluster", clusterName="bench")
    at.ecs("ListClusters")
    found = at.query("ec2", "DescribeImages", **{"Owner.1": "amazon"})
    image = found.split("<imageId>", 1)[1].split("<", 1)[0]
    for _ in range(instances):
        answer = at.query("ec2", "RunInstances", ImageId=image, InstanceType="m5.large", MinCount=1, MaxCount=1)
        name = answer.split("<instanceId>", 1)[1].split("<", 1)[0]
        document = json.dumps({"instanceId": name, "region": "eu-west-1", "accountId": "123456789012"})
        at.ecs("RegisterContainerInstance", cluster="bench", instanceIdentityDocument=document)


def register(at: Endpoint) -> None:
    container = {"name": "web", "image": "web:1", "cpu": 16, "memory": 64, "essential": True}
    at.ecs("RegisterTaskDefinition", family="web", containerDefinitions=[container])


def run_tasks(at: Endpoint, count: int) -> list[str]:
    """RunTask, ten at a time."""
    arns = []
    for _ in range(count // 10):
        arns += [
            task["taskArn"] for task in at.ecs("RunTask", cluster="bench", taskDefinition="web", count=10)["tasks"]
        ]
    return arns


def service(at: Endpoint, number: int, count: int) -> None:
    """A service, until all its tasks run."""
    at.ecs("CreateService", cluster="bench", serviceName=f"s{number}", taskDefinition="web", desiredCount=count)

    def running() -> bool:
        found = at.ecs("DescribeServices", cluster="bench", services=[f"s{number}"])["services"][0]
        return int(found["runningCount"]) == count

    until(running)


def behind_a_balancer(at: Endpoint, count: int) -> None:
    """A service of so many tasks behind a target group, until its deployment is completed: all targets healthy."""
    subnets = at.query("ec2", "DescribeSubnets").split("<subnetId>")[1:]
    network = at.query("ec2", "DescribeVpcs").split("<vpcId>", 1)[1].split("<", 1)[0]
    named = {f"Subnets.member.{n + 1}": part.split("<", 1)[0] for n, part in enumerate(subnets[:2])}
    balancer = text_in(at.query("elasticloadbalancing", "CreateLoadBalancer", Name="bench", **named), "LoadBalancerArn")
    group = text_in(
        at.query("elasticloadbalancing", "CreateTargetGroup", Name="bench", Protocol="HTTP", Port="80", VpcId=network),
        "TargetGroupArn",
    )
    action = {"DefaultActions.member.1.Type": "forward", "DefaultActions.member.1.TargetGroupArn": group}
    at.query("elasticloadbalancing", "CreateListener", LoadBalancerArn=balancer, Protocol="HTTP", Port="8080", **action)
    container = {"name": "web", "image": "web:1", "cpu": 16, "memory": 64, "portMappings": [{"containerPort": 80}]}
    at.ecs("RegisterTaskDefinition", family="behind", containerDefinitions=[container])
    at.ecs("CreateService", cluster="bench", serviceName="behind", taskDefinition="behind", desiredCount=count,
           loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": 80}])  # fmt: skip

    def completed() -> bool:
        found = at.ecs("DescribeServices", cluster="bench", services=["behind"])["services"][0]
        return bool(found["deployments"][0]["rolloutState"] == "COMPLETED")

    until(completed)


def turns(at: Endpoint, name: str, rounds: int) -> None:
    """How long the sandbox's control loop says that it takes."""
    for _ in range(rounds):
        time.sleep(0.1)
        at.seconds.setdefault(name, []).append(at.sandbox("status", "GET")["turnMilliseconds"] / 1000)


def text_in(answer: str, element: str) -> str:
    return answer.split(f"<{element}>", 1)[1].split("<", 1)[0]


def answers_in_between(at: Endpoint, seconds: float) -> None:
    """The slowest of many answers while something changes all the time, and so is saved every second."""
    end = time.monotonic() + seconds
    slowest = 0.0
    while time.monotonic() < end:
        at.ecs("RunTask", cluster="bench", taskDefinition="web")
        for _ in range(5):
            began = time.perf_counter()
            at.ecs("DescribeTasks", cluster="bench", tasks=["0" * 32])
            slowest = max(slowest, time.perf_counter() - began)
            time.sleep(0.01)
    at.seconds["slowest small answer in 5 s of changes"] = [slowest]


def measure(at: Endpoint, instances: int, tasks: int, rounds: int, own: bool) -> None:
    """All that is measured, at one server."""
    at.timed(f"{instances} instances join", lambda: (fill_ours if own else fill_moto)(at, instances))
    register(at)
    arns = at.timed(f"RunTask of {tasks // 10:,} tasks, ten a call", lambda: run_tasks(at, tasks // 10))
    while own and len(at.seconds.get("start of 1,000 tasks by a service", ())) * 1000 < tasks - tasks // 10:
        number = len(at.seconds.get("start of 1,000 tasks by a service", ()))
        at.timed("start of 1,000 tasks by a service", lambda number=number: service(at, number, 1000))
    if not own:
        arns += run_tasks(at, tasks - tasks // 10)
    for _ in range(rounds):
        at.timed("DescribeTasks of 100 tasks", lambda: at.ecs("DescribeTasks", cluster="bench", tasks=arns[:100]))
        at.timed("ListTasks", lambda: at.ecs("ListTasks", cluster="bench"))
        at.timed("DescribeClusters", lambda: at.ecs("DescribeClusters", clusters=["bench"]))
        at.timed("RunTask of one task", lambda: at.ecs("RunTask", cluster="bench", taskDefinition="web"))
    if own:
        time.sleep(3)
        turns(at, "a steady turn of the control loop", rounds)
    answers_in_between(at, 5)
    if own:
        at.timed("1,000 tasks behind a target group", lambda: behind_a_balancer(at, min(1000, tasks // 10)))
        time.sleep(3)
        turns(at, "a steady turn with balancers", rounds)
    at.seconds["memory, MB"] = [at.memory()]
    at.timed("reset", lambda: at.sandbox("reset") if own else at.post("/moto-api/reset", "", {}))


def shown(name: str, values: list[float] | None) -> str:
    if not values:
        return "-"
    middle = statistics.median(values)
    if name.startswith("memory"):
        return f"{middle:.0f}"
    return f"{middle:.2f} s" if middle >= 1 else f"{middle * 1000:.1f} ms"


def report(own: dict[str, list[float]], theirs: dict[str, list[float]]) -> bool:
    """Print the table; whether all aims are held."""
    print(f"{'':44} {'sandbox':>10} {'moto':>10} {'ratio':>7}  aim")
    held = True
    for name in dict.fromkeys((*own, *theirs)):
        ratio = "-"
        if own.get(name) and theirs.get(name):
            ratio = f"{statistics.median(own[name]) / statistics.median(theirs[name]):.2f}"
        aim, verdict = AIMS.get(name), ""
        if aim is not None:
            missed = statistics.median(own[name]) > aim
            held = held and not missed
            verdict = f"{'MISSED' if missed else 'held'}: {shown(name, [aim])}"
        print(f"{name:44} {shown(name, own.get(name)):>10} {shown(name, theirs.get(name)):>10} {ratio:>7}  {verdict}")
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--starts", type=int, default=3, help="how often each server is started")
    parser.add_argument("--without-moto", action="store_true")
    options = parser.parse_args()
    results = []
    for own, make in ((True, ours), (False, motos)):
        if not own and options.without_moto:
            results.append({})
            continue
        starts = []
        for _ in range(options.starts - 1):
            with make() as at:
                starts += at.seconds["start-up to the first answered ECS call"]
        with make() as at:
            with contextlib.suppress(KeyboardInterrupt):
                measure(at, options.instances, options.tasks, options.rounds, own)
            at.seconds["start-up to the first answered ECS call"] += starts
            results.append(at.seconds)
    return 0 if report(results[0], results[1]) else 1


if __name__ == "__main__":
    sys.exit(main())
