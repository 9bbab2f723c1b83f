"""Many regions side by side."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecsctl.sandbox.ecs.regions import Regions
from ecsctl.sandbox.interfaces import InstanceDetails
from tests.sandbox.ecs.world import ACCOUNT, FakeAutoScaling, FakeCloudWatch, FakeEc2, FakeElb, FakeRuntime


def facts(zone: str, machine: str) -> InstanceDetails:
    return InstanceDetails(
        ec2_instance_id=machine,
        instance_type="t3.small",
        availability_zone=zone,
        cpu_units=2048,
        memory_mib=1900,
        ami_id="ami-1",
    )


@pytest.fixture
def regions() -> Regions:
    return Regions(
        ACCOUNT,
        FakeRuntime(),
        lambda region: (FakeEc2(), FakeElb(), FakeAutoScaling(), FakeCloudWatch()),
        clock=lambda: 1.7e9,
    )


def call(regions: Regions, region: str, operation: str, **params: Any) -> dict[str, Any]:
    status, _, body = regions.handle(region, operation, json.dumps(params).encode())
    assert status == 200, body
    answer: dict[str, Any] = json.loads(body)
    return answer


def test_each_region_has_its_own_and_news_finds_its_way(regions: Regions) -> None:
    container = {"name": "app", "image": "nginx", "memory": 10}
    tasks = {}
    for number, name in enumerate(("eu-west-1", "us-east-1")):
        call(regions, name, "CreateCluster")
        call(regions, name, "RegisterTaskDefinition", family="web", containerDefinitions=[container])
        regions.register_agent("default", facts(f"{name}a", f"i-{number:017d}"))
        tasks[name] = call(regions, name, "RunTask", taskDefinition="web")["tasks"][0]["taskArn"]
    for n in range(5):
        regions.step(1.7e9 + n)
    for name, arn in tasks.items():
        assert call(regions, name, "DescribeTasks", tasks=[arn])["tasks"][0]["lastStatus"] == "RUNNING"
    assert len(regions.expected_containers()) == 2
    regions.instance_terminated("i-00000000000000001")
    counts = {
        name: call(regions, name, "DescribeClusters")["clusters"][0]["registeredContainerInstancesCount"]
        for name in tasks
    }
    assert counts == {"eu-west-1": 1, "us-east-1": 0}


def test_all_regions_are_saved(regions: Regions) -> None:
    for name in ("eu-west-1", "us-east-1"):
        call(regions, name, "CreateCluster", tags=[{"key": "in", "value": name}])
    saved = regions.dump()
    again = Regions(ACCOUNT, FakeRuntime(), lambda region: (FakeEc2(), FakeElb(), FakeAutoScaling(), FakeCloudWatch()))
    again.load(saved)
    assert sorted(again.engines) == ["eu-west-1", "us-east-1"]
    arn = f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/default"
    assert again.tagged_resources("us-east-1") == [(arn, {"in": "us-east-1"})]


def test_a_zone_that_is_none(regions: Regions) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        regions.register_agent("default", facts("nowhere", "i-1"))
