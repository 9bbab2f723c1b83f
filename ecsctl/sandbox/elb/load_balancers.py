"""Load balancers: which targets stand behind them, whether they are healthy, and the listeners that forward to them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ecsctl.sandbox.ec2.loopback_addresses import LoopbackAddresses
from ecsctl.sandbox.elb.health_check import (
    GOOD,
    NOTHING_LISTENS,
    Check,
    Health,
    ProbeResult,
    classic_check,
    group_check,
    probe,
)
from ecsctl.sandbox.elb.listener_rules import Request, actions_for, reply
from ecsctl.sandbox.elb.proxy import Forwarder, HttpForwarder
from ecsctl.sandbox.elb.tls import Certificates
from ecsctl.sandbox.interfaces import TargetGroupWeights, TargetHealth

# The sandbox probes no slower than this (seconds), whatever interval is configured, and drains no longer: nobody waits
# minutes for a demo.
SLOWEST = 1.0
DRAINS = 2.0
Target = tuple[str, str, int]


@dataclass(frozen=True)
class TargetState:
    """One row of DescribeTargetHealth."""

    target: str
    port: int
    state: TargetHealth
    reason: str | None = None
    description: str | None = None


NOT_REGISTERED = ("Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
STOPPED = ("Target.InvalidState", "Target is in the stopped state")
DRAINING = ("Target.DeregistrationInProgress", "Target deregistration is in progress")
INITIAL = ("Elb.InitialHealthChecking", "Initial health checks in progress")


class LoadBalancers:
    """Implements :class:`ecsctl.sandbox.interfaces.ElasticLoadBalancing` over moto's ELB and ELBv2 of one region.

    Args:
        address_of: the loopback address of an instance id or of a task's private address.
        listens: where containers are simulated, whether one is said to listen at (address, port); None probes for real.
        injected: what a fault makes of a probe of (balancer's name or target group's ARN, target, port), or None.
        clock: the sandbox's, epoch seconds.
    """

    def __init__(
        self,
        account: str,
        region: str,
        addresses: LoopbackAddresses,
        address_of: Callable[[str], str | None],
        listens: Callable[[str, int], bool] | None,
        injected: Callable[[str, str, int], ProbeResult | None] = lambda owner, target, port: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._region = region
        self._addresses = addresses
        self._address_of = address_of
        self._listens = listens
        self._injected = injected
        self._clock = clock
        self._in_use: set[str] = set()
        self._instances: dict[str, Any] = {}
        self._guard = threading.Lock()
        self._random = random.Random()
        self._health: dict[Target, Health] = {}
        self._forwarders: dict[tuple[str, int, str], Forwarder] = {}
        self._certificates = Certificates(account, region)
        self.substituted: dict[str, str] = {}

    @property
    def _classic(self) -> Any:
        from moto.elb.models import elb_backends

        return elb_backends[self._account][self._region]

    @property
    def _v2(self) -> Any:
        from moto.elbv2.models import elbv2_backends

        return elbv2_backends[self._account][self._region]

    @property
    def _ec2(self) -> Any:
        from moto.ec2.models import ec2_backends

        return ec2_backends[self._account][self._region]

    def classic_exists(self, name: str) -> bool:
        return name in self._classic.load_balancers

    def target_group_problem(self, arn: str) -> str | None:
        if arn not in self._v2.target_groups:
            return "missing"
        return None if self._has_listener(arn) else "no-listener"

    def target_type(self, arn: str) -> str:
        return str(self._v2.target_groups[arn].target_type or "instance")

    def _has_listener(self, arn: str) -> bool:
        if arn not in self._in_use:
            self._note_groups()
        return arn in self._in_use

    def _note_groups(self) -> None:
        """Note the target groups that listeners forward to: health is asked far more often than listeners change."""
        self._in_use = {
            group
            for balancer in list(self._v2.load_balancers.values())
            for listener in list(balancer.listeners.values())
            for group in groups_of(listener)
        }

    def register(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> None:
        if classic and self.classic_exists(classic):
            self._classic.register_instances(classic, [target])
        elif target_group and target_group in self._v2.target_groups:
            self._v2.register_targets(target_group, [{"Id": target, "Port": port}])

    def deregister(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> None:
        if classic and self.classic_exists(classic):
            if target in self._classic.get_load_balancer(classic).instance_ids:
                self._classic.deregister_instances(classic, [target], False)
        elif target_group and target_group in self._v2.target_groups:
            self._v2.deregister_targets(target_group, [{"Id": target, "Port": port}])

    def route(self, rule: str, weights: TargetGroupWeights) -> None:
        """Have a rule forward to these target groups; other actions of it, as a login, stay."""
        whole = all(float(weight).is_integer() for weight in weights.values())
        shares = {arn: int(weight) if whole else round(weight * 9.99) for arn, weight in weights.items()}
        groups = [{"TargetGroupArn": arn, "Weight": share} for arn, share in shares.items()]
        forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        for balancer in self._v2.load_balancers.values():
            for listener in balancer.listeners.values():
                if listener.arn == rule:
                    self._v2.modify_listener(rule, actions=[*_before_forward(listener.default_actions), forward])
                    return
                found = next((item for item in listener.rules.values() if item.arn == rule), None)
                if found is not None:
                    self._v2.modify_rule(rule, [], [*_before_forward(found.actions), forward])
                    if found.is_default:
                        listener.default_actions = found.actions
                    return
        raise LookupError(f"One or more rules not found: {rule}")

    def health(self, *, classic: str | None, target_group: str | None, target: str, port: int) -> TargetHealth:
        if target_group:
            return self.target_state(target_group, target, port).state
        if not classic or not self.classic_exists(classic):
            return "unused"
        # Behind a classic balancer an instance is healthy or not as a whole: by its check's port.
        check = classic_check(self._classic.get_load_balancer(classic))
        with self._guard:
            known = self._health.get((classic, target, check.port or port))
        return known.state if known else "initial"

    def instance_in_service(self, balancer: str, instance: str) -> bool:
        """Whether a classic balancer finds an instance healthy."""
        return self.health(classic=balancer, target_group=None, target=instance, port=0) == "healthy"

    def target_states(self, arn: str) -> list[TargetState]:
        """The targets of a group, those that drain included."""
        group = self._v2.target_groups.get(arn)
        if group is None:
            return []
        now = self._clock()
        rows = [(str(item["Id"]), int(item["Port"])) for item in list(group.targets.values())]
        for item in list(group.deregistered_targets.values()):
            if item.get("Until", 0.0) > now:
                rows.append((str(item["Id"]), int(item["Port"])))
        return [self.target_state(arn, *row) for row in sorted(rows)]

    def target_state(self, arn: str, target: str, port: int) -> TargetState:
        """One target of a group, registered or not."""
        group = self._v2.target_groups.get(arn)
        key = f"{target}:{port}"
        if group is None or key not in group.targets:
            left = group.deregistered_targets.get(key) if group is not None else None
            if left is not None and left.get("Until", 0.0) > self._clock():
                return TargetState(target, port, "draining", *DRAINING)
            if group is not None and key in group.terminated_targets:
                # A terminated instance that is asked for by name drains for minutes yet (moto's tests, run on AWS).
                return TargetState(target, port, "draining", *DRAINING)
            return TargetState(target, port, "unused", *NOT_REGISTERED)
        if not self._has_listener(arn):
            return TargetState(target, port, "unused", *NOT_IN_USE)
        instance = self._instance(target) if target.startswith("i-") else None
        if instance is not None and instance.state in ("stopping", "stopped"):
            return TargetState(target, port, "unused", *STOPPED)
        with self._guard:
            known = self._health.get((arn, target, port))
        if known is None or known.state == "initial":
            return TargetState(target, port, "initial", *INITIAL)
        if known.state == "unhealthy":
            return TargetState(target, port, "unhealthy", known.last.reason, known.last.description)
        return TargetState(target, port, known.state)

    def _instance(self, name: str) -> Any:
        """An EC2 instance; moto looks through all of them for one."""
        found = self._instances.get(name)
        if found is None:
            found = self._instances[name] = self._ec2.get_instance_by_id(name)
        return found

    def step(self) -> None:
        """Follow the balancers of ELB: their addresses and listeners. Called under the lock."""
        self._note_groups()
        # By balancer, port and protocol: another protocol is another listener.
        wanted: set[tuple[str, int, str]] = set()
        for balancer in self._classic.load_balancers.values():
            self.name_classic(balancer)
            for listener in balancer.listeners:
                web = str(listener.protocol).upper() in ("HTTP", "HTTPS")
                wanted.add((f"classic/{balancer.name}", int(listener.load_balancer_port), "web" if web else "tcp"))
        for balancer in self._v2.load_balancers.values():
            self.name_v2(balancer)
            for listener in balancer.listeners.values():
                wanted.add((f"v2/{balancer.arn}", int(listener.port), str(listener.protocol)))
        for key in set(self._forwarders) - wanted:
            self._forwarders.pop(key).close()
            self.substituted.pop(f"{key[0].split('/')[-1]}:{key[1]}", None)
        for key in wanted - set(self._forwarders):
            self._listen(*key)
        known = {owner for owner, _, _ in wanted}
        for owner in [name for name in self._addresses.known() if name.startswith((f"{self._region}/",))]:
            if owner.split("/", 1)[1] not in known:
                self._addresses.release(owner)

    def name_classic(self, balancer: Any) -> str:
        """Give a classic balancer its own loopback address for a name."""
        balancer.dns_name = self._addresses.of(f"{self._region}/classic/{balancer.name}", balancer.dns_name)
        return str(balancer.dns_name)

    def name_v2(self, balancer: Any) -> str:
        """The same for a balancer of ELBv2."""
        balancer.dns_name = self._addresses.of(f"{self._region}/v2/{balancer.arn}", balancer.dns_name)
        return str(balancer.dns_name)

    def _listen(self, owner: str, port: int, protocol: str) -> None:
        address = self._addresses.of(f"{self._region}/{owner}")

        def context() -> Any:
            return self._certificates.context(self._certificate(owner, port))

        def open_at(number: int) -> Forwarder:
            if protocol in ("HTTP", "HTTPS"):
                secure = protocol == "HTTPS"
                tls = context if secure else lambda: None
                return HttpForwarder(
                    address,
                    number,
                    lambda request: self._decide(owner, port, request),
                    scheme=protocol.lower(),
                    tls=tls,
                )
            tls = context if protocol == "TLS" else lambda: None
            return Forwarder(address, number, lambda: self._forward_to(owner, port), web=protocol == "web", tls=tls)

        try:
            forwarder = open_at(port)
        except OSError as error:
            # A privileged port without rights, or one in use: any other port is better than none.
            try:
                forwarder = open_at(0)
            except OSError:
                return
            name = f"{owner.split('/')[-1]}:{port}"
            self.substituted[name] = f"{address}:{forwarder.port} ({error.strerror or error})"
        self._forwarders[owner, port, protocol] = forwarder

    def _listener(self, owner: str, port: int) -> Any:
        """The listener of a balancer of ELBv2 on a port, or None."""
        balancer = self._v2.load_balancers.get(owner.split("/", 1)[1])
        listeners = list(balancer.listeners.values()) if balancer else []
        return next((listener for listener in listeners if int(listener.port) == port), None)

    def _certificate(self, owner: str, port: int) -> str:
        """The ARN of the certificate of a listener; empty where it has none."""
        return str(next(iter(getattr(self._listener(owner, port), "certificates", ())), ""))

    def _decide(self, owner: str, port: int, request: Request) -> bytes | list[tuple[str, int]]:
        """What an application balancer does with a request: its own answer, or the targets for it."""
        listener = self._listener(owner, port)
        if listener is None:
            return []
        rules = [
            {"Priority": rule.priority, "Conditions": rule.conditions, "Actions": list(map(_data, rule.actions))}
            for rule in list(listener.rules.values())
            if not rule.is_default
        ]
        targets: list[tuple[str, int]] = []
        for action in actions_for(rules, list(map(_data, listener.default_actions)), request):
            own = reply(action, request, str(listener.protocol).lower(), port)
            if own is not None:
                return own
            for group in serving_groups([action], self._random):
                targets += self._serving(group)
        return targets

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
        listener = self._listener(owner, port)
        for group in serving_groups(map(_data, listener.default_actions), self._random) if listener else ():
            targets += self._serving(group)
        return targets

    def _serving(self, group: str) -> list[tuple[str, int]]:
        """The addresses of a group's healthy targets; with no healthy one at all, of the unhealthy ones."""
        rows = self.target_states(group)
        serving = [row for row in rows if row.state == "healthy"] or [row for row in rows if row.state == "unhealthy"]
        return [(address, row.port) for row in serving if (address := self._address_of(row.target))]

    def probes(self) -> list[tuple[Target, Check]]:
        """What has to be probed. Called under the lock."""
        rows: list[tuple[Target, Check]] = []
        for balancer in self._classic.load_balancers.values():
            check = classic_check(balancer)
            if check.port is not None:
                rows += [((balancer.name, instance, check.port), check) for instance in balancer.instance_ids]
        for arn, group in self._v2.target_groups.items():
            if group.targets and self._has_listener(arn):
                check = group_check(group)
                rows += [((arn, str(item["Id"]), int(item["Port"])), check) for item in group.targets.values()]
        return rows

    def probe(self, rows: list[tuple[Target, Check]], now: float, pool: ThreadPoolExecutor) -> None:
        """Probe what is due and take the results in. Called without the lock: probes take their time."""
        with self._guard:
            known = {target for target, _ in rows}
            for target in [item for item in self._health if item not in known]:
                del self._health[target]
            due = [row for row in rows if self._health.setdefault(row[0], Health()).next_probe <= now]
        # Only what is asked over a socket gains by threads.
        ask = map if self._listens is not None else pool.map
        results = list(ask(lambda row: self._ask(*row), due))
        with self._guard:
            for (target, check), result in zip(due, results, strict=True):
                health = self._health.get(target)
                if health is not None:
                    health.record(check, result)
                    health.next_probe = now + min(check.interval, SLOWEST)

    def dump(self) -> dict[Target, Health]:
        """The health of all targets, for :meth:`load`."""
        with self._guard:
            return dict(self._health)

    def load(self, health: Mapping[Target, Health]) -> None:
        """Take over what :meth:`dump` gave: targets that were healthy are served before they are probed again."""
        with self._guard:
            self._health.update(health)

    def _ask(self, target: Target, check: Check) -> ProbeResult:
        injected = self._injected(*target)
        if injected is not None:
            return injected
        address = self._address_of(target[1])
        port = check.port or target[2]
        if address is None:
            return NOTHING_LISTENS
        if self._listens is not None:
            return GOOD if self._listens(address, port) else NOTHING_LISTENS
        return probe(address, port, check)

    def close(self) -> None:
        """Close all listeners."""
        for forwarder in self._forwarders.values():
            forwarder.close()
        self._forwarders.clear()


