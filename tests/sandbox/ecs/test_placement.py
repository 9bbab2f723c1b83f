"""Placement: strategies and constraints, and an accounting that never gives anything twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecsctl.sandbox.ecs.errors import EcsApiError
from ecsctl.sandbox.ecs.scheduler.placement import Placer
from ecsctl.sandbox.ecs.scheduler.resources import RESERVED_TCP_PORTS, needed, shortage
from tests.sandbox.ecs.world import World


@pytest.fixture
def six() -> World:
    """Six machines in three zones, two of each size."""
    made = World()
    made.call("CreateCluster")
    for n in range(6):
        made.host(zone="abc"[n % 3], cpu=1024 * (1 + n // 3), memory=2000, instance_type=f"t{n // 3}.x")
    made.family(cpu=100, memory=100)
    return made


def placed(world: World, count: int = 6, **members: Any) -> Counter[str]:
    """EC2 instance (last digit) → how many of the tasks it got."""
    arns = world.call("RunTask", taskDefinition="web", count=count, **members)["tasks"]
    store = world.engine.store
    return Counter(store.instances[t["containerInstanceArn"]].facts.ec2_instance_id[-1] for t in arns)


def zones(world: World, counts: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for digit, count in counts.items():
        found["abc"[int(digit) % 3]] += count
    return found


def test_the_default_spreads_over_zones_then_instances(six: World) -> None:
    assert placed(six) == dict.fromkeys("012345", 1)


def test_spread_over_zones(six: World) -> None:
    counts = placed(six, strategy_of("spread", "attribute:ecs.availability-zone"))
    assert zones(six, counts) == {"a": 2, "b": 2, "c": 2}


def test_spread_over_instances(six: World) -> None:
    assert placed(six, **strategy("spread", "instanceId")) == dict.fromkeys("012345", 1)


def test_binpack_fills_the_fullest(six: World) -> None:
    assert set(placed(six, **strategy("binpack", "cpu"))) == {"0"}
    again = placed(six, 6, **strategy("binpack", "cpu"))
    assert again["0"] == 4
    assert len(again) == 2


def test_random_takes_any_that_fits(six: World) -> None:
    counts = placed(six, 10, **strategy("random"))
    assert sum(counts.values()) == 10
    assert len(counts) > 1


def test_distinct_instance(six: World) -> None:
    answer = six.call("RunTask", taskDefinition="web", count=7, placementConstraints=[{"type": "distinctInstance"}])
    assert len({t["containerInstanceArn"] for t in answer["tasks"]}) == 6
    assert len(answer["failures"]) == 6


def test_member_of(six: World) -> None:
    constraint = {"type": "memberOf", "expression": "attribute:ecs.instance-type == t1.x"}
    assert set(placed(six, placementConstraints=[constraint])) == {"3", "4", "5"}


def test_member_of_task_group(six: World) -> None:
    first = placed(six, 1, group="db")
    near = {"type": "memberOf", "expression": "task:group == db"}
    assert set(placed(six, 4, placementConstraints=[near])) == set(first)
    away = {"type": "memberOf", "expression": "not(task:group == db)"}
    assert not set(placed(six, 5, placementConstraints=[away])) & set(first)


def strategy(kind: str, field: str | None = None) -> dict[str, Any]:
    return {"placementStrategy": [{"type": kind} | ({"field": field} if field else {})]}


def strategy_of(kind: str, field: str) -> int:
    """Six tasks are enough for every strategy here."""
    return 6 if kind and field else 0


@pytest.mark.parametrize(
    "members",
    [
        strategy("spread"),
        strategy("spread", "colour"),
        strategy("binpack"),
        strategy("binpack", "disk"),
        strategy("random", "cpu"),
        {"placementConstraints": [{"type": "memberOf"}]},
        {"placementConstraints": [{"type": "distinctInstance", "expression": "x"}]},
        {"placementConstraints": [{"expression": "x"}]},
    ],
)
def test_refused(six: World, members: dict[str, Any]) -> None:
    with pytest.raises(EcsApiError, match="InvalidParameterException"):
        six.call("RunTask", taskDefinition="web", **members)


ports = st.lists(
    st.fixed_dictionaries({"containerPort": st.integers(1, 90), "hostPort": st.sampled_from([0, 22, 80, 81, 32768])}),
    max_size=3,
    unique_by=lambda m: m["hostPort"] or -m["containerPort"],
)
sizes = st.fixed_dictionaries({"cpu": st.integers(0, 900), "memory": st.integers(4, 900), "portMappings": ports})
steps = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(0, 3), st.integers(1, 10)),
        st.tuples(st.just("stop"), st.integers(0, 50)),
        st.tuples(st.just("step"), st.integers(1, 6)),
        st.tuples(st.just("terminate"), st.integers(0, 2)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(families=st.lists(sizes, min_size=4, max_size=4), doing=steps)
def test_nothing_is_ever_given_twice(families: list[dict[str, Any]], doing: list[tuple[Any, ...]]) -> None:
    world = World()
    world.call("CreateCluster")
    for n in range(3):
        world.host(zone="abc"[n])
    for n, members in enumerate(families):
        world.family(f"f{n}", **members)
    started: list[str] = []
    for step in doing:
        if step[0] == "run":
            try:
                answer = world.call("RunTask", taskDefinition=f"f{step[1]}", count=step[2])
            except EcsApiError as error:
                assert "No Container Instances" in error.message  # noqa: PT017
                continue
            assert len(answer["tasks"]) == step[2] or answer["failures"]
            started += [t["taskArn"] for t in answer["tasks"]]
        elif step[0] == "stop" and started:
            world.call("StopTask", task=started[step[1] % len(started)])
        elif step[0] == "step":
            world.step(step[1])
        elif step[0] == "terminate":
            world.engine.instance_terminated(f"i-{step[1]:017d}")
        books_balance(world)
    for arn in started:
        world.call("StopTask", task=arn)
    world.step(8)
    for instance in world.engine.store.instances.values():
        assert (instance.cpu_used, instance.memory_used, instance.tasks) == (0, 0, {})
        assert not instance.fixed_ports
        assert not instance.dynamic_ports


def books_balance(world: World) -> None:
    """What the books of the instances, groups and clusters say is what the tasks hold, within what there is."""
    store = world.engine.store
    counted = Counter((task.last_status, task.launch_type or "") for task in store.tasks.values())
    assert +store.statuses_of_cluster["default"] == counted
    live = [task for task in store.tasks.values() if task.last_status != "STOPPED"]
    for group in {task.group for task in live}:
        assert store.group_tasks("default", group) == [task for task in live if task.group == group]
    assert {group for _, group in store.tasks_of_group} == {task.group for task in live}
    for instance in store.instances.values():
        tasks = [store.tasks[arn] for arn in instance.tasks]
        assert all(task.last_status != "STOPPED" for task in tasks)
        assert instance.cpu_used == sum(task.need.cpu for task in tasks) <= instance.facts.cpu_units
        assert instance.memory_used == sum(task.need.memory for task in tasks) <= instance.facts.memory_mib
        held: Counter[tuple[str, int]] = Counter()
        for task in tasks:
            bound = {(b.protocol, b.host_port) for c in task.containers for b in c.bindings}
            held.update(bound | set(task.need.ports))
        assert all(count == 1 for count in held.values()), held
        assert not any(("tcp", port) in held for port in RESERVED_TCP_PORTS)
        assert set(held) == set(instance.fixed_ports) | set(instance.dynamic_ports)
        assert not set(instance.fixed_ports) & set(instance.dynamic_ports)


def test_a_task_with_an_interface_goes_where_its_subnets_are(world: World) -> None:
    world.family(networkMode="awsvpc")
    network = {"awsvpcConfiguration": {"subnets": ["subnet-b"]}}
    world.call("RunTask", taskDefinition="web", count=2, networkConfiguration=network)
    assert {task["availabilityZone"] for task in world.tasks()} == {"eu-west-1b"}
    elsewhere = {"awsvpcConfiguration": {"subnets": ["subnet-c"]}}
    answer = world.call("RunTask", taskDefinition="web", networkConfiguration=elsewhere)
    assert [failure["reason"] for failure in answer["failures"]] == ["LOCATION", "LOCATION"]


kinds = st.sampled_from(
    [
        {"type": "spread", "field": "attribute:ecs.availability-zone"},
        {"type": "spread", "field": "attribute:ecs.instance-type"},
        {"type": "spread", "field": "instanceId"},
        {"type": "binpack", "field": "memory"},
        {"type": "binpack", "field": "cpu"},
    ]
)
machines = st.tuples(st.sampled_from("abc"), st.sampled_from([512, 1024, 2048]), st.sampled_from(["t3.x", "m5.x"]))


@settings(max_examples=60, deadline=None)
@given(
    hosts=st.lists(machines, min_size=1, max_size=8),
    strategy=st.lists(kinds, max_size=3, unique_by=str),
    already=st.integers(0, 5),
    distinct=st.booleans(),
    count=st.integers(1, 10),
)
def test_every_choice_is_the_best_of_all(
    hosts: list[tuple[str, int, str]], strategy: list[dict[str, Any]], already: int, distinct: bool, count: int
) -> None:
    world = World()
    world.call("CreateCluster")
    for zone, cpu, kind in hosts:
        world.host(zone=zone, cpu=cpu, instance_type=kind)
    world.family(cpu=200, memory=150)
    if already:
        world.call("RunTask", taskDefinition="web", count=already)
    store = world.engine.store
    definition = store.definitions["web", 1]
    rules = [{"type": "distinctInstance"}] if distinct else []
    placer = Placer(
        store, "default", definition, needed(definition, {}), group="family:web", constraints=rules, strategy=strategy
    )
    for _ in range(count):
        open_to = [
            host
            for host in placer.candidates
            if not shortage(host, placer.need) and not (distinct and placer.on_instance[host.arn])
        ]
        best = min(open_to, key=placer.key, default=None)
        assert placer.choose() is best
        if best is not None:
            best.cpu_used += placer.need.cpu
            best.memory_used += placer.need.memory
