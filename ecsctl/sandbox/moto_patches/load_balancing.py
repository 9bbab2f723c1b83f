"""Load balancers: addresses that answer, health by probes, targets by port."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.sandbox.elb.load_balancers import DRAINS

if TYPE_CHECKING:
    from ecsctl.sandbox.elb.load_balancers import LoadBalancers


def patch(balancers: Mapping[str, LoadBalancers], clock: Callable[[], float]) -> None:
    """Mend both kinds; ``balancers`` by region answers for what moto does not know, ``clock`` in epoch seconds."""
    _classic(balancers)
    _v2(balancers)
    _target_groups(clock)


def _classic(balancers: Mapping[str, LoadBalancers]) -> None:
    from moto.elb.models import ELBBackend

    register, create = ELBBackend.register_instances, ELBBackend.create_load_balancer
    health = ELBBackend.describe_instance_health

    def create_load_balancer(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """Once more with the same settings it is the same one; the name in the answer is the one that works."""
        known, given = self.load_balancers.get(name), (args, kwargs)
        if known is not None and known.__dict__.get("_given") == given:
            return known
        balancer = create(self, name, *args, **kwargs)
        balancer.__dict__["_given"] = given
        balancers[self.region_name].name_classic(balancer)
        return balancer

    def describe_instance_health(self: Any, lb_name: str, instances: Any) -> Any:
        """By probes, not by the state of the instance."""
        rows = health(self, lb_name, instances)
        for row in rows:
            if row["State"] == "Unknown":
                continue
            good = balancers[self.region_name].instance_in_service(lb_name, row["InstanceId"])
            row["State"] = "InService" if good else "OutOfService"
            row["ReasonCode"] = "N/A" if good else "Instance"
            row["Description"] = (
                "N/A"
                if good
                else "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
            )
        return rows

    def register_instances(
        self: Any, load_balancer_name: str, instance_ids: Any, from_autoscaling: bool = False
    ) -> Any:
        """Registering what is registered is no second registration."""
        balancer = self.get_load_balancer(load_balancer_name)
        known = set(balancer.instance_ids) if balancer else set()
        fresh = [item for item in instance_ids if item not in known]
        return register(self, load_balancer_name, fresh, from_autoscaling) if fresh else balancer

    def delete_load_balancer_listeners(self: Any, name: str, ports: Any) -> Any:
        """All the named listeners go, and only they."""
        balancer = self.get_load_balancer(name)
        gone = {int(port) for port in ports}
        if balancer:
            balancer.listeners = [item for item in balancer.listeners if int(item.load_balancer_port) not in gone]
        return balancer

    ELBBackend.register_instances = register_instances  # type: ignore[method-assign]
    ELBBackend.create_load_balancer = create_load_balancer  # type: ignore[method-assign]
    ELBBackend.describe_instance_health = describe_instance_health  # type: ignore[method-assign]
    ELBBackend.delete_load_balancer_listeners = delete_load_balancer_listeners  # type: ignore[method-assign]


def _arguments(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """What a method of moto's is given, by name, without its tags: some callers give it in order, some by name."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    given |= given.pop("kwargs", {})
    return {name: value for name, value in given.items() if name not in ("self", "tags")}


