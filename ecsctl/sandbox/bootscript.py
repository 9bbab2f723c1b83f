"""What an instance's user data would do about the ECS agent, read from its text: nothing of it is ever executed."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|[^\s;]*)\s*;?\s*$", re.M)
CLUSTER = re.compile(r"ECS_CLUSTER\s*[=:]\s*(\"[^\"]*\"|'[^']*'|[^\s\"'\\;)&|]+)?")
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
TOML_SECTION = re.compile(r"^\s*\[settings\.ecs\]\s*$(.*?)(?=^\s*\[|\Z)", re.M | re.S)
TOML_CLUSTER = re.compile(r"^\s*cluster\s*=\s*[\"']([^\"']*)[\"']", re.M)
AGENT = re.compile(r"amazon-ecs-agent|amazon-ecs-init|ecs-init|snap install amazon-ecs", re.I)


@dataclass(frozen=True)
class Boot:
    """``cluster``: where the agent would register; ``installs_agent``: whether the script brings the agent itself."""

    cluster: str
    installs_agent: bool


def decode(user_data: str | bytes | None) -> str:
    """User data as text; the API has it in base64, launch configurations sometimes twice."""
    text = user_data.decode(errors="replace") if isinstance(user_data, bytes) else str(user_data or "")
    for _ in range(2):
        try:
            decoded = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, ValueError):
            break
        if not decoded.strip():
            break
        text = decoded
    return text


def read(user_data: str | bytes | None) -> Boot:
    """What the agent of an instance with this user data would be told.

    Knows shell scripts that write ``ECS_CLUSTER=…`` by echo, printf, cat or tee, with variables that the script
    itself sets, cloud-config's ``runcmd`` and ``write_files``, agents that get it as an environment variable, and
    Bottlerocket's TOML. Without any, the agent's own default is the cluster ``default``.
    """
    text = decode(user_data)
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#") or line.startswith("#!"))
    section = TOML_SECTION.search(code)
    if section:
        named = TOML_CLUSTER.search(section.group(1))
        return Boot(named.group(1) if named else "default", True)
    variables = {name: _bare(value) for name, value in ASSIGNMENT.findall(code) if name != "ECS_CLUSTER"}
    found = [match for match in CLUSTER.findall(code) if match]
    cluster = _expand(_bare(found[-1]), variables) if found else ""
    return Boot(cluster or "default", bool(AGENT.search(code)))


def _bare(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return value.split("\\n")[0]


def _expand(value: str, variables: dict[str, str]) -> str:
    for _ in range(5):
        expanded = VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), value)
        if expanded == value:
            break
        value = expanded
    return value
