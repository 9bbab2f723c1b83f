"""Health checks of load balancers: what is configured, one probe, and what a row of results makes of a target."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from ecsctl.sandbox.interfaces import TargetHealth

# No probe waits longer (seconds), whatever timeout is configured: targets are on this machine.
LONGEST = 2.0
ANY_CODE = (200, 399)


@dataclass(frozen=True)
class Check:
    """A health check; times in seconds. ``path`` None: a TCP connection suffices. ``port`` None: the target's own."""

    interval: float = 30.0
    timeout: float = 5.0
    healthy: int = 2
    unhealthy: int = 2
    path: str | None = None
    codes: tuple[tuple[int, int], ...] = ((200, 200),)
    port: int | None = None


@dataclass(frozen=True)
class ProbeResult:
    """One probe's result; ``reason`` and ``description`` in the words of DescribeTargetHealth."""

    good: bool
    reason: str = ""
    description: str = ""


GOOD = ProbeResult(True)
NOTHING_LISTENS = ProbeResult(False, "Target.FailedHealthChecks", "Health checks failed")
SILENT = ProbeResult(False, "Target.Timeout", "Request timed out")


@dataclass
class Health:
    """What probes have found of a target: its state, and how many results in a row speak against it."""

    state: TargetHealth = "initial"
    row: int = 0
    next_probe: float = 0.0
    last: ProbeResult = GOOD

    def record(self, check: Check, result: ProbeResult) -> None:
        """Take one result in. The first good one makes a new target healthy, as balancers do."""
        self.last = result
        if self.state != "initial" and (self.state == "healthy") == result.good:
            self.row = 0
            return
        self.row += 1
        needed = check.healthy if result.good else check.unhealthy
        if self.row >= needed or (result.good and self.state == "initial"):
            self.state = "healthy" if result.good else "unhealthy"
            self.row = 0


def probe(address: str, port: int, check: Check) -> ProbeResult:
    """Ask for real: a TCP connection, or an HTTP answer with a code that counts."""
    patience = min(check.timeout, LONGEST)
    try:
        with socket.create_connection((address, port), patience) as connection:
            if check.path is None:
                return GOOD
            connection.settimeout(patience)
            request = f"GET {check.path} HTTP/1.0\r\nHost: {address}\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"
            connection.sendall(request.encode())
            first = connection.recv(64).decode(errors="replace").split(" ")
    except TimeoutError:
        return SILENT
    except OSError:
        return NOTHING_LISTENS
    code = int(first[1]) if len(first) > 1 and first[1].isdigit() else 0
    if any(low <= code <= high for low, high in check.codes):
        return GOOD
    if not code:
        return NOTHING_LISTENS
    return ProbeResult(False, "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]")


def classic_check(balancer: Any) -> Check:
    """The check of one of moto's classic balancers; without a configured one, a TCP connection to its first
    listener's instance port."""
    check = balancer.health_check
    target = str(check.target) if check is not None and check.target else ""
    protocol, _, rest = target.partition(":")
    digits, _, path = rest.partition("/")
    first = int(balancer.listeners[0].instance_port) if balancer.listeners else None
    port = int(digits) if digits.isdigit() else first
    if check is None:
        return Check(port=port)
    return Check(
        float(check.interval),
        float(check.timeout),
        int(check.healthy_threshold),
        int(check.unhealthy_threshold),
        f"/{path}" if protocol.upper() in ("HTTP", "HTTPS") else None,
        port=port,
    )


def group_check(group: Any) -> Check:
    """The check of one of moto's target groups."""
    web = str(group.health_check_protocol or "HTTP").upper() in ("HTTP", "HTTPS")
    port = str(group.health_check_port or "traffic-port")
    return Check(
        float(group.health_check_interval_seconds),
        float(group.health_check_timeout_seconds),
        int(group.healthy_threshold_count),
        int(group.unhealthy_threshold_count),
        (group.health_check_path or "/") if web else None,
        tuple(codes_of(str((getattr(group, "matcher", None) or {}).get("HttpCode") or "200"))),
        int(port) if port.isdigit() else None,
    )


def codes_of(matcher: str) -> list[tuple[int, int]]:
    """``200,301-302`` → [(200, 200), (301, 302)]."""
    codes = []
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit():
            codes.append((int(low), int(high) if high.isdigit() else int(low)))
    return codes or [ANY_CODE]
