"""The simulated account, and the loop that moves it: ECS engines, instances, load balancers, containers, one lock."""

from __future__ import annotations

import logging
import pickle
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecsctl.sandbox.account.clock import Clock
from ecsctl.sandbox.account.cloud_map import Namespaces
from ecsctl.sandbox.account.moto_state import MotoState
from ecsctl.sandbox.account.snapshot_file import SnapshotFile
from ecsctl.sandbox.ec2.auto_scaling import Alarms, ScalingGroups
from ecsctl.sandbox.ec2.instances import Instances
from ecsctl.sandbox.ec2.loopback_addresses import LoopbackAddresses
from ecsctl.sandbox.ecs.api.throttling import Throttle
from ecsctl.sandbox.ecs.regions import Regions
from ecsctl.sandbox.elb.health_check import GOOD, ProbeResult
from ecsctl.sandbox.elb.load_balancers import LoadBalancers
from ecsctl.sandbox.faults.containers import FaultyRuntime
from ecsctl.sandbox.faults.eventual_consistency import READS, StaleReads
from ecsctl.sandbox.faults.instances import InstanceFaults
from ecsctl.sandbox.faults.registry import FaultRegistry
from ecsctl.sandbox.faults.targets import TargetFaults
from ecsctl.sandbox.http.request import Answer, Request
from ecsctl.sandbox.logs.container_logs import ContainerLogs
from ecsctl.sandbox.logs.events import forget_logs
from ecsctl.sandbox.sessions.server import SessionServer

if TYPE_CHECKING:
    from ecsctl.sandbox.interfaces import ContainerRequest
    from ecsctl.sandbox.runtimes.docker.runtime import DockerRuntime
    from ecsctl.sandbox.runtimes.simulated.runtime import SimulatedRuntime

log = logging.getLogger(__name__)

ACCOUNT = "123456789012"
STEP = 0.1
VERSION = 5
# Seconds that pass at once where the clock is stepped (more where it is stepped far), and the most turns of everything
# between two of them.
TURN = 0.5
MOST_TURNS = 1200
LONGEST_SETTLING = 100
REPEAT = 60.0
# Instances and tasks with an address of their own in 127.0.1.x, balancers in 127.0.2.x, and where more of them go.
HOST_NETS = (1, *range(3, 10))
FRONT_NETS = (2, *range(10, 13))
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


