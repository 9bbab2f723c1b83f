"""Many tasks: what stands still costs nothing, what moves costs as much as there is of it."""

from __future__ import annotations

import time

from tests.sandbox.ecs.world import World


def test_a_steady_cluster_is_idle(empty: World) -> None:
    empty.call("CreateCluster")
    for n in range(90):
        empty.host(zone="abc"[n % 3], cpu=8192, memory=16000)
    empty.family(cpu=64, memory=64, portMappings=[{"containerPort": 80}])
    for n in range(2):
        empty.call("CreateService", serviceName=f"s{n}", taskDefinition="web", desiredCount=900)
    start = time.process_time()
    for _ in range(12):
        empty.step()
    took = time.process_time() - start
    services = empty.call("DescribeServices", services=["s0", "s1"])["services"]
    assert [service["runningCount"] for service in services] == [900, 900]
    assert took < 10
    assert not empty.engine.store.moving
    start = time.process_time()
    for _ in range(10):
        empty.step()
    assert (time.process_time() - start) / 10 < 0.1
    start = time.process_time()
    empty.call("DescribeTasks", tasks=empty.call("ListTasks")["taskArns"])
    assert time.process_time() - start < 0.5
