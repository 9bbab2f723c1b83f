"""A small AWS for tests of what stands above the door: answers of functions, every call kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from ecsctl.errors import AwsError
from ecsctl.polling import Clock
from tests.support.clock import ManualClock

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class FakeAws(Aws):
    """An :class:`Aws` whose calls are answered by functions: ``{"ecs:DescribeTasks": function of the input}``.

    ``calls`` has every (operation, input), in order. An operation that has no answer is refused as the service would.
    """

    def __init__(self, answers: Mapping[str, Answer], region: str = "eu-west-1", clock: Clock | None = None) -> None:
        super().__init__(Target(region=region), clock=clock or ManualClock(datetime.now(timezone.utc)))
        self.answers = dict(answers)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._record = threading.Lock()

    def call(
        self, service: str, operation: str, params: Mapping[str, Any] | None = None, *, about: str | None = None
    ) -> dict[str, Any]:
        name = f"{service}:{operation}"
        query = dict(params or {})
        with self._record:
            self.calls.append((name, query))
        if name not in self.answers:
            raise AwsError(name, "AccessDeniedException", "no answer in this test", resource=about)
        return self.answers[name](query)

    def operations(self) -> list[str]:
        """The operations called, in order."""
        return [name for name, _ in self.calls]


def refused(operation: str, code: str, message: str = "refused") -> Answer:
    """An answer that is AWS's refusal."""

    def answer(query: dict[str, Any]) -> dict[str, Any]:
        raise AwsError(operation, code, message)

    return answer
