"""Every region that botocore knows, plain, FIPS and dual stack: the fast path goes where botocore goes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.session import Session

from ecsctl.aws.fast import FastClient
from ecsctl.aws.fast.record import OPERATIONS
from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.errors import EcsctlError

ANSWERS = {
    "ecs": b'{"clusterArns": []}',
    "ec2": b"<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>",
}
CALLS = {"ecs": ("ListClusters", {}), "ec2": ("DescribeInstances", {})}


class Raw(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()


def regions(service: str) -> list[str]:
    session = Session()
    return sorted(
        {
            region
            for partition in session.get_available_partitions()
            for region in session.get_available_regions(service, partition)
        }
    )


SAMPLE = ("eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1")


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["sample", "all"])
@pytest.mark.parametrize("variant", [{}, {"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}])
@pytest.mark.parametrize("service", ["ecs", "ec2"])
def test_the_recorded_endpoint_and_scope_are_botocores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: str, variant: dict[str, str], whole: bool
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variant.items():
        monkeypatch.setenv(name, value)
    known = regions(service) if whole else SAMPLE
    assert len(known) > 3 + 27 * whole
    wrong, refused = [], []
    for region in known:
        sent: list[Any] = []

        def answer(request: Any, sent: list[Any] = sent, **_: Any) -> AWSResponse:
            sent.append(request)
            return AWSResponse(request.url, 200, {}, Raw(ANSWERS[service]))

        aws = Aws(Target(region=region, credentials=("AKID", "secret")))
        operation, query = CALLS[service]
        try:
            aws.client(service).meta.events.register_last(f"before-send.{service}", answer)
            aws.call(service, operation, query)
        except EcsctlError:
            # A partition without such endpoints: nothing may be recorded then.
            recorded = FastClient.of(aws.target)
            refused.append((region, recorded))
            continue
        fast = FastClient.of(aws.target)
        assert fast is not None, region
        part = fast._record["services"][service]
        scope = sent[0].headers["Authorization"].decode().split("Credential=AKID/")[1].split(",")[0].split("/")[1:3]
        if (part["url"], [part["region"], part["name"]]) != (sent[0].url, scope):
            wrong.append((region, part["url"], sent[0].url))
        assert set(part["operations"]) == set(OPERATIONS[service])
    assert wrong == []
    assert [region for region, recorded in refused if recorded is not None] == []
