"""``ecsctl locate TASK`` beside its peers: the same question asked in four ways, in turn, on one sandbox.

    python -m tests.bench.locate                  20 rounds
    python -m tests.bench.locate --rounds 50

The peers: three ``aws`` calls in a shell script (what one types today), plain boto3 in one script, and three
bare HTTP requests from Python (the floor: no command line, no credentials chain, no models). Prints each median and
the median of the ratios, round by round, to the three calls. Everything runs from compiled bytecode.
"""

from __future__ import annotations

import argparse
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
BIN = Path(sys.executable).parent

THREE_CALLS = """
set -e
ci=$(aws ecs describe-tasks --cluster bench --tasks "$1" --query 'tasks[0].containerInstanceArn' --output text)
id=$(aws ecs describe-container-instances --cluster bench --container-instances "$ci" \
     --query 'containerInstances[0].ec2InstanceId' --output text)
aws ec2 describe-instances --instance-ids "$id" --query 'Reservations[0].Instances[0].PublicIpAddress' --output text
"""
BOTO3 = """
import sys, boto3
ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
task = ecs.describe_tasks(cluster="bench", tasks=[sys.argv[1]])["tasks"][0]
host = ecs.describe_container_instances(cluster="bench", containerInstances=[task["containerInstanceArn"]])
found = ec2.describe_instances(InstanceIds=[host["containerInstances"][0]["ec2InstanceId"]])
print(found["Reservations"][0]["Instances"][0]["PublicIpAddress"])
"""
BARE = """
import http.client, json, os, re, sys
where = os.environ["AWS_ENDPOINT_URL"].split("//")[1]
scope = "/20260101/%s/%s/aws4_request"
line = http.client.HTTPConnection(where)
def ask(service, kind, target, body):
    auth = "AWS4-HMAC-SHA256 Credential=test" + scope % (os.environ["AWS_DEFAULT_REGION"], service)
    auth += ", SignedHeaders=host, Signature=0"
    headers = {"Content-Type": kind, "Authorization": auth, "Host": "%s.amazonaws.com" % service}
    if target:
        headers["X-Amz-Target"] = "AmazonEC2ContainerServiceV20141113." + target
    line.request("POST", "/", body, headers)
    return line.getresponse().read()
def ecs(target, **body):
    return json.loads(ask("ecs", "application/x-amz-json-1.1", target, json.dumps(body)))
task = ecs("DescribeTasks", cluster="bench", tasks=[sys.argv[1]])["tasks"][0]
host = ecs("DescribeContainerInstances", cluster="bench", containerInstances=[task["containerInstanceArn"]])
query = "Action=DescribeInstances&Version=2016-11-15&InstanceId.1=" + host["containerInstances"][0]["ec2InstanceId"]
form = "application/x-www-form-urlencoded; charset=utf-8"
print(re.search(rb"<ipAddress>([^<]+)", ask("ec2", form, None, query)).group(1).decode())
"""
DEFINITION = """
name: bench
cluster: bench
instances: {count: 1}
taskDefinitions:
  web:
    containerDefinitions:
      - {name: web, image: "example/web", memory: 64, portMappings: ["8080:80"]}
"""


def measure(rounds: int) -> dict[str, list[float]]:
    """The seconds of each round, by the way that was asked.

    Raises:
        SystemExit: the ways do not agree.
    """
    from tests.support.sandbox import start_sandbox

    with tempfile.TemporaryDirectory() as folder, start_sandbox(Path(folder), docker="never") as sandbox:
        work = Path(folder)
        env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ECS"))}
        env.update(sandbox.environment, PATH=f"{BIN}{os.pathsep}{env['PATH']}")
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        (work / "ecsctl.yaml").write_text(DEFINITION)
        ecsctl = [str(BIN / "ecsctl")]
        subprocess.run([*ecsctl, "up", "-f", str(work / "ecsctl.yaml"), "-y", "-q"], env=env, check=True)
        started = subprocess.run(
            [*ecsctl, "run", "web", "-c", "bench", "-q"], env=env, check=True, capture_output=True, text=True
        )
        task = started.stdout.strip()
        peers = {
            "three aws calls": ["sh", "-c", THREE_CALLS, "sh", task],
            "plain boto3": [sys.executable, "-c", BOTO3, task],
            "ecsctl locate": [*ecsctl, "locate", "-c", "bench", "-q", task],
            "bare HTTP": [sys.executable, "-c", BARE, task],
        }
        times: dict[str, list[float]] = {name: [] for name in peers}
        answers = set()
        for round_ in range(rounds + 1):
            for name, command in peers.items():
                start = time.perf_counter()
                answer = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()
                if round_:  # the first round warms the caches of all
                    times[name].append(time.perf_counter() - start)
                answers.add(answer.split(":")[0])
    if len(answers) != 1:
        raise SystemExit(f"the answers differ: {sorted(answers)}")
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="how often each is asked")
    rounds = parser.parse_args().rounds
    compileall.compile_dir(ROOT / "ecsctl", quiet=2)
    times = measure(rounds)
    base = times["three aws calls"]
    print(f"{rounds} rounds, medians\n")
    print(f"{'':18}{'seconds':>9}{'ratio':>8}")
    for name, measured in times.items():
        ratio = statistics.median(own / peer for own, peer in zip(measured, base, strict=True))
        print(f"{name:18}{statistics.median(measured):9.3f}{ratio:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
