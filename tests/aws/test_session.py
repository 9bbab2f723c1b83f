"""The door to AWS: how it fails, what it repeats, and that trimmed models are the models."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from ecsctl.aws.loader import OPERATIONS, TRIMMED, TrimmedLoader, cache_folder, install_loader
from ecsctl.aws.retry import PASSING
from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.errors import AwsError, EcsctlError, ExitCode, UsageError
from tests.support.clock import ManualClock

TARGET = Target(region="eu-west-1", endpoint_url="http://127.0.0.1:9", credentials=("key", "secret"))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def stubbed(service: str, operation: str | None = None) -> tuple[Aws, Stubber, list[float]]:
    clock = ManualClock()
    aws = Aws(TARGET, clock=clock)
    stub = Stubber(aws.client(service, operation))
    stub.activate()
    return aws, stub, clock.slept


def test_a_refusal_names_the_operation_the_resource_and_the_reason() -> None:
    aws, stub, _ = stubbed("ecs")
    stub.add_client_error("list_services", "ClusterNotFoundException", "Cluster not found.")
    with pytest.raises(AwsError) as caught:
        aws.call("ecs", "ListServices", {"cluster": "web"}, about="cluster web")
    assert caught.value.message == "ecs:ListServices (cluster web): ClusterNotFoundException: Cluster not found."
    assert caught.value.code == ExitCode.NOT_FOUND
    assert "ecsctl cluster list" in str(caught.value.hint)


def test_a_denied_call_names_the_right_that_is_missing() -> None:
    aws, stub, _ = stubbed("ecs")
    stub.add_client_error("list_clusters", "AccessDeniedException", "not authorized", http_status_code=400)
    with pytest.raises(AwsError) as caught:
        aws.call("ecs", "ListClusters")
    assert "ecs: ListClusters" in str(caught.value.hint)


class Page(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_error(501, "Unsupported method")

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("service", "operation"), [("ecs", "ListClusters"), ("ec2", "DescribeVpcs")])
def test_a_web_server_that_is_no_aws_is_told_in_one_line(service: str, operation: str) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        aws = Aws(Target(region="eu-west-1", endpoint_url=url, credentials=("key", "secret")), clock=ManualClock())
        with pytest.raises(AwsError) as caught:
            aws.call(service, operation)
        server.shutdown()
    assert f"{url} answered" in caught.value.message
    assert "\n" not in caught.value.message
    assert "--endpoint-url" in str(caught.value.hint)


@pytest.mark.parametrize(("operation", "row"), [(name, row) for name, rows in PASSING.items() for row in rows])
def test_every_passing_refusal_is_repeated_until_it_passes(operation: str, row: Any) -> None:
    service, name = operation.split(":")
    from botocore import xform_name

    aws, stub, slept = stubbed(service, name)
    method = xform_name(name)
    stub.add_client_error(method, row.code, f"... {row.message} ...")
    stub.add_client_error(method, row.code, f"... {row.message.upper()} ...")
    stub.add_client_error(method, "SomethingFinal", "no")
    with pytest.raises(AwsError) as caught:
        aws.call(service, name, minimal(aws, service, name))
    assert caught.value.aws_code == "SomethingFinal"
    assert slept == [1.0, 1.5]
    stub.assert_no_pending_responses()


def minimal(aws: Aws, service: str, operation: str) -> dict[str, Any]:
    """The required members of an operation's input, filled with something of their type."""
    shape = aws.client(service, operation).meta.service_model.operation_model(operation).input_shape
    return fill(shape)


