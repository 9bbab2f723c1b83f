"""Each attempt of a call, as botocore's client makes it: its answer checked, AWS's clock read, its retries bounded."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ecsctl.aws.answers import check_answer
from ecsctl.aws.redaction import redacted_text

if TYPE_CHECKING:
    from ecsctl.aws.server_clock import ServerClock
    from ecsctl.polling import Deadline

# The longest that botocore's standard mode waits before a retry, in seconds.
MAX_BACKOFF = 20.0
# A retry is told from the second on: the first is usually the last.
TOLD_ATTEMPT = 2
# AWS answers a repetition of these with what it has made; other endpoints make another. Whoever calls reads it again.
ONCE = frozenset({"elbv2:CreateLoadBalancer"})
LOOPBACK = ("127.", "localhost", "::1")


class Attempts:
    """Watches the clients of one :class:`ecsctl.aws.session.Aws`.

    Args:
        deadline: gives the deadline in force, if any.
        report: called once for each operation that is retried, with the reason.
        clock: gets the Date of every answer.
        debug: called for every attempt; None where it is not wanted.
    """

    def __init__(
        self,
        deadline: Callable[[], Deadline | None],
        report: Callable[[str], None],
        clock: ServerClock,
        debug: Callable[[str], None] | None = None,
    ) -> None:
        self._deadline = deadline
        self._report = report
        self._clock = clock
        self._debug = debug
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def watch(self, client: Any) -> None:
        """Watch a botocore client from now on."""
        model, events = client.meta.service_model, client.meta.events
        service = model.service_id.hyphenize()

        def received(
            response_dict: Mapping[str, Any] | None, parsed_response: Any, exception: Any, event_name: str, **_: Any
        ) -> None:
            operation = event_name.rpartition(".")[2]
            if self._debug is not None:
                self._debug(f"{model.service_name}:{operation} {_outcome(response_dict, exception)}")
            if response_dict is None:
                return
            self._clock.note(response_dict["headers"])
            if response_dict["status_code"] < 300:
                check_answer(model.operation_model(operation), response_dict, parsed_response)

        def needs_retry(
            attempts: int, operation: Any, response: Any = None, caught_exception: Any = None, **_: Any
        ) -> None:
            self._bound(f"{model.service_name}:{operation.name}", attempts, operation, response, caught_exception)

        events.register(f"response-received.{service}", received)
        # Before botocore's own, which would wait.
        events.register_first(f"needs-retry.{service}", needs_retry)

    def _bound(self, name: str, attempts: int, operation: Any, response: Any, error: Exception | None) -> None:
        """Raise what an attempt ended with where another would not end in time, or is useless."""
        from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

        if error is None:
            if response is None or response[0].status_code < 400:
                return
            error = ClientError(response[1], operation.name)
            retried = response[0].status_code >= 429
        else:
            if name in ONCE and not isinstance(error, (EndpointConnectionError, ConnectTimeoutError)):
                raise error
            retried = True
        deadline = self._deadline()
        if deadline is not None and deadline.left() < min(2.0 ** (attempts - 1), MAX_BACKOFF):
            raise error
        if isinstance(error, EndpointConnectionError) and attempts > 1:
            host = urlsplit(str(error.kwargs.get("endpoint_url", ""))).hostname or ""
            if host.startswith(LOOPBACK):
                # Nothing listens on this machine: nothing will in a few seconds.
                raise error
        if retried and attempts >= TOLD_ATTEMPT:
            self.tell(name, f"{name} is being tried again: {' '.join(str(error).split())}")

    def tell(self, name: str, line: str) -> None:
        """Report a line under this name, unless one has been reported."""
        with self._lock:
            if name in self._told:
                return
            self._told.add(name)
        self._report(line)


def _outcome(answer: Mapping[str, Any] | None, error: Exception | None) -> str:
    if answer is None:
        return f"→ no answer: {redacted_text(str(error))}"
    identifier = next((value for name, value in answer["headers"].items() if name.lower() == "x-amzn-requestid"), "")
    request = f", request {identifier}" if identifier else ""
    return f"→ HTTP {answer['status_code']}, {len(answer['body'] or b'')} bytes{request}"


def to_stderr(line: str) -> None:
    """Print a line of ``--debug``."""
    print(f"debug: {line}", file=sys.stderr, flush=True)
