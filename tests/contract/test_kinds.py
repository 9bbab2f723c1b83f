"""What holds for every kind, over HTTP to a sandbox: made and found again, changed, deleted, others' left alone."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ecsctl.aws.session import Aws
from ecsctl.deploy.apply import Report, apply, perform
from ecsctl.deploy.changes import CREATE, REMOVE, REPLACE, UPDATE, Change, Plan
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.observe import observe, refresh
from ecsctl.deploy.plan import plan
from ecsctl.deploy.resources import OWNER_TAG, Actual, Key, Resource, Scope
from ecsctl.deploy.tags import with_keys
from ecsctl.errors import EcsctlError
from ecsctl.polling import Deadline
from tests.contract.cases import CASES, LEFT, REGION, Case, Network
from tests.support.sandbox import Running, SandboxClock

READS = ("Describe", "Get", "List")
numbers = itertools.count()
MADE = sorted(name for name, kind in TABLE.items() if not kind.never_desired)
never_desired = pytest.mark.parametrize("left", sorted(LEFT))
every_kind = pytest.mark.parametrize("kind", MADE)


@pytest.fixture(scope="module")
def sandbox(_sandbox: Running) -> Running:
    """This worker's sandbox, emptied once: every test has a project of its own in it."""
    _sandbox.renew()
    return _sandbox


@pytest.fixture(scope="module")
def network(sandbox: Running) -> Network:
    ec2 = sandbox.client("ec2")
    [vpc] = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ids = tuple(sorted(item["SubnetId"] for item in subnets))
    return Network(vpc["VpcId"], ids, other["VpcId"], image)


