"""The HTTP front: ECS goes to the engines, everything else to moto, and ``/_ecsctl/`` to the sandbox itself."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ecsctl.sandbox.ecs.api.wire import TARGET_PREFIX
from ecsctl.sandbox.faults.eventual_consistency import READS
from ecsctl.sandbox.faults.requests import CallFaults, throttled
from ecsctl.sandbox.http.error_responses import operation_of, refusal, unknown_operation, unknown_service
from ecsctl.sandbox.http.origin_check import is_no_page
from ecsctl.sandbox.http.request_log import RequestLog, caller_of, error_of, names_in, request_id
from ecsctl.sandbox.server.control_api import Asked
from ecsctl.sandbox.server.http_server import AnswerLostError

if TYPE_CHECKING:
    from ecsctl.sandbox.account.world import World

log = logging.getLogger(__name__)

SCOPE = re.compile(r"Credential=[^/]*/\d*/([^/]+)/([^/]+)/aws4_request")
TAGGING = "ResourceGroupsTaggingAPI_20170126.GetResources"
JSON = "application/x-amz-json-1.1"
SESSIONS = ("StartSession", "TerminateSession")
ADMIN = "/_ecsctl/"
# moto's own API would change its state behind the sandbox's back.
MOTO = "/moto-api"
PAGES = "The sandbox answers programs on this machine, and no web page: Origin or Host is not of this machine."
Answer = tuple[int, dict[str, str], bytes]
StartResponse = Callable[..., Any]


class Front:
    """A WSGI application. One lock is held while a request is answered, and while the control loop steps.

    Args:
        world: the state, and the lock.
        admin: answers ``/_ecsctl/…``.
        requests: is told of all other requests.
    """

    def __init__(self, world: World, admin: Callable[[Asked], tuple[int, Any]], requests: RequestLog) -> None:
        self._world = world
        self._admin = admin
        self._requests = requests
        self._faults = CallFaults(world.faults)
        self._moto: Any = None
        self._making = threading.Lock()

    def warm(self) -> None:
        """Import moto, which takes a second: in the background, while ECS answers already."""
        with self._making:
            if self._moto is None:
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", "/"))
        if not is_no_page(environ):
            return _send(start_response, *refusal(environ, "", 403, "AccessDenied", PAGES))
        if path.startswith(ADMIN):
            status, content = self._admin(Asked.of(environ, ADMIN))
            return _send(start_response, status, {"Content-Type": "application/json"}, json.dumps(content).encode())
        scope = SCOPE.search(str(environ.get("HTTP_AUTHORIZATION", "")))
        region, service = scope.groups() if scope else (self._world.region, "")
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        operation = operation_of(environ, body)
        if str(environ.get("HTTP_X_AMZ_TARGET", "")).startswith(TARGET_PREFIX):
            service = "ecs"
        began = time.time()
        self._world.ready.wait()
        if path.startswith(MOTO):
            return _send(start_response, *unknown_service(environ, "moto-api"))
        answer, faults = self._struck(environ, region, service, operation)
        lost = None
        if answer is None:
            try:
                answer = self._route(environ, region, service, operation, body)
            except Exception:
                log.exception("%s of %s failed", operation, service)
                answer = refusal(environ, service, 500, "InternalFailure", "The sandbox failed; its log says why.")
            lost = self._faults.loses(environ, service, operation)
        self._requests.add(
            {
                "time": round(began, 3),
                "service": service,
                "operation": operation,
                "region": region,
                "names": names_in(service, body),
                "caller": caller_of(environ),
                "status": answer[0] if lost is None else 0,
                "error": error_of(*answer),
                "requestId": request_id(answer[1]),
                "faults": faults if lost is None else [*faults, lost],
                "milliseconds": round((time.time() - began) * 1000, 1),
            }
        )
        if lost is not None:
            raise AnswerLostError
        return _send(start_response, *answer)

    def _struck(
        self, environ: dict[str, Any], region: str, service: str, operation: str
    ) -> tuple[Answer | None, list[str]]:
        """The answer that a throttle or a fault gives in the place of the service, and the faults that struck."""
        if service == "ecs" and not self._world.throttle.admits(region, operation):
            return throttled(environ, service), []
        return self._faults.before(environ, service, operation)

    def _route(self, environ: dict[str, Any], region: str, service: str, operation: str, body: bytes) -> Answer:
        if not self._world.knows_region(region):
            message = f"Credential should be scoped to a valid region: {region!r} is none."
            return refusal(environ, service, 400, "SignatureDoesNotMatch", message)
        if not operation.startswith(READS):
            self._world.dirty = True
        if service == "ecs":
            with self._world.lock:
                self._world.unlinked = self._world.unlinked or operation == "CreateCluster"
                return self._world.past.ecs(self._world.regions.engine(region), operation, body)
        if service == "ssm" and operation in SESSIONS:
            return self._session(environ, operation, body)
        self._world.started.wait()
        self.warm()
        if environ.get("HTTP_X_AMZ_TARGET") == TAGGING:
            return self._tagged(environ, region, body)
        return self._to_moto(environ, region, service, operation)

    def _session(self, environ: dict[str, Any], operation: str, body: bytes) -> Answer:
        """Sessions into containers; Session Manager's others, into instances, are not there."""
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            return refusal(environ, "ssm", 400, "SerializationException", "The request is not JSON.")
        if operation == "TerminateSession":
            self._world.sessions.terminate(str(asked.get("SessionId")))
            content: dict[str, str] | None = {"SessionId": str(asked.get("SessionId"))}
        else:
            try:
                content = self._world.forward(str(asked.get("Target")), asked.get("Parameters") or {})
            except (KeyError, ValueError, IndexError):
                return refusal(environ, "ssm", 400, "InvalidParameters", "Parameter portNumber is required.")
        if content is None:
            message = f"{asked.get('Target')} is not connected."
            return refusal(environ, "ssm", 400, "TargetNotConnected", message)
        return 200, {"Content-Type": JSON}, json.dumps(content).encode()

    def _to_moto(self, environ: dict[str, Any], region: str, service: str, operation: str) -> Answer:
        with self._world.lock:
            self._world.prepare(region)
            if not self._has(environ):
                return unknown_service(environ, service)

            def perform() -> Answer:
                return self._perform(environ, service, operation)

            answer = self._world.past.moto(service, operation, perform)
            self._world.after_request(region)
        return answer

    def _perform(self, environ: dict[str, Any], service: str, operation: str) -> Answer:
        """moto's own answer. Under the lock."""
        from botocore.model import OperationNotFoundError

        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], None]:
            started[:] = [status, headers]
            return lambda data: None

        # It may be asked twice, and each time the body is read.
        environ["wsgi.input"].seek(0)
        try:
            chunks = self._moto(environ, start_response)
            content = b"".join(chunks)
        except (OperationNotFoundError, NotImplementedError):
            return unknown_operation(environ, service, operation)
        status = int(str(started[0]).split(" ", 1)[0])
        return status, dict(_without_length(started[1])), content

    def _has(self, environ: dict[str, Any]) -> bool:
        """Whether moto has the service that a request is for; it looks at a copy, since it may read the body."""
        copy = {**environ, "wsgi.input": io.BytesIO(environ["wsgi.input"].getvalue())}
        try:
            self._moto.get_application(copy)
        except Exception:
            return False
        return True

    def _tagged(self, environ: dict[str, Any], region: str, body: bytes) -> Answer:
        """moto's answer, with the ECS resources of the engines in it (on the first page)."""
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            return refusal(environ, "tagging", 400, "SerializationException", "The request is not JSON.")
        types = [str(item) for item in asked.get("ResourceTypeFilters") or ()]
        named = asked.get("ResourceARNList")
        rows: list[dict[str, Any]] = []
        if not asked.get("PaginationToken"):
            with self._world.lock:
                for arn, tags in self._world.regions.tagged_resources(region):
                    wanted = arn in named if named else _of_type(arn, types)
                    if wanted and _has_tags(tags, asked.get("TagFilters") or ()):
                        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
                        rows.append({"ResourceARN": arn, "Tags": listed})
        if types and all(item.split(":")[0] == "ecs" for item in types):
            content = {"ResourceTagMappingList": rows, "PaginationToken": ""}
            return 200, {"Content-Type": JSON}, json.dumps(content).encode()
        status, headers, answer = self._to_moto(environ, region, "tagging", "GetResources")
        if status != 200:
            return status, headers, answer
        content = json.loads(answer)
        theirs = [row for row in content.get("ResourceTagMappingList", ()) if ":ecs:" not in row["ResourceARN"]]
        content["ResourceTagMappingList"] = rows + theirs
        return 200, {"Content-Type": JSON}, json.dumps(content).encode()


def _without_length(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for name, value in headers:
        if name.lower() not in ("content-length", "connection", *seen):
            seen.add(name.lower())
            yield name, value


def _send(start_response: StartResponse, status: int, headers: dict[str, str], body: bytes) -> list[bytes]:
    from http import HTTPStatus

    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    start_response(f"{status} {phrase}", list(headers.items()))
    return [body]


def _of_type(arn: str, types: list[str]) -> bool:
    service, resource = arn.split(":")[2], arn.split(":", 5)[5].split("/")[0]
    return not types or service in types or f"{service}:{resource}" in types


def _has_tags(tags: dict[str, str], filters: Iterable[dict[str, Any]]) -> bool:
    return all(
        item.get("Key") in tags and (not item.get("Values") or tags[item["Key"]] in item["Values"]) for item in filters
    )
