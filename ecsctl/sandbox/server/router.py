"""Routes requests: ECS's go to the engines, all others to moto, and ``/_ecsctl/`` is the sandbox's own API."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ecsctl.sandbox.faults.requests import RequestFaults, throttled
from ecsctl.sandbox.http.error_responses import error, unknown_service
from ecsctl.sandbox.http.origin_check import comes_from_a_program
from ecsctl.sandbox.http.request import Answer, Request
from ecsctl.sandbox.http.request_log import RequestLog, error_of, names_in, request_id
from ecsctl.sandbox.server import resource_tagging
from ecsctl.sandbox.server.moto_app import MotoApp

if TYPE_CHECKING:
    from ecsctl.sandbox.account.account import Account

log = logging.getLogger(__name__)

SESSIONS = ("StartSession", "TerminateSession")
CONTROL_API = "/_ecsctl/"
# moto's own API would change its state behind the sandbox's back.
MOTO_API = "/moto-api"
WEB_PAGE = "The sandbox answers programs on this machine, not web pages: Origin or Host is not of this machine."


class Router:
    """Answers every request.

    Args:
        account: the account whose services are asked.
        control_api: answers ``/_ecsctl/…`` with a status and JSON content.
        requests: logs all other requests.
    """

    def __init__(
        self, account: Account, control_api: Callable[[Request, str], tuple[int, Any]], requests: RequestLog
    ) -> None:
        self._account = account
        self._control_api = control_api
        self._requests = requests
        self._faults = RequestFaults(account.faults)
        self._moto = MotoApp()

    def load_moto(self) -> None:
        """Import moto, which takes a second: in the background, while ECS answers already."""
        self._moto.load()

    def __call__(self, request: Request) -> Answer | None:
        """Answer a request; None where an injected fault loses the answer."""
        if not comes_from_a_program(request):
            return error(request, 403, "AccessDenied", WEB_PAGE)
        if request.path.startswith(CONTROL_API):
            status, content = self._control_api(request, request.path[len(CONTROL_API) :].rstrip("/"))
            return status, {"Content-Type": "application/json"}, json.dumps(content).encode()
        began = time.time()
        self._account.ready.wait()
        if request.path.startswith(MOTO_API):
            return unknown_service(request, "moto-api")
        answer, faults = self._instead(request)
        lost = None
        if answer is None:
            try:
                answer = self._answer(request)
            except Exception:
                log.exception("%s of %s failed", request.operation, request.service)
                message = "The sandbox failed to answer; see the log in its folder."
                answer = error(request, 500, "InternalFailure", message)
            lost = self._faults.loses(request)
        self._requests.add(
            {
                "time": round(began, 3),
                "service": request.service,
                "operation": request.operation,
                "region": request.region,
                "names": names_in(request),
                "caller": request.caller,
                "status": answer[0] if lost is None else 0,
                "error": error_of(answer),
                "requestId": request_id(answer),
                "faults": faults if lost is None else [*faults, lost],
                "milliseconds": round((time.time() - began) * 1000, 1),
            }
        )
        return answer if lost is None else None

    def _instead(self, request: Request) -> tuple[Answer | None, list[str]]:
        """The answer that a throttle or a fault gives in place of the service, and the ids of the faults."""
        if request.service == "ecs" and not self._account.throttle.admits(request.region, request.operation):
            return throttled(request), []
        return self._faults.before(request)

    def _answer(self, request: Request) -> Answer:
        if not self._account.knows_region(request.region):
            message = f"Credential should be scoped to a valid region, not {request.region!r}."
            return error(request, 400, "SignatureDoesNotMatch", message)
        if request.service == "ecs":
            return self._account.ecs_request(request)
        if request.service == "ssm" and request.operation in SESSIONS:
            return self._session(request)
        self._account.started.wait()
        self._moto.load()
        if request.amz_target == resource_tagging.TARGET:
            return resource_tagging.get_resources(
                request,
                lambda: self._account.tagged_ecs_resources(request.region),
                lambda: self._moto_request(request),
            )
        return self._moto_request(request)

    def _session(self, request: Request) -> Answer:
        """Answer StartSession and TerminateSession for containers; sessions on instances are not implemented."""
        try:
            content = json.loads(request.body or b"{}")
        except ValueError:
            content = None
        if not isinstance(content, dict):
            return error(request, 400, "SerializationException", "The request is not a JSON object.")
        session: dict[str, str] | None
        if request.operation == "TerminateSession":
            session = {"SessionId": str(content.get("SessionId"))}
            self._account.sessions.terminate(session["SessionId"])
        else:
            try:
                session = self._account.forward(str(content.get("Target")), content.get("Parameters") or {})
            except (KeyError, ValueError, IndexError):
                return error(request, 400, "InvalidParameters", "Parameter portNumber is required.")
        if session is None:
            return error(request, 400, "TargetNotConnected", f"{content.get('Target')} is not connected.")
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(session).encode()

    def _moto_request(self, request: Request) -> Answer:
        return self._account.moto_request(
            request,
            lambda: self._moto.answer(request) if self._moto.has_service(request) else unknown_service(request),
        )
