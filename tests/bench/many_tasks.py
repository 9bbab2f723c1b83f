"""``ecsctl ps`` of thousands of tasks beside the listing alone: wall time, CPU and memory of the whole process.

    python -m tests.bench.many_tasks                       5,000 tasks on 500 instances, 50 ms a call
    python -m tests.bench.many_tasks --tasks 20000 --throttle    under ECS's own read buckets

The AWS is a loopback server of prepared answers, so that its own work hardly counts. The floor is what no client can
avoid: the pages of ListTasks one after the other, or, under the buckets, the calls that the buckets let through.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ARN = "arn:aws:ecs:eu-west-1:123456789012"
PAGE = 100


def name_of(arn: str) -> str:
    return arn.rpartition("/")[2]


class Fleet:
    """Prepared answers for ``tasks`` tasks on ``instances`` instances."""

    def __init__(self, tasks: int, instances: int) -> None:
        self.task_arns = [f"{ARN}:task/big/{number:032x}" for number in range(tasks)]
        hosts = [f"{ARN}:container-instance/big/{number:032x}" for number in range(instances)]
        self.described = {
            name_of(arn): json.dumps(self._task(arn, number, hosts[number % instances])).encode()
            for number, arn in enumerate(self.task_arns)
        }
        self.hosts = {arn: json.dumps(self._host(arn, number)).encode() for number, arn in enumerate(hosts)}
        self.instances = {f"i-{number:017x}": self._instance(number).encode() for number in range(instances)}

    @staticmethod
    def _task(arn: str, number: int, host: str) -> dict[str, Any]:
        return {
            "taskArn": arn,
            "clusterArn": f"{ARN}:cluster/big",
            "taskDefinitionArn": f"{ARN}:task-definition/web:{number % 7 + 1}",
            "containerInstanceArn": host,
            "overrides": {"containerOverrides": [{"name": "web"}], "inferenceAcceleratorOverrides": []},
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "cpu": "128",
            "memory": "256",
            "containers": [
                {
                    "containerArn": f"{ARN}:container/big/{number:032x}/{number:032x}",
                    "taskArn": arn,
                    "name": "web",
                    "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:latest",
                    "imageDigest": "sha256:" + f"{number:064x}",
                    "runtimeId": f"{number:012x}" + "e" * 52,
                    "lastStatus": "RUNNING",
                    "networkBindings": [
                        {
                            "bindIP": "0.0.0.0",
                            "containerPort": 80,
                            "hostPort": 32768 + number % 20000,
                            "protocol": "tcp",
                        }
                    ],
                    "networkInterfaces": [],
                    "healthStatus": "UNKNOWN",
                    "cpu": "128",
                    "memory": "256",
                }
            ],
            "startedBy": "ecs-svc/1234567890123456789",
            "version": 3,
            "connectivity": "CONNECTED",
            "connectivityAt": 1767225600.5,
            "createdAt": 1767225600.123 + number,
            "startedAt": 1767225610.456 + number,
            "pullStartedAt": 1767225601.1,
            "pullStoppedAt": 1767225602.1,
            "group": f"service:web-{number % 20}",
            "launchType": "EC2",
            "attachments": [],
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
            "availabilityZone": "eu-west-1a",
            "healthStatus": "UNKNOWN",
            "tags": [],
            "enableExecuteCommand": False,
        }

    @staticmethod
    def _host(arn: str, number: int) -> dict[str, Any]:
        resources = [
            {"name": "CPU", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": 2048},
            {"name": "MEMORY", "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": 3884},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2375", "2376", "51678", "51679"]},
        ]
        return {
            "containerInstanceArn": arn,
            "ec2InstanceId": f"i-{number:017x}",
            "version": 5,
            "versionInfo": {"agentVersion": "1.89.0", "dockerVersion": "DockerVersion: 25.0.6"},
            "remainingResources": resources,
            "registeredResources": resources,
            "status": "ACTIVE",
            "agentConnected": True,
            "runningTasksCount": 10,
            "pendingTasksCount": 0,
            "attributes": [{"name": f"ecs.capability.number-{n}"} for n in range(40)]
            + [{"name": "ecs.availability-zone", "value": "eu-west-1a"}],
            "registeredAt": 1767225000.0,
            "attachments": [],
            "tags": [],
        }

    @staticmethod
    def _instance(number: int) -> str:
        volumes = "".join(
            f"<item><deviceName>/dev/xvd{letter}</deviceName><ebs><volumeId>vol-{number:017x}</volumeId>"
            "<status>attached</status><attachTime>2026-01-01T00:00:00.000Z</attachTime>"
            "<deleteOnTermination>true</deleteOnTermination></ebs></item>"
            for letter in "ab"
        )
        tags = "".join(f"<item><key>tag{n}</key><value>value {n}</value></item>" for n in range(6))
        address = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
        return (
            f"<item><reservationId>r-{number:017x}</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet>"
            f"<item><instanceId>i-{number:017x}</instanceId><imageId>ami-0abc</imageId><instanceState><code>16</code>"
            f"<name>running</name></instanceState><privateDnsName>ip.internal</privateDnsName><dnsName/><reason/>"
            f"<amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>m5.large</instanceType>"
            f"<launchTime>2026-01-01T00:00:00.000Z</launchTime><placement><availabilityZone>eu-west-1a</availabilityZone>"
            f"<groupName/><tenancy>default</tenancy></placement><monitoring><state>disabled</state></monitoring>"
            f"<subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><privateIpAddress>{address}</privateIpAddress>"
            f"<ipAddress>198.51.{number // 256 % 256}.{number % 256}</ipAddress><sourceDestCheck>true</sourceDestCheck>"
            f"<groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item></groupSet>"
            f"<architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType>"
            f"<rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping>{volumes}</blockDeviceMapping>"
            f"<virtualizationType>hvm</virtualizationType><tagSet>{tags}</tagSet><hypervisor>xen</hypervisor>"
            f"<networkInterfaceSet/></item></instancesSet></item>"
        )


class Buckets:
    """ECS's read bucket: 100 at once, then 20 a second, for DescribeTasks and ListTasks together."""

    def __init__(self) -> None:
        self.left, self.at, self.refused = 100.0, time.monotonic(), 0
        self.lock = threading.Lock()

    def take(self) -> bool:
        with self.lock:
            now = time.monotonic()
            self.left = min(100.0, self.left + (now - self.at) * 20)
            self.at = now
            if self.left < 1:
                self.refused += 1
                return False
            self.left -= 1
            return True