class Recorded(Aws):
    """A client that remembers the operations that it was asked for."""

    def __init__(self, sandbox: Running) -> None:
        super().__init__(sandbox.target, clock=SandboxClock(sandbox.sandbox))
        self.operations: set[str] = set()

    def call(
        self, service: str, operation: str, params: Mapping[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        self.operations.add(f"{service}:{operation}")
        return super().call(service, operation, params, **options)


@dataclass
class Bench:
    """A project with one case in it."""

    aws: Recorded
    project: str
    case: Case

    @property
    def soon(self) -> Deadline:
        return Deadline.after(600, clock=self.aws.clock)

    @property
    def scope(self) -> Scope:
        return Scope(self.project, self.project, REGION)

    @property
    def kinds(self) -> set[str]:
        return {item.kind for item in (self.case.resource, *self.case.needs)}

    def wanted(self, *resources: Resource) -> dict[Key, Resource]:
        return {item.key: item for item in (*self.case.needs, *(resources or (self.case.resource,)))}

    def plan(self, resources: Mapping[Key, Resource], *, leftovers: bool = False) -> Plan:
        return self.planned(resources, leftovers=leftovers)[0]

    def planned(self, resources: Mapping[Key, Resource], *, leftovers: bool = False) -> tuple[Plan, Any]:
        # As `down` does, what AWS does not list by owner is asked for by name.
        names = resources or self.wanted()
        snapshot = observe(self.aws, replace(self.scope, leftovers=leftovers), names, self.kinds)
        return plan(resources, snapshot, prune=True), snapshot

    def carry_out(self, resources: Mapping[Key, Resource]) -> Report:
        found, snapshot = self.planned(resources, leftovers=not resources)
        return apply(self.aws, found, snapshot, deadline=self.soon)

    def up(self, *resources: Resource) -> None:
        report = self.carry_out(self.wanted(*resources))
        assert report.whole, [str(error) for _, error in report.failed]

    def down(self) -> None:
        report = self.carry_out({})
        assert report.whole, [str(error) for _, error in report.failed]

    def owned(self) -> list[Key]:
        """What the project has, leftovers included; what there is twice is there twice."""
        scope = replace(self.scope, leftovers=True)
        names = {kind: {key.name for key in self.wanted() if key.kind == kind} for kind in self.kinds}
        found = [actual for kind in self.kinds for actual in TABLE[kind].find(self.aws, scope, names[kind])]
        return sorted(actual.key for actual in found if actual.owner == self.project)

    def actual(self) -> Actual:
        found = refresh(self.aws, self.scope, self.case.resource.key)
        assert found is not None
        return found


@pytest.fixture
def bench(sandbox: Running, network: Network, kind: str) -> Iterator[Bench]:
    project = f"c{next(numbers)}"
    made = Bench(Recorded(sandbox), project, CASES[kind](project, network))
    yield made
    sandbox.sandbox.clear_faults()
    made.aws.close()


def test_every_kind_has_its_case(network: Network) -> None:
    assert set(CASES) == set(MADE)
    assert set(LEFT) == set(TABLE) - set(MADE)
    for name, make in CASES.items():
        case = make("x", network)
        assert case.resource.kind == name
        fields = set(case.resource.fields())
        edited = {*case.edits, *case.immutable}
        assert edited == fields or (name == "service" and fields < edited), name


@every_kind
def test_what_was_made_is_found_again_and_deleted(bench: Bench, kind: str) -> None:
    bench.up()
    assert bench.plan(bench.wanted()).changes == ()
    actual = bench.actual()
    assert (actual.owner, actual.key, actual.status) == (bench.project, bench.case.resource.key, "")
    assert set(bench.case.resource.fields()) <= set(actual.fields)
    # By its owner alone it is found as well: `down` needs no file that still names it.
    alone = {item.key: item for item in TABLE[kind].find(bench.aws, bench.scope, ()) if item.owner == bench.project}
    assert alone[actual.key] == actual
    for change in bench.plan({}).changes:
        if kind in TABLE[change.key.kind].depends_on:
            perform(bench.aws, bench.scope, change, {}, bench.soon)
    # What has gone already is deleted, too.
    for _ in range(2):
        assert perform(bench.aws, bench.scope, Change(REMOVE, actual.key, actual=actual), {}, bench.soon) == {}
        assert actual.key not in bench.owned()
    bench.down()
    assert bench.owned() == []


@every_kind
def test_each_field_is_changed_and_then_is_no_change(bench: Bench, kind: str) -> None:
    bench.up()
    assert set(bench.case.immutable) == set(TABLE[kind].immutable)
    for name, to in bench.case.immutable.items():
        with pytest.raises(EcsctlError, match=rf"{name} is .* and cannot become"):
            bench.plan(bench.wanted(to(bench.case.resource)))
    resource: Any = bench.case.resource
    for name, edit in bench.case.edits.items():
        before = bench.actual()
        resource = edit.to(resource)
        [change] = [item for item in bench.plan(bench.wanted(resource)).changes if item.key == resource.key]
        assert change.action == edit.action, name
        assert name in change.changed or kind == "task-definition", name
        bench.up(resource)
        assert bench.plan(bench.wanted(resource)).changes == (), name
        after = bench.actual()
        assert after.fields != before.fields, f"{name}: AWS has what it had"
        # A new service has the ARN of the old one, a classic balancer no ARN at all.
        renewed = edit.action == REPLACE or TABLE[kind].update_renews
        assert renewed or after.id == before.id, f"{name}: it is another one"
    bench.down()
    assert bench.owned() == []
    declared = {name for item in bench.kinds for name in TABLE[item].operations}
    assert bench.aws.operations - declared == set()


@every_kind
@pytest.mark.parametrize("owner", ["", "stranger"])
def test_what_somebody_else_made_is_left_alone(bench: Bench, kind: str, owner: str) -> None:
    resource = bench.case.resource
    bench.carry_out({item.key: item for item in bench.case.needs})
    theirs = {name: value for name, value in resource.tags.items() if name != OWNER_TAG}
    theirs.update({OWNER_TAG: owner} if owner else {})
    foreign = replace(resource, tags=theirs, **others_definition(resource))
    known = observe(bench.aws, bench.scope, bench.wanted(), bench.kinds).attributes()
    perform(bench.aws, bench.scope, Change(CREATE, resource.key, resource=foreign), known, bench.soon)
    before = bench.actual()
    assert before.owner == (owner or None)
    found = bench.plan(bench.wanted())
    assert [item for item in found.changes if item.key == resource.key] == []
    if TABLE[kind].shared:
        assert found.conflicts == ()
        assert any(str(resource.key) in note for note in found.notes)
    else:
        assert [item.key for item in found.conflicts] == [resource.key]
        assert (owner or "not made by ecsctl") in str(found.conflicts[0])
    assert resource.key not in {item.key for item in bench.plan({}).changes}
    assert bench.actual() == before


def others_definition(resource: Resource) -> dict[str, Any]:
    """Another definition, where one of nobody's that says the same would be taken as it is."""
    definition = dict(getattr(resource, "definition", {}))
    if resource.kind == "service":
        return {"definition": {**definition, "deploymentConfiguration": {"minimumHealthyPercent": 0}}}
    if resource.kind == "task-definition":
        [container] = definition["containerDefinitions"]
        return {"definition": {**definition, "containerDefinitions": [{**container, "image": "theirs"}]}}
    return {}


@every_kind
def test_tags_are_brought_up_to_date_and_those_of_others_stay(bench: Bench, kind: str) -> None:
    def tagged(tags: dict[str, str]) -> dict[Key, Resource]:
        own = bench.case.resource.tags[OWNER_TAG]
        kept = {key: value for key, value in bench.case.resource.tags.items() if key not in ("team", OWNER_TAG)}
        return bench.wanted(with_keys(replace(bench.case.resource, tags={**kept, OWNER_TAG: own, **tags})))

    first = {"team": "web", "a key": "of two words", "cost-centre": "12"}
    assert bench.carry_out(tagged(first)).whole
    assert bench.plan(tagged(first)).changes == ()
    before = bench.actual()
    TABLE[kind].retag(bench.aws, before, {"by-hand": "stays"}, [])
    second = {"team": "shop", "cost-centre": "12", "stage": "beta"}
    [change] = [item for item in bench.plan(tagged(second)).changes if item.key == before.key]
    assert (change.action, change.renews) == (UPDATE, False)
    told = {item.path: (item.before, item.after) for item in change.fields if item.field == "tags"}
    told = {path: both for path, both in told.items() if not path.startswith("tags.ecsctl:")}
    assert told == {
        "tags.a key": ("of two words", None),
        "tags.stage": (None, "beta"),
        "tags.team": ("web", "shop"),
    }
    assert bench.carry_out(tagged(second)).whole
    assert bench.plan(tagged(second)).changes == ()
    after = bench.actual()
    assert after.id == before.id
    assert {**second, "by-hand": "stays"}.items() <= (after.tags or {}).items()
    assert "a key" not in (after.tags or {})
    assert bench.carry_out(tagged({})).whole
    left = {key for key in bench.actual().tags or {} if not key.startswith(("ecsctl:", "aws:"))}
    assert left == {"by-hand"}
    assert bench.actual().owner == bench.project


@every_kind
@pytest.mark.slow
def test_a_lost_answer_changes_nothing_of_the_outcome(bench: Bench, sandbox: Running, kind: str) -> None:
    """Each write loses its first answer: botocore sends it again, and meets what it has done itself."""
    writes = [name.partition(":")[2] for name in TABLE[kind].operations]
    for name in sorted({name for name in writes if not name.startswith(READS)}):
        sandbox.sandbox.add_fault({"kind": "lost-response", "operation": [name], "times": 1})
    bench.up()
    assert bench.plan(bench.wanted()).changes == ()
    assert len(bench.owned()) == len(bench.wanted())
    resource: Any = bench.case.resource
    for edit in bench.case.edits.values():
        if edit.action != REPLACE:
            resource = edit.to(resource)
    bench.up(resource)
    assert bench.plan(bench.wanted(resource)).changes == ()
    bench.down()
    assert bench.owned() == []


@every_kind
@pytest.mark.slow
def test_two_at_once_make_one(bench: Bench, kind: str) -> None:
    bench.carry_out({item.key: item for item in bench.case.needs})
    outcomes: list[Report] = []
    start = threading.Barrier(2, timeout=60)

    def run(resources: Mapping[Key, Resource]) -> None:
        found, snapshot = bench.planned(resources, leftovers=not resources)
        start.wait()
        outcomes.append(apply(bench.aws, found, snapshot, deadline=bench.soon))

    def both(resources: Mapping[Key, Resource]) -> Iterable[str]:
        outcomes.clear()
        threads = [threading.Thread(target=run, args=(resources,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 2
        return [str(error) for report in outcomes for _, error in report.failed]

    assert both(bench.wanted()) == []
    assert bench.plan(bench.wanted()).changes == ()
    assert len(bench.owned()) == len(bench.wanted())
    assert both({}) == []
    assert bench.owned() == []


@pytest.fixture
def lost(sandbox: Running, network: Network, left: str) -> Iterator[tuple[Bench, str]]:
    """A project with a cluster and one thing that no file asks for; its id."""
    project = f"c{next(numbers)}"
    made = Bench(Recorded(sandbox), project, CASES["cluster"](project, network))
    made.up()
    yield made, LEFT[left](sandbox.client, project, project, network)
    sandbox.sandbox.clear_faults()
    made.aws.close()


def planned(bench: Bench, kind: str, resources: Mapping[Key, Resource]) -> Plan:
    snapshot = observe(bench.aws, replace(bench.scope, leftovers=not resources), resources, {kind, "cluster"})
    return plan(resources, snapshot, prune=True)


@never_desired
def test_what_no_file_asks_for_stays_is_told_and_goes_with_all_the_rest(lost: tuple[Bench, str], left: str) -> None:
    bench, id_ = lost
    [actual] = TABLE[left].find(bench.aws, bench.scope, ())
    assert (actual.id, actual.owner, actual.status) == (id_, bench.project, "")
    kept = planned(bench, left, bench.wanted())
    assert (kept.changes, [note for note in kept.notes if id_ in note] != []) == ((), True)
    removal = planned(bench, left, {})
    assert [(item.action, item.key.kind) for item in removal.changes] == [(REMOVE, left), (REMOVE, "cluster")]
    # What has gone already is deleted, too.
    for _ in range(2):
        assert perform(bench.aws, bench.scope, removal.changes[0], {}, bench.soon) == {}
        assert list(TABLE[left].find(bench.aws, bench.scope, ())) == []
    bench.down()
    declared = {name for item in (left, "cluster") for name in TABLE[item].operations}
    assert bench.aws.operations - declared == set()


@never_desired
@pytest.mark.parametrize("owner", [None, "stranger"])
def test_one_of_somebody_else_is_left_alone(
    lost: tuple[Bench, str], left: str, owner: str | None, sandbox: Running, network: Network
) -> None:
    bench, id_ = lost
    theirs = LEFT[left](sandbox.client, bench.project, owner, network)
    removal = planned(bench, left, {})
    assert [item.actual.id for item in removal.changes if item.key.kind == left and item.actual] == [id_]
    [found] = [item for item in TABLE[left].find(bench.aws, bench.scope, [theirs]) if item.id == theirs]
    assert found.owner == owner


@never_desired
@pytest.mark.slow
def test_one_goes_although_answers_are_lost_and_two_remove_it(
    lost: tuple[Bench, str], left: str, sandbox: Running
) -> None:
    bench, _ = lost
    writes = [name.partition(":")[2] for name in TABLE[left].operations]
    for name in sorted({name for name in writes if not name.startswith(READS)}):
        sandbox.sandbox.add_fault({"kind": "lost-response", "operation": [name], "times": 1})
    [change, _] = planned(bench, left, {}).changes
    start = threading.Barrier(2, timeout=60)
    outcomes: list[Mapping[str, str]] = []

    def remove() -> None:
        start.wait()
        outcomes.append(perform(bench.aws, bench.scope, change, {}, bench.soon))

    threads = [threading.Thread(target=remove) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [{}, {}]
    assert list(TABLE[left].find(bench.aws, bench.scope, ())) == []