def _v2(balancers: Mapping[str, LoadBalancers]) -> None:
    from moto.elbv2.exceptions import DuplicateListenerError, DuplicateLoadBalancerName
    from moto.elbv2.models import ELBv2Backend, FakeHealthStatus

    create, create_group = ELBv2Backend.create_load_balancer, ELBv2Backend.create_target_group
    create_on_port, modify = ELBv2Backend.create_listener, ELBv2Backend.modify_listener

    def create_load_balancer(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Once more with the same settings it is the same one; the name in the answer is the one that works."""
        given = _arguments(create, self, *args, **kwargs)
        known = next((item for item in self.load_balancers.values() if item.name == given["name"]), None)
        if known is not None and known.__dict__.get("_given") == given:
            return known
        if known is not None:
            raise DuplicateLoadBalancerName()
        balancer = create(self, *args, **kwargs)
        balancer.__dict__["_given"] = given
        balancers[self.region_name].name_v2(balancer)
        return balancer

    def create_listener(self: Any, *args: Any, **kwargs: Any) -> Any:
        """A port has one listener; once more with the same settings it is the same one."""
        given = _arguments(create_on_port, self, *args, **kwargs)
        balancer = self.load_balancers.get(given["load_balancer_arn"])
        for known in balancer.listeners.values() if balancer is not None else ():
            if int(known.port) != int(given["port"]):
                continue
            if known.__dict__.get("_given") == given:
                return known
            raise DuplicateListenerError()
        listener = create_on_port(self, *args, **kwargs)
        listener.__dict__["_given"] = given
        return listener

    def modify_listener(self: Any, arn: str, *args: Any, **kwargs: Any) -> Any:
        """What was changed is no longer what CreateListener was given."""
        listener = modify(self, arn, *args, **kwargs)
        listener.__dict__.pop("_given", None)
        return listener

    def create_target_group(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Once more with the same settings, it is the same group."""
        given = _arguments(create_group, self, *args, **kwargs)
        known = next((group for group in self.target_groups.values() if group.name == given["name"]), None)
        if known is not None and known.__dict__.get("_given") == given:
            return known
        group = create_group(self, *args, **kwargs)
        group.__dict__["_given"] = given
        return group

    def describe_target_health(self: Any, target_group_arn: str, targets: Any) -> Any:
        """By probes, one row a target and port."""
        from moto.elbv2.exceptions import TargetGroupNotFoundError

        group = self.target_groups.get(target_group_arn)
        if group is None:
            raise TargetGroupNotFoundError()
        ours = balancers[self.region_name]
        if targets:
            asked = [(item["Id"], int(item.get("Port") or group.port or 0)) for item in targets]
            states = [ours.target_state(target_group_arn, *item) for item in asked]
        else:
            states = ours.target_states(target_group_arn)
        return [
            FakeHealthStatus(
                row.target, str(row.port), _asked_port(group, row.port), row.state, row.reason, row.description
            )
            for row in states
        ]

    ELBv2Backend.create_target_group = create_target_group  # type: ignore[method-assign]
    ELBv2Backend.create_load_balancer = create_load_balancer  # type: ignore[method-assign]
    ELBv2Backend.create_listener = create_listener  # type: ignore[method-assign]
    ELBv2Backend.modify_listener = modify_listener  # type: ignore[method-assign]
    ELBv2Backend.describe_target_health = describe_target_health  # type: ignore[method-assign]


def _asked_port(group: Any, port: int) -> str:
    asked = str(group.health_check_port or "")
    return asked if asked.isdigit() else str(port)


def _target_groups(clock: Callable[[], float]) -> None:
    from moto.elbv2.exceptions import InvalidTargetError, TargetNotRunning
    from moto.elbv2.models import FakeTargetGroup

    def register(self: Any, targets: list[dict[str, Any]]) -> None:
        """A target is an id and a port: one instance can stand behind a group with several ports."""
        for target in targets:
            instance = self.ec2_backend.get_instance_by_id(target["Id"])
            if instance is None and self.target_type == "instance":
                raise InvalidTargetError()
            if instance is not None and instance.state != "running":
                raise TargetNotRunning(instance_id=target["Id"])
        for target in targets:
            port = int(target.get("Port") or self.port)
            key = f"{target['Id']}:{port}"
            self.targets[key] = {"Id": target["Id"], "Port": port}
            self.deregistered_targets.pop(key, None)

    def deregister(self: Any, targets: list[dict[str, Any]]) -> None:
        """A target drains before it is gone; without a port all of the id's go."""
        delay = float(self.attributes.get("deregistration_delay.timeout_seconds", 300))
        until = clock() + min(delay, DRAINS)
        for target in targets:
            port = target.get("Port")
            keys = [
                key
                for key, item in self.targets.items()
                if item["Id"] == target["Id"] and (port is None or item["Port"] == int(port))
            ]
            if not keys:
                raise InvalidTargetError()
            for key in keys:
                self.deregistered_targets[key] = {**self.targets.pop(key), "Until": until}

    def deregister_terminated_instances(self: Any, instance_ids: list[str]) -> None:
        """A terminated instance is no target any more."""
        for key in [key for key, item in self.targets.items() if item["Id"] in instance_ids]:
            self.terminated_targets[key] = self.targets.pop(key)

    FakeTargetGroup.register = register  # type: ignore[method-assign]
    FakeTargetGroup.deregister = deregister  # type: ignore[method-assign]
    FakeTargetGroup.deregister_terminated_instances = deregister_terminated_instances  # type: ignore[method-assign]
