"""The HTTP front: ECS goes to the engines, everything else to moto, and ``/_ecsctl/`` to the sandbox itself."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ecsctl.sandbox.ecs.wire import TARGET_PREFIX

if TYPE_CHECKING:
    from ecsctl.sandbox.world import World

log = logging.getLogger(__name__)

SCOPE = re.compile(r"Credential=[^/]*/\d*/([^/]+)/([^/]+)/aws4_request")
TAGGING = "ResourceGroupsTaggingAPI_20170126.GetResources"
JSON = "application/x-amz-json-1.1"
StartResponse = Callable[..., Any]
ADMIN = "/_ecsctl/"


class Front:
    """A WSGI application. One lock is held while a request is answered, and while the control loop steps.

    Args:
        world: the state, and the lock.
        admin: answers ``/_ecsctl/ACTION``; gets the action and the method.
    """

    def __init__(self, world: World, admin: Callable[[str, str], tuple[int, Any]]) -> None:
        self._world = world
        self._admin = admin
        self._moto: Any = None
        self._making = threading.Lock()

    def warm(self) -> None:
        """Import moto, which takes a second: in the background, while ECS answers already."""
        with self._making:
            if self._moto is None:
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._route(environ, start_response)
        except Exception:
            log.exception("a request failed")
            body = b'{"__type":"InternalFailure","message":"The sandbox failed; see its log."}'
            start_response("500 Internal Server Error", [("Content-Type", JSON), ("Content-Length", str(len(body)))])
            return [body]

    def _route(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", "/"))
        if path.startswith(ADMIN):
            status, content = self._admin(path[len(ADMIN) :], str(environ["REQUEST_METHOD"]))
            return _send(start_response, status, {"Content-Type": "application/json"}, json.dumps(content).encode())
        scope = SCOPE.search(str(environ.get("HTTP_AUTHORIZATION", "")))
        region, service = scope.groups() if scope else (self._world.region, "")
        target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
        self._world.dirty = True
        if target.startswith(TARGET_PREFIX) or service == "ecs":
            body = _body(environ)
            with self._world.lock:
                status, headers, content = self._world.regions.handle(region, target.removeprefix(TARGET_PREFIX), body)
            return _send(start_response, status, headers, content)
        self.warm()
        if target == TAGGING:
            return self._tagged(environ, start_response, region)
        return self._to_moto(environ, start_response, region, service)

    def _to_moto(
        self, environ: dict[str, Any], start_response: StartResponse, region: str, service: str
    ) -> Iterable[bytes]:
        with self._world.lock:
            if not self._world.knows_region(region):
                message = f"The region {region} is not one of AWS's"
                content = json.dumps({"__type": "InvalidRegion", "message": message}).encode()
                return _send(start_response, 400, {"Content-Type": JSON}, content)
            self._world.prepare(region)
            answer = self._moto(environ, start_response)
            try:
                parts = list(answer)
            finally:
                if hasattr(answer, "close"):
                    answer.close()
            self._world.after_request(region)
        return parts

    def _tagged(self, environ: dict[str, Any], start_response: StartResponse, region: str) -> Iterable[bytes]:
        """moto's answer, with the ECS resources of the engines in it."""
        body = _body(environ)
        asked = json.loads(body or b"{}")
        types = [str(item) for item in asked.get("ResourceTypeFilters") or ()]
        rows: list[dict[str, Any]] = []
        with self._world.lock:
            for arn, tags in self._world.regions.tagged_resources(region):
                if _of_type(arn, types) and _has_tags(tags, asked.get("TagFilters") or ()):
                    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
                    rows.append({"ResourceARN": arn, "Tags": listed})
        if types and all(item.split(":")[0] == "ecs" for item in types):
            content = {"ResourceTagMappingList": rows, "PaginationToken": ""}
            return _send(start_response, 200, {"Content-Type": JSON}, json.dumps(content).encode())
        import io

        environ["wsgi.input"] = io.BytesIO(body)
        caught: list[Any] = []

        def catch(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], None]:
            caught.extend((status, headers))
            return lambda data: None

        parts = self._to_moto(environ, catch, region, "tagging")
        if not str(caught[0]).startswith("200"):
            start_response(*caught)
            return parts
        content = json.loads(b"".join(parts))
        theirs = [row for row in content.get("ResourceTagMappingList", ()) if ":ecs:" not in row["ResourceARN"]]
        content["ResourceTagMappingList"] = theirs + rows
        return _send(start_response, 200, {"Content-Type": JSON}, json.dumps(content).encode())


def _body(environ: dict[str, Any]) -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    data: bytes = environ["wsgi.input"].read(length) if length else b""
    return data


def _send(start_response: StartResponse, status: int, headers: dict[str, str], body: bytes) -> list[bytes]:
    from http import HTTPStatus

    phrase = HTTPStatus(status).phrase
    named = {**headers, "Content-Length": str(len(body))}
    start_response(f"{status} {phrase}", list(named.items()))
    return [body]


def _of_type(arn: str, types: list[str]) -> bool:
    service, resource = arn.split(":")[2], arn.split(":", 5)[5].split("/")[0]
    return not types or service in types or f"{service}:{resource}" in types


def _has_tags(tags: dict[str, str], filters: Iterable[dict[str, Any]]) -> bool:
    return all(
        item.get("Key") in tags and (not item.get("Values") or tags[item["Key"]] in item["Values"]) for item in filters
    )
