"""Load balancers: which targets stand behind them, whether they are healthy, and the listeners that forward to them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ecsctl.sandbox.addresses import Addresses
from ecsctl.sandbox.ports import TargetHealth
from ecsctl.sandbox.proxy import Forwarder

# The sandbox probes no slower than this (seconds), whatever interval is configured: nobody waits minutes for a demo.
SLOWEST = 1.0
PROBES = 8
Target = tuple[str, str, int]


@dataclass(frozen=True)
class Check:
    """A health check. ``path`` None: a TCP connection suffices; ``codes`` are the HTTP answers that count as well."""

    interval: float = 1.0
    timeout: float = 2.0
    healthy: int = 2
    unhealthy: int = 2
    path: str | None = None
    codes: tuple[tuple[int, int], ...] = ((200, 200),)
    port: int | None = None


@dataclass
class Health:
    """What probes have found of a target: the state, and how many results in a row speak against it."""

    state: TargetHealth = "initial"
    row: int = 0
    next_probe: float = 0.0


class Balancers:
    """Implements :class:`ecsctl.sandbox.ports.Balancers` over moto's ELB and ELBv2 of one region.

    Args:
        address_of: the loopback address of an instance id or of a task's private address.
        listens: where containers are simulated, whether one is said to listen at (address, port); None probes for real.
    """

    def __init__(
        self,
        account: str,
        region: str,
        addresses: Addresses,
        address_of: Callable[[str], str | None],
        listens: Callable[[str, int], bool] | None,
    ) -> None:
        self._account = account
        self._region = region
        self._addresses = addresses
        self._address_of = address_of
        self._listens = listens
        self._guard = threading.Lock()
        self._registered: dict[str, set[tuple[str, int]]] = {}
        self._health: dict[Target, Health] = {}
        self._forwarders: dict[tuple[str, int], Forwarder] = {}
        self.substituted: dict[str, str] = {}

    @property
    def _classic(self) -> Any:
        from moto.elb.models import elb_backends

        return elb_backends[self._account][self._region]

    @property
    def _v2(self) -> Any:
        from moto.elbv2.models import elbv2_backends

        return elbv2_backends[self._account][self._region]

    def classic_exists(self, name: str) -> bool:
        return name in self._classic.load_balancers

    def target_group_problem(self, arn: str) -> str | None:
        group = self._v2.target_groups.get(arn)
        if group is None:
            return "missing"
        return None if group.load_balancer_arns else "no-listener"

    def register(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> None:
        if classic and self.classic_exists(classic):
            self._classic.register_instances(classic, [target])
        elif target_group and target_group in self._v2.target_groups:
            self._registered.setdefault(target_group, set()).add((target, port))
            self._v2.register_targets(target_group, [{"Id": target, "Port": port}])

    def deregister(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> None:
        if classic and self.classic_exists(classic):
            if target in self._classic.get_load_balancer(classic).instance_ids:
                self._classic.deregister_instances(classic, [target], False)
        elif target_group and target_group in self._v2.target_groups:
            own = self._registered.get(target_group, set())
            own.discard((target, port))
            left = [item for item in own if item[0] == target]
            if left:
                self._v2.register_targets(target_group, [{"Id": target, "Port": left[0][1]}])
            elif target in self._v2.target_groups[target_group].targets:
                self._v2.deregister_targets(target_group, [{"Id": target}])

    def health(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> TargetHealth:
        owner = classic or target_group or ""
        ports = {port}
        if classic and self.classic_exists(classic):
            # Behind a classic balancer an instance is healthy or not as a whole: by its check's port.
            ports = {check_port(self._classic.get_load_balancer(classic)) or port}
        with self._guard:
            states = [
                self._health[owner, target, item].state for item in ports if (owner, target, item) in self._health
            ]
        return states[0] if states else "initial"

    def instance_in_service(self, balancer: str, instance: str) -> bool:
        """Whether a classic balancer finds an instance healthy."""
        return self.health(classic=balancer, target_group=None, target=instance, port=0) == "healthy"

    def target_states(self, group: str) -> list[tuple[str, int, TargetHealth]]:
        """(target, port, state) of a target group's targets."""
        return [
            (target, port, self.health(classic=None, target_group=group, target=target, port=port))
            for target, port in sorted(self._targets_of_group(group))
        ]

    def _targets_of_group(self, arn: str) -> set[tuple[str, int]]:
        group = self._v2.target_groups.get(arn)
        if group is None:
            return set()
        present = {str(item["Id"]) for item in group.targets.values()}
        own = {item for item in self._registered.get(arn, set()) if item[0] in present}
        known = {target for target, _ in own}
        others = ((str(item["Id"]), int(item["Port"])) for item in group.targets.values())
        return own | {item for item in others if item[0] not in known}

    def step(self) -> None:
        """Follow the balancers of ELB: their addresses and listeners. Called under the lock."""
        wanted: dict[tuple[str, int], bool] = {}
        for balancer in self._classic.load_balancers.values():
            self.name_classic(balancer)
            for listener in balancer.listeners:
                web = str(listener.protocol).upper() in ("HTTP", "HTTPS")
                wanted[f"classic/{balancer.name}", int(listener.load_balancer_port)] = web
        for balancer in self._v2.load_balancers.values():
            self.name_v2(balancer)
            for listener in balancer.listeners.values():
                wanted[f"v2/{balancer.arn}", int(listener.port)] = balancer.loadbalancer_type == "application"
        for key in set(self._forwarders) - set(wanted):
            self._forwarders.pop(key).close()
            self.substituted.pop(f"{key[0].split('/')[-1]}:{key[1]}", None)
        for key in set(wanted) - set(self._forwarders):
            self._listen(*key, web=wanted[key])
        known = {owner for owner, _ in wanted}
        for owner in [name for name in self._addresses.known() if name.startswith((f"{self._region}/",))]:
            if owner.split("/", 1)[1] not in known and not any(key[0] == owner.split("/", 1)[1] for key in wanted):
                self._addresses.release(owner)

    def name_classic(self, balancer: Any) -> str:
        """Give a classic balancer its own loopback address for a name."""
        balancer.dns_name = self._addresses.of(f"{self._region}/classic/{balancer.name}", balancer.dns_name)
        return str(balancer.dns_name)

    def name_v2(self, balancer: Any) -> str:
        """The same for a balancer of ELBv2."""
        balancer.dns_name = self._addresses.of(f"{self._region}/v2/{balancer.arn}", balancer.dns_name)
        return str(balancer.dns_name)

    def _listen(self, owner: str, port: int, *, web: bool) -> None:
        address = self._addresses.of(f"{self._region}/{owner}")

        def targets() -> list[tuple[str, int]]:
            return self._forward_to(owner, port)

        try:
            forwarder = Forwarder(address, port, targets, web=web)
        except OSError as error:
            # A privileged port without rights, or one in use: any other port is better than none.
            try:
                forwarder = Forwarder(address, 0, targets, web=web)
            except OSError:
                return
            name = f"{owner.split('/')[-1]}:{port}"
            self.substituted[name] = f"{address}:{forwarder.port} ({error.strerror or error})"
        self._forwarders[owner, port] = forwarder

    def _forward_to(self, owner: str, port: int) -> list[tuple[str, int]]:
        kind, name = owner.split("/", 1)
        targets: list[tuple[str, int]] = []
        if kind == "classic":
            balancer = self._classic.load_balancers.get(name)
            if balancer is None:
                return []
            for listener in list(balancer.listeners):
                if int(listener.load_balancer_port) == port:
                    targets += [
                        (address, int(listener.instance_port))
                        for instance in list(balancer.instance_ids)
                        if self.instance_in_service(name, instance) and (address := self._address_of(instance))
                    ]
            return targets
        balancer = self._v2.load_balancers.get(name)
        for listener in list(balancer.listeners.values()) if balancer else []:
            if int(listener.port) != port:
                continue
            for group in groups_of(listener):
                for target, target_port, state in self.target_states(group):
                    address = self._address_of(target)
                    if state == "healthy" and address:
                        targets.append((address, target_port))
        return targets

    def probes(self) -> list[tuple[Target, Check]]:
        """What has to be probed. Called under the lock."""
        rows: list[tuple[Target, Check]] = []
        for balancer in self._classic.load_balancers.values():
            port, check = check_port(balancer), classic_check(balancer)
            if port is not None:
                rows += [((balancer.name, instance, port), check) for instance in balancer.instance_ids]
        for arn, group in self._v2.target_groups.items():
            check = group_check(group)
            rows += [((arn, target, port), check) for target, port in self._targets_of_group(arn)]
        return rows

    def probe(self, rows: list[tuple[Target, Check]], now: float, pool: ThreadPoolExecutor) -> None:
        """Probe what is due and take the results in. Called without the lock: probes take their time."""
        with self._guard:
            known = {target for target, _ in rows}
            for target in [item for item in self._health if item not in known]:
                del self._health[target]
            due = [row for row in rows if self._health.setdefault(row[0], Health()).next_probe <= now]
        results = list(pool.map(lambda row: self._ask(*row), due))
        with self._guard:
            for (target, check), good in zip(due, results, strict=True):
                health = self._health.get(target)
                if health is not None:
                    judge(health, check, good)
                    health.next_probe = now + min(check.interval, SLOWEST)

    def _ask(self, target: Target, check: Check) -> bool:
        address = self._address_of(target[1])
        port = check.port or target[2]
        if address is None:
            return False
        if self._listens is not None:
            return self._listens(address, port)
        return answers(address, port, check)

    def close(self) -> None:
        """Close all listeners."""
        for forwarder in self._forwarders.values():
            forwarder.close()
        self._forwarders.clear()


