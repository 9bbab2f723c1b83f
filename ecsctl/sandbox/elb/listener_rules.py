"""What a listener of an application balancer does with a request: its rules by priority, redirects, fixed answers.

Rules and actions are mappings with the members of the API.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = Mapping[str, Any]
REASONS = {301: "Moved Permanently", 302: "Found", 404: "Not Found", 200: "OK", 403: "Forbidden", 503: "Unavailable"}


@dataclass(frozen=True)
class Request:
    """The head of an HTTP request; ``headers`` by their names in lower case, ``source`` the client's address."""

    method: str
    target: str
    headers: Mapping[str, str]
    source: str = "127.0.0.1"

    @property
    def host(self) -> str:
        """The host that is asked for, without a port."""
        return self.headers.get("host", "").rsplit(":", 1)[0].lower()

    @property
    def path(self) -> str:
        return urlsplit(self.target).path or "/"

    @property
    def query(self) -> str:
        return urlsplit(self.target).query


def parse_head(head: bytes, source: str) -> Request | None:
    """The request of its head, up to the empty line; None where it is not HTTP."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/"):
        return None
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    return Request(words[0], words[1], headers, source)


def actions_for(rules: Iterable[Json], default: Sequence[Json], request: Request) -> Sequence[Json]:
    """The actions of the first rule that fits, by priority; else the listener's own.

    Args:
        rules: each with ``Priority``, ``Conditions`` and ``Actions``.
    """
    for rule in sorted(rules, key=lambda rule: int(rule["Priority"])):
        if all(_fits(condition, request) for condition in rule["Conditions"]):
            return list(rule["Actions"])
    return default


def _fits(condition: Json, request: Request) -> bool:
    field = str(condition.get("Field"))
    config: Json = next((value for name, value in condition.items() if name.endswith("Config") and value), {})
    values = list(config.get("Values") or condition.get("Values") or ())
    if field == "path-pattern":
        return any(_like(request.path, str(value)) for value in values)
    if field == "host-header":
        return any(_like(request.host, str(value).lower()) for value in values)
    if field == "http-header":
        told = request.headers.get(str(config.get("HttpHeaderName")).lower(), "")
        return any(_like(told.lower(), str(value).lower()) for value in values)
    if field == "http-request-method":
        return request.method in values
    if field == "query-string":
        pairs = parse_qsl(request.query, keep_blank_values=True)
        return any(
            _like(text.lower(), str(row.get("Value", "")).lower()) and row.get("Key") in (None, key)
            for row in values
            for key, text in pairs
        )
    if field == "source-ip":
        return any(ipaddress.ip_address(request.source) in ipaddress.ip_network(value) for value in values)
    return False


def _like(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern with ``*`` and ``?``; brackets mean themselves."""
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), text) is not None


def reply(action: Json, request: Request, scheme: str, port: int) -> bytes | None:
    """The answer that the balancer gives itself: a redirect or a fixed response; None for every other action.

    Args:
        scheme, port: of the listener.
    """
    if action.get("Type") == "redirect":
        config = action.get("RedirectConfig") or {}
        code = int(str(config.get("StatusCode", "HTTP_302")).removeprefix("HTTP_"))
        return _response(code, b"", f"Location: {_location(config, request, scheme, port)}\r\n")
    if action.get("Type") == "fixed-response":
        config = action.get("FixedResponseConfig") or {}
        kind = config.get("ContentType") or "text/plain"
        body = str(config.get("MessageBody") or "").encode()
        return _response(int(config.get("StatusCode", 503)), body, f"Content-Type: {kind}\r\n")
    return None


def _location(config: Json, request: Request, scheme: str, port: int) -> str:
    known = {
        "protocol": scheme,
        "host": request.host,
        "port": str(port),
        "path": request.path.removeprefix("/"),
        "query": request.query,
    }

    def filled(name: str, usual: str) -> str:
        text = str(config.get(name) or usual)
        return re.sub(r"#\{(\w+)\}", lambda match: known.get(match[1], match[0]), text)

    protocol, target = filled("Protocol", "#{protocol}").lower(), filled("Port", "#{port}")
    host, path, query = filled("Host", "#{host}"), filled("Path", "/#{path}"), filled("Query", "#{query}")
    place = host if target == {"http": "80", "https": "443"}.get(protocol) else f"{host}:{target}"
    return f"{protocol}://{place}{path}{f'?{query}' if query else ''}"


def _response(code: int, body: bytes, headers: str) -> bytes:
    head = f"HTTP/1.1 {code} {REASONS.get(code, 'Answer')}\r\n{headers}Content-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode("latin-1") + body
