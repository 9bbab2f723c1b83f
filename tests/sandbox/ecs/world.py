"""A small world around the engine: a clock moved by hand, and ports that do as they are told."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ecsctl.sandbox.ecs.engine import Engine
from ecsctl.sandbox.ecs.errors import EcsApiError
from ecsctl.sandbox.interfaces import ContainerEvent, ContainerRequest, GroupDetails, InstanceDetails, NetworkInterface

ACCOUNT = "123456789012"
REGION = "eu-west-1"


class FakeRuntime:
    """Containers start at once and stop when asked, unless ``behaviour`` says otherwise for their image."""

    kind: Literal["docker", "simulated"] = "simulated"

    def __init__(self) -> None:
        self.launched: list[ContainerRequest] = []
        self.stopped: list[tuple[str, str, float]] = []
        self.released: list[str] = []
        self.pending: list[ContainerEvent] = []
        self.behaviour: dict[str, str] = {}

    def launch(self, request: ContainerRequest) -> None:
        self.launched.append(request)
        how = self.behaviour.get(request.image, "runs")
        if how == "cannot-pull":
            reason = f"CannotPullContainerError: pull access denied for {request.image}"
            self.tell(request.task_arn, request.name, "failed", reason=reason)
            return
        if how == "silent":
            return
        self.tell(request.task_arn, request.name, "started", runtime_id=f"rt-{len(self.launched)}")
        if how.startswith("exits-"):
            self.tell(request.task_arn, request.name, "exited", exit_code=int(how.removeprefix("exits-")))

    def stop(self, task_arn: str, name: str, grace_seconds: float) -> None:
        self.stopped.append((task_arn, name, grace_seconds))
        self.tell(task_arn, name, "exited", exit_code=143)

    def release(self, task_arn: str) -> None:
        self.released.append(task_arn)

    def events(self) -> Sequence[ContainerEvent]:
        taken, self.pending = self.pending, []
        return taken

    def tell(self, task_arn: str, name: str, kind: Any, **more: Any) -> None:
        self.pending.append(ContainerEvent(task_arn, name, kind, **more))


class FakeEc2:
    """Interfaces with addresses counted up; an instance's address is made of its id's last digits."""

    def __init__(self) -> None:
        self.interfaces: dict[str, NetworkInterface] = {}
        self.volumes: list[str] = []
        # What Managed Instances were asked for, and those that were ended.
        self.managed: list[dict[str, Any]] = []
        self.terminated: list[str] = []
        self.count = 0
        # Subnets and security groups that there are none of.
        self.gone: set[str] = set()

    def address(self, owner: str) -> str:
        interface = self.interfaces.get(owner)
        return (interface and interface.public_ip) or f"127.0.1.{int(owner[-2:]) + 1}"

    def create_interface(
        self, subnets: Sequence[str], security_groups: Sequence[str], *, public: bool, task_arn: str
    ) -> NetworkInterface:
        self.count += 1
        number = f"eni-{self.count:017d}"
        private = f"10.0.0.{self.count}"
        made = NetworkInterface(
            id=number,
            private_ip=private,
            public_ip=f"127.0.2.{self.count}" if public else None,
            mac="0a:00:00:00:00:01",
            subnet_id=subnets[0],
            private_dns=f"ip-{private.replace('.', '-')}.ec2.internal",
        )
        self.interfaces[number] = made
        return made

    def delete_interface(self, interface_id: str) -> None:
        del self.interfaces[interface_id]

    def create_volume(self, zone: str, configuration: Mapping[str, object], task_arn: str) -> str:
        if configuration.get("sizeInGiB") == 13:
            raise LookupError("VolumeLimitExceeded")
        self.volumes.append(f"vol-{len(self.volumes):017d}")
        return self.volumes[-1]

    def delete_volume(self, volume_id: str) -> None:
        self.volumes.remove(volume_id)

    def launch_managed(self, subnets: Sequence[str], security_groups: Sequence[str], **wanted: Any) -> InstanceDetails:
        self.managed.append({"subnets": list(subnets), **wanted})
        return InstanceDetails(
            ec2_instance_id=f"i-{900 + len(self.managed):017d}",
            instance_type="m5.large",
            availability_zone=self.availability_zone(subnets[0]),
            cpu_units=2048,
            memory_mib=7500,
            ami_id="ami-0123456789abcdef0",
        )

    def terminate(self, instance_id: str) -> None:
        self.terminated.append(instance_id)

    def availability_zone(self, subnet_id: str) -> str:
        return f"{REGION}{subnet_id[-1]}"

    def subnet_exists(self, subnet_id: str) -> bool:
        return subnet_id not in self.gone

    def security_group_exists(self, group_id: str) -> bool:
        return group_id not in self.gone


class FakeElb:
    """Knows its balancers by name; a target is healthy at once unless ``verdicts`` has another word for it."""

    def __init__(self) -> None:
        self.classics: set[str] = set()
        self.groups: dict[str, str | None] = {}
        self.targets: set[tuple[str, str, int]] = set()
        self.verdicts: dict[tuple[str, int], str] = {}
        self.draining: set[tuple[str, str, int]] = set()
        self.default = "healthy"
        self.gone = False
        self.group_type = "ip"
        self.routes: dict[str, dict[str, float]] = {}
        self.routed: list[tuple[str, dict[str, float]]] = []

    def classic_exists(self, name: str) -> bool:
        return name in self.classics

    def target_group_problem(self, arn: str) -> str | None:
        return self.groups.get(arn, "missing")

    def target_type(self, arn: str) -> str:
        return self.group_type

    def route(self, rule: str, weights: Mapping[str, float]) -> None:
        self.must_be_there()
        if self.routes.get(rule) != weights:
            self.routed.append((rule, dict(weights)))
        self.routes[rule] = dict(weights)

    def must_be_there(self) -> None:
        if self.gone:
            raise LookupError("One or more target groups not found")

    def register(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> None:
        self.must_be_there()
        self.targets.add((classic or target_group or "", target, port))

    def deregister(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> None:
        self.targets.discard((classic or target_group or "", target, port))

    def health(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> Any:
        self.must_be_there()
        key = (classic or target_group or "", target, port)
        if key in self.draining:
            return "draining"
        if key not in self.targets:
            return "unused"
        return self.verdicts.get((target, port), self.default)


class FakeAutoScaling:
    """Auto Scaling groups by ARN; what is resized is only noted, the test brings the instances."""

    def __init__(self) -> None:
        self.groups: dict[str, GroupDetails] = {}
        self.protected: set[str] = set()
        self.policies: dict[str, str | None] = {}
        self.reported: list[float] = []

    def facts(self, arn: str) -> GroupDetails | None:
        return self.groups.get(arn)

    def resize(self, arn: str, desired: int) -> None:
        self.groups[arn] = dataclasses.replace(self.groups[arn], desired=desired)

    def protect(self, arn: str, instances: Sequence[str], protected: bool) -> None:
        self.protected = self.protected | set(instances) if protected else self.protected - set(instances)

    def take(self, arn: str, *, policy: str | None, target: int, warmup: int, drains: bool) -> None:
        self.policies[arn] = policy

    def leave(self, arn: str) -> None:
        self.policies.pop(arn, None)

    def report(self, cluster: str, provider: str, percent: float, now: float) -> None:
        self.reported.append(percent)


class FakeCloudWatch:
    """Alarms by name."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def states(self, names: Sequence[str]) -> dict[str, str]:
        return {name: self.known[name] for name in names if name in self.known}