def judge(health: Health, check: Check, good: bool) -> None:
    """Take one result in. The first good result makes a new target healthy, as balancers do."""
    agrees = (health.state == "healthy") == good and health.state != "initial"
    if agrees:
        health.row = 0
        return
    health.row += 1
    needed = check.healthy if good else check.unhealthy
    if health.row >= needed or (good and health.state == "initial"):
        health.state = "healthy" if good else "unhealthy"
        health.row = 0


def answers(address: str, port: int, check: Check) -> bool:
    """Probe for real: a TCP connection, or an HTTP answer with a code that counts."""
    try:
        with socket.create_connection((address, port), min(check.timeout, 2.0)) as connection:
            if check.path is None:
                return True
            connection.settimeout(min(check.timeout, 2.0))
            request = f"GET {check.path} HTTP/1.0\r\nHost: {address}\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"
            connection.sendall(request.encode())
            first = connection.recv(64).decode(errors="replace").split(" ")
            code = int(first[1]) if len(first) > 1 and first[1].isdigit() else 0
            return any(low <= code <= high for low, high in check.codes)
    except OSError:
        return False


def check_port(balancer: Any) -> int | None:
    """The instance port that a classic balancer's health check asks."""
    check = balancer.health_check
    target = str(check.target) if check is not None and check.target else ""
    digits = target.split(":")[-1].split("/")[0] if ":" in target else ""
    if digits.isdigit():
        return int(digits)
    return int(balancer.listeners[0].instance_port) if balancer.listeners else None


