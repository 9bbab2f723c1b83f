"""Reads without botocore: the same requests, the same answers, and botocore's client for all that is not plain."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ecsctl.aws.fast import FastClient
from ecsctl.aws.fast.record import OPERATIONS, load, times_of
from ecsctl.aws.fast.sigv4 import signed_headers
from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.errors import AwsError
from tests.support.clock import ManualClock

TASKS = {"cluster": "web", "tasks": ["0123", "é"]}
INSTANCES = {"Filters": [{"Name": "instance-id", "Values": ["i-1", "i-2"]}], "MaxResults": 5}
DESCRIBED = {
    "tasks": [
        {
            "taskArn": "arn:aws:ecs:eu-west-1:1:task/web/0123",
            "createdAt": 1767225600.123,
            "startedAt": None,
            "containers": [{"name": "web", "exitCode": 0, "networkBindings": []}],
        }
    ],
    "failures": [],
}
EC2 = """<?xml version="1.0"?><DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<requestId>r</requestId><reservationSet><item><reservationId>r-1</reservationId><instancesSet>
<item><instanceId>i-1</instanceId><ipAddress>198.51.100.7</ipAddress><privateIpAddress>10.0.0.7</privateIpAddress>
<keyName/><launchTime>2026-01-02T03:04:05.000Z</launchTime><amiLaunchIndex>0</amiLaunchIndex>
<ebsOptimized>false</ebsOptimized><unknownThing><instanceId>no</instanceId></unknownThing>
<instanceState><code>16</code><name>running</name></instanceState>
<placement><availabilityZone>eu-west-1a</availabilityZone></placement>
<tagSet><item><key>a &amp; b</key><value>\u00fc &lt;x&gt;</value></item></tagSet><networkInterfaceSet/></item>
</instancesSet></item></reservationSet></DescribeInstancesResponse>"""


class Endpoint:
    """A loopback endpoint that keeps requests. ``answer`` is (status, headers, body), by the operation."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.cut = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                return

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
                operation = (self.headers.get("X-Amz-Target") or body.decode().split("&")[0]).split(".")[-1]
                planned = outer.answers.get(operation.removeprefix("Action="))
                default = EC2.encode() if operation.startswith("Action=") else json.dumps(DESCRIBED).encode()
                status, text = planned.pop(0) if planned else (200, default)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text) + outer.cut))
                self.end_headers()
                self.wfile.write(text)
                if outer.cut:
                    self.close_connection = True

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def by_fast(self) -> list[bool]:
        """Of each request, whether botocore's client did not make it."""
        return ["botocore" not in headers["user-agent"].lower() for headers, _ in self.requests]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Endpoint]:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_MAX_ATTEMPTS": "2",
    }.items():
        monkeypatch.setenv(name, value)
    made = Endpoint()
    yield made
    made.server.shutdown()
    made.server.server_close()


def ask(endpoint: Endpoint, service: str = "ecs", **target: Any) -> dict[str, Any]:
    """One read by a new Aws, as a new command makes it."""
    aws = Aws(Target(endpoint_url=endpoint.url, **target), clock=ManualClock())
    operation, query = ("DescribeTasks", TASKS) if service == "ecs" else ("DescribeInstances", INSTANCES)
    try:
        return aws.call(service, operation, query)
    finally:
        aws.close()


