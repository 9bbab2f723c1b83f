"""The sandbox's own API, ``/_ecsctl/…``: what it is and holds, its request log, its faults, its end or a fresh start.

A web page that a user of this machine visits could send requests here too. Whatever changes something therefore wants
the header ``X-Ecsctl-Sandbox``, which no page of another origin can send without being allowed to, and a ``Host`` that
is this machine, which a page behind a name of its own that resolves to 127.0.0.1 cannot have.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ecsctl import __version__
from ecsctl.sandbox.contract import CLIENT_HEADER as HEADER
from ecsctl.sandbox.faults.kinds import FaultError
from ecsctl.sandbox.http.origin_check import is_this_machine
from ecsctl.sandbox.http.request import Request

if TYPE_CHECKING:
    from ecsctl.sandbox.account.account import Account
    from ecsctl.sandbox.http.request_log import RequestLog

READY_SECONDS = 20
MOST_ROWS = 5000
LONGEST_ADVANCE = 30 * 24 * 3600
Answer = tuple[int, Any]


class RefusedError(Exception):
    """A request to the sandbox's own API that is wrong: the HTTP status and what is wrong."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def content_of(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        RefusedError: the body is not a JSON object.
    """
    try:
        content = json.loads(request.body or b"{}")
    except ValueError:
        raise RefusedError(400, "the request's body is not JSON") from None
    if not isinstance(content, dict):
        raise RefusedError(400, "the request's body is not a JSON object")
    return content


def number_in(request: Request, name: str, default: int) -> int:
    """A whole number in the query, 0 or more.

    Raises:
        RefusedError: it is not one.
    """
    text = request.parameters.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise RefusedError(400, f"{name}={text!r} is not a whole number")
    return int(text)


class ControlApi:
    """Answers ``/_ecsctl/…``.

    Args:
        name: the sandbox's.
        account, requests: what it tells of.
        status: what ``ecsctl sandbox status`` tells.
        end: ends the process's serving.
    """

    def __init__(
        self,
        name: str,
        account: Account,
        requests: RequestLog,
        status: Callable[[], dict[str, Any]],
        end: Callable[[], None],
    ) -> None:
        self._name = name
        self._account = account
        self._requests = requests
        self._status = status
        self._end = end
        self._actions: dict[str, dict[str, Callable[[Request, str], Answer]]] = {
            "health": {"GET": self._health},
            "status": {"GET": lambda request, rest: (200, self._status())},
            "operations": {"GET": self._operations},
            "log": {"GET": self._log},
            "faults": {"GET": self._faults, "POST": self._add_fault, "DELETE": self._clear_faults},
            "throttle": {"GET": self._throttle, "POST": self._set_throttle},
            "clock": {"GET": self._clock, "POST": self._set_clock},
            "reset": {"POST": self._reset},
            "stop": {"POST": self._stop},
        }

    def __call__(self, request: Request, path: str) -> Answer:
        """Answer a request: (HTTP status, JSON content); the content of an error is its ``message``.

        Args:
            path: what follows ``/_ecsctl/``.
        """
        try:
            return self._answer(request, path)
        except RefusedError as refused:
            return refused.status, {"message": str(refused)}

    def _answer(self, request: Request, path: str) -> Answer:
        if not is_this_machine(request.header("host")):
            raise RefusedError(403, f"this API is asked at 127.0.0.1, not at {request.header('host')!r}")
        action, _, rest = path.partition("/")
        methods = self._actions.get(action)
        if methods is None:
            raise RefusedError(404, f"there is no {action}")
        answer = methods.get(request.method)
        if answer is None:
            raise RefusedError(405, f"{action} wants {' or '.join(methods)}")
        if request.method != "GET" and HEADER.lower() not in request.headers:
            raise RefusedError(
                403, f"{request.method} {action} wants the header {HEADER}: 1, which no web page can send here"
            )
        if action != "health":
            self._account.ready.wait(READY_SECONDS)
        return answer(request, rest)

    def _health(self, request: Request, rest: str) -> Answer:
        return 200, {"name": self._name, "pid": os.getpid(), "version": __version__}

    def _operations(self, request: Request, rest: str) -> Answer:
        with self._account.lock:
            return 200, self._account.regions.engine(self._account.region).operations()

    def _log(self, request: Request, rest: str) -> Answer:
        rows = self._requests.rows(
            since=number_in(request, "since", 0),
            service=request.parameters.get("service", ""),
            operation=request.parameters.get("operation", ""),
            errors=request.parameters.get("errors", "") in ("1", "true"),
            limit=number_in(request, "limit", MOST_ROWS),
        )
        return 200, {"requests": rows}

    def _faults(self, request: Request, rest: str) -> Answer:
        return 200, {"faults": self._account.faults.to_dict()}

    def _add_fault(self, request: Request, rest: str) -> Answer:
        # Its effects begin with a turn of the loop.
        with self._account.lock:
            try:
                made = self._account.faults.add(content_of(request))
            except FaultError as error:
                raise RefusedError(400, str(error)) from error
        return 200, made

    def _clear_faults(self, request: Request, rest: str) -> Answer:
        with self._account.lock:
            try:
                cleared = self._account.faults.clear(name for name in rest.split(",") if name)
            except KeyError as error:
                raise RefusedError(404, f"there is no fault {error.args[0]}") from None
        return 200, {"faults": cleared}

    def _throttle(self, request: Request, rest: str) -> Answer:
        throttle = self._account.throttle
        region = request.parameters.get("region") or self._account.region
        return 200, {"enabled": throttle.enabled, "region": region, "buckets": throttle.to_dict(region)}

    def _set_throttle(self, request: Request, rest: str) -> Answer:
        enabled = content_of(request).get("enabled")
        if not isinstance(enabled, bool):
            raise RefusedError(400, "enabled must be true or false")
        self._account.throttle.enable(enabled)
        return self._throttle(request, rest)

    def _clock(self, request: Request, rest: str) -> Answer:
        return 200, self._account.clock.to_dict()

    def _set_clock(self, request: Request, rest: str) -> Answer:
        content = content_of(request)
        unknown = set(content) - {"speed", "advance"}
        if unknown:
            raise RefusedError(400, f"the clock has no {sorted(unknown)[0]}")
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in content.values()):
            raise RefusedError(400, "speed and advance must be numbers")
        if not 0 <= content.get("advance", 0) <= LONGEST_ADVANCE:
            raise RefusedError(400, f"advance must be 0 to {LONGEST_ADVANCE} s")
        try:
            if "speed" in content:
                self._account.clock.run(content["speed"])
        except ValueError as error:
            raise RefusedError(400, str(error)) from error
        if "advance" in content:
            self._account.started.wait(READY_SECONDS)
            self._account.advance(content["advance"])
        return self._clock(request, rest)

    def _reset(self, request: Request, rest: str) -> Answer:
        self._account.started.wait(READY_SECONDS)
        self._account.reset()
        return 200, {}

    def _stop(self, request: Request, rest: str) -> Answer:
        def end() -> None:
            # The answer goes out first.
            threading.Event().wait(0.1)
            self._end()

        threading.Thread(target=end, daemon=True).start()
        return 200, {}
