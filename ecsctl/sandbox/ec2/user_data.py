"""What an instance's user data would do about the ECS agent, read from its text: nothing of it is ever executed."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import shlex
import zlib
from dataclasses import dataclass
from typing import Any, Literal

ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|[^\s;]*)\s*;?\s*$", re.M)
CLUSTER = re.compile(r"ECS_CLUSTER\s*[=:]\s*(\"[^\"]*\"|'[^']*'|[^\s\"'\\;)&|]+)?")
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
PRINTF = re.compile(r"printf\s+(?:--\s+)?(['\"])(.*?)\1([^\n>|;&]*)")
TOML_CLUSTER = re.compile(
    r"^\s*\[settings\.ecs\]\s*$(?:(?!^\s*\[).)*?^\s*cluster\s*=\s*[\"']([^\"']*)[\"']"
    r"|^\s*settings\.ecs\.cluster\s*=\s*[\"']([^\"']*)[\"']",
    re.M | re.S,
)
TOML = re.compile(r"^\s*\[settings[\w.\-\"]*\]\s*$|^\s*settings\.[\w.\-]+\s*=", re.M)
DRAINING = re.compile(r"ECS_ENABLE_SPOT_INSTANCE_DRAINING\s*[=:]\s*[\"']?true", re.I)
TOML_DRAINING = re.compile(r"^\s*(?:settings\.ecs\.)?enable-spot-instance-draining\s*=\s*true", re.M)
AGENT = re.compile(r"amazon-ecs-agent|amazon-ecs-init|ecs-init|snap install amazon-ecs", re.I)
CONFIGURATION = "/etc/ecs/ecs.config"


@dataclass(frozen=True)
class Boot:
    """What user data says.

    ``kind``: ``script`` (a shell script, cloud-config, or several of them), ``toml``, ``none``, or ``ignored`` (of no
    form that an instance knows). ``cluster``: where its agent would register, empty where it is not told (then it is
    the cluster ``default``). ``installs_agent``: whether the script brings the agent itself. ``spot_draining``:
    whether the agent drains its container instance when it hears that Spot takes the instance back.
    """

    kind: Literal["script", "toml", "none", "ignored"]
    cluster: str = ""
    installs_agent: bool = False
    spot_draining: bool = False


def decode(user_data: str | bytes | None) -> str:
    """User data as text; the API has it in base64, launch configurations sometimes twice, and it may be gzipped."""
    data = user_data.encode() if isinstance(user_data, str) else user_data or b""
    for _ in range(2):
        try:
            decoded = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            break
        if not decoded.strip():
            break
        data = decoded
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return ""
    return data.decode(errors="replace")


def read(user_data: str | bytes | None) -> Boot:
    """What the agent of an instance with this user data would be told.

    Knows shell scripts that write ``ECS_CLUSTER=…`` by echo, printf, cat or tee, with variables that the script
    itself sets, cloud-config's ``runcmd`` and ``write_files``, MIME messages of these, agents that get it as an
    environment variable, and Bottlerocket's TOML.
    """
    text = decode(user_data)
    if not text.strip():
        return Boot("none")
    if TOML.search(text) and not text.lstrip().startswith("#!"):
        named = TOML_CLUSTER.search(text)
        drains = bool(TOML_DRAINING.search(text))
        return Boot("toml", (named[1] or named[2] or "") if named else "", spot_draining=drains)
    parts = [part for part in _parts(text) if part is not None]
    if not parts:
        return Boot("ignored")
    code = "\n".join(line for part in parts for line in part.splitlines() if not line.lstrip().startswith("#"))
    agent = bool(AGENT.search(code))
    told = agent or CONFIGURATION in code
    return Boot("script", _cluster(code) if told else "", agent, told and bool(DRAINING.search(code)))


def _parts(text: str) -> list[str | None]:
    """The scripts and cloud-configs that an instance would take; None for what it ignores."""
    start = text.lstrip()
    if start.startswith("#!"):
        return [text]
    if start.startswith("#cloud-config"):
        return [_cloud_config(text)]
    if re.match(r"(?i)(content-type: multipart|mime-version:)", start):
        import email

        found: list[str | None] = []
        for part in email.message_from_string(start).walk():
            content = part.get_payload(decode=True)
            if not part.is_multipart() and isinstance(content, bytes):
                inner = content.decode(errors="replace")
                cloud = part.get_content_type() == "text/cloud-config"
                found += [_cloud_config(inner)] if cloud else _parts(inner)
        return found
    return [None]


def _cloud_config(text: str) -> str | None:
    """The commands and the files of a cloud-config as one text; None where it is no YAML."""
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    if not isinstance(content, dict):
        return ""
    lines = []
    for file in content.get("write_files") or ():
        if isinstance(file, dict):
            lines += [f"cat > {file.get('path')} <<END", _file_content(file), "END"]
    for command in [*(content.get("bootcmd") or ()), *(content.get("runcmd") or ())]:
        lines.append(" ".join(map(str, command)) if isinstance(command, list) else str(command))
    lines += [str(package) for package in content.get("packages") or ()]
    return "\n".join(lines)


def _file_content(file: dict[str, Any]) -> str:
    content = file.get("content") or ""
    encoding = str(file.get("encoding") or "")
    if any(name in encoding for name in ("b64", "base64", "gz")):
        return decode(content)
    return content.decode(errors="replace") if isinstance(content, bytes) else str(content)


def _cluster(code: str) -> str:
    variables: dict[str, str] = {}
    for name, value in ASSIGNMENT.findall(code):
        if f"${name}" not in value and f"${{{name}}}" not in value:
            variables.setdefault(name, _bare(value))
    found = [match for match in CLUSTER.findall(PRINTF.sub(_printed, code)) if match]
    return _expand(_bare(found[-1]), variables) if found else ""


def _printed(match: re.Match[str]) -> str:
    """What printf prints, where its format has but %s."""
    try:
        words = iter(shlex.split(match[3]))
    except ValueError:
        return match[0]
    return re.sub(r"%s", lambda _: next(words, ""), match[2])


def _bare(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return value.split("\\n")[0].strip()


def _expand(value: str, variables: dict[str, str]) -> str:
    for _ in range(5):
        expanded = VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), value)
        if expanded == value:
            break
        value = expanded
    return value
