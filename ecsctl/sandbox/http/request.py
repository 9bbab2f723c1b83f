"""One HTTP request, parsed once where it arrives. Everything further in works on this and on nothing rawer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

Answer = tuple[int, dict[str, str], bytes]
"""HTTP status, headers, body."""

_SCOPE = re.compile(
    r"Credential=([^/%,&\s]{1,128})(?:/|%2F)\d*(?:/|%2F)([^/%,&\s]*)(?:/|%2F)([^/%,&\s]*)(?:/|%2F)aws4_request"
)
_ACCESS_KEY = re.compile(r"Credential=([^/%,&\s]{1,128})(?:/|%2F)")
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z0-9]+)")
_USER_AGENT_LENGTH = 300
# Services that are known by the target of a request, signed or not.
_SERVICES_BY_TARGET = {"AmazonEC2ContainerServiceV20141113": "ecs"}


@dataclass(frozen=True)
class Request:
    """An HTTP request to the endpoint.

    Args:
        method: as sent.
        target: path and query as sent.
        path: decoded (latin-1, as WSGI wants it), without the query.
        query: as sent, without the question mark.
        headers: by lower-case name; values of repeated headers are joined by commas.
        body: the whole of it, chunks put together.
        client: the IP address that it came from.
        service: the service that it is for, as in a signature's scope (``ecs``, ``ec2``); empty if it is not known.
        region: the region in the signature's scope, or the sandbox's own.
        operation: the API operation, or the method and path of a REST request.
        access_key_id: of the signature; empty without one.
    """

    method: str = "POST"
    target: str = "/"
    path: str = "/"
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: str = "127.0.0.1"
    service: str = ""
    region: str = ""
    operation: str = ""
    access_key_id: str = ""

    def header(self, name: str) -> str:
        """A header's value by its lower-case name, empty if there is none."""
        return self.headers.get(name, "")

    @property
    def amz_target(self) -> str:
        """``X-Amz-Target``, which names service and operation in AWS's JSON protocols."""
        return self.header("x-amz-target")

    @property
    def caller(self) -> dict[str, str]:
        """Who asks: the access key's id (which is not secret) and the program."""
        return {"accessKeyId": self.access_key_id, "userAgent": self.header("user-agent")[:_USER_AGENT_LENGTH]}

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the query string."""
        return dict(parse_qsl(self.query))


def parse(method: str, target: str, headers: Mapping[str, str], body: bytes, client: str, region: str) -> Request:
    """The request that a client sent.

    Args:
        headers: by lower-case name.
        region: for a request whose signature names none.
    """
    path, _, query = target.partition("?")
    if "://" in path:
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    path = unquote(path, "latin-1")
    signed = f"{headers.get('authorization', '')}&{query}"
    scope = _SCOPE.search(signed)
    key = _ACCESS_KEY.search(signed)
    amz_target = headers.get("x-amz-target", "")
    return Request(
        method=method,
        target=target,
        path=path,
        query=query,
        headers=headers,
        body=body,
        client=client,
        service=_SERVICES_BY_TARGET.get(amz_target.rpartition(".")[0]) or (scope[3] if scope else ""),
        region=(scope[2] if scope else "") or region,
        operation=_operation(method, path, query, amz_target, body),
        access_key_id=key[1] if key else "",
    )


def _operation(method: str, path: str, query: str, amz_target: str, body: bytes) -> str:
    if amz_target:
        return amz_target.rpartition(".")[2]
    found = _ACTION.search(body) or _ACTION.search(query.encode())
    return found[1].decode() if found else f"{method} {path}"
