"""The errors of the ECS API, as the engine raises them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ecsctl.refusals import Refusal, Violation


class EcsApiError(Exception):
    """An answer that is an error.

    Args:
        code: the exception's name in the ECS model, as ``ClusterNotFoundException``.
        message: the service's own sentence.
        status: the HTTP status, 400 for the caller's faults and 500 for the service's.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

    def __reduce__(self) -> tuple[type[EcsApiError], tuple[str, str, int]]:
        return type(self), (self.code, self.message, self.status)


def refused(refusal: Refusal, **values: Any) -> EcsApiError:
    """The error of a fact, with its code and words.

    Args:
        values: of the words' placeholders.
    """
    return EcsApiError(refusal.code, refusal.text(**values))


def refuse_first(violations: Iterable[Violation]) -> None:
    """Raise the first of what a request violates; nothing where there is none.

    Raises:
        EcsApiError: with the fact's code and words.
    """
    for violation in violations:
        raise EcsApiError(violation.refusal.code, violation.message)


def invalid(message: str) -> EcsApiError:
    """An ``InvalidParameterException``: what most operations answer to an argument they refuse."""
    return EcsApiError("InvalidParameterException", message)


def client_error(message: str) -> EcsApiError:
    """A ``ClientException``: what task definition operations answer to an argument they refuse."""
    return EcsApiError("ClientException", message)


def cluster_not_found() -> EcsApiError:
    return EcsApiError("ClusterNotFoundException", "Cluster not found.")


def service_not_found() -> EcsApiError:
    return EcsApiError("ServiceNotFoundException", "Service not found.")


def service_not_active() -> EcsApiError:
    return EcsApiError("ServiceNotActiveException", "Service was not ACTIVE.")
