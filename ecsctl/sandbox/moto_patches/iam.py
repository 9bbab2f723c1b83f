"""IAM: the managed policies that container instances and tasks need, and the service-linked roles."""

from __future__ import annotations

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


@functools.lru_cache(maxsize=1)
def _policies() -> dict[str, dict[str, Any]]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    known = json.loads(aws_managed_policies_data)
    return {name: data for name, data in known.items() if name.startswith(MANAGED)}


def patch() -> None:
    """Have the policies without loading all of them, service-linked roles by their real names, and IAM's refusals."""
    from moto.iam import models
    from moto.iam.exceptions import NotFoundException

    def some(self: Any) -> list[Any]:
        """The managed policies that have to do with ECS, with the documents that moto has of AWS."""
        return [
            models.AWSManagedPolicy.from_data(name, self.account_id, self.region_name, data)
            for name, data in _policies().items()
        ]

    models.IAMBackend._init_aws_policies = some  # type: ignore[method-assign]
    models.SERVICE_NAME_CONVERSION |= {"ecs": "ECS", "elasticloadbalancing": "ElasticLoadBalancing"}

    remove = models.IAMBackend.remove_role_from_instance_profile

    def remove_once(self: Any, profile_name: str, role_name: str) -> None:
        """Refuse to take out a role that the profile does not have (API reference: NoSuchEntity)."""
        if all(role.name != role_name for role in self.get_instance_profile(profile_name).roles):
            raise NotFoundException(f"The role with name {role_name} cannot be found.")
        remove(self, profile_name, role_name)

    models.IAMBackend.remove_role_from_instance_profile = remove_once  # type: ignore[method-assign]
