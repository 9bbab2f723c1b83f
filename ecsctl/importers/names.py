"""Names that AWS and ecsctl take, made of any text."""

from __future__ import annotations

import re


def safe_name(text: str, longest: int = 255) -> str:
    """``text`` with only the characters that ECS allows in a name; never empty."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:longest].rstrip("-") or "app"


def project_name(text: str) -> str:
    """``text`` as the name of a project: it begins with a letter or digit and has at most 40 characters."""
    return re.sub(r"^[_-]+", "", safe_name(text, 40)) or "app"
