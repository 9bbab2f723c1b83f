"""EC2 instances: profiles from launch templates, images by SSM parameter, names that resolve, a console."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

from ecsctl.sandbox.interfaces import InstanceFaults


def patch(console: Callable[[str], str], faults: InstanceFaults) -> None:
    """Mend launches, names and the console.

    Args:
        console: gives an instance's output.
        faults: know which instances are impaired, and which zones take none.
    """
    from moto.ec2.models.instances import Instance, InstanceBackend
    from moto.ec2.responses.general import General
    from moto.ec2.responses.instances import InstanceResponse

    run, answer = InstanceBackend.run_instances, InstanceResponse.run_instances

    def run_instances(self: Any, *args: Any, **kwargs: Any) -> Any:
        """What the launch template says holds for the instance: its profile, metadata options, volume tags."""
        zone = _zone(self, kwargs)
        if zone is not None and faults.dead_zone(zone):
            raise _no_capacity(str(kwargs.get("instance_type")), zone)
        before = set(self.enis)
        if args:
            args = (_resolved(self, args[0]), *args[1:])
        elif "image_id" in kwargs:
            kwargs["image_id"] = _resolved(self, kwargs["image_id"])
        reservation = run(self, *args, **kwargs)
        kept = _kept_interfaces(kwargs)
        for instance in reservation.instances:
            for index, interface in instance.nics.items():
                # Interfaces that were made with an instance go with it, unless the launch says that they stay.
                interface.delete_on_termination = interface.id not in before and index not in kept
        profile_name, profile_arn = kwargs.get("iam_instance_profile_name"), kwargs.get("iam_instance_profile_arn")
        if profile_name or profile_arn:
            # moto itself gives it to the first one only, after this.
            for instance in reservation.instances[1:]:
                self.associate_iam_instance_profile(
                    instance.id, iam_instance_profile_name=profile_name, iam_instance_profile_arn=profile_arn
                )
        argument = kwargs.get("launch_template")
        if argument and names_template(argument):
            data = self._get_template_from_args(argument).data
            named = profile_name or profile_arn
            profile = {} if named else data.get("IamInstanceProfile") or {}
            for instance in reservation.instances:
                instance.image_id = _resolved(self, instance.image_id)
                if profile and instance.id not in self.iam_instance_profile_associations:
                    self.associate_iam_instance_profile(
                        instance.id,
                        iam_instance_profile_name=profile.get("Name"),
                        iam_instance_profile_arn=profile.get("Arn"),
                    )
                if data.get("MetadataOptions") and not kwargs.get("metadata_options"):
                    for name, value in data["MetadataOptions"].items():
                        attribute = "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
                        if hasattr(instance.metadata_options, attribute):
                            setattr(instance.metadata_options, attribute, value)
        return reservation

    def answer_run_instances(self: Any) -> Any:
        """A wrong profile is the caller's fault; a client token that was used answers the same instances."""
        from moto.core.responses import ActionResult

        template = self._get_param("LaunchTemplate", {})
        profile = self._get_param("IamInstanceProfile", {})
        named = {
            "iam_instance_profile_name": profile.get("Name"),
            "iam_instance_profile_arn": profile.get("Arn"),
            "launch_template": template,
        }
        _check_profile(self.ec2_backend, named)
        token = self._get_param("ClientToken")
        used: dict[str, str] = self.ec2_backend.__dict__.setdefault("_client_tokens", {})
        known = self.ec2_backend.reservations.get(used.get(token, ""))
        if known is not None:
            return ActionResult(known)
        result = answer(self)
        if token:
            used[token] = next(reversed(self.ec2_backend.reservations))
        return result

    def public_dns_name(self: Any) -> str | None:
        """A name that resolves here: the loopback address itself."""
        address: str | None = self.public_ip
        return address

    def get_console_output(self: Any) -> Any:
        from moto.core.responses import ActionResult
        from moto.core.utils import utcnow

        instance_id = self._get_param("InstanceId")
        self.ec2_backend.get_instance(instance_id)
        text = base64.b64encode(console(instance_id).encode()).decode()
        return ActionResult({"InstanceId": instance_id, "Timestamp": utcnow(), "Output": text})

    status: Any = Instance.__dict__["instance_status"]

    def instance_status(self: Any) -> dict[str, Any]:
        """Impaired where a fault says so: the instance does not answer any more."""
        told: dict[str, Any] = status.fget(self)
        if told["Status"] == "ok" and faults.impaired(self.id):
            return {"Status": "impaired", "Details": [{"Name": "reachability", "Status": "failed"}]}
        return told

    terminate = Instance.terminate

    def end(self: Any) -> Any:
        """To terminate what is terminated is to change nothing."""
        return copy.copy(self._state) if self._state.name == "terminated" else terminate(self)

    Instance.terminate = end  # type: ignore[method-assign]
    Instance.instance_status = property(instance_status)  # type: ignore[assignment,method-assign]
    InstanceResponse.run_instances = answer_run_instances  # type: ignore[method-assign]
    InstanceBackend.run_instances = run_instances  # type: ignore[method-assign]
    Instance.public_dns_name = property(public_dns_name)  # type: ignore[assignment,method-assign]
    General.get_console_output = get_console_output  # type: ignore[method-assign]


