"""Where moto answers otherwise than AWS: mended by replacing its methods, in the sandbox's own process only.

Each entry says what AWS does. moto's internals move between minor versions, which is why the package pins one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecsctl.sandbox.world import World

ASG_TAG = "aws:autoscaling:groupName"
REASONS = {
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
}
MANAGED_POLICIES = {
    "AmazonEC2ContainerServiceforEC2Role": "/service-role/",
    "AmazonECSTaskExecutionRolePolicy": "/service-role/",
    "AmazonSSMManagedInstanceCore": "/",
}


def install(world: World) -> None:
    """Mend moto, for a world that follows its instances and balancers."""
    _auto_scaling()
    _instances(world.console)
    _security_groups()
    _load_balancers(world)
    _managed_policies()


def _auto_scaling() -> None:
    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState

    def launch(self: Any, count_needed: int, propagated_tags: dict[str, str]) -> None:
        """AWS spreads a group over its subnets and launches what the template's version says, profile and all."""
        tags = {**propagated_tags, **self.instance_tags, ASG_TAG: self.name}
        subnets = self.vpc_zone_identifier.split(",") if self.vpc_zone_identifier else []
        template = None
        if self.ec2_launch_template:
            template = {"LaunchTemplateId": self.ec2_launch_template.id, "Version": _version(self)}
        for _ in range(count_needed):
            used = [state.instance.subnet_id for state in self.instance_states]
            subnet = min(subnets, key=used.count) if subnets else None
            reservation = self.autoscaling_backend.ec2_backend.run_instances(
                self.image_id,
                1,
                self.user_data,
                self.security_groups,
                instance_type=self.instance_type,
                tags={"instance": tags},
                placement=self.availability_zones[len(used) % len(self.availability_zones)],
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

    def notice(self: Any, instance_ids: list[str]) -> None:
        """AWS notices a lost instance some time later; :func:`replenish` does."""

    FakeAutoScalingGroup.replace_autoscaling_group_instances = launch  # type: ignore[method-assign]
    AutoScalingBackend.notify_terminate_instances = notice  # type: ignore[method-assign]


def _version(group: Any) -> str:
    return str(getattr(group, "launch_template_version", None) or "$Latest")


def replenish(backend: Any, delay: float, now: float) -> None:
    """Replace what a group has lost for ``delay`` seconds: terminated instances, and stopped ones (it ends those)."""
    for group in list(backend.autoscaling_groups.values()):
        gone = [state for state in group.instance_states if state.instance.state != "running"]
        if not gone:
            continue
        noticed = group.__dict__.setdefault("_noticed_loss", now)
        if now - noticed < delay:
            continue
        del group.__dict__["_noticed_loss"]
        for state in gone:
            if state.instance.state == "stopped":
                state.instance.terminate()
        group.instance_states = [state for state in group.instance_states if state not in gone]
        missing = (group.desired_capacity or 0) - len(group.instance_states)
        if missing > 0:
            group.replace_autoscaling_group_instances(missing, group.get_propagated_tags())
        backend.update_attached_elbs(group.name)
        backend.update_attached_target_groups(group.name)


def _instances(console: Callable[[str], str]) -> None:
    from moto.ec2.models.instances import Instance, InstanceBackend
    from moto.ec2.responses.general import General

    run = InstanceBackend.run_instances

    def run_instances(self: Any, image_id: Any, count: int, user_data: Any, groups: Any, **kwargs: Any) -> Any:
        """What the launch template says holds for the instance: its profile, metadata options, volume tags."""
        before = set(self.enis)
        reservation = run(self, _resolved(self, image_id), count, user_data, groups, **kwargs)
        for instance in reservation.instances:
            for interface in instance.nics.values():
                # Interfaces that were made with an instance go with it.
                interface.delete_on_termination = interface.id not in before
        argument = kwargs.get("launch_template")
        if argument:
            data = self._get_template_from_args(argument).data
            profile = data.get("IamInstanceProfile") or {}
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

    def public_dns_name(self: Any) -> str | None:
        """A name that resolves here: the loopback address itself."""
        return self.public_ip

    def get_console_output(self: Any) -> Any:
        from moto.core.responses import ActionResult
        from moto.core.utils import utcnow

        instance_id = self._get_param("InstanceId")
        self.ec2_backend.get_instance(instance_id)
        text = base64.b64encode(console(instance_id).encode()).decode()
        return ActionResult({"InstanceId": instance_id, "Timestamp": utcnow(), "Output": text})

    InstanceBackend.run_instances = run_instances  # type: ignore[method-assign,assignment]
    Instance.public_dns_name = property(public_dns_name)  # type: ignore[assignment,method-assign]
    General.get_console_output = get_console_output  # type: ignore[method-assign]


def _resolved(backend: Any, image_id: Any) -> Any:
    """EC2 takes ``resolve:ssm:PARAMETER`` for an image."""
    if not str(image_id or "").startswith("resolve:ssm:"):
        return image_id
    from moto.ssm.models import ssm_backends

    name = str(image_id).removeprefix("resolve:ssm:")
    found = ssm_backends[backend.account_id][backend.region_name].get_parameters([name])
    return next((parameter.value for parameter in found.values()), image_id)


def _security_groups() -> None:
    from moto.ec2.exceptions import DependencyViolationError
    from moto.ec2.models.security_groups import SecurityGroupBackend

    delete = SecurityGroupBackend.delete_security_group

    def delete_security_group(self: Any, name: str | None = None, group_id: str | None = None) -> None:
        """A group that is attached or that another group's rule names cannot be deleted."""
        group = self.get_security_group_from_id(group_id) if group_id else self.get_security_group_from_name(name)
        if group is not None and _in_use(self, group):
            raise DependencyViolationError(f"resource {group.id} has a dependent object")
        delete(self, name, group_id)

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


def _load_balancers(world: World) -> None:
    from moto.elb.models import ELBBackend
    from moto.elbv2.models import ELBv2Backend, FakeHealthStatus

    register = ELBBackend.register_instances
    create, create_v2 = ELBBackend.create_load_balancer, ELBv2Backend.create_load_balancer
    health = ELBBackend.describe_instance_health

    def create_load_balancer(self: Any, *args: Any, **kwargs: Any) -> Any:
        """The name in the answer is the one that works."""
        balancer = create(self, *args, **kwargs)
        world.balancers[self.region_name].name_classic(balancer)
        return balancer

    def create_load_balancer_v2(self: Any, *args: Any, **kwargs: Any) -> Any:
        """The same for ELBv2."""
        balancer = create_v2(self, *args, **kwargs)
        world.balancers[self.region_name].name_v2(balancer)
        return balancer

    def describe_instance_health(self: Any, lb_name: str, instances: Any) -> Any:
        """By probes, not by the state of the instance."""
        rows = health(self, lb_name, instances)
        for row in rows:
            if row["State"] != "Unknown":
                good = world.balancers[self.region_name].instance_in_service(lb_name, row["InstanceId"])
                row["State"] = "InService" if good else "OutOfService"
                row["ReasonCode"] = "N/A" if good else "Instance"
                row["Description"] = (
                    "N/A"
                    if good
                    else "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
                )
        return rows

    def describe_target_health(self: Any, target_group_arn: str, targets: Any) -> Any:
        """By probes, one row a target and port."""
        from moto.elbv2.exceptions import TargetGroupNotFoundError

        group = self.target_groups.get(target_group_arn)
        if group is None:
            raise TargetGroupNotFoundError()
        rows = []
        for target, port, state in world.balancers[self.region_name].target_states(target_group_arn):
            reason, text = REASONS.get(state, (None, None))
            rows.append(FakeHealthStatus(target, str(port), group.healthcheck_port, state, reason, text))
        if targets:
            asked = {item["Id"] for item in targets}
            known = {row.instance_id for row in rows}
            rows = [row for row in rows if row.instance_id in asked]
            rows += [group.health_for(item, self.ec2_backend) for item in targets if item["Id"] not in known]
        return rows

    def register_instances(
        self: Any, load_balancer_name: str, instance_ids: Any, from_autoscaling: bool = False
    ) -> Any:
        """Registering what is registered is no second registration."""
        balancer = self.get_load_balancer(load_balancer_name)
        known = set(balancer.instance_ids) if balancer else set()
        fresh = [item for item in instance_ids if (item["InstanceId"] if isinstance(item, dict) else item) not in known]
        return register(self, load_balancer_name, fresh, from_autoscaling) if fresh else balancer

    ELBBackend.register_instances = register_instances  # type: ignore[method-assign]
    ELBBackend.create_load_balancer = create_load_balancer  # type: ignore[method-assign]
    ELBBackend.describe_instance_health = describe_instance_health  # type: ignore[method-assign]
    ELBv2Backend.create_load_balancer = create_load_balancer_v2  # type: ignore[method-assign]
    ELBv2Backend.describe_target_health = describe_target_health  # type: ignore[method-assign]


def _managed_policies() -> None:
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