def fill(shape: Any) -> Any:
    if shape.type_name == "structure":
        return {name: fill(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [fill(shape.member)]
    return {"integer": 1, "long": 1, "boolean": True}.get(shape.type_name, "x" * max(1, shape.metadata.get("min", 1)))


def test_a_refusal_that_does_not_pass_is_given_up_after_its_seconds() -> None:
    aws, stub, slept = stubbed("iam")
    for _ in range(20):
        stub.add_client_error("delete_role", "DeleteConflict", "Cannot delete entity, must remove roles from ...")
        stub.add_client_error("delete_role", "DeleteConflict", "must remove roles from instance profile first")
    with pytest.raises(AwsError, match="DeleteConflict"):
        aws.call("iam", "DeleteRole", {"RoleName": "r"})
    assert sum(slept) <= 35


@pytest.mark.parametrize("what", ["detach all policies", "delete policies", "remove roles from instance profile"])
def test_a_role_is_deleted_once_what_was_taken_from_it_is_seen_gone(what: str) -> None:
    aws, stub, _ = stubbed("iam")
    stub.add_client_error("delete_role", "DeleteConflict", f"Cannot delete entity, must {what} first.")
    stub.add_response("delete_role", {}, {"RoleName": "r"})
    aws.call("iam", "DeleteRole", {"RoleName": "r"})
    stub.assert_no_pending_responses()


def test_pages_follow_every_service_s_own_token() -> None:
    aws, stub, _ = stubbed("elb")
    stub.add_response("describe_load_balancers", {"LoadBalancerDescriptions": [{}], "NextMarker": "m"}, {})
    stub.add_response("describe_load_balancers", {"LoadBalancerDescriptions": [{}]}, {"Marker": "m"})
    assert len(list(aws.pages("elb", "DescribeLoadBalancers", {}, "LoadBalancerDescriptions"))) == 2
    aws, stub, _ = stubbed("ecs")
    stub.add_response("list_clusters", {"clusterArns": ["a"], "nextToken": "t"}, {})
    stub.add_response("list_clusters", {"clusterArns": ["b"]}, {"nextToken": "t"})
    assert list(aws.pages("ecs", "ListClusters", {}, "clusterArns")) == ["a", "b"]


def test_no_credentials() -> None:
    with pytest.raises(EcsctlError, match="no AWS credentials") as caught:
        Aws(Target(region="eu-west-1", endpoint_url="http://127.0.0.1:9")).call("ecs", "ListClusters")
    assert "aws configure" in str(caught.value.hint)
    assert "--sandbox" in str(caught.value.hint)


def test_no_region() -> None:
    with pytest.raises(UsageError, match="no AWS region"):
        Aws(Target(credentials=("a", "b"))).call("ecs", "ListClusters")


def test_no_such_profile() -> None:
    with pytest.raises(UsageError, match="nobody"):
        Aws(Target(region="eu-west-1", profile="nobody")).call("ecs", "ListClusters")


def test_nothing_listens_there() -> None:
    with pytest.raises(AwsError, match=r"127\.0\.0\.1:9 cannot be reached") as caught:
        Aws(TARGET).call("sts", "GetCallerIdentity")
    assert not caught.value.ambiguous


def test_another_account_than_the_file_s_is_refused() -> None:
    aws, stub, _ = stubbed("sts")
    stub.add_response("get_caller_identity", {"Account": "111111111111"})
    with pytest.raises(EcsctlError, match=r"account 111111111111, but the file is for account 222222222222"):
        aws.require_account("222222222222")


@pytest.mark.parametrize("service", sorted(OPERATIONS))
def test_a_trimmed_model_says_of_its_operations_what_the_full_one_says(service: str) -> None:
    from botocore.model import ServiceModel
    from botocore.session import Session

    session = Session()
    full = ServiceModel(session.get_component("data_loader").load_service_model(service, "service-2"))
    install_loader(session)
    loader = session.get_component("data_loader")
    for source in ("written", "read"):
        small = ServiceModel(loader.load_service_model(service, "service-2", TRIMMED))
        assert set(small.operation_names) == set(OPERATIONS[service]), source
        for name in small.operation_names:
            ours, theirs = small.operation_model(name), full.operation_model(name)
            assert described(ours.input_shape) == described(theirs.input_shape)
            assert described(ours.output_shape) == described(theirs.output_shape)
            assert [shape.name for shape in ours.error_shapes] == [shape.name for shape in theirs.error_shapes]
        loader = TrimmedLoader()


def described(shape: Any, seen: tuple[str, ...] = ()) -> Any:
    if shape is None or shape.name in seen:
        return None
    inner: Any = None
    if shape.type_name == "structure":
        inner = {name: described(member, (*seen, shape.name)) for name, member in shape.members.items()}
    elif shape.type_name == "list":
        inner = described(shape.member, (*seen, shape.name))
    elif shape.type_name == "map":
        inner = described(shape.value, (*seen, shape.name))
    return shape.name, shape.type_name, shape.serialization, sorted(getattr(shape, "required_members", ())), inner


def test_an_operation_outside_the_trimmed_model_brings_the_full_one() -> None:
    aws = Aws(TARGET)
    assert "CreateTaskSet" not in aws.client("ecs").meta.service_model.operation_names
    assert "CreateTaskSet" in aws.client("ecs", "CreateTaskSet").meta.service_model.operation_names


@pytest.mark.parametrize("rubbish", ["", "{", "\x00", "{}", "[]", "1"])
def test_a_broken_cache_is_no_error(rubbish: str) -> None:
    Aws(TARGET).client("sts")
    (file,) = cache_folder().glob("sts-*")
    file.write_text(rubbish)
    assert Aws(TARGET).client("sts").meta.service_model.operation_names == ["GetCallerIdentity"]


def test_endpoints_are_resolved_as_botocore_alone_does() -> None:
    from botocore.session import Session

    ours, theirs = Session(), Session()
    install_loader(ours)
    for service in OPERATIONS:
        for region in ("eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1"):
            urls = {
                session.create_client(
                    service,
                    region_name=region,
                    api_version=version,
                    aws_access_key_id="a",
                    aws_secret_access_key="b",
                ).meta.endpoint_url
                for session, version in ((ours, TRIMMED), (theirs, None))
            }
            assert len(urls) == 1, (service, region, urls)


def test_the_aws_common_runtime_is_imported_for_login_sessions_only(tmp_path: Path) -> None:
    # Not by an import: it may have been kept from this very process.
    if not any(dist.name == "awscrt" for dist in importlib.metadata.distributions()):
        pytest.skip("awscrt is not installed")
    code = """
import sys
from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
aws = Aws(Target(region="eu-west-1", endpoint_url="http://127.0.0.1:1", credentials=("a", "b")))
aws.client("ecs")
import botocore.compat
print(sys.modules.get("awscrt") is not None, botocore.compat.HAS_CRT)
"""
    config = tmp_path / "config"
    env = {**os.environ, "AWS_CONFIG_FILE": str(config)}
    said = []
    for text in ("[default]\nregion = eu-west-1\n", "[profile console]\nlogin_session = arn:aws:iam::1:user/x\n"):
        config.write_text(text)
        run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        said.append(run.stdout.split())
    assert said == [["False", "False"], ["True", "True"]]
