"""AWS at the wire: requests as botocore writes them, answered before they would be sent."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from botocore.awsrequest import AWSResponse

from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from tests.support.clock import ManualClock

Json = dict[str, Any]


class Raw(io.BytesIO):
    """A body that urllib3 would have read."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


class Wire:
    """An :class:`Aws` on botocore's own clients; ``ecs``, ``ec2`` and Application Auto Scaling answer by operation.

    ECS's answers are mappings, EC2's XML text. ``requests`` has every (operation, input as sent).
    """

    def __init__(self, answers: dict[str, Callable[[Json], Any]]) -> None:
        self.requests: list[tuple[str, Json]] = []
        self._answers = answers
        self._lock = threading.Lock()
        self.aws = Aws(Target(region="eu-west-1", credentials=("AKIATEST", "secret")), clock=ManualClock(), fast=False)
        for service in ("ecs", "ec2", "application-autoscaling"):
            self.aws.client(service).meta.events.register(f"before-send.{service}", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        target = request.headers.get("X-Amz-Target")
        if target:
            operation, query = target.decode().rpartition(".")[2], json.loads(request.body)
        else:
            query = {key: values[0] for key, values in parse_qs(request.body).items()}
            operation = query["Action"]
        with self._lock:
            self.requests.append((operation, query))
        answer = self._answers[operation](query)
        status = 200
        if isinstance(answer, tuple):
            status, answer = answer
        body = answer if isinstance(answer, str) else json.dumps(answer)
        return AWSResponse(request.url, status, {}, Raw(body.encode()))
