"""Security groups, which are not deleted while anything uses them; pages of network interfaces."""

from __future__ import annotations

from typing import Any


def patch() -> None:
    """Mend deletions, and the bounds of a page."""
    from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
    from moto.ec2.models.security_groups import SecurityGroupBackend
    from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

    describe = ElasticNetworkInterfaces.describe_network_interfaces

    def describe_network_interfaces(self: Any) -> Any:
        """A page has 5 to 1000 interfaces."""
        size = self._get_int_param("MaxResults")
        if size is not None and not 5 <= size <= 1000:
            message = f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
            raise EC2ClientError("InvalidParameterValue", message)
        return describe(self)

    delete = SecurityGroupBackend.delete_security_group

    def delete_security_group(self: Any, name: str | None = None, group_id: str | None = None) -> None:
        """A group that is attached or that another group's rule names cannot be deleted."""
        group = self.get_security_group_from_id(group_id) if group_id else self.get_security_group_from_name(name)
        if group is not None and _in_use(self, group):
            raise DependencyViolationError(f"resource {group.id} has a dependent object")
        delete(self, name, group_id)

    ElasticNetworkInterfaces.describe_network_interfaces = describe_network_interfaces  # type: ignore[method-assign]
    SecurityGroupBackend.delete_security_group = delete_security_group  # type: ignore[method-assign]


def _in_use(backend: Any, group: Any) -> bool:
    from moto.elb.models import elb_backends
    from moto.elbv2.models import elbv2_backends

    for instance in backend.all_instances():
        if instance.state != "terminated" and any(item.id == group.id for item in instance.dynamic_group_list):
            return True
    for interface in backend.enis.values():
        if any(item.id == group.id for item in interface.group_set):
            return True
    account, region = backend.account_id, backend.region_name
    balancers: list[Any] = [
        *elb_backends[account][region].load_balancers.values(),
        *elbv2_backends[account][region].load_balancers.values(),
    ]
    if any(group.id in (balancer.security_groups or ()) for balancer in balancers):
        return True
    for groups in backend.groups.values():
        for other in groups.values():
            if other.id == group.id:
                continue
            for rule in [*other.ingress_rules, *other.egress_rules]:
                sources = [*(getattr(rule, "source_groups", None) or ()), getattr(rule, "source_group", None) or {}]
                if any(source.get("GroupId") == group.id for source in sources):
                    return True
    return False
