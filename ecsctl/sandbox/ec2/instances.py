"""EC2 as ECS needs it: instances that boot, agents that register (or do not, and the console says why), interfaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecsctl.sandbox.ec2.loopback_addresses import LoopbackAddresses
from ecsctl.sandbox.ec2.user_data import Boot, read
from ecsctl.sandbox.ecs.errors import EcsApiError
from ecsctl.sandbox.interfaces import AgentApi, InstanceDetails, InstanceFaults, NetworkInterface

# Seconds from launch to an agent that registers, and from the loss of an instance to its replacement.
BOOT = 0.6
REPLACE = 1.0
ECS_IMAGES = ("ecs", "bottlerocket")
AGENT_POLICIES = ("AmazonEC2ContainerServiceforEC2Role", "AdministratorAccess", "PowerUserAccess")
# What the operating system and the agent keep of an instance's memory, as the real instances report it.
KEPT_MIB = 64
KEPT_PART = 0.026


# What Managed Instances are launched as, from the smallest: general purpose, then for more memory.
MANAGED_SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")
MANAGED_FAMILIES = {"arm64": ("m6g", "r6g"), "x86_64": ("m5", "r5"), "": ("m5", "r5")}


@dataclass
class Host:
    """What is known of an EC2 instance. ``agent`` is ``booting``, ``none``, ``connected`` or ``off``.

    ``spot_draining``: the agent drains its container instance when Spot takes the instance back.
    ``scripted``: its user data is a script that starts no agent; what it starts instead is not simulated.
    """

    launched: float
    agent: str = "booting"
    console: list[str] = field(default_factory=list)
    spot_draining: bool = False
    scripted: bool = False


class Instances:
    """Implements :class:`ecsctl.sandbox.interfaces.Ec2` over moto's EC2 of one region."""

    def __init__(self, account: str, region: str, addresses: LoopbackAddresses, faults: InstanceFaults) -> None:
        self._account = account
        self._region = region
        self._addresses = addresses
        self._faults = faults
        self.hosts: dict[str, Host] = {}

    @property
    def _ec2(self) -> Any:
        from moto.ec2.models import ec2_backends

        return ec2_backends[self._account][self._region]

    def address(self, owner: str) -> str:
        return self._addresses.of(owner)

    def create_interface(
        self, subnets: Sequence[str], security_groups: Sequence[str], *, public: bool, task_arn: str
    ) -> NetworkInterface:
        known = [self._ec2.get_subnet(name) for name in subnets]
        alive = [subnet for subnet in known if not self._faults.dead_zone(str(subnet.availability_zone))]
        if not alive:
            raise LookupError(f"no capacity in {known[0].availability_zone}")
        subnet = alive[0]
        interface = self._ec2.create_network_interface(
            subnet,
            subnet.get_available_subnet_ip(task_arn),
            group_ids=list(security_groups),
            description=task_arn,
        )
        # A task with an address of its own in the sandbox, like an instance; a public one says so.
        address = self._addresses.of(interface.id)
        if public:
            interface.public_ip = address
        dashed = str(interface.private_ip_address).replace(".", "-")
        return NetworkInterface(
            interface.id,
            str(interface.private_ip_address),
            interface.public_ip,
            interface.mac_address,
            subnet.id,
            f"ip-{dashed}.{self._region}.compute.internal",
        )

    def delete_interface(self, interface_id: str) -> None:
        interface = self._ec2.enis.pop(interface_id, None)
        self._addresses.release(interface_id)
        if interface is not None and interface.subnet is not None:
            interface.subnet.del_subnet_ip(interface.private_ip_address)

    def create_volume(self, zone: str, configuration: Mapping[str, object], task_arn: str) -> str:
        given: Mapping[str, Any] = configuration
        volume = self._ec2.create_volume(
            size=int(given.get("sizeInGiB") or 8),
            zone_name=zone,
            snapshot_id=given.get("snapshotId"),
            encrypted=bool(given.get("encrypted", False)),
            kms_key_id=given.get("kmsKeyId"),
            volume_type=given.get("volumeType", "gp3"),
            iops=given.get("iops"),
            throughput=given.get("throughput"),
        )
        tags = {tag["key"]: tag.get("value", "") for row in given.get("tagSpecifications", ()) for tag in row["tags"]}
        # The model: ECS puts both on every volume that it makes.
        volume.add_tags({**tags, "AmazonECSCreated": task_arn, "AmazonECSManaged": "true"})
        return str(volume.id)

    def delete_volume(self, volume_id: str) -> None:
        self._ec2.volumes.pop(volume_id, None)

    def launch_managed(
        self,
        subnets: Sequence[str],
        security_groups: Sequence[str],
        *,
        profile: str,
        cpu: int,
        memory: int,
        architecture: str,
    ) -> InstanceDetails:
        sizes = (self.size(f"{family}.{size}") for size in MANAGED_SIZES for family in MANAGED_FAMILIES[architecture])
        size = next((each for each in sizes if each.cpu_units >= cpu and each.memory_mib >= memory), None)
        if size is None:
            raise LookupError(f"no instance type has {cpu} CPU units and {memory} MiB")
        subnet = min(subnets, key=[str(instance.subnet_id) for instance in self.instances()].count)
        reservation = self._ec2.run_instances(
            "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
            1,
            None,
            [],
            instance_type=size.instance_type,
            is_instance_type_default=False,
            subnet_id=subnet,
            security_group_ids=list(security_groups),
            iam_instance_profile_arn=profile,
            # As the subnet says.
            associate_public_ip=None,
            region_name=self._region,
        )
        [instance] = reservation.instances
        self.hosts[instance.id] = Host(0.0, agent="connected")
        self.give_address(instance)
        return self._facts(instance, "")

    def terminate(self, instance_id: str) -> None:
        self._ec2.terminate_instances([instance_id])

    def availability_zone(self, subnet_id: str) -> str:
        return str(self._ec2.get_subnet(subnet_id).availability_zone)

    def subnet_exists(self, subnet_id: str) -> bool:
        return any(subnet_id in subnets for subnets in self._ec2.subnets.values())

    def security_group_exists(self, group_id: str) -> bool:
        return self._ec2.get_security_group_from_id(group_id) is not None

    def console(self, instance_id: str) -> str | None:
        """The console output of an instance, None where there is no such instance."""
        host = self.hosts.get(instance_id)
        return None if host is None else "\n".join([f"[    0.000000] Booting {instance_id}", *host.console]) + "\n"

    def runs_own_programs(self, instance_id: str) -> bool:
        """Whether an instance is up without an agent and with a script: whatever that serves is taken to answer."""
        host = self.hosts.get(instance_id)
        return host is not None and host.agent == "none" and host.scripted

    def instances(self) -> list[Any]:
        """The instances of EC2, terminated ones too, in the order of their launch."""
        return [instance for reservation in list(self._ec2.reservations.values()) for instance in reservation.instances]

    def lose(self, instance: Any, code: str, why: str, *, stop: bool = False) -> None:
        """End an instance, or stop it, without anybody having asked for it; ``code`` is its ``StateReason``."""
        if stop:
            instance.stop()
        else:
            instance.terminate()
        instance.state_reason.code = code
        instance.state_reason.message = f"{code}: {why}"
        instance._reason = why

    def step(self, now: float, engine: AgentApi) -> None:
        """Follow the instances of EC2: addresses, boots, stops and ends."""
        from ecsctl.sandbox.ec2.auto_scaling import end_drained, replace_lost

        for instance in self.instances():
            self._follow(instance, now, engine)
        from moto.autoscaling.models import autoscaling_backends

        backend = autoscaling_backends[self._account][self._region]
        end_drained(backend, engine)
        replace_lost(backend, REPLACE, now, self._faults.impaired)

    def _follow(self, instance: Any, now: float, engine: AgentApi) -> None:
        host = self.hosts.get(instance.id)
        if instance.state == "terminated":
            if host is not None:
                del self.hosts[instance.id]
                engine.instance_terminated(instance.id)
                self._addresses.release(instance.id)
            return
        if host is None:
            host = self.hosts[instance.id] = Host(now)
            self.give_address(instance)
        if host.agent == "booting" and instance.state == "running" and now - host.launched >= BOOT:
            self._boot(instance, host, engine)
        elif host.agent != "off" and instance.state in ("stopped", "stopping"):
            if host.agent == "connected":
                engine.agent_connected(instance.id, False)
            host.agent = "off"
        elif host.agent == "off" and instance.state == "running":
            self.give_address(instance)
            host.agent = "booting"
            host.launched = now

    def give_address(self, instance: Any) -> None:
        """Put the instance's loopback address in the place of its public address, where it has a public one."""
        address = self._addresses.of(instance.id, instance.nics[0].public_ip)
        if instance.nics[0].public_ip:
            instance.nics[0].public_ip = address

    def _boot(self, instance: Any, host: Host, engine: AgentApi) -> None:
        host.agent = "none"

        def say(line: str) -> None:
            host.console.append(f"[   12.345678] {line}")

        boot = read(str(instance.user_data or ""))
        image = self._image(instance)
        bottlerocket = "bottlerocket" in image.lower()
        if bottlerocket and boot.kind not in ("toml", "none"):
            say("early-boot-config: error: user data is not TOML")
            return
        if not bottlerocket and boot.kind in ("toml", "ignored"):
            say("cloud-init: warning: Unhandled non-multipart (text/x-not-multipart) userdata: it is not run")
            boot = Boot("none")
        if not boot.installs_agent and not any(word in image.lower() for word in ECS_IMAGES):
            host.scripted = boot.kind == "script"
            say(f"cloud-init: the image {image} has no ECS agent, and the user data installs none")
            return
        refused = self._refused(instance)
        if refused:
            say(f"amazon-ecs-agent: error: unable to register: {refused}; exit code 5")
            return
        name = boot.cluster or "default"
        try:
            arn = engine.register_agent(boot.cluster, self._facts(instance, image))
        except EcsApiError as error:
            say(f"amazon-ecs-agent: error: unable to register in cluster {name}: {error}; exit code 5")
            return
        host.agent = "connected"
        host.spot_draining = boot.spot_draining
        say(f"amazon-ecs-agent: registered in cluster {name} as {arn}")

    def _image(self, instance: Any) -> str:
        images = self._ec2.describe_images(filters={"image-id": instance.image_id})
        return str(images[0].name) if images else str(instance.image_id)

    def _refused(self, instance: Any) -> str | None:
        """Why IAM would refuse the agent, or None."""
        from moto.iam.models import iam_backends

        association = self._ec2.iam_instance_profile_associations.get(instance.id)
        if association is None:
            return "NoCredentialProviders: the instance has no instance profile"
        profile = association.iam_instance_profile
        iam = iam_backends[self._account][self._ec2.partition]
        current = next((item for item in iam.instance_profiles.values() if item.arn == profile.arn), None)
        roles = current.roles if current is not None else []
        if not roles:
            return f"NoCredentialProviders: the instance profile {profile.name} has no role"
        role = roles[0]
        attached = [str(getattr(policy, "name", "")) for policy in role.managed_policies.values()]
        inline = " ".join(str(document) for document in role.policies.values())
        if any(name in AGENT_POLICIES for name in attached) or "ecs:" in inline:
            return None
        own = [policy for policy in role.managed_policies.values() if "ecs:" in str(getattr(policy, "document", ""))]
        return None if own else f"AccessDeniedException: role {role.name} may not ecs:RegisterContainerInstance"

    def _facts(self, instance: Any, image: str) -> InstanceDetails:
        cpu, memory, architecture, interfaces, gpus = size_of(self._ec2, instance.instance_type)
        group = getattr(instance, "autoscaling_group", None)
        return InstanceDetails(
            instance.id,
            instance.instance_type,
            str(instance.placement.zone),
            cpu,
            memory,
            str(instance.image_id),
            cpu_architecture=architecture,
            vpc_id=str(instance.vpc_id or ""),
            subnet_id=str(instance.subnet_id or ""),
            interfaces=interfaces,
            gpus=gpus,
            auto_scaling_group_arn=group.arn if group is not None else None,
        )

    def size(self, instance_type: str) -> InstanceDetails:
        """What a new instance of a type would be; it has no id yet."""
        cpu, memory, architecture, interfaces, gpus = size_of(self._ec2, instance_type)
        return InstanceDetails(
            "", instance_type, "", cpu, memory, "", cpu_architecture=architecture, interfaces=interfaces, gpus=gpus
        )


def size_of(ec2: Any, instance_type: str) -> tuple[int, int, str, int | None, int]:
    """CPU units, MiB of memory that ECS gets, architecture, network interfaces and GPUs of an instance type."""
    try:
        data = ec2.describe_instance_types([instance_type])[0]
    except Exception:  # a type that moto does not know: a small machine
        return 2048, 1930, "x86_64", None, 0
    vcpus = int(data.get("VCpuInfo", {}).get("DefaultVCpus", 2))
    total = int(data.get("MemoryInfo", {}).get("SizeInMiB", 2048))
    architectures = data.get("ProcessorInfo", {}).get("SupportedArchitectures", ["x86_64"])
    gpus = sum(int(gpu.get("Count", 0)) for gpu in data.get("GpuInfo", {}).get("Gpus", ()))
    interfaces = data.get("NetworkInfo", {}).get("MaximumNetworkInterfaces")
    return (
        vcpus * 1024,
        int(total * (1 - KEPT_PART)) - KEPT_MIB,
        "arm64" if "arm64" in architectures else "x86_64",
        int(interfaces) if interfaces else None,
        gpus,
    )
