"""moto's WSGI application, called in this process with a parsed request."""

from __future__ import annotations

import io
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from ecsctl.sandbox.http.error_responses import error, unknown_operation
from ecsctl.sandbox.http.request import Answer, Request

log = logging.getLogger(__name__)

# The code of an input that makes no sense, where it is not ValidationException.
CODES = {
    "autoscaling": "ValidationError",
    "ec2": "InvalidParameterValue",
    "elasticloadbalancing": "ValidationError",
    "iam": "ValidationError",
    "logs": "InvalidParameterException",
}


class MotoApp:
    """Answers the requests to all services but ECS. It is imported, which takes a second, by :meth:`load`."""

    def __init__(self) -> None:
        self._app: Any = None
        self._loading = threading.Lock()

    def load(self) -> None:
        """Import moto, unless it is there already."""
        with self._loading:
            if self._app is None:
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                self._app = DomainDispatcherApplication(create_backend_app)

    def has_service(self, request: Request) -> bool:
        """Whether moto has the service that a request is for."""
        try:
            self._app.get_application(_environ(request))
        except Exception:
            return False
        return True

    def answer(self, request: Request) -> Answer:
        """moto's answer. Called under the account's lock."""
        from botocore.model import OperationNotFoundError

        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], None]:
            started[:] = [status, headers]
            return lambda data: None

        try:
            body = b"".join(self._app(_environ(request), start_response))
        except (OperationNotFoundError, NotImplementedError):
            return unknown_operation(request)
        except Exception as failure:
            if _is_ours(failure):
                raise
            log.warning("moto failed at %s of %s", request.operation, request.service, exc_info=True)
            return _refused(request, failure)
        return int(str(started[0]).split(" ", 1)[0]), dict(_end_to_end(started[1])), body


def _is_ours(failure: BaseException) -> bool:
    """Whether an exception was raised by the sandbox itself, and not by moto below it."""
    frames = traceback.extract_tb(failure.__traceback__)
    return bool(frames) and str(Path(__file__).parents[1]) in frames[-1].filename


def _refused(request: Request, failure: Exception) -> Answer:
    """An answer where moto fails: in nearly all cases since what the request names is not there, or makes no sense."""
    missing = _missing(request)
    if missing is not None:
        return error(request, 400, *missing)
    code = CODES.get(request.service, "ValidationException")
    why = f"{type(failure).__name__}: {failure}".rstrip(": ")
    return error(request, 400, code, f"The sandbox cannot do {request.operation} with this input ({why}).")


def _missing(request: Request) -> tuple[str, str] | None:
    """The code and message for a classic balancer or an Auto Scaling group that the request names and is not there."""
    from moto.autoscaling.models import autoscaling_backends
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.elb.models import elb_backends

    given = parse_qs(request.body.decode(errors="replace"))
    balancer, group = (given.get(name, [""])[0] for name in ("LoadBalancerName", "AutoScalingGroupName"))
    balancers = elb_backends[DEFAULT_ACCOUNT_ID][request.region].load_balancers
    groups = autoscaling_backends[DEFAULT_ACCOUNT_ID][request.region].autoscaling_groups
    if request.service == "elasticloadbalancing" and balancer and balancer not in balancers:
        return "LoadBalancerNotFound", f"There is no ACTIVE Load Balancer named '{balancer}'"
    if request.service == "autoscaling" and group and group not in groups:
        return "ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup {group} not found"
    return None


def _environ(request: Request) -> dict[str, Any]:
    """A WSGI environment, made anew for each call since whoever takes it reads its body."""
    host, _, port = (request.header("host") or "127.0.0.1:80").partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.client,
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        elif name not in ("content-length", "transfer-encoding"):
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def _end_to_end(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The headers without repetitions and without those of one connection."""
    seen: set[str] = set()
    for name, value in headers:
        if name.lower() not in ("content-length", "connection", *seen):
            seen.add(name.lower())
            yield name, value