class Account:
    """The sandbox's account.

    Args:
        region: where a request without a signature goes.
        runtime: runs containers, for real or simulated.
        state: the file that keeps the state.
        clock: goes for everything in it; one that stands still moves nothing but by :meth:`advance`.
    """

    def __init__(
        self, region: str, runtime: DockerRuntime | SimulatedRuntime, state: Path, clock: Clock | None = None
    ) -> None:
        self.region = region
        self.runtime = runtime
        self.lock = threading.RLock()
        self.machines: dict[str, Instances] = {}
        self.balancers: dict[str, LoadBalancers] = {}
        # The one that most people have begins at 127.0.1.1.
        owner = "" if state.parent.name == "default" else str(state.parent.resolve())
        self._hosts = LoopbackAddresses(HOST_NETS, owner)
        self._fronts = LoopbackAddresses(FRONT_NETS, owner)
        self._published: set[str] = set()
        self.clock = clock or Clock()
        self.log_folder = state.parent / "logs"
        self.sessions = SessionServer()
        runtime.log_to(ContainerLogs(ACCOUNT, self.lock, self.clock))
        self.faults = FaultRegistry(self.clock)
        self.throttle = Throttle(self.clock)
        self.instance_faults = InstanceFaults(self.faults, self.clock, self.machines, lambda: self.regions.engines)
        self.moto = MotoState(ACCOUNT)
        self.stale_reads = StaleReads(self.faults, self.clock, self.moto)
        self._target_faults = TargetFaults(self.faults)
        self._faulty = FaultyRuntime(runtime, self.faults, self.clock)
        self._faulty.session = lambda task, name, command: self.sessions.command(runtime, task, name, command)
        self.regions = Regions(ACCOUNT, self._faulty, self._ports, self.clock)
        self.snapshot_file = SnapshotFile(state)
        self.dirty = False
        # Set by CreateCluster, which has IAM make the service-linked role if there is none.
        self.unlinked = False
        # Set once a saved state, if there is one, is back.
        self.ready = threading.Event()
        if not self.snapshot_file.exists():
            self.ready.set()
        # Set once moto is mended and the loops run.
        self.started = threading.Event()
        self._ended = threading.Event()
        # How long the last turns took, in seconds.
        self.turns: deque[float] = deque(maxlen=20)
        self._advancing = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._failures: dict[str, float] = {}

    def _ports(self, region: str) -> tuple[Instances, LoadBalancers, ScalingGroups, Alarms, Namespaces]:
        machines = self.machines[region] = Instances(ACCOUNT, region, self._hosts, self.instance_faults)
        listens = getattr(self.runtime, "listens", None)

        def injected(owner: str, target: str, port: int) -> ProbeResult | None:
            # User data is not run here: a web server that it starts is healthy, as it is on AWS.
            fault = self._target_faults.probe_result(owner, target, port)
            return fault or (GOOD if machines.runs_own_programs(target) else None)

        balancers = self.balancers[region] = LoadBalancers(
            ACCOUNT, region, self._fronts, self._address_of, listens, injected, self.clock
        )
        groups, alarms = ScalingGroups(ACCOUNT, region, machines.size), Alarms(ACCOUNT, region)
        return machines, balancers, groups, alarms, Namespaces(ACCOUNT, region)

    def _address_of(self, target: str) -> str | None:
        """The loopback address of a balancer's target: an instance id, or a task's private address."""
        if target.startswith("i-"):
            return self._hosts.get(target)
        from moto.ec2.models import ec2_backends

        for region in list(self.machines):
            for interface in list(ec2_backends[ACCOUNT][region].enis.values()):
                if interface.private_ip_address == target:
                    return self._hosts.get(interface.id)
        return None

    def forward(self, target: str, parameters: dict[str, list[str]]) -> dict[str, str] | None:
        """A session that forwards a port of ``ecs:CLUSTER_TASK_RUNTIMEID``; None where there is no such container."""
        _, _, runtime_id = target.rpartition("_")
        with self.lock:
            for engine in self.regions.engines.values():
                for task in engine.store.tasks.values():
                    for container in task.containers:
                        if container.runtime_id == runtime_id and container.last_status == "RUNNING":
                            return self.sessions.port(self.runtime, task.arn, container.name, parameters)
        return None

    def console(self, instance_id: str) -> str:
        """The console output of an instance of any region."""
        found = (machines.console(instance_id) for machines in self.machines.values())
        return next((text for text in found if text is not None), "")

    def knows_region(self, region: str) -> bool:
        """Whether that can be a region's name."""
        return REGION.fullmatch(region) is not None

    def prepare(self, region: str) -> None:
        """Have a region ready: its images, its machines. Under the lock."""
        if region not in self._published:
            from ecsctl.sandbox.ec2.images import publish

            self._published.add(region)
            publish(ACCOUNT, region)
            self.regions.engine(region)

    def ecs_request(self, request: Request) -> Answer:
        """Answer a request to ECS."""
        with self.lock:
            try:
                self.unlinked = self.unlinked or request.operation == "CreateCluster"
                engine = self.regions.engine(request.region)
                return self.stale_reads.ecs(engine, request.operation, request.body)
            finally:
                self._mark(request)

    def moto_request(self, request: Request, answer: Callable[[], Answer]) -> Answer:
        """Answer a request to another service by ``answer``."""
        with self.lock:
            try:
                self.prepare(request.region)
                given = self.stale_reads.moto(request.service, request.operation, answer)
                self.after_request(request.region)
                return given
            finally:
                self._mark(request)

    def _mark(self, request: Request) -> None:
        # Within the lock and after the change: a save between the two would take the change for saved.
        if not request.operation.startswith(READS):
            self.dirty = True

    def tagged_ecs_resources(self, region: str) -> list[tuple[str, dict[str, str]]]:
        """Every tagged ECS resource of a region, as (ARN, tags)."""
        with self.lock:
            return self.regions.tagged_resources(region)

    def after_request(self, region: str) -> None:
        """What AWS's answers already say: a new balancer has a name, a new instance an address. Under the lock."""
        self._follow(region, self.clock())

    def start(self) -> None:
        """Take up the saved state and begin to move."""
        data = self.snapshot_file.read()
        if data is None:
            forget_logs(self.log_folder)
        expected = self._load(data) if data is not None else []
        self.runtime.cleanup({(request.task_arn, request.name) for request in expected})
        for request in expected:
            self._faulty.watch(request)
            self.runtime.adopt(request)
        with self.lock:
            # The balancers' listeners are there before anyone is answered.
            for region in list(self._published):
                self._follow(region, self.clock())
        self.ready.set()
        for name, target in (("control", self._control), ("probes", self._probe), ("state", self._save)):
            thread = threading.Thread(target=target, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        self.started.set()

    def _load(self, data: bytes) -> list[ContainerRequest]:
        """Take up a saved state; the containers that should run."""
        try:
            with self.lock:
                content = pickle.loads(data)
                if content["version"] != VERSION or content["account"] != ACCOUNT:
                    raise ValueError("it is of another version of ecsctl")
                self.moto.load(content["moto"])
                for region in content["regions"]:
                    self.prepare(region)
                for region, hosts in content["hosts"].items():
                    self.regions.engine(region)
                    self.machines[region].hosts.update(hosts)
                for owner, address in content["addresses"].items():
                    self._hosts.of(owner, address)
                for owner, address in content["fronts"].items():
                    self._fronts.of(owner, address)
                self.regions.load(content["ecs"])
                self.faults.load(content.get("faults", {}))
                self.clock.catch_up(content.get("now", 0.0))
                for region, health in content.get("health", {}).items():
                    self.balancers[region].load(health)
                self._readdress()
                return self.regions.expected_containers()
        except Exception as error:
            log.exception("the saved state cannot be taken up: starting empty")
            self.snapshot_file.set_aside(str(error) or type(error).__name__)
            self._clear()
            return []

    def _readdress(self) -> None:
        """An address may have been taken meanwhile: instances have what they were given now."""
        from moto.ec2.models import ec2_backends

        for region, machines in self.machines.items():
            for reservation in ec2_backends[ACCOUNT][region].reservations.values():
                for instance in reservation.instances:
                    if instance.state != "terminated" and instance.id in machines.hosts:
                        machines.give_address(instance)

    def _control(self) -> None:
        while not self._ended.wait(STEP):
            if self.clock.speed:
                with self.lock:
                    began = time.perf_counter()
                    self.step(self.clock())
                    self.turns.append(time.perf_counter() - began)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once: turn after turn of everything, until nothing more is due.

        Containers of a Docker engine still take their own time.

        Raises:
            ValueError: the seconds are negative.
        """
        turn = max(TURN, seconds / MOST_TURNS)
        with self._advancing, ThreadPoolExecutor(8) as pool:
            self._settle(pool)
            while seconds > 0:
                pace = min(seconds, turn)
                self.clock.advance(pace)
                seconds -= pace
                self._settle(pool)

    def _settle(self, pool: ThreadPoolExecutor) -> None:
        """Turns without time, until two in a row change nothing."""
        quiet = 0
        for _ in range(LONGEST_SETTLING):
            before = self._changes()
            self._probe_all(pool)
            with self.lock:
                self.step(self.clock())
            quiet = quiet + 1 if self._changes() == before else 0
            if quiet == 2:
                return

    def _changes(self) -> int:
        return sum(engine.store.changes for engine in list(self.regions.engines.values()))

    def step(self, now: float) -> None:
        """One turn of everything. Under the lock."""
        with self._guarded("the faults of instances"):
            self.instance_faults.step()
        for region in list(self._published):
            self._follow(region, now)
        if self.unlinked:
            from ecsctl.sandbox.account.service_linked_roles import create_ecs_role

            self.unlinked = False
            with self._guarded("the service-linked role"):
                for region in list(self.regions.engines):
                    create_ecs_role(ACCOUNT, region)
        with self._guarded("the engines"):
            self.regions.step(now)
        self.dirty = self.dirty or any(engine.store.moving for engine in self.regions.engines.values())

    def _follow(self, region: str, now: float) -> None:
        with self._guarded(f"the machines of {region}"):
            self.machines[region].step(now, self.regions.engine(region))
        with self._guarded(f"the balancers of {region}"):
            self.balancers[region].step()

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Let no failure of one part stop the others; what fails in each turn is logged once a minute."""
        try:
            yield
        except Exception as error:
            key, now = f"{what}: {error!r}", time.monotonic()
            if now - self._failures.get(key, -REPEAT) >= REPEAT:
                self._failures[key] = now
                log.exception("%s failed", what)

    def _probe(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            while not self._ended.wait(STEP):
                if self.clock.speed:
                    self._probe_all(pool)

    def _probe_all(self, pool: ThreadPoolExecutor) -> None:
        for region, balancers in list(self.balancers.items()):
            if region in self._published:
                with self._guarded(f"the health checks of {region}"):
                    with self.lock:
                        rows = balancers.probes()
                    balancers.probe(rows, self.clock(), pool)

    def _save(self) -> None:
        while not self._ended.wait(self.snapshot_file.pause):
            if self.dirty or self.faults.changed:
                self.save()

    def save(self) -> None:
        """Write the state; not before the saved one is back, which would be lost."""
        if not self.ready.is_set():
            return
        try:
            saved = self.snapshot_file.save(self.lock, self._snapshot)
        except Exception as error:
            saved, self.snapshot_file.problem = False, f"the state cannot be saved: {error}"
            with self._guarded("saving"):
                raise
        # It is tried again until it is on disk.
        self.dirty = self.dirty or not saved

    def _snapshot(self) -> bytes:
        """The whole state as bytes; what changes from here on is for the next save. Under the lock."""
        self.dirty = self.faults.changed = False
        state: dict[str, Any] = {
            "version": VERSION,
            "account": ACCOUNT,
            "regions": sorted(self._published),
            "hosts": {region: dict(machines.hosts) for region, machines in self.machines.items()},
            "addresses": self._hosts.known(),
            "fronts": self._fronts.known(),
            "faults": self.faults.dump(),
            "now": self.clock(),
            "health": {region: balancers.dump() for region, balancers in self.balancers.items()},
        }

        state |= {"ecs": self.regions.dump(), "moto": self.moto.dump()}
        return pickle.dumps(state, pickle.HIGHEST_PROTOCOL)

    @property
    def problem(self) -> str | None:
        """What a user should know of the state and of the containers, or None."""
        left_out = ", ".join(name.removesuffix("_backends") for name in self.moto.left_out)
        unkept = f"not kept when the sandbox stops: {left_out}" if left_out else None
        return (
            "; ".join(filter(None, [self.snapshot_file.problem, self.snapshot_file.lost, self.runtime.problem, unkept]))
            or None
        )

    def stop(self) -> None:
        """Stop moving, save, and stop the containers."""
        self._ended.set()
        for thread in self._threads:
            thread.join(5)
        self.save()
        for balancers in self.balancers.values():
            balancers.close()
        self.sessions.close()
        self.runtime.suspend()
        self.runtime.close()
        # The next start wants them back, perhaps before this process has quite gone.
        self._hosts.release_all()
        self._fronts.release_all()

    def reset(self) -> None:
        """Forget everything: all resources, containers, addresses and faults."""
        with self.snapshot_file.writing, self.lock:
            self._clear()
            self.clock.reset()
            self.snapshot_file.forget()
        self.runtime.reset()

    def _clear(self) -> None:
        for balancers in self.balancers.values():
            balancers.close()
        self._hosts.release_all()
        self._fronts.release_all()
        self.moto.clear()
        forget_logs(self.log_folder)
        self.machines.clear()
        self.balancers.clear()
        self._published.clear()
        self.faults.clear()
        self.stale_reads.forget()
        self.throttle.enable(self.throttle.enabled)
        self._faulty.forget()
        self.regions = Regions(ACCOUNT, self._faulty, self._ports, self.clock)
        self.unlinked = self.dirty = False

    def counts(self) -> dict[str, int]:
        """How much there is, for the status."""
        with self.lock:
            stores = [engine.store for engine in self.regions.engines.values()]
            return {
                "clusters": sum(
                    cluster.status != "INACTIVE" for store in stores for cluster in store.clusters.values()
                ),
                "containerInstances": sum(len(store.instances) for store in stores),
                "tasks": sum(task.last_status != "STOPPED" for store in stores for task in store.tasks.values()),
                "services": sum(len(store.services) for store in stores),
            }
