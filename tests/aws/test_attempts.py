"""Deadlines, retries that are told, AWS's clock, and what --debug shows of each attempt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from ecsctl.aws.server_clock import ServerClock
from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.errors import AwsError, ExitCode
from ecsctl.polling import Deadline
from tests.support.clock import ManualClock
from tests.support.identity import Identity, serve_identity
from tests.support.wire import Raw
from tests.support.wire_proxy import DROPPED, LOST, UNAVAILABLE, Effect, WireProxy, refused, wire_proxy


@pytest.fixture(scope="module")
def identity() -> Iterator[Identity]:
    with serve_identity() as served:
        yield served


@pytest.fixture
def wire(identity: Identity, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WireProxy]:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with wire_proxy(identity.endpoint) as proxy:
        yield proxy


def connect(wire: WireProxy, clock: ManualClock, **target: Any) -> Aws:
    made = Target(region="eu-west-1", endpoint_url=wire.url, credentials=("AKIA", "secret"), **target)
    return Aws(made, clock=clock, fast=False)


def test_a_refusal_that_passes_is_waited_for_until_the_deadline_and_told_once(wire: WireProxy) -> None:
    fault = wire.fault("DeleteCluster", refused("UpdateInProgressException", "resource c has a dependent object"))
    clock, said = ManualClock(), []
    aws = connect(wire, clock)
    with aws.within(Deadline.after(10, said.append, clock)), pytest.raises(AwsError) as caught:
        aws.call("ecs", "DeleteCluster", {"cluster": "c"}, about="cluster c")
    assert clock.passed == pytest.approx(10.0)
    assert fault.hits > 3
    what = "ecs:DeleteCluster (cluster c): UpdateInProgressException: resource c has a dependent object"
    assert said == [f"{what}; waiting until that has passed"]
    assert caught.value.code == ExitCode.TIMEOUT
    assert caught.value.aws_code == "UpdateInProgressException"
    assert "still so when the 10 s of --timeout were over" in caught.value.message


def test_after_the_deadline_a_call_is_made_once(wire: WireProxy) -> None:
    fault = wire.fault("DeleteCluster", refused("UpdateInProgressException"))
    aws = connect(wire, ManualClock())
    with aws.within(Deadline.after(0, clock=ManualClock())), pytest.raises(AwsError):
        aws.call("ecs", "DeleteCluster", {"cluster": "c"})
    assert fault.hits == 1


def test_botocore_s_own_retries_end_with_the_deadline_too(wire: WireProxy) -> None:
    fault = wire.fault("ListClusters", UNAVAILABLE)
    aws = connect(wire, ManualClock())
    with aws.within(Deadline.after(0.9, clock=ManualClock())), pytest.raises(AwsError) as caught:
        aws.call("ecs", "ListClusters")
    assert fault.hits == 1
    assert caught.value.aws_code == "ServiceUnavailable"


@pytest.mark.parametrize("effect", [LOST, DROPPED])
def test_what_would_be_made_twice_is_sent_once_where_its_answer_is_lost(wire: WireProxy, effect: Effect) -> None:
    fault = wire.fault("CreateLoadBalancer", effect)
    with pytest.raises(AwsError) as caught:
        connect(wire, ManualClock()).call("elbv2", "CreateLoadBalancer", {"Name": "front"})
    assert fault.hits == 1
    assert caught.value.ambiguous


def test_a_deadline_counts_for_its_block_only(wire: WireProxy) -> None:
    aws = connect(wire, ManualClock())
    deadline = Deadline.after(10)
    with aws.within(deadline):
        assert aws.deadline is deadline
    assert aws.deadline is None


def retrying(aws: Aws, attempts: int, status: int = 503, error: Exception | None = None) -> None:
    """What botocore asks before each retry, without its waiting."""
    client = aws.client("ecs")
    assert aws._attempts is not None
    answer = {"Error": {"Code": "ServiceUnavailable", "Message": "try later"}}
    response = None if error else (AWSResponse("u", status, {}, Raw(b"")), answer)
    model = client.meta.service_model.operation_model("ListClusters")
    aws._attempts._bound("ecs:ListClusters", attempts, model, response, error)


def test_an_operation_that_is_tried_again_and_again_is_told_once(wire: WireProxy) -> None:
    said: list[str] = []
    aws = connect(wire, ManualClock())
    aws.report = said.append
    retrying(aws, 1)
    assert said == [], "the first retry is usually the last"
    retrying(aws, 2)
    retrying(aws, 3)
    assert len(said) == 1
    assert said[0].startswith("ecs:ListClusters is being tried again: ")
    assert "try later" in said[0]
    retrying(aws, 2, status=400)
    retrying(aws, 2, status=200)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("attempts", "left", "ends"), [(1, 0.5, True), (1, 1.5, False), (3, 3.0, True), (3, 5.0, False), (9, 21.0, False)]
)
def test_a_retry_that_would_not_end_in_time_is_not_begun(
    wire: WireProxy, attempts: int, left: float, ends: bool
) -> None:
    aws = connect(wire, ManualClock())
    with aws.within(Deadline.after(left, clock=ManualClock())):
        if ends:
            with pytest.raises(ClientError):
                retrying(aws, attempts)
        else:
            retrying(aws, attempts)


def test_nothing_that_listens_on_this_machine_is_told_soon(monkeypatch: pytest.MonkeyPatch, wire: WireProxy) -> None:
    from botocore.exceptions import EndpointConnectionError

    aws = connect(wire, ManualClock())
    refused_here = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
    retrying(aws, 1, error=refused_here)
    with pytest.raises(EndpointConnectionError):
        retrying(aws, 2, error=refused_here)
    retrying(aws, 2, error=EndpointConnectionError(endpoint_url="https://ecs.eu-west-1.amazonaws.com"))


def test_a_page_token_that_comes_again_ends_the_list(wire: WireProxy) -> None:
    from tests.support.wire_proxy import Answer

    page = json.dumps({"clusterArns": ["a"], "nextToken": "again"}).encode()
    wire.fault("ListClusters", lambda request, pass_on: Answer(200, {"Content-Type": "application/json"}, page))
    aws = connect(wire, ManualClock())
    with pytest.raises(AwsError, match="the same page token came again") as caught:
        list(aws.pages("ecs", "ListClusters", {}, "clusterArns", about="clusters"))
    assert caught.value.operation == "ecs:ListClusters"
    assert wire.operations == ["ListClusters"] * 2


@pytest.mark.parametrize("hours", [-1, 1])
def test_ages_go_by_the_clock_of_aws(wire: WireProxy, hours: int) -> None:
    aws = connect(wire, ManualClock())
    there = datetime.now(timezone.utc) + timedelta(hours=hours)
    assert aws.now() == aws.clock.now(), "nothing was asked yet"

    def send(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, {"Date": format_datetime(there, usegmt=True)}, Raw(b'{"clusterArns": []}'))

    aws.client("ecs").meta.events.register("before-send.ecs", send)
    aws.call("ecs", "ListClusters")
    assert abs(aws.now() - there) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("header", "offset"),
    [("Thu, 01 Jan 2026 00:00:01 GMT", 0), ("Thu, 01 Jan 2026 00:10:00 GMT", 600.5), ("yesterday", 0), ("", 0)],
)
def test_a_second_is_no_difference(header: str, offset: float) -> None:
    clock = ServerClock(lambda: datetime(2026, 1, 1, tzinfo=timezone.utc))
    clock.note({"date": header})
    assert clock.offset == timedelta(seconds=offset)


def test_debug_shows_every_attempt_and_no_secret(wire: WireProxy, capsys: pytest.CaptureFixture[str]) -> None:
    aws = connect(wire, ManualClock(), debug=True)
    variables = [{"name": "DB", "value": "hunter2"}]
    wire.fault("RegisterTaskDefinition", refused("ClientException", "Family contains invalid characters."))
    with pytest.raises(AwsError):
        aws.call("ecs", "RegisterTaskDefinition", {"family": "-", "containerDefinitions": [{"environment": variables}]})
    aws.call("ecs", "ListClusters")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0].startswith('debug: ecs:RegisterTaskDefinition {"family": "-"')
    assert "debug: ecs:RegisterTaskDefinition → HTTP 400" in err
    assert "debug: ecs:ListClusters → HTTP 200" in err
    for secret in ("hunter2", "Signature", "AWS4-HMAC"):
        assert secret not in err
