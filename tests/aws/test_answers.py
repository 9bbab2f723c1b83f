"""An answer is checked to be one: each operation that ecsctl calls, by each protocol, with what is no answer of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from ecsctl.aws.answers import MAKING, TELLING, result_of
from ecsctl.aws.loader import OPERATIONS
from ecsctl.aws.session import Aws, Target
from ecsctl.errors import AwsError
from tests.support.clock import ManualClock
from tests.support.wire import Raw
from tests.support.wire_proxy import HTML, XHTML

URL = "http://127.0.0.1:9"
HTML_TYPE = {"Content-Type": "text/html"}
JSON_TYPE = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "r"}
# (headers, body): HTTP 200, and no answer of any operation.
FOREIGN: dict[str, tuple[dict[str, str], bytes]] = {
    "page": (HTML_TYPE, HTML),
    "upper-case-page": (HTML_TYPE, b"\n<!DOCTYPE HTML><HTML><BODY>login</BODY></HTML>"),
    "well-formed-page": ({"Content-Type": "application/xhtml+xml"}, XHTML),
    "text": ({"Content-Type": "text/plain"}, b"it works!"),
    "nothing": ({}, b""),
    "number": (JSON_TYPE, b"7"),
    "list": (JSON_TYPE, b'[{"clusters": []}]'),
    "cut": (JSON_TYPE, b'{"clusters": [{"clusterName": "we'),
    "cut-xml": ({"Content-Type": "text/xml"}, b'<?xml version="1.0"?><DescribeVpcsResponse><vpcSet><item><vpcId>vpc-'),
    "other-xml": ({"Content-Type": "text/xml"}, b"<SomethingResponse><a/></SomethingResponse>"),
    "error-xml": ({"Content-Type": "text/xml"}, b"<ErrorResponse><Error><Code>No</Code></Error></ErrorResponse>"),
    "bytes": ({"Content-Type": "application/octet-stream"}, bytes(range(256))),
}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def answering(service: str, answer: Callable[[], tuple[dict[str, str], bytes]]) -> Aws:
    """An Aws whose service answers every request with HTTP 200 and what ``answer`` gives."""
    target = Target(region="eu-west-1", endpoint_url=URL, credentials=("key", "secret"))
    aws = Aws(target, clock=ManualClock(), fast=False)

    def send(request: Any, **_: Any) -> AWSResponse:
        headers, body = answer()
        return AWSResponse(request.url, 200, {name.lower(): value for name, value in headers.items()}, Raw(body))

    client = aws.client(service)
    client.meta.events.register(f"before-send.{client.meta.service_model.service_id.hyphenize()}", send)
    return aws


def fill(shape: Any) -> Any:
    """Something of a shape's type, with what is required."""
    if shape is None:
        return {}
    if shape.type_name == "structure":
        return {name: fill(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [fill(shape.member)]
    if shape.type_name == "map":
        return {fill(shape.key): fill(shape.value)}
    least = max(1, shape.metadata.get("min", 1))
    return {"integer": least, "long": least, "boolean": True}.get(shape.type_name, "x" * least)


@pytest.mark.parametrize("service", sorted(OPERATIONS))
def test_what_is_no_answer_is_an_error_for_every_operation(service: str) -> None:
    given: tuple[dict[str, str], bytes] = ({}, b"")
    aws = answering(service, lambda: given)
    model = aws.client(service).meta.service_model
    for operation in OPERATIONS[service]:
        params = fill(model.operation_model(operation).input_shape)
        for kind, given in FOREIGN.items():
            with pytest.raises(AwsError) as caught:
                aws.call(service, operation, params, about="the thing")
            error = caught.value
            assert error.aws_code in ("ForeignAnswer", "IncompleteAnswer"), (operation, kind)
            assert error.message.startswith(
                f"{service}:{operation} (the thing): {error.aws_code}: {URL} answered with "
            )
            assert error.ambiguous, "it may have taken effect"
            assert "\n" not in error.message
            if given[0].get("Content-Type", "").startswith("text/html"):
                assert "of text/html" in error.message
                assert "HTTPS_PROXY" in str(error.hint)


@pytest.mark.parametrize("service", ["ecs", "logs", "ssm", "secretsmanager"])
def test_an_object_without_the_result_is_an_error(service: str) -> None:
    given: tuple[dict[str, str], bytes] = ({}, b"")
    aws = answering(service, lambda: given)
    model = aws.client(service).meta.service_model
    for operation in OPERATIONS[service]:
        shape = model.operation_model(operation).output_shape
        if shape is None or not shape.members:
            continue
        params = fill(model.operation_model(operation).input_shape)
        for body in (
            b"{}",
            b'{"error": "not found"}',
            b'{"message": "no"}',
            json.dumps({result_of(shape): None}).encode(),
        ):
            given = (JSON_TYPE, body)
            with pytest.raises(AwsError, match=r"says nothing|lacks"):
                aws.call(service, operation, params)


@pytest.mark.slow
def test_a_query_answer_without_what_was_made_is_an_error() -> None:
    for service, operations in OPERATIONS.items():
        for operation in operations:
            if not operation.startswith(TELLING):
                continue
            name = f"{operation}Response"
            aws = answering(service, lambda name=name: ({}, f"<{name}><requestId>r</requestId></{name}>".encode()))
            model = aws.client(service).meta.service_model
            shape = model.operation_model(operation).output_shape
            if model.resolved_protocol not in ("ec2", "query") or result_of(shape) is None:
                break
            listed = shape.members[result_of(shape)].type_name == "list"
            if model.resolved_protocol == "ec2" and listed and not operation.startswith(MAKING):
                assert aws.call(service, operation, fill(model.operation_model(operation).input_shape)) is not None
                continue
            with pytest.raises(AwsError, match=r"lacks|cannot be read"):
                aws.call(service, operation, fill(model.operation_model(operation).input_shape))


def test_lists_that_an_emulator_leaves_out_are_empty() -> None:
    aws = answering("ecs", lambda: (JSON_TYPE, b'{"failures": [{"arn": "a", "reason": "MISSING"}]}'))
    assert aws.call("ecs", "DescribeTasks", {"tasks": ["a"]})["tasks"] == []
    empty = b"<DescribeVpcsResponse xmlns='http://ec2.amazonaws.com/doc/2016-11-15/'></DescribeVpcsResponse>"
    assert answering("ec2", lambda: ({}, empty)).call("ec2", "DescribeVpcs") == {"Vpcs": []}


def test_an_operation_that_answers_nothing_may_answer_nothing() -> None:
    for headers in ({"x-amzn-RequestId": "r"}, {"Content-Type": "application/x-amz-json-1.1"}):
        assert (
            answering("logs", lambda headers=headers: (headers, b"")).call(
                "logs", "DeleteLogGroup", {"logGroupName": "x"}
            )
            == {}
        )
    assert (
        answering("ecs", lambda: (JSON_TYPE, b"{}")).call("ecs", "TagResource", {"resourceArn": "a", "tags": []}) == {}
    )


def test_what_changes_nothing_is_asked_again_where_the_answer_was_cut() -> None:
    bodies = iter([b"", b'{"clusterArns": ["a', b'{"clusterArns": ["a"]}'])
    assert answering("ecs", lambda: (JSON_TYPE, next(bodies))).call("ecs", "ListClusters")["clusterArns"] == ["a"]
    asked: list[int] = []

    def cut() -> tuple[dict[str, str], bytes]:
        asked.append(1)
        return JSON_TYPE, b'{"cluster": {"clus'

    with pytest.raises(AwsError) as caught:
        answering("ecs", cut).call("ecs", "CreateCluster", {"clusterName": "web"})
    assert caught.value.ambiguous
    assert len(asked) == 1, "what may have taken effect is not repeated here"
