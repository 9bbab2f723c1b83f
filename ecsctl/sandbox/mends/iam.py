"""IAM: the managed policies that container instances and tasks need."""

from __future__ import annotations

from typing import Any

MANAGED_POLICIES = {
    "AmazonEC2ContainerServiceforEC2Role": "/service-role/",
    "AmazonECSTaskExecutionRolePolicy": "/service-role/",
    "AmazonSSMManagedInstanceCore": "/",
}


def mend() -> None:
    """Have the policies without loading all 1,300."""
    from moto.iam.models import AWSManagedPolicy, IAMBackend

    def some(self: Any) -> list[Any]:
        """The managed policies that container instances and tasks need; all 1,300 take seconds to load."""
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        data = {
            "Document": document,
            "CreateDate": "2015-03-19T18:45:18+00:00",
            "UpdateDate": "2023-03-06T22:19:04+00:00",
            "DefaultVersionId": "v1",
        }
        return [
            AWSManagedPolicy.from_data(name, self.account_id, self.region_name, {**data, "Path": path})
            for name, path in MANAGED_POLICIES.items()
        ]

    IAMBackend._init_aws_policies = some  # type: ignore[method-assign]