@pytest.mark.parametrize("service", ["ecs", "ec2"])
def test_the_second_command_sends_what_botocore_sent(endpoint: Endpoint, service: str) -> None:
    first, second = ask(endpoint, service), ask(endpoint, service)
    assert endpoint.by_fast == [False, True]
    assert second == first
    (theirs, body), (ours, own_body) = endpoint.requests
    assert own_body == body
    same = ("host", "content-type", "x-amz-target")
    assert [ours.get(name) for name in same] == [theirs.get(name) for name in same]
    # The signature, made anew for botocore's own time.
    signed = signed_headers(
        {name: theirs[name] for name in ("content-type", "x-amz-target") if name in theirs},
        body,
        host=theirs["host"],
        path="/",
        access_key="AKIDEXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        token=None,
        region="eu-west-1",
        service=service,
        now=datetime.strptime(theirs["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc),
    )
    assert signed["Authorization"] == theirs["authorization"]


def test_a_session_token_is_sent_and_signed(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token/of+mine==")
    ask(endpoint)
    ask(endpoint)
    assert endpoint.by_fast == [False, True]
    ours = endpoint.requests[1][0]
    assert ours["x-amz-security-token"] == "token/of+mine=="
    assert "x-amz-security-token" in ours["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")


def test_times_and_what_is_null_are_as_botocore_gives_them(endpoint: Endpoint) -> None:
    ask(endpoint)
    (task,) = ask(endpoint)["tasks"]
    assert endpoint.by_fast[-1]
    assert task["createdAt"] == datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=timezone.utc)
    assert "startedAt" not in task


def test_instances_are_read_whole(endpoint: Endpoint) -> None:
    ask(endpoint, "ec2")
    (reservation,) = ask(endpoint, "ec2")["Reservations"]
    (instance,) = reservation["Instances"]
    assert endpoint.by_fast[-1]
    assert (instance["InstanceId"], instance["PublicIpAddress"], instance["EbsOptimized"]) == (
        "i-1",
        "198.51.100.7",
        False,
    )
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert instance["Tags"] == [{"Key": "a & b", "Value": "\u00fc <x>"}]
    assert instance["NetworkInterfaces"] == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (503, b"<html>busy</html>"),
        (400, json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()),
        (200, b"<html>proxy</html>"),
        (200, b""),
        (200, b"{}"),
        (200, b"[]"),
        (200, b'{"tasks": [{"createdAt": "yesterday"}]}'),
        (200, b'{"tasks": ['),
        (200, b'{"tasks": 7}'),
        (200, b'{"failures": [], "message": "an emulator that leaves the rest out"}'),
    ],
)
def test_anything_but_a_readable_answer_is_left_to_botocore(endpoint: Endpoint, status: int, body: bytes) -> None:
    expected = ask(endpoint)
    endpoint.answers["DescribeTasks"] = [(status, body)]
    assert ask(endpoint) == expected
    assert endpoint.by_fast == [False, True, False]


def test_what_aws_refuses_is_told_in_its_words(endpoint: Endpoint) -> None:
    ask(endpoint)
    refusal = json.dumps({"__type": "ClusterNotFoundException", "message": "Cluster not found."}).encode()
    endpoint.answers["DescribeTasks"] = [(400, refusal), (400, refusal)]
    with pytest.raises(AwsError, match="Cluster not found") as caught:
        ask(endpoint)
    assert caught.value.aws_code == "ClusterNotFoundException"


def test_a_cut_body_is_left_to_botocore(endpoint: Endpoint) -> None:
    ask(endpoint)
    endpoint.cut = 10
    with contextlib.suppress(AwsError):
        ask(endpoint)
    assert endpoint.by_fast[1] is True
    assert endpoint.by_fast[-1] is False


def test_a_connection_that_was_closed_meanwhile_is_made_anew(endpoint: Endpoint) -> None:
    ask(endpoint)
    aws = Aws(Target(endpoint_url=endpoint.url))
    assert aws.fast is not None
    aws.call("ecs", "DescribeTasks", TASKS)
    for idle in aws.fast._idle.values():
        for connection in idle:
            connection.sock.close()
    aws.call("ecs", "DescribeTasks", TASKS)
    aws.close()
    assert endpoint.by_fast == [False, True, True]


def test_static_keys_of_a_profile_are_read(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id=WRONG\naws_secret_access_key=x\n"
        "[shop]\naws_access_key_id = SHOPKEY\naws_secret_access_key = sec%ret\naws_session_token = tok\n"
    )
    (tmp_path / "config").write_text(
        "[profile shop]\nregion = eu-west-3\n[profile inconfig]\naws_access_key_id=CONFIGKEY\n"
        "aws_secret_access_key=s\nregion=us-east-2\n"
    )
    for profile, key, region in (("shop", "SHOPKEY", "eu-west-3"), ("inconfig", "CONFIGKEY", "us-east-2")):
        endpoint.requests.clear()
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        ask(endpoint, profile=profile)
        ask(endpoint, profile=profile)
        assert endpoint.by_fast == [False, True], profile
        for headers, _ in endpoint.requests:
            assert f"Credential={key}/" in headers["authorization"]
            assert f"/{region}/ecs/" in headers["authorization"]


