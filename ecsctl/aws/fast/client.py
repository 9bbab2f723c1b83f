"""One request to AWS, as a record says that botocore would make it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ecsctl import __version__
from ecsctl.aws.answers import ASIDE
from ecsctl.aws.fast import record as records
from ecsctl.aws.fast.sigv4 import signed_headers

if TYPE_CHECKING:
    import http.client
    import ssl

    from ecsctl.aws.target import Target

Json = dict[str, Any]

PORTS = {"http": 80, "https": 443}
CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
# botocore renews the keys of a role when no more of their time is left.
RENEWED_BEFORE = timedelta(minutes=15)


class Surprise(Exception):  # noqa: N818 - it is no error: botocore's client makes the call instead
    """This call is not for the fast path."""


class FastClient:
    """Calls of reading operations for one target.

    Args:
        target: where to call.
        found: the record of its configuration.
        now: the time in UTC, for the signature.

    Safe to use from several threads: a connection serves one call at a time, and is kept for the next.
    """

    def __init__(
        self,
        target: Target,
        found: Json,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.region = str(found["region"])
        self.partition = str(found["partition"])
        self._record = found
        self._target = target
        self._now = now
        self._lock = threading.Lock()
        self._idle: dict[str, list[http.client.HTTPConnection]] = {}
        self._tls: ssl.SSLContext | None = None
        self._credentials: tuple[str, str, str | None] | None = None

    @classmethod
    def of(cls, target: Target) -> FastClient | None:
        """The fast client of a target, or None where its configuration has not been recorded."""
        found = records.load(target)
        return cls(target, found) if found else None

    def knows(self, service: str, operation: str) -> bool:
        """Whether an operation can be asked this way."""
        return operation in self._record["services"].get(service, {}).get("operations", ())

    def call(self, service: str, operation: str, params: Mapping[str, Any]) -> tuple[Json, Mapping[str, str]]:
        """Call an operation: its answer as botocore gives it, without ``ResponseMetadata``, and the headers of it.

        Raises:
            Surprise: anything but a readable answer with HTTP status 200.
        """
        part = self._record["services"][service]
        given, taken = part["operations"][operation]
        if part["protocol"] == "json":
            if any(name not in given for name in params):
                raise Surprise  # botocore says what is wrong with it
            headers = {
                "Content-Type": f"application/x-amz-json-{part['json']}",
                "X-Amz-Target": f"{part['target']}.{operation}",
            }
            body = json.dumps(dict(params)).encode()
        else:
            from urllib.parse import urlencode

            headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
            pairs = [("Action", operation), ("Version", part["version"]), *_flattened(params, given, part["shapes"])]
            body = urlencode(pairs).encode()
        text, answered = self._ask(service, part, headers, body)
        try:
            if part["protocol"] == "json":
                return _json_answer(text, taken), answered
            return _xml_answer(text, operation, taken, part["shapes"]), answered
        except Surprise:
            raise
        except Exception as error:
            raise Surprise from error

    def preconnect(self, service: str) -> None:
        """Open a connection to a service ahead of the first call; whatever goes wrong is left to that call."""
        part = self._record["services"].get(service)
        if part is None:
            return
        try:
            connection = self._connect(part)
        except (OSError, Surprise):
            return
        with self._lock:
            self._idle.setdefault(service, []).append(connection)

    def close(self) -> None:
        """Close the connections that no call is using."""
        with self._lock:
            for connections in self._idle.values():
                while connections:
                    connections.pop().close()

    def _ask(self, service: str, part: Json, headers: dict[str, str], body: bytes) -> tuple[bytes, Mapping[str, str]]:
        from http.client import HTTPException

        url = urlsplit(part["url"])
        host = url.hostname or ""
        host = host if url.port in (None, PORTS[url.scheme]) else f"{host}:{url.port}"
        access_key, secret_key, token = self._keys()
        signed = signed_headers(
            headers,
            body,
            host=host,
            path=url.path or "/",
            access_key=access_key,
            secret_key=secret_key,
            token=token,
            region=part["region"],
            service=part["name"],
            now=self._now(),
        )
        signed.update({"User-Agent": f"ecsctl/{__version__}", "Accept-Encoding": "identity"})
        while True:
            with self._lock:
                idle = self._idle.setdefault(service, [])
                kept = idle.pop() if idle else None
            try:
                connection = kept or self._connect(part)
                connection.request("POST", url.path or "/", body, signed)
                response = connection.getresponse()
                text = response.read()
                break
            except (OSError, HTTPException) as error:
                # A connection that was kept may have been closed in the meantime: reads may be asked again.
                if kept is None:
                    raise Surprise from error
        with self._lock:
            self._idle[service].append(connection)
        if response.status != 200:
            raise Surprise
        return text, dict(response.headers.items())

    def _connect(self, part: Json) -> http.client.HTTPConnection:
        import socket
        from http.client import HTTPConnection

        url = urlsplit(part["url"])
        host, port = url.hostname or "", url.port or PORTS[url.scheme]
        line = socket.create_connection((host, port), CONNECT_SECONDS)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.settimeout(READ_SECONDS)
        connection = HTTPConnection(host, port)
        connection.sock = line if url.scheme == "http" else self._tls_context().wrap_socket(line, server_hostname=host)
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                import ssl

                self._tls = ssl.create_default_context(cafile=self._record["ca"])
            return self._tls

    def _keys(self) -> tuple[str, str, str | None]:
        if self._record["role"]:
            # Read for each call: whoever renews them writes them there.
            return _of_cache(self._record["role"], self._now())
        if self._credentials is None:
            self._credentials = self._read_credentials()
        return self._credentials

    def _read_credentials(self) -> tuple[str, str, str | None]:
        method = self._record["credentials"]
        if self._target.credentials:
            return (*self._target.credentials, None)
        if method == "env":
            env = os.environ
            access_key, secret_key = env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")
            if not access_key or not secret_key:
                raise Surprise
            return access_key, secret_key, env.get("AWS_SESSION_TOKEN") or env.get("AWS_SECURITY_TOKEN") or None
        config, credentials = records.config_files()
        return _of_file(credentials if method == "shared-credentials-file" else config, self._record["profile"])


def _of_cache(path: str, now: datetime) -> tuple[str, str, str | None]:
    """The keys of an assumed role.

    Raises:
        Surprise: there are none, or botocore would renew them now.
    """
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)["Credentials"]
        keys = str(found["AccessKeyId"]), str(found["SecretAccessKey"]), str(found["SessionToken"])
        text = str(found["Expiration"]).replace("UTC", "+00:00").replace("Z", "+00:00")
        left = datetime.fromisoformat(text) - now
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Surprise from error
    if left < RENEWED_BEFORE:
        raise Surprise
    return keys


def _of_file(path: str, profile: str) -> tuple[str, str, str | None]:
    """The static keys of a profile.

    Raises:
        Surprise: the file does not have them.
    """
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, ValueError) as error:
        raise Surprise from error
    for section in (profile, f"profile {profile}"):
        if parser.has_option(section, "aws_access_key_id") and parser.has_option(section, "aws_secret_access_key"):
            token = parser.get(section, "aws_session_token", fallback=None)
            token = token or parser.get(section, "aws_security_token", fallback=None)
            return parser.get(section, "aws_access_key_id"), parser.get(section, "aws_secret_access_key"), token
    raise Surprise


def _flattened(value: Any, shape: str, shapes: Json, prefix: str = "") -> Iterator[tuple[str, str]]:
    """A value as the parameters of the EC2 query protocol: ``Filter.1.Value.2``."""
    known = shapes[shape]
    if known["type"] == "structure":
        for name, item in value.items():
            if name not in known["members"]:
                raise Surprise
            asked, _, inner = known["members"][name]
            yield from _flattened(item, inner, shapes, f"{prefix}.{asked}" if prefix else asked)
    elif known["type"] == "list":
        for number, item in enumerate(value, 1):
            yield from _flattened(item, known["item"][1], shapes, f"{prefix}.{number}")
    elif isinstance(value, bool):
        yield prefix, "true" if value else "false"
    elif isinstance(value, (str, int)):
        yield prefix, str(value)
    else:
        raise Surprise


def _json_answer(text: bytes, taken: Json) -> Json:
    """The answer of the JSON protocol, its times as datetimes; what is null is left out.

    Args:
        taken: what the record says of the operation's answer: the ``members`` that it may have, the result before all
            that is not aside, which must be there; and where its ``times`` are.
    """
    # Amazon ECS sends no null, and a hook for every object takes as long as all else that is done with an answer.
    answer = json.loads(text, object_hook=_without_null if b"null" in text else None)
    result = next((name for name in taken["members"] if name not in ASIDE), "")
    if not isinstance(answer, dict) or not isinstance(answer.get(result), (dict, list)):
        raise Surprise
    _read_times(answer, taken["times"])
    return answer


def _without_null(found: Json) -> Json:
    return {name: value for name, value in found.items() if value is not None}


def _read_times(value: Any, times: Mapping[str, Any]) -> None:
    """Make datetimes of the times in an answer, in place; ``times`` is as :func:`record.times_of` gives it."""
    if isinstance(value, list):
        for item in value:
            _read_times(item, times)
        return
    for name in times.keys() & value.keys():
        if times[name]:
            _read_times(value[name], times[name])
        else:
            value[name] = datetime.fromtimestamp(value[name], _zone(value[name] // 900))


@lru_cache(maxsize=1024)
def _zone(quarter: float) -> tzinfo | None:
    """This machine's time zone in a quarter of an hour (900 s since 1970): clocks are changed between two of them."""
    return datetime.fromtimestamp(quarter * 900).astimezone().tzinfo


def _xml_answer(text: bytes, operation: str, shape: str, shapes: Json) -> Json:
    """The answer of the EC2 query protocol."""
    from ecsctl.aws.fast.ec2_xml import parse

    answer = parse(text, f"{operation}Response", shape, shapes)
    if not answer:
        raise Surprise
    return answer
