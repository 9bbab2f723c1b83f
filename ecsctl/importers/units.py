"""The small languages of Compose and Copilot: durations, sizes, names, and what looks like a secret."""

from __future__ import annotations

import math
import re
from fractions import Fraction

DURATION_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")
BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
MIB = 1024 * 1024
FACTORS = {"": 1, "k": 1024, "m": MIB, "g": 1024 * MIB, "t": MIB * MIB}
SECRET = re.compile(
    r"passw(?:or)?d|passphrase|(?:^|_)pass(?:$|_|[0-9])|(?:^|_)pwd$|secret|token|credential|api_?key|private_?key|access_?key|"
    r"auth_?key|encryption_?key|signing_?key|_dsn$|connection_?string",
    re.IGNORECASE,
)
PUBLIC = re.compile(r"_(?:FILE|PATH|URL|URI|TTL|EXPIRY|EXPIRATION|EXPIRE|EXPIRES|LIFETIME|LENGTH|NAME)$", re.IGNORECASE)


def seconds(text: str) -> float:
    """Seconds of a duration as Go and Compose write it (``1m30s``, ``1.5h``, ``500ms``); a bare number is seconds.

    Raises:
        ValueError: it is none.
    """
    text = text.strip()
    if re.fullmatch(r"\d{1,12}(\.\d+)?", text):
        return float(text)
    total, index = 0.0, 0
    for match in DURATION.finditer(text):
        if match.start() != index:
            break
        total, index = total + float(match.group(1)) * DURATION_UNITS[match.group(2)], match.end()
    if not text or index != len(text) or total > 10**9:
        raise ValueError(text)
    return total


def mebibytes(text: str) -> int:
    """MiB, rounded up, of a size as Docker writes it (``512m``, ``1gb``, ``1.5g``); a bare number is bytes.

    Raises:
        ValueError: it is none.
    """
    match = BYTES.fullmatch(text.strip())
    if match is None or len(text) > 30:
        raise ValueError(text)
    return math.ceil(Fraction(match.group(1)) * FACTORS[match.group(2).lower()] / MIB)


def cpu_units(text: str) -> int:
    """CPU units (1024 a core) of a number of cores (``0.5``).

    Raises:
        ValueError: it is none, or more than 192 cores.
    """
    cores = float(text)
    if not 0 < cores <= 192:
        raise ValueError(text)
    return max(1, round(cores * 1024))


def safe_name(text: str, longest: int = 255) -> str:
    """``text`` with only the characters that ECS allows in a name; never empty."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:longest].rstrip("-") or "app"


def project_name(text: str) -> str:
    """``text`` as the name of a project: it begins with a letter or digit and has at most 40 characters."""
    return re.sub(r"^[_-]+", "", safe_name(text, 40)) or "app"


def looks_secret(name: str) -> bool:
    """Whether a variable of this name likely holds a secret."""
    return bool(SECRET.search(name)) and not PUBLIC.search(name)


def plural(count: int, word: str) -> str:
    """``1 task``, ``2 tasks``."""
    return f"{count} {word}{'' if count == 1 else 's'}"
