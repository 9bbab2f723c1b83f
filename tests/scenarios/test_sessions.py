"""Into containers: commands, pipes, ports and files over a session; simulated, and real where an engine answers."""

from __future__ import annotations

import hashlib
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import IMAGE
from tests.support.sandbox import Running

ROLE = "arn:aws:iam::123456789012:role/task"


def begin(sandbox: Running, cluster: str, *, execute: bool = True, command: list[str] | None = None) -> str:
    """A task that runs; its id."""
    ecs, ec2 = sandbox.client("ecs"), sandbox.client("ec2")
    ecs.create_cluster(clusterName=cluster)
    container: dict[str, Any] = {"name": "app", "image": IMAGE, "portMappings": [{"containerPort": 80}]}
    if command:
        container["command"] = command
    ecs.register_task_definition(
        family=cluster,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        taskRoleArn=ROLE,
        containerDefinitions=[container],
    )
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    answer = ecs.run_task(
        cluster=cluster,
        taskDefinition=cluster,
        launchType="FARGATE",
        enableExecuteCommand=execute,
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet], "assignPublicIp": "ENABLED"}},
    )
    arn = answer["tasks"][0]["taskArn"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        [task] = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        if task["lastStatus"] == "RUNNING":
            return str(arn.rsplit("/", 1)[-1])
        time.sleep(0.1)
    raise AssertionError(task)


@pytest.fixture(scope="module")
def simulated(_sandbox: Running) -> Running:
    _sandbox.renew()
    _sandbox.run(10)
    return _sandbox


@pytest.fixture(scope="module")
def task(simulated: Running) -> str:
    return begin(simulated, "web")


@pytest.fixture(scope="module")
def real_task(containers: Running) -> str:
    return begin(containers, "real")


def ecsctl(sandbox: Running, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """The program itself: sessions are about its standard streams."""
    words = [sys.executable, "-m", "ecsctl", *arguments]
    return subprocess.run(words, input=stdin, capture_output=True, env=sandbox.environment, timeout=120)


def test_a_command_in_a_simulated_container(simulated: Running, task: str) -> None:
    said = ecsctl(simulated, "exec", "-c", "web", task, "--", "echo", "hello  there")
    assert (said.returncode, said.stdout, said.stderr) == (0, b"hello  there\n", b"")
    assert ecsctl(simulated, "exec", "-c", "web", task, "--", "sh", "-c", "exit 7").returncode == 7
    blob = os.urandom(100_000)
    assert ecsctl(simulated, "exec", "-c", "web", "-i", task, "--", "cat", stdin=blob).stdout == blob


def test_what_keeps_a_container_from_being_entered_is_named_with_its_fix(simulated: Running) -> None:
    closed = begin(simulated, "closed", execute=False)
    refused = ecsctl(simulated, "exec", "-c", "closed", closed, "--", "true")
    assert refused.returncode == 1
    assert b"started without enableExecuteCommand" in refused.stderr
    assert b"ecsctl run --enable-exec closed" in refused.stderr
    wrong = ecsctl(simulated, "exec", "-c", "closed", closed, "--container", "nope", "--", "true")
    assert (wrong.returncode, b"it has app" in wrong.stderr) == (2, True)
    assert ecsctl(simulated, "exec", "-c", "closed", "nosuch", "--", "true").returncode == 6


def test_a_task_is_run_and_entered_on_a_terminal(simulated: Running, task: str) -> None:
    words = [sys.executable, "-m", "ecsctl", "run", "web", "-c", "web", "--attach"]
    here, there = pty.openpty()
    process = subprocess.Popen(words, stdin=there, stdout=there, stderr=there, env=simulated.environment)
    os.close(there)
    said = b""
    # What is typed before the shell's prompt is lost, as with ssh.
    while not said.endswith(b"$ "):
        said += os.read(here, 4096)
    os.write(here, b"exit 7\n")
    while True:
        try:
            said += os.read(here, 4096)
        except OSError:
            # Linux says so where the other end is closed.
            break
    os.close(here)
    assert process.wait(60) == 7, said
    assert b"`ecsctl stop " in said
    [entered] = [line.split()[1].decode() for line in said.splitlines() if b") started" in line]
    [described] = simulated.client("ecs").describe_tasks(cluster="web", tasks=[entered])["tasks"]
    assert (described["lastStatus"], described["enableExecuteCommand"]) == ("RUNNING", True)


@pytest.mark.docker
@pytest.mark.slow
def test_codes_streams_and_bytes_of_a_real_container(containers: Running, real_task: str) -> None:
    script = "echo out; echo err >&2; exit 3"
    said = ecsctl(containers, "exec", "-c", "real", real_task, "--", "sh", "-c", script)
    assert (said.returncode, said.stdout, said.stderr) == (3, b"out\n", b"err\n")
    blob = os.urandom(2_000_000)
    summed = ecsctl(containers, "exec", "-c", "real", "-i", real_task, "--", "sha256sum", stdin=blob)
    assert summed.stdout.split()[0].decode() == hashlib.sha256(blob).hexdigest()
    assert ecsctl(containers, "exec", "-c", "real", "-i", real_task, "--", "cat", stdin=blob).stdout == blob
    missing = ecsctl(containers, "exec", "-c", "real", real_task, "--", "nosuchprogram")
    assert (missing.returncode, b"not found" in missing.stderr) == (127, True)


@pytest.mark.docker
def test_files_and_folders_go_in_and_out(containers: Running, real_task: str, tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "blob").write_bytes(os.urandom(50_000))
    (tmp_path / "tree" / "text").write_text("héllo\n")
    done = ecsctl(containers, "cp", "-c", "real", str(tmp_path / "tree"), f"{real_task}:/tmp/there")
    assert done.returncode == 0, done.stderr
    done = ecsctl(containers, "cp", "-c", "real", f"{real_task}:/tmp/there", str(tmp_path / "back"))
    assert done.returncode == 0, done.stderr
    for name in ("sub/blob", "text"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "tree" / name).read_bytes()
    done = ecsctl(containers, "cp", "-c", "real", f"{real_task}:/tmp/there/text", str(tmp_path))
    assert (done.returncode, (tmp_path / "text").read_text()) == (0, "héllo\n"), done.stderr
    assert ecsctl(containers, "cp", "-c", "real", f"{real_task}:/nosuch", str(tmp_path)).returncode == 1


@pytest.mark.docker
@pytest.mark.slow
def test_fifty_connections_to_a_port(containers: Running, real_task: str) -> None:
    words = [sys.executable, "-m", "ecsctl", "port-forward", "-c", "real", real_task, ":80"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=containers.environment)
    try:
        assert process.stdout is not None
        host, _, port = process.stdout.readline().decode().strip().partition(":")
        answers: list[bytes] = []

        def ask() -> None:
            with socket.create_connection((host, int(port)), 30) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                whole = b""
                while data := connection.recv(65536):
                    whole += data
                answers.append(whole)

        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(answers) == 50
        assert all(b"Hello world!" in answer for answer in answers)
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err


@pytest.mark.docker
@pytest.mark.skipif(shutil.which("session-manager-plugin") is None, reason="session-manager-plugin is not on the PATH")
def test_the_plugin_of_aws_reaches_the_same_container(containers: Running, real_task: str) -> None:
    words = [sys.executable, "-m", "ecsctl", "exec", "-c", "real", "--client", "plugin", real_task, "--", "echo", "hi"]
    # The plugin ends with its input.
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=containers.environment)
    assert process.stdin is not None
    assert process.stdout is not None
    said = process.stdout.read()
    process.stdin.close()
    assert process.wait(30) == 0
    assert b"hi\r\n" in said
