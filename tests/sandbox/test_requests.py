"""The request log: what it keeps, what it never keeps, and how it is asked for."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from pathlib import Path

import botocore.exceptions
import pytest

from ecsctl.sandbox.http.origin_check import comes_from_a_program, is_this_machine
from ecsctl.sandbox.http.request import Request, parse
from ecsctl.sandbox.http.request_log import FILE, RequestLog, aside, error_of, names_in, read_rows
from tests.sandbox.support import Account
from tests.support.sandbox import Running


def row(operation: str, status: int = 200, service: str = "ecs") -> dict[str, object]:
    return {"time": 1.0, "service": service, "operation": operation, "status": status}


def log(running: Running, *words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "ecsctl", "sandbox", "log", *words]
    done = subprocess.run(command, env=running.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_the_last_requests_are_held_and_all_of_them_filed(tmp_path: Path) -> None:
    held = RequestLog(tmp_path, remembered=3)
    for number in range(5):
        held.add(row(f"Op{number}"))
    assert [(item["number"], item["operation"]) for item in held.rows()] == [(3, "Op2"), (4, "Op3"), (5, "Op4")]
    assert len(read_rows(tmp_path, 100)) == 5


def test_a_log_goes_on_where_a_killed_one_ended(tmp_path: Path) -> None:
    RequestLog(tmp_path).add(row("First"))
    with open(tmp_path / FILE, "a") as file:
        file.write('{"number": 2, "time"')
    held = RequestLog(tmp_path)
    held.add(row("Second"))
    assert [item["operation"] for item in held.rows()] == ["First", "Second"]


def test_a_full_file_is_put_aside_and_two_are_kept(tmp_path: Path) -> None:
    held = RequestLog(tmp_path, file_bytes=500)
    for number in range(50):
        held.add(row(f"Op{number}"))
    held.close()
    assert (tmp_path / FILE).stat().st_size <= 500
    assert aside(tmp_path / FILE).stat().st_size <= 500
    filed = [item["number"] for item in read_rows(tmp_path, 100)]
    assert filed == list(range(filed[0], 51))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["requests.1.jsonl", "requests.jsonl"]


def test_what_cannot_be_written_is_told_and_held_all_the_same(tmp_path: Path) -> None:
    held = RequestLog(tmp_path / "gone")
    held.add(row("One"))
    assert "cannot be written" in str(held.problem)
    assert [item["operation"] for item in held.rows()] == ["One"]
    (tmp_path / "gone").mkdir()
    held.add(row("Two"))
    assert held.problem is None


def test_what_is_asked_of_the_log(tmp_path: Path) -> None:
    held = RequestLog(tmp_path)
    for item in (row("DescribeTasks"), row("RunTask", 400), row("DescribeVpcs", service="ec2"), row("StopTask", 0)):
        held.add(item)

    def seen(**filters: object) -> list[object]:
        return [item["operation"] for item in held.rows(**filters)]  # type: ignore[arg-type]

    assert seen(service="ECS", operation="describe*") == ["DescribeTasks"]
    assert seen(errors=True) == ["RunTask", "StopTask"]
    assert seen(since=2) == ["DescribeVpcs", "StopTask"]
    assert seen(limit=1) == ["StopTask"]
    assert seen(limit=0) == []


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b'{"cluster": "web", "taskDefinition": "api:3", "overrides": {"x": "s3cret"}}', {"cluster", "taskDefinition"}),
        (b'{"cluster": "a b s3cret"}', set()),
        (b'{"cluster": ["s3cret"]}', set()),
        (b"[1]", set()),
        (b"s3cret", set()),
        (b"", set()),
    ],
)
def test_only_names_of_a_request_are_kept(body: bytes, names: set[str]) -> None:
    assert set(names_in(Request(service="ecs", body=body))) == names
    assert names_in(Request(service="ssm", body=body)) == {}


def test_the_caller_is_found_in_both_kinds_of_signature() -> None:
    def parsed(target: str = "/", **headers: str) -> Request:
        return parse(
            "POST", target, {k.replace("_", "-"): v for k, v in headers.items()}, b"", "127.0.0.1", "eu-west-1"
        )

    header = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/ecs/aws4_request, Signature=abc"
    signed = parsed(authorization=header, user_agent="aws-cli/2")
    assert signed.caller == {"accessKeyId": "AKIDEXAMPLE", "userAgent": "aws-cli/2"}
    assert (signed.region, signed.service) == ("us-east-1", "ecs")
    presigned = parsed("/?X-Amz-Credential=AKID%2F20260101%2Feu-west-2%2Fs3%2Faws4_request")
    assert (presigned.access_key_id, presigned.region, presigned.service) == ("AKID", "eu-west-2", "s3")
    assert parsed().caller == {"accessKeyId": "", "userAgent": ""}
    assert (parsed().region, parsed().service) == ("eu-west-1", "")


def test_a_request_is_parsed_once_with_its_operation() -> None:
    def operation(target: str, body: bytes = b"", **headers: str) -> str:
        return parse("POST", target, headers, body, "127.0.0.1", "eu-west-1").operation

    assert operation("/", b"Version=1&Action=ListUsers") == "ListUsers"
    assert operation("/?Action=ListUsers") == "ListUsers"
    assert operation("http://127.0.0.1:4599/2015-03-31/functions?x=1") == "POST /2015-03-31/functions"
    target = {"x-amz-target": "AmazonEC2ContainerServiceV20141113.RunTask"}
    unsigned = parse("POST", "/", target, b"{}", "127.0.0.1", "eu-west-1")
    assert (unsigned.service, unsigned.operation) == ("ecs", "RunTask")
    with pytest.raises(AttributeError):
        unsigned.path = "/other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"x-amzn-ErrorType": "ClientException:http://x"}, b"", "ClientException"),
        ({}, b'{"__type": "com.amazon#AccessDenied"}', "AccessDenied"),
        ({}, b"<Response><Errors><Error><Code>InvalidGroup.NotFound</Code>", "InvalidGroup.NotFound"),
        ({}, b"<html>", "Unknown"),
    ],
)
def test_the_error_of_an_answer(headers: dict[str, str], body: bytes, code: str) -> None:
    assert error_of((400, headers, body)) == code
    assert error_of((200, headers, body)) is None


def test_the_requests_are_shown(running: Running, account: Account, name: str) -> None:
    number = account.ecs.create_cluster(clusterName=name)["ResponseMetadata"]["RequestId"]
    with pytest.raises(botocore.exceptions.ClientError):
        account.ecs.list_tasks(cluster=f"{name}-gone")
    with pytest.raises(botocore.exceptions.ClientError):
        account.ec2.describe_instances(InstanceIds=["i-0123456789abcdef0"])
    account.register(name, environment=[{"name": "PASSWORD", "value": "s3cret-value"}])

    rows = json.loads(log(running, "-o", "json"))
    made, refused, unknown, registered = rows[-4:]
    assert made["requestId"] == number
    assert (made["operation"], made["names"], made["status"]) == ("CreateCluster", {"clusterName": name}, 200)
    assert (refused["operation"], refused["error"]) == ("ListTasks", "ClusterNotFoundException")
    assert (unknown["service"], unknown["error"]) == ("ec2", "InvalidInstanceID.NotFound")
    assert registered["names"] == {"family": name}
    assert "Boto3" in made["caller"]["userAgent"]
    assert made["caller"]["accessKeyId"] == "test"

    errors = json.loads(log(running, "--errors", "--service", "ecs", "--limit", "1", "-o", "json"))
    assert [item["number"] for item in errors] == [refused["number"]]
    table = log(running, "--operation", "create*", "--limit", "1").splitlines()
    assert table[0].split() == ["TIME", "SERVICE", "OPERATION", "ON", "ANSWER", "MS", "CALLER"]
    assert f"clusterName={name}" in table[1]
    for path in running.sandbox.folder.iterdir():
        if path.name.startswith("requests"):
            assert "s3cret" not in path.read_text()


def test_the_log_is_followed(running: Running, account: Account, name: str) -> None:
    command = [sys.executable, "-m", "ecsctl", "sandbox", "log", "--follow", "--limit", "0", "-o", "json"]
    follower = subprocess.Popen(command, env=running.environment, stdout=subprocess.PIPE, text=True)
    ended = threading.Event()

    def ask() -> None:
        # When the follower first looks is not known from outside, so there is always another request.
        while not ended.wait(0.2):
            account.ecs.describe_clusters(clusters=[name])

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["operation"] == "DescribeClusters"
    finally:
        ended.set()
        asker.join()
        follower.kill()
        follower.communicate()


def test_what_changes_something_wants_a_header_that_no_page_can_send(running: Running) -> None:
    def ask(method: str, action: str, **headers: str) -> int:
        link = http.client.HTTPConnection(*running.endpoint.removeprefix("http://").split(":"), timeout=60)
        link.request(method, f"/_ecsctl/{action}", "", {name.replace("_", "-"): text for name, text in headers.items()})
        answer = link.getresponse()
        answer.read()
        link.close()
        return answer.status

    assert ask("POST", "reset") == 403
    assert ask("POST", "stop", Content_Type="text/plain", Origin="http://evil.example") == 403
    assert ask("GET", "log", Host="evil.example") == 403
    assert ask("POST", "reset", X_Ecsctl_Sandbox="1", Host="evil.example:4599") == 403
    assert ask("OPTIONS", "reset") == 405
    assert ask("GET", "log?since=x") == 400
    assert running.sandbox.running() == running.info
    assert ask("POST", "reset", X_Ecsctl_Sandbox="1", Host="localhost:4599") == 200


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1:4599", True),
        ("127.0.1.7", True),
        ("localhost", True),
        ("[::1]:80", True),
        ("[::1]", True),
        ("", True),
        ("evil.example:4599", False),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.1:80", False),
    ],
)
def test_what_is_this_machine(host: str, here: bool) -> None:
    assert is_this_machine(host) is here


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"host": "127.0.0.1:4599"}, True),
        ({"host": "ecs.eu-west-1.amazonaws.com"}, True),
        ({"host": "bucket.localhost:4599"}, True),
        ({"host": "sandbox:4599"}, True),
        ({"host": "host.docker.internal:4599"}, True),
        ({"host": "172.17.0.1:4599"}, True),
        ({"host": "[::1]:4599"}, True),
        ({"host": "evil.example"}, False),
        ({"host": "127.0.0.1.evil.example:4599"}, False),
        ({"host": "amazonaws.com.evil.example"}, False),
        ({"host": "127.0.0.1:4599", "origin": "http://evil.example"}, False),
        ({"host": "127.0.0.1:4599", "origin": "null"}, False),
        ({"host": "127.0.0.1:4599", "origin": "http://localhost.evil.example"}, False),
        ({"host": "127.0.0.1:4599", "origin": "http://user@evil.example"}, False),
        ({"host": "127.0.0.1:4599", "origin": "http://[bad"}, False),
        ({"host": "127.0.0.1:4599", "origin": "http://localhost:3000"}, True),
        ({"host": "127.0.0.1:4599", "origin": "http://127.0.0.1:8080"}, True),
    ],
)
def test_programs_are_told_from_pages(headers: dict[str, str], passes: bool) -> None:
    assert comes_from_a_program(Request(headers=headers)) is passes


def test_no_page_reaches_the_apis_of_aws(running: Running) -> None:
    def ask(method: str, path: str, body: str = "", **headers: str) -> int:
        link = http.client.HTTPConnection(*running.endpoint.removeprefix("http://").split(":"), timeout=60)
        link.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = link.getresponse()
        answer.read()
        link.close()
        return answer.status

    form = "application/x-www-form-urlencoded"
    assert (
        ask("POST", "/", "Action=ListUsers&Version=2010-05-08", Content_Type=form, Origin="http://evil.example") == 403
    )
    asks = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "x-amz-target"}
    assert ask("OPTIONS", "/", Origin="http://evil.example", **asks) == 403
    assert ask("GET", "/?Action=ListUsers", Host="evil.example") == 403
    assert ask("POST", "/moto-api/reset") == 400
