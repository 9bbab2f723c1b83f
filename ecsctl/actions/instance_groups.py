"""The group of instances that ``bootstrap`` makes for a cluster: plans in which what is left out stays as it is."""

from __future__ import annotations

from dataclasses import dataclass

from ecsctl.aws.session import Aws
from ecsctl.deploy.changes import CREATE, Plan
from ecsctl.deploy.desired.instances import INSTANCE_KINDS, instance_group, resized
from ecsctl.deploy.observe import Snapshot, observe
from ecsctl.deploy.pipeline import Prepared, guarded, prepare
from ecsctl.deploy.plan import plan
from ecsctl.deploy.resources import Actual, Key, Scope
from ecsctl.deploy.tags import KEYS_TAG, words_of
from ecsctl.errors import NotFoundError
from ecsctl.manifest.model import IngressSpec, InstancesSpec, Spec

SIZES = ("minSize", "desiredCapacity", "maxSize")


@dataclass(frozen=True)
class GroupFlags:
    """What is said of a group; None, or nothing, leaves it as it is, or to the default where it is new."""

    count: int
    type: str | None = None
    image: str | None = None
    agent: str | None = None
    subnets: tuple[str, ...] = ()
    ingress: tuple[IngressSpec, ...] = ()
    key_name: str | None = None


def prepare_bootstrap(aws: Aws, cluster: str, flags: GroupFlags) -> Prepared:
    """Plan the group of a cluster with what it needs; where it exists, only what is said is changed.

    Raises:
        EcsctlError: as :func:`ecsctl.deploy.pipeline.prepare`.
    """
    group, template, rules = _existing(aws, cluster)
    count = flags.count
    new = InstancesSpec(count, count, count)
    has = template.fields if template else {}
    keeps_script = template is not None and flags.image is None and flags.agent is None
    spec = InstancesSpec(
        count,
        count,
        count,
        type=flags.type or has.get("instanceType") or new.type,
        image=flags.image or has.get("image") or new.image,
        subnets=flags.subnets,
        ingress=flags.ingress or rules,
        key_name=flags.key_name or has.get("keyName") or None,
        agent=flags.agent or new.agent,
        user_data=has["userData"] if keeps_script else None,
    )
    tags = (group.tags if group else None) or {}
    own = {key: tags[key] for key in words_of(KEYS_TAG, tags) if key in tags}
    project = Spec(name=cluster, cluster=cluster, tags=own, instances=spec)
    return prepare(aws, project, prune=False, kinds=INSTANCE_KINDS)


def prepare_size(aws: Aws, cluster: str, count: int) -> Prepared:
    """Plan another number of instances, and nothing else.

    Raises:
        NotFoundError: no group was made for the cluster.
        AwsError: AWS refused a call.
    """
    scope = Scope(cluster, cluster, aws.region, alone=True)
    key = instance_group(cluster)
    snapshot = observe(aws, scope, [key], {key.kind})
    found = snapshot.found.get(key)
    if found is None or found.owner != cluster:
        raise NotFoundError(
            f"cluster {cluster} has no Auto Scaling group that ecsctl made",
            hint=f"`ecsctl instance bootstrap -c {cluster} --count {count}` makes one; those of a project have their "
            "number in its file",
        )
    resources = {key: resized(cluster, str(found.fields["cluster"]), count)}
    planned = guarded(aws, plan(resources, snapshot, prune=False), scope)
    return Prepared(planned, Snapshot(scope, snapshot.found), resources)


def is_growth(planned: Plan) -> bool:
    """Whether a plan only makes things, or more instances."""
    for change in planned.changes:
        if change.action == CREATE:
            continue
        sizes = {
            item.path: int(item.after or 0) - int(item.before or 0) for item in change.fields if item.path in SIZES
        }
        if change.key.kind != "auto-scaling-group" or set(sizes) != set(change.changed) or min(sizes.values()) < 0:
            return False
    return True


def _existing(aws: Aws, cluster: str) -> tuple[Actual | None, Actual | None, tuple[IngressSpec, ...]]:
    """The group that there is, its launch template, and the rules of its security group."""
    scope = Scope(cluster, cluster, aws.region, alone=True)
    name = instance_group(cluster).name
    keys = [Key("auto-scaling-group", name), Key("launch-template", name), Key("security-group", f"{name}-instances")]
    snapshot = observe(aws, scope, keys, {key.kind for key in keys})
    group, template, security = (
        actual if (actual := snapshot.found.get(key)) is not None and actual.owner == cluster else None for key in keys
    )
    rules = sorted((security.fields["ingress"] if security else ()), key=str)
    return group, template, tuple(IngressSpec(r.from_port, r.to_port, r.protocol, str(r.source)) for r in rules)