def _kept_interfaces(kwargs: dict[str, Any]) -> set[int]:
    """The device indexes of the interfaces that a launch makes with ``DeleteOnTermination: false``."""
    asked = [item for item in kwargs.get("nics") or () if isinstance(item, dict)]
    return {int(item.get("DeviceIndex") or 0) for item in asked if item.get("DeleteOnTermination") is False}


def _zone(backend: Any, kwargs: dict[str, Any]) -> str | None:
    """The zone that a launch names, by its subnet or itself."""
    interfaces = [item.get("SubnetId") for item in kwargs.get("nics") or () if isinstance(item, dict)]
    subnet = next(filter(None, [kwargs.get("subnet_id"), *interfaces]), None)
    if subnet:
        return str(backend.get_subnet(subnet).availability_zone)
    placement = kwargs.get("placement")
    return str(placement) if placement else None


def _no_capacity(instance_type: str, zone: str) -> Exception:
    from moto.ec2.exceptions import EC2ClientError

    return EC2ClientError(
        "InsufficientInstanceCapacity",
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested "
        f"({zone}). Our system will be working on provisioning additional capacity.",
    )


def names_template(specification: dict[str, Any]) -> bool:
    """Whether a LaunchTemplateSpecification names a template: one that names none is moto's to refuse."""
    return bool(specification.get("LaunchTemplateId") or specification.get("LaunchTemplateName"))


def profile_of(backend: Any, kwargs: dict[str, Any]) -> str | None:
    """The name or ARN of the profile that a launch names, itself or by its launch template."""
    named = kwargs.get("iam_instance_profile_name") or kwargs.get("iam_instance_profile_arn")
    argument = kwargs.get("launch_template")
    if not named and argument and names_template(argument):
        profile = backend._get_template_from_args(argument).data.get("IamInstanceProfile") or {}
        named = profile.get("Name") or profile.get("Arn")
    return str(named) if named else None


def problem_of_profile(account: str, partition: str, named: str) -> str | None:
    """What EC2 says of a profile that is not there, or has no role; None of a good one."""
    from moto.iam.models import iam_backends

    kind = "arn" if named.startswith("arn:") else "name"
    profiles = iam_backends[account][partition].instance_profiles.values()
    profile = next((each for each in profiles if named in (each.name, each.arn)), None)
    start = f"Value ({named}) for parameter iamInstanceProfile.{kind} is invalid."
    if profile is None:
        return f"{start} Invalid IAM Instance Profile {'ARN' if kind == 'arn' else 'name'}"
    return None if profile.roles else f'{start} IAM Instance Profile "{profile.arn}" has no associated IAM Roles'


def _check_profile(backend: Any, kwargs: dict[str, Any]) -> None:
    from moto.ec2.exceptions import EC2ClientError

    named = profile_of(backend, kwargs)
    problem = problem_of_profile(backend.account_id, backend.partition, named) if named else None
    if problem:
        raise EC2ClientError("InvalidParameterValue", problem)


def _resolved(backend: Any, image_id: Any) -> Any:
    """EC2 takes ``resolve:ssm:PARAMETER`` for an image."""
    if not str(image_id or "").startswith("resolve:ssm:"):
        return image_id
    from moto.ssm.models import ssm_backends

    name = str(image_id).removeprefix("resolve:ssm:")
    found = ssm_backends[backend.account_id][backend.region_name].get_parameters([name])
    return next((parameter.value for parameter in found.values()), image_id)