class FakeCloudMap:
    """Has the namespaces that are made, and the one that the tests of services name."""

    def __init__(self) -> None:
        names = ("internal", "inside")
        self.arns = {name: f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:namespace/ns-{name}" for name in names}

    def namespace(self, name: str) -> str | None:
        return next((arn for each, arn in self.arns.items() if name in (each, arn)), None)

    def create_namespace(self, name: str) -> str:
        return self.arns.setdefault(name, f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:namespace/ns-{name}")

    def discovery_service(self, namespace: str, name: str) -> str:
        return f"{namespace}/{name}"


class World:
    """An engine and everything around it."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 1_700_000_000.0
        self.runtime = FakeRuntime()
        self.ec2 = FakeEc2()
        self.elb = FakeElb()
        self.auto_scaling = FakeAutoScaling()
        self.cloudwatch = FakeCloudWatch()
        self.cloud_map = FakeCloudMap()
        self.engine = self.new_engine(seed)
        self.hosts = 0

    def new_engine(self, seed: int = 1) -> Engine:
        ports = (self.runtime, self.ec2, self.elb, self.auto_scaling, self.cloudwatch, self.cloud_map)
        return Engine(ACCOUNT, REGION, *ports, clock=lambda: self.now, seed=seed)

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """One operation over the wire: JSON in, JSON out; errors are raised as the API's."""
        status, headers, body = self.engine.handle(operation, json.dumps(params).encode())
        answer = json.loads(body)
        assert headers["Content-Type"] == "application/x-amz-json-1.1"
        if status != 200:
            raise EcsApiError(answer["__type"], answer.get("message") or answer.get("Message") or "", status)
        return answer

    def step(self, times: int = 1, seconds: float = 0.2) -> None:
        """Let time pass in turns of the control loop."""
        for _ in range(times):
            self.now += seconds
            self.engine.step(self.now)

    def host(
        self, cluster: str = "default", *, zone: str = "a", cpu: int = 2048, memory: int = 1900, **facts: Any
    ) -> str:
        """Register one more machine; its EC2 instance id."""
        machine = f"i-{self.hosts:017d}"
        self.hosts += 1
        self.engine.register_agent(
            cluster,
            InstanceDetails(
                ec2_instance_id=machine,
                instance_type=facts.pop("instance_type", "t3.small"),
                availability_zone=f"{REGION}{zone}",
                cpu_units=cpu,
                memory_mib=memory,
                ami_id="ami-0123456789abcdef0",
                **facts,
            ),
        )
        return machine

    def family(self, name: str = "web", **container: Any) -> str:
        """Register a definition of one container; its ARN."""
        mode = container.pop("networkMode", None)
        definition = {"name": "app", "image": "nginx", "memory": 100, **container}
        extra = {"networkMode": mode} if mode else {}
        answer = self.call("RegisterTaskDefinition", family=name, containerDefinitions=[definition], **extra)
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def tasks(self, cluster: str = "default", **filters: Any) -> list[dict[str, Any]]:
        """The described tasks that ListTasks gives."""
        arns: list[str] = []
        token: dict[str, str] = {}
        while True:
            answer = self.call("ListTasks", cluster=cluster, **filters, **token)
            arns += answer["taskArns"]
            if "nextToken" not in answer:
                break
            token = {"nextToken": answer["nextToken"]}
        found: list[dict[str, Any]] = []
        for start in range(0, len(arns), 100):
            found += self.call("DescribeTasks", cluster=cluster, tasks=arns[start : start + 100])["tasks"]
        return found

    def service(self, name: str = "svc", cluster: str = "default") -> dict[str, Any]:
        return self.call("DescribeServices", cluster=cluster, services=[name])["services"][0]

    def messages(self, name: str = "svc") -> list[str]:
        """The service's events, oldest first."""
        return [event["message"] for event in reversed(self.service(name)["events"])]
