"""Delete a cluster with what commands made in it."""

from __future__ import annotations

from ecsctl.aws.session import Aws
from ecsctl.deploy.desired.instances import instance_group
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.observe import refresh
from ecsctl.deploy.resources import Key, Scope
from ecsctl.errors import ConflictError, NotFoundError


def kinds_to_delete(aws: Aws, name: str) -> set[str]:
    """The kinds of resources that go with a cluster that a command made.

    Raises:
        NotFoundError: there is no such cluster.
        ConflictError: it was not made by a command: it has no owner, or belongs to a project of another name.
    """
    scope = Scope(name, name, aws.region)
    found = refresh(aws, scope, Key("cluster", name))
    if found is None:
        raise NotFoundError(
            f"there is no cluster {name} in {aws.region}", hint="`ecsctl cluster list` shows those of this region"
        )
    if found.owner is None:
        raise ConflictError(
            f"cluster {name} was not made by ecsctl, so ecsctl does not delete it",
            hint=f"`ecsctl instance remove --all -c {name}` removes what bootstrap made in it; the cluster itself: "
            f"`aws ecs delete-cluster --cluster {name}`",
        )
    if found.owner != name:
        raise ConflictError(
            f"cluster {name} belongs to project {found.owner}", hint="`ecsctl down` with that project's file removes it"
        )
    group = refresh(aws, scope, instance_group(name))
    if group is not None and group.fields["cluster"] not in ("", name):
        # A project of that name has its instances, and what belongs to them, in another cluster.
        return {"cluster", "service"}
    # A family that was registered by command is a project of its own, and may have the cluster's name.
    return set(TABLE) - {"task-definition"}