def _before_forward(actions: list[Any]) -> list[Any]:
    """What a rule does before it forwards."""
    return [data for action in actions if (data := getattr(action, "data", action)).get("Type") != "forward"]


def _data(action: Any) -> Any:
    return getattr(action, "data", action)


def serving_groups(actions: Iterable[Any], chance: random.Random) -> list[str]:
    """The target groups for one request: of an action that divides it among several, one by their weights."""
    found: list[str] = []
    for data in actions:
        forward = (data.get("ForwardConfig") or {}).get("TargetGroups", ())
        weights = {item["TargetGroupArn"]: int(item.get("Weight", 1)) for item in forward if item.get("TargetGroupArn")}
        if any(weights.values()):
            found += chance.choices(list(weights), list(weights.values()))
        elif data.get("TargetGroupArn"):
            found.append(data["TargetGroupArn"])
    return list(dict.fromkeys(found))


def groups_of(listener: Any) -> list[str]:
    """The target groups that a listener forwards to, by its rules too."""
    found: list[str] = []
    rules = [action for rule in list(listener.rules.values()) for action in rule.actions]
    for action in [*listener.default_actions, *rules]:
        data = getattr(action, "data", action)
        if data.get("TargetGroupArn"):
            found.append(data["TargetGroupArn"])
        forward = data.get("ForwardConfig") or {}
        found += [item["TargetGroupArn"] for item in forward.get("TargetGroups", ()) if item.get("TargetGroupArn")]
    return list(dict.fromkeys(found))