def classic_check(balancer: Any) -> Check:
    """A classic balancer's health check."""
    check = balancer.health_check
    if check is None or not check.target:
        return Check()
    protocol, _, rest = str(check.target).partition(":")
    path = "/" + rest.partition("/")[2] if protocol.upper() in ("HTTP", "HTTPS") else None
    return Check(float(check.interval), float(check.timeout), int(check.healthy_threshold),
                 int(check.unhealthy_threshold), path)  # fmt: skip


def group_check(group: Any) -> Check:
    """A target group's health check."""
    web = str(group.healthcheck_protocol or group.protocol or "HTTP").upper() in ("HTTP", "HTTPS")
    matcher = str((group.matcher or {}).get("HttpCode") or "200")
    port = str(group.healthcheck_port or "traffic-port")
    return Check(
        float(group.healthcheck_interval_seconds or 30),
        float(group.healthcheck_timeout_seconds or 5),
        int(group.healthy_threshold_count or 5),
        int(group.unhealthy_threshold_count or 2),
        (group.healthcheck_path or "/") if web else None,
        tuple(_codes(matcher)),
        int(port) if port.isdigit() else None,
    )


def _codes(matcher: str) -> list[tuple[int, int]]:
    codes = []
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit():
            codes.append((int(low), int(high) if high.isdigit() else int(low)))
    return codes or [(200, 399)]


def groups_of(listener: Any) -> list[str]:
    """The target groups that a listener forwards to."""
    found: list[str] = []
    for action in listener.default_actions:
        data = getattr(action, "data", action)
        if data.get("TargetGroupArn"):
            found.append(data["TargetGroupArn"])
        forward = data.get("ForwardConfig") or {}
        found += [item["TargetGroupArn"] for item in forward.get("TargetGroups", ()) if item.get("TargetGroupArn")]
    return list(dict.fromkeys(found))