def serve(fleet: Fleet, seconds: float, buckets: Buckets | None) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            return

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(seconds)
            status, answer = 200, b"{}"
            operation = (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
            query = json.loads(body) if operation else {}
            if buckets and operation in ("ListTasks", "DescribeTasks") and not buckets.take():
                status, answer = 400, b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'
            elif operation == "ListTasks":
                start = int(query.get("nextToken") or 0)
                page: dict[str, Any] = {"taskArns": fleet.task_arns[start : start + PAGE]}
                if start + PAGE < len(fleet.task_arns):
                    page["nextToken"] = str(start + PAGE)
                answer = json.dumps(page).encode()
            elif operation == "DescribeTasks":
                answer = (
                    b'{"failures":[],"tasks":['
                    + b",".join(fleet.described[name_of(arn)] for arn in query["tasks"])
                    + b"]}"
                )
            elif operation == "DescribeContainerInstances":
                found = b",".join(fleet.hosts[arn] for arn in query["containerInstances"])
                answer = b'{"failures":[],"containerInstances":[' + found + b"]}"
            elif not operation:
                ids = re.findall(rb"Filter\.1\.Value\.\d+=(i-[0-9a-f]+)", body)
                found = b"".join(fleet.instances[name.decode()] for name in ids)
                answer = (
                    b'<?xml version="1.0"?><DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
                    b"<requestId>r</requestId><reservationSet>"
                    + found
                    + b"</reservationSet></DescribeInstancesResponse>"
                )
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def pages_alone(port: int) -> float:
    """Seconds for the pages of ListTasks, one after the other, by one connection and nothing else."""
    import http.client

    start, token = time.perf_counter(), ""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while True:
        query = {"cluster": "big", **({"nextToken": token} if token else {})}
        headers = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListTasks"}
        connection.request("POST", "/", json.dumps(query), headers)
        token = json.loads(connection.getresponse().read()).get("nextToken", "")
        if not token:
            return time.perf_counter() - start


# A process of its own starts the command: the peak of a child begins with the memory of whoever forked it.
COST = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=2)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def cost(command: list[str], env: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory in MiB of a command."""
    done = subprocess.run([sys.executable, "-c", COST, *command], env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{command[0]} ended with {done.returncode}")
    wall, cpu, memory = map(float, done.stdout.split())
    return wall, cpu, memory


@dataclass(frozen=True)
class Measured:
    """Medians of ``ps``: seconds, the same by the floor (in seconds), CPU seconds, MiB, and the calls throttled."""

    wall: float
    floor: float
    ratio: float
    cpu: float
    memory: float
    throttled: int = 0


def measure(tasks: int, instances: int, latency: float, *, rounds: int = 3, throttle: bool = False) -> Measured:
    """``ecsctl ps`` of so many tasks, at ``latency`` seconds a call; under ECS's own read bucket it is one round."""
    fleet = Fleet(tasks, instances)
    buckets = Buckets() if throttle else None
    server = serve(fleet, latency, buckets)
    ecsctl = str(Path(sys.executable).parent / "ecsctl")
    with tempfile.TemporaryDirectory() as folder:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ECS"))}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env.update(
            AWS_ACCESS_KEY_ID="bench",
            AWS_SECRET_ACCESS_KEY="bench",
            AWS_REGION="eu-west-1",
            AWS_DEFAULT_REGION="eu-west-1",
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}",
            AWS_CONFIG_FILE=f"{folder}/none",
            AWS_SHARED_CREDENTIALS_FILE=f"{folder}/none",
            XDG_CACHE_HOME=folder,
        )
        command = [ecsctl, "ps", "-c", "big"]
        # A first look records what botocore decides, as on any machine where ecsctl was used before.
        cost([ecsctl, "locate", "-c", "big", fleet.task_arns[0]], env)
        if buckets:
            time.sleep(1)
            buckets.left = 100.0
            wall, cpu, memory = cost(command, env)
            floor = max(0.0, (2 * len(fleet.task_arns) / PAGE - 100) / 20)
            return Measured(wall, floor, wall / floor, cpu, memory, buckets.refused)
        rows = []
        for _ in range(rounds):
            alone = pages_alone(server.server_port)
            wall, cpu, memory = cost(command, env)
            rows.append((wall, alone, wall / alone, cpu, memory))
    return Measured(*(statistics.median(column) for column in zip(*rows, strict=True)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds a call takes at the server")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--throttle", action="store_true", help="ECS's own read bucket; one round")
    given = parser.parse_args()
    found = measure(given.tasks, given.instances, given.latency, rounds=given.rounds, throttle=given.throttle)
    print(f"ps of {given.tasks} tasks on {given.instances} instances, {given.latency * 1000:.0f} ms a call, medians:")
    print(
        f"{found.wall:.2f} s, {found.ratio:.2f} of the floor ({found.floor:.2f} s), {found.throttled} calls throttled"
    )
    print(f"CPU {found.cpu:.2f} s, memory {found.memory:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