@pytest.mark.parametrize(
    "change",
    [
        {"AWS_DEFAULT_REGION": "eu-west-2"},
        {"AWS_PROFILE": "other"},
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_CA_BUNDLE": "/dev/null"},
        {"HTTP_PROXY": "http://127.0.0.1:1"},
        {"AWS_SESSION_TOKEN": "now there is one"},
    ],
)
def test_another_configuration_has_no_record(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, change: dict[str, str]
) -> None:
    ask(endpoint)
    target = Target(endpoint_url=endpoint.url)
    assert load(target) is not None
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    assert load(target) is None


def test_a_changed_file_makes_the_record_void(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    ask(endpoint)
    assert FastClient.of(Target(endpoint_url=endpoint.url)) is not None
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\nuse_fips_endpoint = true\n")
    assert FastClient.of(Target(endpoint_url=endpoint.url)) is None


def test_proxies_and_keys_that_are_fetched_stay_with_botocore(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTP_PROXY", endpoint.url)
    ask(endpoint)
    ask(endpoint)
    monkeypatch.delenv("HTTP_PROXY")
    (tmp_path / "config").write_text(
        "[profile fetched]\ncredential_process = echo "
        '\'{"Version": 1, "AccessKeyId": "FETCHED", "SecretAccessKey": "s"}\'\n'
    )
    ask(endpoint, profile="fetched")
    ask(endpoint, profile="fetched")
    assert endpoint.by_fast == [False] * 4


def role_answer(key: str, expires: datetime) -> bytes:
    return f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>role/token</SessionToken>
<Expiration>{expires:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>""".encode()


def test_keys_of_a_role_that_was_assumed_are_taken_until_botocore_would_renew_them(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint.url)
    (tmp_path / "credentials").write_text("[base]\naws_access_key_id = BASE\naws_secret_access_key = s\n")
    (tmp_path / "config").write_text(
        "[profile admin]\nrole_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = base\nregion = eu-west-1\n"
    )
    now = datetime.now(timezone.utc)
    soon, later = (now + timedelta(minutes=minutes) for minutes in (10, 60))
    endpoint.answers["AssumeRole"] = [(200, role_answer("ONCE", later)), (200, role_answer("AGAIN", later))]
    ask(endpoint, profile="admin")
    ask(endpoint, profile="admin")
    # AssumeRole, botocore's read, and one from the cache of roles.
    assert endpoint.by_fast == [False, False, True]
    ours = endpoint.requests[2][0]
    assert "Credential=ONCE/" in ours["authorization"]
    assert ours["x-amz-security-token"] == "role/token"

    (kept,) = (tmp_path / ".aws" / "cli" / "cache").glob("*.json")
    kept.write_text(kept.read_text().replace(f"{later:%Y-%m-%dT%H:%M}", f"{soon:%Y-%m-%dT%H:%M}"))
    ask(endpoint, profile="admin")
    ask(endpoint, profile="admin")
    assert endpoint.by_fast[3:] == [False, False, True]
    assert "Credential=AGAIN/" in endpoint.requests[-1][0]["authorization"]
    texts = [path.read_text() for path in (tmp_path / "cache").rglob("fast-*")]
    assert texts
    assert all(secret not in text for text in texts for secret in ("role/token", "AGAIN", "ONCE"))


def test_a_record_holds_no_secret(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mytoken")
    ask(endpoint)
    texts = [path.read_text() for path in (tmp_path / "cache").rglob("fast-*")]
    assert texts
    for secret in ("mytoken", "wJalrXUtnFEMI", "AKIDEXAMPLE"):
        assert all(secret not in text for text in texts)


def test_the_record_knows_where_every_time_of_an_answer_is() -> None:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    model = ServiceModel(Loader().load_service_model("ecs", "service-2"), "ecs")

    def paths(shape: Any) -> set[str]:
        """Every time of a shape; no map may hold one, since the record has no way to say so."""
        if shape.type_name == "map":
            assert not paths(shape.value)
            return set()
        if shape.type_name == "list":
            return paths(shape.member)
        found = set()
        for name, member in getattr(shape, "members", {}).items():
            found |= {name} if member.type_name == "timestamp" else {f"{name}.{inner}" for inner in paths(member)}
        return found

    def recorded(times: Any) -> set[str]:
        return {path for name in times for path in ({f"{name}.{one}" for one in recorded(times[name])} or {name})}

    for name in OPERATIONS["ecs"]:
        shape = model.operation_model(name).output_shape
        assert recorded(times_of(shape)) == paths(shape)
    assert "tasks.startedAt" in recorded(times_of(model.operation_model("DescribeTasks").output_shape))
