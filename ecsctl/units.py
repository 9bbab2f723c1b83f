"""Amounts: durations, memory and CPU as people write them. Each parser raises ``ValueError`` with the reason."""

from __future__ import annotations

import math
import re
from datetime import datetime
from fractions import Fraction

# Seconds of each unit, the largest first: that is the order in which a duration has them.
SECONDS = {
    "d": Fraction(86400),
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 10**3),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ns": Fraction(1, 10**9),
}
DURATION = re.compile("".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit}(?![a-zµ]))?" for unit in SECONDS))
NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
MAX_SECONDS = 10**12
SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([kmgt]?)(i?b)?", re.IGNORECASE)
MIB = 1024**2
BYTES = {"": 1, "k": 1024, "m": MIB, "g": 1024 * MIB, "t": MIB * MIB}
CPU = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*v?cpus?", re.IGNORECASE)
CPU_UNITS = 1024
MAX_CORES = 192
# No amount is longer, and a longer one would only take time.
MAX_LENGTH = 30


def duration(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``10m``, ``1h30m``, ``1.5h`` or ``500ms``; a bare number is seconds."""
    return float(_seconds(text))


def seconds(text: str) -> int:
    """As ``duration``, of what must be a whole number of seconds."""
    return _whole(_seconds(text), "seconds")


def _seconds(text: str) -> Fraction:
    text = text.strip()
    if 0 < len(text) <= MAX_LENGTH:
        match = DURATION.fullmatch(text)
        parts = zip(SECONDS.values(), match.groups(), strict=True) if match else [(Fraction(1), text)]
        if match or NUMBER.fullmatch(text):
            total = sum((unit * Fraction(part) for unit, part in parts if part), Fraction(0))
            if total <= MAX_SECONDS:
                return total
    raise ValueError("write it as 30s, 10m or 1h30m, or as a number of seconds")


def memory_mib(text: str) -> int:
    """MiB of ``512MB``, ``1GB``, ``1GiB``, ``0.5 GB``, ``512m``; a bare number is MiB. As in ECS, a GB has 1024 MiB."""
    size = _size(text)
    if size is None:
        raise ValueError("write it with its unit, for example 512MB or 1GB, or as a number of MiB")
    amount, unit = size
    return _whole(amount * (Fraction(BYTES[unit], MIB) if unit is not None else 1), "MiB")


def docker_memory_mib(text: str) -> int:
    """MiB, rounded up, of a size as Docker writes it (``512m``, ``1gb``, ``1.5g``); a bare number is bytes."""
    size = _size(text)
    if size is None:
        raise ValueError("write it as Docker does, for example 512m or 1g")
    amount, unit = size
    return math.ceil(amount * BYTES[unit or ""] / MIB)


def _size(text: str) -> tuple[Fraction, str | None] | None:
    """An amount and its unit (a key of ``BYTES``); None for the unit of a bare number."""
    match = SIZE.fullmatch(text.strip())
    if match is None or len(text) > MAX_LENGTH:
        return None
    return Fraction(match.group(1)), match.group(2).lower() if match.group(2) or match.group(3) else None


def cpu_units(text: str) -> int:
    """CPU units (1024 a core) of ``0.25vCPU`` or ``2 vcpu``; a bare number is CPU units."""
    text = text.strip()
    match = CPU.fullmatch(text)
    if len(text) > MAX_LENGTH or not (match or NUMBER.fullmatch(text)):
        raise ValueError("write it as 0.25vCPU, or as a number of CPU units (1024 a core)")
    return _whole(Fraction(match.group(1)) * CPU_UNITS if match else Fraction(text), "CPU units")


def cores_cpu_units(text: str) -> int:
    """CPU units, at least 1, of a number of cores such as ``0.5``."""
    text = text.strip()
    cores = Fraction(text) if NUMBER.fullmatch(text) and len(text) <= MAX_LENGTH else Fraction(0)
    if not 0 < cores <= MAX_CORES:
        raise ValueError(f"write a number of cores, for example 0.5, at most {MAX_CORES}")
    return max(1, round(cores * CPU_UNITS))


def moment(text: str, now: float) -> float:
    """Seconds of the epoch of ``10m``, ``2h``, ``3d`` (so long before ``now``), or of ``2026-01-31[T12:00[:00][Z]]``.

    A time without its zone is the local one.
    """
    text = text.strip()
    if re.fullmatch(r"[\d.]+d", text):
        return now - float(text[:-1]) * 86400
    if re.fullmatch(r"\d+", text):
        return now - int(text)
    if DURATION.fullmatch(text):
        return now - seconds(text)
    try:
        # Python 3.10 reads no Z.
        return datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text)).timestamp()
    except ValueError:
        raise ValueError("write it as 10m, 2h or 3d, or as 2026-01-31T12:00Z") from None


def _whole(amount: Fraction, unit: str) -> int:
    if amount.denominator != 1:
        raise ValueError(f"it is not a whole number of {unit}")
    return int(amount)


def plural(count: int, word: str) -> str:
    """``1 task``, ``2 tasks``."""
    return f"{count} {word}{'' if count == 1 else 's'}"
