"""IAM: the managed policies that container instances and tasks need, and the service-linked roles."""

from __future__ import annotations

import contextlib
import functools
import json
from typing import Any

# Of AWS's 1,500 managed policies, which take seconds to load, those that have to do with ECS begin with one of these.
MANAGED = (
    "AdministratorAccess",
    "AmazonEC2ContainerRegistry",
    "AmazonEC2ContainerService",
    "AmazonECS",
    "AmazonElasticContainerRegistry",
    "AmazonSSMManagedInstanceCore",
    "CloudWatchAgentServerPolicy",
    "PowerUserAccess",
    "ReadOnlyAccess",
)
LINKED = "ecs.amazonaws.com"


@functools.lru_cache(maxsize=1)
def _policies() -> dict[str, dict[str, Any]]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    known = json.loads(aws_managed_policies_data)
    return {name: data for name, data in known.items() if name.startswith(MANAGED)}


def mend() -> None:
    """Have the policies without loading all of them, and service-linked roles by their real names."""
    from moto.iam import models

    def some(self: Any) -> list[Any]:
        """The managed policies that have to do with ECS, in AWS's own words."""
        return [
            models.AWSManagedPolicy.from_data(name, self.account_id, self.region_name, data)
            for name, data in _policies().items()
        ]

    models.IAMBackend._init_aws_policies = some  # type: ignore[method-assign]
    models.SERVICE_NAME_CONVERSION |= {"ecs": "ECS", "elasticloadbalancing": "ElasticLoadBalancing"}


def link(account: str) -> None:
    """Make the service-linked role of ECS, as CreateCluster does; one that is there stays."""
    from moto.iam.exceptions import EntityAlreadyExists
    from moto.iam.models import iam_backends

    with contextlib.suppress(EntityAlreadyExists):
        description = "Role to enable Amazon ECS to manage your cluster."
        iam_backends[account]["aws"].create_service_linked_role(LINKED, description, "")
