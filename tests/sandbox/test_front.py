"""The endpoint itself: what it answers to requests that are right, wrong, or of no service."""

from __future__ import annotations

import http.client
import json

import botocore.exceptions
import pytest

from tests.sandbox.support import POLICY, Account
from tests.support.sandbox import Running

SCOPE = "AWS4-HMAC-SHA256 Credential=AK/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=x"


def connection(running: Running) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(*running.endpoint.removeprefix("http://").split(":"), timeout=60)


def ask(
    running: Running, service: str, body: str, *, target: str | None = None, region: str = "eu-west-1"
) -> tuple[int, str]:
    headers = {"Authorization": SCOPE.format(region=region, service=service)}
    headers |= {"X-Amz-Target": target} if target else {"Content-Type": "application/x-www-form-urlencoded"}
    link = connection(running)
    link.request("POST", "/", body, headers)
    answer = link.getresponse()
    text = answer.read().decode()
    link.close()
    return answer.status, text


def test_an_unknown_service_is_refused_in_both_forms(running: Running) -> None:
    status, text = ask(running, "lightsail", "Action=Foo")
    assert (status, "<Code>UnknownService</Code>" in text) == (400, True)
    status, text = ask(running, "nosuch", "{}", target="NoSuch_2000.Foo")
    assert (status, json.loads(text)["__type"]) == (400, "UnknownService")


@pytest.mark.parametrize(
    ("service", "version"),
    [
        ("ec2", "2016-11-15"),
        ("iam", "2010-05-08"),
        ("autoscaling", "2011-01-01"),
        ("sts", "2011-06-15"),
        ("elasticloadbalancing", "2012-06-01"),
        ("elasticloadbalancing", "2015-12-01"),
    ],
)
def test_an_unknown_operation_is_no_traceback(running: Running, service: str, version: str) -> None:
    status, text = ask(running, service, f"Action=DescribeFoo&Version={version}")
    assert status == 400
    assert "<Code>InvalidAction</Code>" in text
    assert "Traceback" not in text


def test_an_unknown_operation_of_ecs(running: Running) -> None:
    status, text = ask(running, "ecs", "{}", target="AmazonEC2ContainerServiceV20141113.Foo")
    assert (status, json.loads(text)["__type"]) == (400, "UnknownOperationException")


def test_what_is_no_region_is_refused(running: Running) -> None:
    status, text = ask(running, "ecs", "{}", target="AmazonEC2ContainerServiceV20141113.ListClusters", region="mars")
    assert (status, json.loads(text)["__type"]) == (400, "SignatureDoesNotMatch")


def test_a_connection_serves_many_requests(running: Running) -> None:
    link = connection(running)
    link.connect()
    used = link.sock
    pids = set()
    for _ in range(3):
        link.request("GET", "/_ecsctl/health")
        pids.add(json.loads(link.getresponse().read())["pid"])
        assert link.sock is used
    assert len(pids) == 1
    link.close()


def test_a_body_in_chunks(running: Running) -> None:
    link = connection(running)
    headers = {
        "Authorization": SCOPE.format(region="eu-west-1", service="ecs"),
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.DescribeClusters",
        "Transfer-Encoding": "chunked",
    }
    link.request("POST", "/", iter([b'{"clusters"', b': ["absent"]}']), headers, encode_chunked=True)
    answer = json.loads(link.getresponse().read())
    link.close()
    assert [row["reason"] for row in answer["failures"]] == ["MISSING"]


def test_the_sandboxs_own_requests(running: Running) -> None:
    link = connection(running)
    seen = []
    for method, action in (("GET", "nosuch"), ("GET", "reset"), ("GET", "stop")):
        link.request(method, f"/_ecsctl/{action}")
        answer = link.getresponse()
        answer.read()
        seen.append(answer.status)
    link.close()
    assert seen == [404, 405, 405]


def test_the_log_names_requests_and_not_their_contents(running: Running, account: Account, name: str) -> None:
    account.ssm.put_parameter(Name=name, Value="s3cret-value", Type="SecureString")
    link = connection(running)
    link.request("GET", "/_ecsctl/log")
    text = link.getresponse().read().decode()
    link.close()
    assert json.loads(text)["requests"][-1]["operation"] == "PutParameter"
    assert "s3cret" not in text


def test_tagged_ecs_resources_are_found_with_the_others(account: Account, name: str) -> None:
    tags = [{"key": "owner", "value": name}]
    cluster = account.ecs.create_cluster(clusterName=name, tags=tags)["cluster"]["clusterArn"]
    group = account.ec2.create_security_group(
        GroupName=name,
        Description="x",
        TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "owner", "Value": name}]}],
    )["GroupId"]
    wanted = [{"Key": "owner", "Values": [name]}]
    found = account.tagging.get_resources(TagFilters=wanted)["ResourceTagMappingList"]
    assert {row["ResourceARN"].split("/")[-1] for row in found} == {name, group}
    found = account.tagging.get_resources(TagFilters=wanted, ResourceTypeFilters=["ecs:cluster"])
    assert [row["ResourceARN"] for row in found["ResourceTagMappingList"]] == [cluster]
    assert account.tagging.get_resources(TagFilters=[{"Key": "owner", "Values": ["other"]}])[
        "ResourceTagMappingList"
    ] == []  # fmt: skip


def test_the_managed_policies_of_ecs_exist(account: Account) -> None:
    assert account.iam.get_policy(PolicyArn=POLICY)["Policy"]["PolicyName"] == "AmazonEC2ContainerServiceforEC2Role"


IMAGES = [
    "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
    "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
    "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id",
    "/aws/service/bottlerocket/aws-ecs-2/x86_64/latest/image_id",
    "/aws/service/bottlerocket/aws-ecs-2/arm64/latest/image_id",
    "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
]


@pytest.mark.parametrize("parameter", IMAGES)
def test_the_public_images_are_images_of_ec2(account: Account, parameter: str) -> None:
    image = account.ec2.describe_images(ImageIds=[account.parameter(parameter)])["Images"][0]
    assert image["Architecture"] == ("arm64" if "arm64" in parameter else "x86_64")


def test_the_recommended_image_is_told_in_json(account: Account) -> None:
    told = json.loads(account.parameter("/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended"))
    assert told["image_id"] == account.parameter(IMAGES[0])


def test_a_parameter_that_is_not_there(account: Account) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="ParameterNotFound"):
        account.parameter("/aws/service/ecs/optimized-ami/nosuch")
