"""The SDK's own client and waiters against the engine, over its real serializer and parser."""

from __future__ import annotations

import io
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError, WaiterError

from tests.sandbox.ecs.world import REGION, World


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()


@pytest.fixture
def client(world: World) -> Any:
    """A botocore client whose requests the engine answers; time passes a little with every call."""
    session = botocore.session.Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    made = session.create_client("ecs", region_name=REGION)

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        world.step()
        status, headers, body = world.engine.handle(request.headers["X-Amz-Target"].decode(), request.body)
        return AWSResponse(request.url, status, headers, _Raw(body))

    made.meta.events.register("before-send.ecs", answer)
    return made


AT_ONCE = {"Delay": 0, "MaxAttempts": 40}


def test_a_service_from_birth_to_death_with_the_waiters(client: Any) -> None:
    container = {"name": "app", "image": "nginx", "memory": 10}
    client.register_task_definition(family="web", containerDefinitions=[container])
    made = client.create_service(serviceName="svc", taskDefinition="web", desiredCount=2)["service"]
    assert made["createdAt"].tzinfo is not None
    client.get_waiter("services_stable").wait(services=["svc"], WaiterConfig=AT_ONCE)
    arns = client.list_tasks(serviceName="svc")["taskArns"]
    client.get_waiter("tasks_running").wait(tasks=arns, WaiterConfig=AT_ONCE)
    client.delete_service(service="svc", force=True)
    client.get_waiter("services_inactive").wait(services=["svc"], WaiterConfig=AT_ONCE)
    client.get_waiter("tasks_stopped").wait(tasks=arns, WaiterConfig=AT_ONCE)
    with pytest.raises(WaiterError):
        client.get_waiter("services_stable").wait(services=["svc"], WaiterConfig=AT_ONCE)


def test_paginators_see_everything_once(client: Any) -> None:
    names = {f"c{n}" for n in range(23)} | {"default"}
    for name in names:
        client.create_cluster(clusterName=name)
    pages = list(client.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 5}))
    arns = [arn for page in pages for arn in page["clusterArns"]]
    assert len(pages) == 5
    assert sorted(arn.rsplit("/", 1)[-1] for arn in arns) == sorted(names)


def test_errors_are_the_modelled_exceptions(client: Any) -> None:
    with pytest.raises(client.exceptions.ClusterNotFoundException):
        client.list_tasks(cluster="nope")
    with pytest.raises(client.exceptions.ServiceNotFoundException):
        client.update_service(service="nope")
    with pytest.raises(ClientError) as caught:
        client.list_gateways()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
