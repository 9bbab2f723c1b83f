"""IAM's service-linked roles, which AWS creates when a service first needs them."""

from __future__ import annotations

import contextlib

LINKED = "ecs.amazonaws.com"


def create_ecs_role(account: str, region: str) -> None:
    """Make the service-linked role of ECS, as CreateCluster in ``region`` does; one that is there stays."""
    from moto.iam.exceptions import EntityAlreadyExists
    from moto.iam.models import iam_backends
    from moto.utilities.utils import get_partition

    with contextlib.suppress(EntityAlreadyExists):
        description = "Role to enable Amazon ECS to manage your cluster."
        iam_backends[account][get_partition(region)].create_service_linked_role(LINKED, description, "")
