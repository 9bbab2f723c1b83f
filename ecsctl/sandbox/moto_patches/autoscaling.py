"""Auto Scaling: groups spread over their subnets, launch what their template says, and replace what they lose."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ecsctl.sandbox.ec2.auto_scaling import WAITING, drains, end_instance
from ecsctl.sandbox.interfaces import InstanceFaults
from ecsctl.sandbox.moto_patches.instances import names_template, problem_of_profile, profile_of

MOST_PROTECTED = 50
ASG_TAG = "aws:autoscaling:groupName"


def patch(faults: InstanceFaults) -> None:
    """Mend launches, replacements and deletions of groups; ``faults`` know the zones that take no instance."""
    from moto.autoscaling.exceptions import AutoscalingClientError
    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState
    from moto.autoscaling.responses import AutoScalingResponse
    from moto.core.types import Base64EncodedString
    from moto.ec2.models.launch_templates import LaunchTemplateVersion

    create = AutoScalingResponse.create_auto_scaling_group
    delete = AutoScalingResponse.delete_auto_scaling_group
    protect = AutoScalingResponse.set_instance_protection
    resize = FakeAutoScalingGroup.set_desired_capacity

    class AlreadyExistsError(AutoscalingClientError):
        code = "AlreadyExists"
        message = "AutoScalingGroup by this name already exists - A group with the name already exists"

    class ResourceInUseError(AutoscalingClientError):
        code = "ResourceInUse"
        message = (
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) "
            "still in the group."
        )

    class LaunchConfigurationsEnded(AutoscalingClientError):  # noqa: N818
        code = "UnsupportedOperation"
        message = (
            "The Launch Configuration creation operation is not available in your account. Use launch templates to "
            "create configuration templates for your Auto Scaling groups."
        )

    class TooManyError(AutoscalingClientError):
        code = "ValidationError"
        message = (
            "1 validation error detected: Value at 'instanceIds' failed to satisfy constraint: Member must have length "
            f"less than or equal to {MOST_PROTECTED}"
        )

    class InvalidTemplate(AutoscalingClientError):  # noqa: N818
        code = "ValidationError"

        def __init__(self, problem: str) -> None:
            super().__init__(f"You must use a valid fully-formed launch template. {problem}")

    def launch(self: Any, count_needed: int, propagated_tags: dict[str, str]) -> None:
        """AWS spreads a group over its subnets and launches what the template's version says, profile and all."""
        tags = {**propagated_tags, **self.instance_tags, ASG_TAG: self.name}
        ec2 = self.autoscaling_backend.ec2_backend
        named = self.vpc_zone_identifier.split(",") if self.vpc_zone_identifier else []
        subnets = [item for item in named if not faults.dead_zone(str(ec2.get_subnet(item).availability_zone))]
        zones = [zone for zone in self.availability_zones if not faults.dead_zone(str(zone))]
        if not zones or (named and not subnets):
            return
        template = None
        if self.ec2_launch_template:
            template = {"LaunchTemplateId": self.ec2_launch_template.id, "Version": _version(self)}
        for _ in range(count_needed):
            used = [state.instance.subnet_id for state in self.instance_states]
            subnet = min(subnets, key=used.count) if subnets else None
            reservation = ec2.run_instances(
                self.image_id,
                1,
                self.user_data,
                self.security_groups,
                instance_type=self.instance_type,
                tags={"instance": tags},
                placement=zones[len(used) % len(zones)],
                launch_config=self.launch_config,
                launch_template=template,
                is_instance_type_default=False,
                associate_public_ip=self.launch_config.associate_public_ip_address if self.launch_config else None,
                subnet_id=subnet,
            )
            for instance in reservation.instances:
                instance.autoscaling_group = self
                state = InstanceState(instance, protected_from_scale_in=self.new_instances_protected_from_scale_in)
                self.instance_states.append(state)

    def set_desired_capacity(self: Any, new_capacity: int | None) -> None:
        """A group shrinks by its fullest zone's oldest unprotected instances; where ECS drains them they end later."""
        wanted = self.min_size if new_capacity is None else new_capacity
        surplus = len(self.active_instances()) - int(wanted or 0)
        if surplus <= 0 or self.mixed_instances_policy:
            resize(self, new_capacity)
            return
        self.desired_capacity = wanted
        for state in _first_to_go(self.active_instances(), surplus):
            if drains(self):
                state.lifecycle_state = WAITING
            else:
                end_instance(self, state)

    def notice(self: Any, instance_ids: list[str]) -> None:
        """AWS notices a lost instance some time later; :func:`ecsctl.sandbox.ec2.auto_scaling.replace_lost` does."""

    def create_auto_scaling_group(self: Any) -> Any:
        """A group's name is given once: moto would overwrite the first group and orphan its instances."""
        if self._get_param("AutoScalingGroupName") in self.autoscaling_backend.autoscaling_groups:
            raise AlreadyExistsError
        template = self._get_params().get("LaunchTemplate")
        if template and names_template(template):
            ec2 = self.autoscaling_backend.ec2_backend
            named = profile_of(ec2, {"launch_template": template})
            problem = problem_of_profile(ec2.account_id, ec2.partition, named) if named else None
            if problem:
                raise InvalidTemplate(problem)
        return create(self)

    def set_instance_protection(self: Any) -> Any:
        """At most 50 instances a call."""
        if len(self._get_param("InstanceIds", [])) > MOST_PROTECTED:
            raise TooManyError
        return protect(self)

    def create_launch_configuration(self: Any) -> Any:
        """Accounts made since October 2024 have launch templates only."""
        raise LaunchConfigurationsEnded

    def delete_auto_scaling_group(self: Any) -> Any:
        """A group that still has instances goes by force only, and they with it."""
        name = self._get_param("AutoScalingGroupName")
        group = self.autoscaling_backend.autoscaling_groups.get(name)
        if group is not None and group.instance_states and not self._get_bool_param("ForceDelete"):
            raise ResourceInUseError
        # By force all go at once, protected ones and those that were being drained too.
        for state in list(group.instance_states) if group is not None else ():
            end_instance(group, state)
        return delete(self)

    def user_data(self: Any) -> Any:
        """A template's second version keeps its user data as plain text in moto, which then refuses to launch it."""
        given = self.data.get("UserData")
        return Base64EncodedString(given) if isinstance(given, str) else given

    LaunchTemplateVersion.user_data = property(user_data)  # type: ignore[assignment]
    FakeAutoScalingGroup.replace_autoscaling_group_instances = launch  # type: ignore[method-assign]
    FakeAutoScalingGroup.set_desired_capacity = set_desired_capacity  # type: ignore[method-assign]
    AutoScalingResponse.create_auto_scaling_group = create_auto_scaling_group  # type: ignore[method-assign]
    AutoScalingResponse.delete_auto_scaling_group = delete_auto_scaling_group  # type: ignore[method-assign]
    AutoScalingResponse.create_launch_configuration = create_launch_configuration  # type: ignore[method-assign]
    AutoScalingResponse.set_instance_protection = set_instance_protection  # type: ignore[method-assign]
    AutoScalingBackend.notify_terminate_instances = notice  # type: ignore[method-assign]


def _version(group: Any) -> str:
    return str(getattr(group, "launch_template_version", None) or "$Latest")


def _first_to_go(states: list[Any], count: int) -> list[Any]:
    """The instances that a scale-in ends: of the zone that has the most, the oldest; none that is protected."""
    zones = Counter(str(state.instance.placement.zone) for state in states)
    left = [state for state in states if not state.protected_from_scale_in]
    chosen: list[Any] = []
    while left and len(chosen) < count:
        gone = max(left, key=lambda state: zones[str(state.instance.placement.zone)])
        zones[str(gone.instance.placement.zone)] -= 1
        left.remove(gone)
        chosen.append(gone)
    return chosen
