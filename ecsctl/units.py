"""Amounts as people write them: memory, CPU, durations. Each parser raises ``ValueError`` with the reason."""

from __future__ import annotations

import re
from datetime import datetime
from fractions import Fraction

MEMORY = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([kmgt]?)(i?b)?", re.IGNORECASE)
CPU = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*v?cpus?", re.IGNORECASE)
DURATION = re.compile(r"(?=\d)(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")
MIB = {
    "": Fraction(1, 1024 * 1024),
    "k": Fraction(1, 1024),
    "m": Fraction(1),
    "g": Fraction(1024),
    "t": Fraction(1024**2),
}
CPU_UNITS = 1024


def memory_mib(text: str) -> int:
    """MiB of ``512MB``, ``1GB``, ``1GiB``, ``0.5 GB``, ``512m``. As in ECS itself, a GB has 1024 MiB."""
    match = MEMORY.fullmatch(text.strip())
    if match is None or not (match.group(2) or match.group(3)):
        raise ValueError("write it with its unit, as 512MB or 1GB, or as a bare number of MiB")
    return _whole(Fraction(match.group(1)) * MIB[match.group(2).lower()], "MiB")


def cpu_units(text: str) -> int:
    """CPU units (1024 a core) of ``0.25vCPU`` or ``2 vcpu``."""
    match = CPU.fullmatch(text.strip())
    if match is None:
        raise ValueError("write it as 0.25vCPU, or as a bare number of CPU units (1024 a core)")
    return _whole(Fraction(match.group(1)) * CPU_UNITS, "CPU units")


def seconds(text: str) -> int:
    """Seconds of ``30s``, ``1m``, ``1m30s``, ``1h``."""
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("write it as 30s, 1m or 1m30s, or as a bare number of seconds")
    hours, minutes, rest = (Fraction(part or 0) for part in match.groups())
    return _whole(hours * 3600 + minutes * 60 + rest, "seconds")


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
        raise ValueError(f"it is no whole number of {unit}")
    return int(amount)
