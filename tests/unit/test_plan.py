"""The planner, on resources in memory: what it plans, carried out, leaves nothing to plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.deploy.changes import CREATE, REMOVE, REPLACE
from ecsctl.deploy.compare import compare_fields
from ecsctl.deploy.data_sources import DataSources, Subnet
from ecsctl.deploy.desired import desired
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.classic_load_balancer import ClassicLoadBalancer
from ecsctl.deploy.kinds.cluster import Cluster
from ecsctl.deploy.kinds.security_group import Ingress, SecurityGroup
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.kinds.task_definition import TaskDefinition
from ecsctl.deploy.plan import plan
from ecsctl.deploy.resources import Actual, Key, Scope
from ecsctl.errors import EcsctlError
from ecsctl.manifest.model import (
    HealthCheckSpec,
    IngressSpec,
    InstancesSpec,
    ListenerSpec,
    LoadBalancerRef,
    LoadBalancerSpec,
    ServiceSpec,
    Spec,
    TaskDefinitionSpec,
)
from tests.support.memory import Memory

SCOPE = Scope("shop", "shop", "eu-west-1")
SOURCES = DataSources(
    "eu-west-1",
    subnets=(Subnet("subnet-a", "vpc-1", "eu-west-1a"), Subnet("subnet-b", "vpc-1", "eu-west-1b")),
    named={
        "subnet-c": Subnet("subnet-c", "vpc-1", "eu-west-1c"),
        "subnet-x": Subnet("subnet-x", "vpc-2", "eu-west-1a"),
    },
    image="ami-1",
)


def family(name: str = "web", image: str = "nginx", port: int = 80, **more: object) -> TaskDefinitionSpec:
    container = {"name": name, "image": image, "memory": 64, "portMappings": [{"containerPort": 80, "hostPort": port}]}
    return TaskDefinitionSpec(name, {"family": name, "containerDefinitions": [{**container, **more}]})


def service(name: str = "svc", of: str = "web", count: int = 1, balancer: str | None = None) -> ServiceSpec:
    definition = {"serviceName": name, "taskDefinition": of, "desiredCount": count}
    return ServiceSpec(name, definition, LoadBalancerRef(balancer, of, 80) if balancer else None)


LISTENERS = (ListenerSpec(80, 80),)
FRONT = LoadBalancerSpec("front", "application", listeners=(ListenerSpec(80),))


def logging_family() -> TaskDefinitionSpec:
    options = {"awslogs-group": "/ecs/worker", "awslogs-region": SCOPE.region}
    box = {"name": "c", "image": "nginx", "logConfiguration": {"logDriver": "awslogs", "options": options}}
    return TaskDefinitionSpec("worker", {"family": "worker", "containerDefinitions": [box]})


def whole(**changes: object) -> Spec:
    """A project with one of each."""
    spec = Spec(
        "shop",
        "shop",
        instances=InstancesSpec(1, 2, 3),
        task_definitions={"web": family()},
        load_balancers={"lb": LoadBalancerSpec("lb", listeners=LISTENERS)},
        services={"svc": service(balancer="lb")},
    )
    return replace(spec, **changes)  # type: ignore[arg-type]


def carried_out(*specs: Spec) -> Memory:
    """A memory after ``up`` with each of these, one after another."""
    memory = Memory(SCOPE)
    for spec in specs:
        memory.carry_out(plan(desired(spec, SOURCES), memory.snapshot(), prune=True))
    return memory


def changes(before: Spec, after: Spec) -> dict[str, list[str]]:
    """What goes from one to the other: by ``action kind``, the paths of the fields."""
    found = plan(desired(after, SOURCES), carried_out(before).snapshot(), prune=True).changes
    return {f"{change.action} {change.key.kind}": [item.path for item in change.fields] for change in found}


counts = st.integers(0, 3)
images = st.sampled_from(["nginx", "nginx:2", "example/web"])
ports = st.sampled_from([0, 80, 8080])
balancers = st.builds(
    LoadBalancerSpec,
    st.just("lb"),
    listeners=st.just(LISTENERS),
    health_check=st.builds(HealthCheckSpec, interval=st.integers(5, 9)),
    subnets=st.sampled_from([(), ("subnet-c",)]),
    ingress=st.sampled_from([("0.0.0.0/0",), ("10.0.0.0/8", "::/0")]),
    scheme=st.sampled_from(["internet-facing", "internal"]),
)
instances = st.builds(
    lambda least, more, type_, rules, subnets, scaled: InstancesSpec(
        least, least, least + more, type_, ingress=tuple(rules), subnets=subnets, scaled=scaled
    ),
    counts,
    counts,
    st.sampled_from(["t3.small", "m7g.large"]),
    st.lists(st.builds(IngressSpec, st.sampled_from([80, 443]), st.just(8080)), max_size=2, unique=True),
    st.sampled_from([(), ("subnet-c",)]),
    st.booleans(),
)


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    families = draw(st.sets(st.sampled_from(["web", "api"]), min_size=0))
    fronted = draw(st.booleans()) and "web" in families
    served = [of for of in sorted(families) if draw(st.booleans()) or (of == "web" and fronted)]
    # A classic balancer takes no port that is drawn when a task starts.
    drawn = {name: draw(ports.filter(bool) if fronted and name == "web" else ports) for name in families}
    return Spec(
        "shop",
        "shop",
        instances=draw(st.none() | instances),
        task_definitions={name: family(name, draw(images), drawn[name]) for name in families},
        load_balancers={"lb": draw(balancers)} if fronted else {},
        services={
            f"{of}-svc": service(f"{of}-svc", of, draw(counts), "lb" if fronted and of == "web" else None)
            for of in served
        },
    )


@given(specs(), specs())
def test_after_any_change_of_the_file_nothing_is_left_to_plan(before: Spec, after: Spec) -> None:
    memory = carried_out(before, after)
    again = plan(desired(after, SOURCES), memory.snapshot(), prune=True)
    assert again.changes == ()
    assert set(memory.found) == set(desired(after, SOURCES))


@given(specs(), specs())
def test_whatever_the_file_said_all_of_it_goes(before: Spec, after: Spec) -> None:
    memory = carried_out(before, after)
    memory.carry_out(plan({}, memory.snapshot(), prune=True))
    assert memory.found == {}


@given(specs(), specs())
def test_each_change_stands_behind_those_it_needs(before: Spec, after: Spec) -> None:
    found = plan(desired(after, SOURCES), carried_out(before).snapshot(), prune=True).changes
    for place, change in enumerate(found):
        later = {other.key for other in found[place + 1 :] if (other.action == REMOVE) == (change.action == REMOVE)}
        assert change.after & later == set()


@given(specs(), st.sampled_from([None, "other"]), st.data())
def test_what_others_made_is_in_the_way_and_never_touched(spec: Spec, owner: str | None, data: st.DataObject) -> None:
    wanted = desired(spec, SOURCES)
    key = data.draw(st.sampled_from(sorted(wanted)))
    memory = Memory(SCOPE)
    fields = {"vpc": "vpc-1", "definition": {"family": key.name, "containerDefinitions": []}}
    foreign = Actual(key, "id-0", owner, fields, {"id": "id-0", "name": key.name})
    memory.take(foreign)
    found = plan(wanted, memory.snapshot(), prune=True)
    assert key not in {change.key for change in found.changes}
    if key.kind == Cluster.kind:
        assert found.conflicts == ()
        assert "used as it is" in found.notes[0]
    else:
        assert [(conflict.key, conflict.owner) for conflict in found.conflicts] == [(key, owner)]
    assert plan({}, memory.snapshot(), prune=True).changes == ()


def test_a_new_project_is_all_creations_and_says_what_of() -> None:
    spec = whole(
        task_definitions={"worker": logging_family(), "web": family()},
        load_balancers={"lb": LoadBalancerSpec("lb", listeners=LISTENERS), "front": FRONT},
        services={"api": service("api", balancer="front"), "svc": service(balancer="lb")},
    )
    found = plan(desired(spec, SOURCES), Memory(SCOPE).snapshot(), prune=True)
    assert {change.action for change in found.changes} == {CREATE}
    assert {change.key for change in found.changes} == desired(spec, SOURCES).keys()
    shown = {change.key.kind: {item.path: item.after for item in change.fields} for change in found.changes}
    assert shown["task-definition"]["containerDefinitions[web].image"] == "nginx"
    assert shown["service"]["desiredCount"] == "1"
    assert shown["auto-scaling-group"]["maxSize"] == "3"
    assert shown["launch-template"]["userData"] == "(text)"


def test_values_of_the_environment_are_not_shown() -> None:
    secret = family(environment=[{"name": "TOKEN", "value": "hunter2"}])
    other = family(environment=[{"name": "TOKEN", "value": "hunter3"}])
    made = plan(desired(whole(task_definitions={"web": secret}), SOURCES), Memory(SCOPE).snapshot(), prune=True)
    before = carried_out(whole(task_definitions={"web": secret})).snapshot()
    changed = plan(desired(whole(task_definitions={"web": other}), SOURCES), before, prune=True)
    assert changed.changes
    assert "hunter" not in str(made.to_data()) + str(changed.to_data())


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (
            whole(task_definitions={"web": family(image="nginx:2")}),
            {
                "update task-definition": ["containerDefinitions[web].image"],
                "update service": ["taskDefinition"],
            },
        ),
        (whole(services={"svc": service(count=3, balancer="lb")}), {"update service": ["desiredCount"]}),
        (
            whole(instances=InstancesSpec(4, 4, 4)),
            {"update auto-scaling-group": ["minSize", "desiredCapacity", "maxSize"]},
        ),
        (
            whole(instances=InstancesSpec(1, 2, 3, "m7i.large")),
            {"update launch-template": ["instanceType"]},
        ),
        (
            whole(
                load_balancers={
                    "lb": LoadBalancerSpec("lb", listeners=LISTENERS, health_check=HealthCheckSpec(interval=30))
                }
            ),
            {"update load-balancer": ["healthCheck.Interval"]},
        ),
        (
            whole(load_balancers={"lb": LoadBalancerSpec("lb", listeners=LISTENERS, scheme="internal")}),
            {"replace load-balancer": ["scheme"], "replace service": ["loadBalancers"]},
        ),
        (whole(services={}, load_balancers={}, task_definitions={}, instances=None), None),
    ],
)
def test_what_a_change_of_the_file_changes(after: Spec, expected: dict[str, list[str]] | None) -> None:
    found = changes(whole(), after)
    if expected is None:
        assert set(found) == {f"remove {key.kind}" for key in desired(whole(), SOURCES) if key.kind != "cluster"}
    else:
        assert found == expected


def test_a_new_template_says_that_running_instances_keep_the_old_one() -> None:
    memory = carried_out(whole())
    found = plan(desired(whole(instances=InstancesSpec(1, 2, 3, "m7i.large")), SOURCES), memory.snapshot(), prune=True)
    assert "keep the old launch template" in found.notes[0]


def test_what_the_file_leaves_open_is_left_alone() -> None:
    scaled = whole(instances=InstancesSpec(1, 1, 5, scaled=True))
    memory = carried_out(scaled)
    key = Key(AutoScalingGroup.kind, "ecsctl-shop")
    group = memory.found[key]
    memory.take(replace(group, fields={**group.fields, "desiredCapacity": 4, "subnets": frozenset({"subnet-a"})}))
    balancer = Key(ClassicLoadBalancer.kind, "lb")
    shown = memory.found[balancer]
    memory.take(replace(shown, fields={**shown.fields, "subnets": frozenset({"subnet-a"})}))
    assert plan(desired(scaled, SOURCES), memory.snapshot(), prune=True).changes == ()


def test_a_rule_that_somebody_added_by_hand_stays() -> None:
    memory = carried_out(whole())
    key = Key(SecurityGroup.kind, "ecsctl-shop-instances")
    group = memory.found[key]
    by_hand = frozenset({Ingress(22, 22, "tcp", "203.0.113.0/24")})
    memory.take(replace(group, fields={**group.fields, "unmarked": by_hand}))
    found = plan(desired(whole(), SOURCES), memory.snapshot(), prune=True)
    assert found.changes == ()
    assert [note.partition(",")[0] for note in found.notes] == [
        "security-group ecsctl-shop-instances lets in 22/tcp from 203.0.113.0/24 by a rule that ecsctl did not make"
    ]


def test_a_rule_of_the_file_that_exists_by_hand_is_not_made_again() -> None:
    spec = whole(instances=InstancesSpec(1, 1, 1, ingress=(IngressSpec(443, 443),)))
    memory = carried_out(spec)
    key = Key(SecurityGroup.kind, "ecsctl-shop-instances")
    group = memory.found[key]
    rule = Ingress(443, 443, "tcp", "0.0.0.0/0")
    fields = {**group.fields, "ingress": group.fields["ingress"] - {rule}, "unmarked": frozenset({rule})}
    memory.take(replace(group, fields=fields))
    assert plan(desired(spec, SOURCES), memory.snapshot(), prune=True).changes == ()


def test_what_drains_is_replaced_when_it_has_gone() -> None:
    memory = carried_out(whole())
    key = Key(Service.kind, "svc")
    memory.take(replace(memory.found[key], status="DRAINING"))
    [change] = plan(desired(whole(), SOURCES), memory.snapshot(), prune=True).changes
    assert (change.action, change.fields[0].before) == (REPLACE, "DRAINING")


def test_another_network_is_refused_before_anything_changes() -> None:
    moved = whole(instances=InstancesSpec(1, 2, 3, subnets=("subnet-x",)), load_balancers={}, services={})
    with pytest.raises(EcsctlError, match="vpc-1 and cannot become vpc-2"):
        plan(desired(moved, SOURCES), carried_out(whole()).snapshot(), prune=True)


def test_a_namesake_in_another_network_is_not_in_the_way() -> None:
    memory = Memory(SCOPE)
    key = Key(SecurityGroup.kind, "ecsctl-shop-instances")
    memory.take(Actual(key, "sg-9", None, {"vpc": "vpc-9", "ingress": frozenset()}, {"id": "sg-9"}))
    found = plan(desired(whole(), SOURCES), memory.snapshot(), prune=True)
    assert found.conflicts == ()
    assert (CREATE, key) in {(change.action, change.key) for change in found.changes}


def test_a_command_that_is_no_file_removes_nothing() -> None:
    memory = carried_out(whole())
    only = Spec("shop", "shop", services={"other": service("other", "web:1")})
    found = plan(desired(only, SOURCES), memory.snapshot(), prune=False)
    assert [(change.action, change.key.name) for change in found.changes] == [(CREATE, "other")]


def test_security_groups_that_name_each_other_can_still_be_planned_away() -> None:
    memory = Memory(SCOPE)
    for name, other in (("a", "sg-b"), ("b", "sg-a")):
        rules = frozenset({Ingress(80, 80, "tcp", other)})
        key = Key(SecurityGroup.kind, name)
        memory.take(Actual(key, f"sg-{name}", "shop", {"vpc": "v", "ingress": rules}, {"id": f"sg-{name}"}))
    found = plan({}, memory.snapshot(), prune=True)
    assert sorted(change.key.name for change in found.changes) == ["a", "b"]


def test_a_family_that_became_anothers_is_in_the_way() -> None:
    memory = carried_out(whole())
    key = Key(TaskDefinition.kind, "web")
    memory.take(replace(memory.found[key], owner="other"))
    [conflict] = plan(desired(whole(), SOURCES), memory.snapshot(), prune=True).conflicts
    assert str(conflict).endswith("belongs to project other")


def test_another_cluster_means_other_instances() -> None:
    # The service is looked for in the new cluster, and is not there.
    memory = carried_out(whole())
    moved = memory.found.pop(Key(Service.kind, "svc"))
    memory.take(replace(moved, key=Key(Service.kind, "shop/svc")))
    found = plan(desired(whole(cluster="prod"), SOURCES), memory.snapshot(), prune=True).changes
    assert {f"{change.action} {change.key}" for change in found} == {
        "create cluster prod",
        "update launch-template ecsctl-shop",
        "replace auto-scaling-group ecsctl-shop",
        "create service svc",
        "remove service shop/svc",
        "remove cluster shop",
    }


def test_nothing_and_nothing_are_no_difference() -> None:
    assert list(compare_fields({}, {"matcher": "", "groups": frozenset()})) == []
    assert list(compare_fields({"matcher": ""}, {"matcher": ""})) == []
    [change] = compare_fields({"matcher": ""}, {"matcher": "200"})
    assert (change.before, change.after) == (None, "200")
