"""``up``, ``plan`` and ``validate``: how much of the machine they take, and how long they go on after AWS is done.

python -m tests.bench.write_path
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.many_tasks import cost
from tests.support.sandbox import Running, start_sandbox

BIN = Path(sys.executable).parent
ECSCTL = str(BIN / "ecsctl")
HELLO_WORLD = Path(__file__).parents[2] / "examples" / "helloworld" / "ecsctl.yaml"
LOAD = "import sys, yaml; yaml.load(open(sys.argv[1]), yaml.CSafeLoader)"


@dataclass(frozen=True)
class Up:
    """Medians of ``up``: CPU seconds, and seconds from what a wait waited for to its end (both waits of each round)."""

    cpu: float
    late: float


def up(rounds: int = 3) -> Up:
    """``up`` of the hello world, from nothing, by the machine's clock."""
    spent, late = [], []
    with tempfile.TemporaryDirectory() as folder, start_sandbox(Path(folder), docker="never") as sandbox:
        env = clean(sandbox)
        for _ in range(rounds):
            process = subprocess.Popen(
                [ECSCTL, "up", "-f", str(HELLO_WORLD), "-y"],
                env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert process.stderr is not None
            joined = 0.0
            for line in process.stderr:
                if "2 of 2 have joined" in line:
                    joined = time.time()
            _, status, usage = os.wait4(process.pid, 0)
            ended = time.time()
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise SystemExit(f"up ended with {process.returncode}")
            spent.append(usage.ru_utime + usage.ru_stime)
            late += [joined - registered(sandbox), ended - steady(sandbox)]
            subprocess.run([ECSCTL, "down", "-f", str(HELLO_WORLD), "-y", "-q"], env=env, check=True)
    return Up(statistics.median(spent), statistics.median(late))


def registered(sandbox: Running) -> float:
    """When the last instance registered."""
    ecs = sandbox.client("ecs")
    arns = ecs.list_container_instances(cluster="OsonesTest")["containerInstanceArns"]
    found = ecs.describe_container_instances(cluster="OsonesTest", containerInstances=arns)["containerInstances"]
    return max(one["registeredAt"].timestamp() for one in found)


def steady(sandbox: Running) -> float:
    """When the service's newest event came: that it has reached a steady state."""
    (service,) = sandbox.client("ecs").describe_services(cluster="OsonesTest", services=["svc-helloworld"])["services"]
    return float(max(event["createdAt"] for event in service["events"]).timestamp())


@dataclass(frozen=True)
class Plan:
    """Medians of ``plan`` where nothing changes: seconds, and CPU seconds."""

    wall: float
    cpu: float


def plan(services: int = 50, latency: float = 0.05, rounds: int = 3) -> Plan:
    """``plan`` of so many services, each of its own family with logs, at ``latency`` seconds a call."""
    with tempfile.TemporaryDirectory() as folder, start_sandbox(Path(folder), docker="never") as sandbox:
        file = Path(folder) / "ecsctl.yaml"
        lines = ["name: shop", "cluster: shop", "taskDefinitions:"]
        lines += [f"  app-{n:02}: {{image: 'example/app:{n}', memory: 64, logs: awslogs}}" for n in range(services)]
        lines += ["services:"]
        lines += [f"  app-{n:02}: {{taskDefinition: app-{n:02}, desiredCount: 0}}" for n in range(services)]
        file.write_text("\n".join(lines) + "\n")
        env = clean(sandbox)
        subprocess.run([ECSCTL, "up", "-f", str(file), "-y", "-q"], env=env, check=True)
        sandbox.sandbox.add_fault({"kind": "latency", "seconds": latency})
        rows = [cost([ECSCTL, "plan", "-q", "--exit-code", "-f", str(file)], env) for _ in range(rounds)]
    return Plan(*(statistics.median(column) for column in list(zip(*rows, strict=True))[:2]))


def validate(services: int = 200, rounds: int = 5) -> float:
    """The seconds of ``validate`` by those that CSafeLoader takes for the same file, both as processes; the median."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ecsctl.yaml"
        lines = ["name: shop", "cluster: shop", "region: eu-west-1", "taskDefinitions:"]
        for number in range(services):
            lines += [
                f"  app-{number}:",
                "    containerDefinitions:",
                f"      - name: app\n        image: example/app:{number}\n        memory: 256\n        cpu: 128",
                '        environment: {LOG: debug, PORT: "8080"}',
                '        portMappings: ["8080"]\n        logs: awslogs',
            ]
        lines += ["services:"]
        lines += [f"  app-{n}: {{taskDefinition: app-{n}, desiredCount: 2}}" for n in range(services)]
        file.write_text("\n".join(lines) + "\n")
        env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ECS"))}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        ratios = []
        for _ in range(rounds + 1):
            peer = cost([sys.executable, "-c", LOAD, str(file)], env)[0]
            ratios.append(cost([ECSCTL, "validate", "-q", str(file)], env)[0] / peer)
    return statistics.median(ratios[1:])


def clean(sandbox: Running) -> dict[str, str]:
    """The environment of a command that uses the sandbox, with bytecode kept."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ECS"))}
    env.update(sandbox.environment)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def main() -> int:
    print(up(), plan(), f"validate: {validate():.2f}", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
