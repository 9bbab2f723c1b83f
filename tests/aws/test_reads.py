from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ecsctl.aws import ec2, ecs
from ecsctl.aws.concurrency import map_concurrently
from ecsctl.aws.preconnect import warm
from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.errors import AwsError, ExitCode
from tests.support.wire import Wire

INSTANCES = """<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet>%s
</reservationSet>%s</DescribeInstancesResponse>"""


def reservation(instance: str) -> str:
    return f"<item><instancesSet><item><instanceId>{instance}</instanceId></item></instancesSet></item>"


@pytest.mark.parametrize(
    ("describe", "operation", "names", "most"),
    [
        (ecs.describe_tasks, "DescribeTasks", "tasks", 100),
        (ecs.describe_container_instances, "DescribeContainerInstances", "containerInstances", 100),
        (ecs.describe_services, "DescribeServices", "services", 10),
    ],
)
def test_describes_go_in_batches_and_keep_their_failures(describe: Any, operation: str, names: str, most: int) -> None:
    def answer(query: dict[str, Any]) -> dict[str, Any]:
        asked = query[names]
        lost = [name for name in asked if name.endswith("7")]
        return {
            names: [{"tags": [{"key": "name", "value": name}]} for name in asked if name not in lost],
            "failures": [{"arn": name, "reason": "MISSING"} for name in lost],
        }

    wire = Wire({operation: answer})
    wanted = [f"n{number}" for number in range(2 * most + 5)]
    described = describe(wire.aws, "web", wanted)
    assert sorted(len(query[names]) for _, query in wire.requests) == [5, most, most]
    assert all(query["cluster"] == "web" for _, query in wire.requests)
    told = [row["tags"][0]["value"] for row in described.found]
    assert told == [name for name in wanted if not name.endswith("7")], "in the order asked"
    assert [failure.arn for failure in described.failures] == [name for name in wanted if name.endswith("7")]
    assert str(described.failures[0]) == "MISSING"


def test_clusters_go_100_a_call() -> None:
    wire = Wire({"DescribeClusters": lambda query: {"clusters": []}})
    ecs.describe_clusters(wire.aws, [str(number) for number in range(101)])
    assert sorted(len(query["clusters"]) for _, query in wire.requests) == [1, 100]


def test_nothing_asked_is_no_call() -> None:
    wire = Wire({})
    assert ecs.describe_tasks(wire.aws, "web", []).found == ()
    assert ec2.describe_instances(wire.aws, ["mi-0abc"]) == []
    assert wire.requests == []


def test_lists_follow_the_token_and_send_their_filters() -> None:
    def answer(query: dict[str, Any]) -> dict[str, Any]:
        return {"taskArns": ["b"]} if query.get("nextToken") == "t" else {"taskArns": ["a"], "nextToken": "t"}

    wire = Wire({"ListTasks": answer})
    assert list(ecs.list_tasks(wire.aws, "web", service="svc")) == ["a", "b"]
    assert wire.requests[0][1] == {
        "cluster": "web",
        "maxResults": 100,
        "desiredStatus": "RUNNING",
        "serviceName": "svc",
    }
    list(ecs.list_tasks(wire.aws, "web", started_by="me"))
    assert wire.requests[-1][1]["startedBy"] == "me"
    assert "desiredStatus" not in wire.requests[-1][1], "startedBy must be the only filter"


def test_an_unknown_cluster_is_not_found() -> None:
    fault = (400, {"__type": "ClusterNotFoundException", "message": "Cluster not found."})
    wire = Wire({"ListTasks": lambda query: fault, "DescribeClusters": lambda query: {"clusters": []}})
    with pytest.raises(AwsError) as raised:
        list(ecs.list_tasks(wire.aws, "nope"))
    assert raised.value.code == ExitCode.NOT_FOUND
    with pytest.raises(Exception, match="no cluster nope in eu-west-1"):
        ecs.require_cluster(wire.aws, "nope")


def test_deleted_clusters_are_not_found() -> None:
    gone = {"clusters": [{"clusterName": "old", "status": "INACTIVE"}]}
    with pytest.raises(Exception, match="no cluster old"):
        ecs.require_cluster(Wire({"DescribeClusters": lambda query: gone}).aws, "old")


def test_an_unknown_definition_is_none_and_other_refusals_are_errors() -> None:
    unknown = (400, {"__type": "ClientException", "message": "Unable to describe task definition."})
    denied = (400, {"__type": "AccessDeniedException", "message": "no"})
    answers = iter([unknown, denied])
    wire = Wire({"DescribeTaskDefinition": lambda query: next(answers)})
    assert ecs.describe_task_definition(wire.aws, "web") is None
    with pytest.raises(AwsError, match="AccessDenied"):
        ecs.describe_task_definition(wire.aws, "web")


def test_families_that_merely_begin_alike_are_left_out() -> None:
    arns = [f"arn:aws:ecs:eu-west-1:1:task-definition/{name}" for name in ("web:1", "web-api:1", "web:2")]
    wire = Wire({"ListTaskDefinitions": lambda query: {"taskDefinitionArns": arns}})
    assert list(ecs.list_task_definitions(wire.aws, "web")) == [arns[0], arns[2]]


def test_instances_are_asked_by_filter_so_that_an_unknown_one_does_no_harm() -> None:
    def answer(query: dict[str, Any]) -> str:
        assert query["Filter.1.Name"] == "instance-id"
        assert "InstanceId.1" not in query
        return INSTANCES % (reservation(query["Filter.1.Value.1"]), "")

    wire = Wire({"DescribeInstances": answer})
    found = ec2.describe_instances(wire.aws, [f"i-{number:04}" for number in range(201)] + ["mi-1", "i-0000"])
    assert [row["InstanceId"] for row in found] == ["i-0000", "i-0200"]
    sizes = sorted(sum(key.startswith("Filter.1.Value") for key in query) for _, query in wire.requests)
    assert sizes == [1, 200]


def test_described_while_listed_and_never_far_ahead() -> None:
    taken: list[int] = []
    begun = threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            if number == 3:
                assert begun.wait(60), "the first items are worked on while further ones are taken"
            yield number

    def work(number: int) -> int:
        begun.set()
        return number * 2

    results = map_concurrently(work, numbers(), workers=2)
    assert next(results) == 0
    assert len(taken) <= 5
    assert list(results) == [number * 2 for number in range(1, 100)]


def test_an_error_comes_at_its_turn_and_drops_the_rest() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        if number == 1:
            raise ValueError("the second")
        done.append(number)
        return number

    results = map_concurrently(work, iter(range(1000)), workers=2)
    assert next(results) == 0
    with pytest.raises(ValueError, match="the second"):
        next(results)
    assert len(done) < 20


def test_a_warm_connection_is_the_one_that_the_first_call_uses() -> None:
    connections: set[Any] = set()
    connected = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = (INSTANCES % ("", "")).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def setup(self) -> None:
            connections.add(self.client_address)
            connected.set()
            super().setup()

        def log_message(self, *told: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        aws = Aws(Target(region="eu-west-1", endpoint_url=url, credentials=("AKIATEST", "secret")))
        warm(aws, "ec2").join(10)
        assert connected.wait(60), "the connection is open before the first call"
        assert ec2.describe_instances(aws, ["i-1"]) == []
        aws.close()
        assert len(connections) == 1
    finally:
        server.shutdown()
        server.server_close()


def test_warming_in_vain_is_silent() -> None:
    aws = Aws(Target(region="eu-west-1", endpoint_url="http://127.0.0.1:9", credentials=("AKIATEST", "secret")))
    warm(aws, "ec2").join(10)
