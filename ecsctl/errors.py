"""What can go wrong, as values: the exit codes and the exceptions that carry them.

Every error says what failed, where (a place in a file, or an AWS operation and its resource), why, and what to
type next. The command line turns them into text and an exit code in one place (``ecsctl.cli.main``).
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Sequence


class ExitCode(enum.IntEnum):
    """The exit codes of every command; ``run --wait`` alone passes a container's own code on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    FINDINGS = 3
    TIMEOUT = 4
    ROLLED_BACK = 5
    NOT_FOUND = 6
    BUG = 70
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


# Besides SIGINT, of which Python makes a KeyboardInterrupt itself.
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal came that ends the command.

    Args:
        number: the signal's.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.number = number

    @staticmethod
    def code_of(error: BaseException) -> int:
        """The exit code for what ended a command (130 for Ctrl-C), looking at what caused it, too."""
        cause: BaseException | None = error
        seen: list[BaseException] = []
        while cause is not None and cause not in seen:
            if isinstance(cause, Interrupted):
                return 128 + cause.number
            seen.append(cause)
            cause = cause.__cause__ or cause.__context__
        return 128 + signal.SIGINT


class EcsctlError(Exception):
    """A failure that the user can understand.

    Args:
        message: what failed and why, in one sentence; names the place or the AWS operation and resource.
        hint: the next command to type, or what to change.
        details: further lines, shown below the message (each a cause or a fault).
        code: the exit code; subclasses set their own.
    """

    code: ExitCode = ExitCode.FAILED

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        details: Sequence[str] = (),
        code: ExitCode | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)
        if code is not None:
            self.code = code


class UsageError(EcsctlError):
    """The command line, the environment or a file asks for something that cannot be meant."""

    code = ExitCode.USAGE


class NotFoundError(EcsctlError):
    """Something named does not exist (exit 6)."""

    code = ExitCode.NOT_FOUND


class WaitTimeoutError(EcsctlError):
    """A wait ran out of time; the details say the likely cause (exit 4)."""

    code = ExitCode.TIMEOUT


class RolledBackError(EcsctlError):
    """A deployment failed or was rolled back (exit 5)."""

    code = ExitCode.ROLLED_BACK


class ConflictError(EcsctlError):
    """Something that this project did not make is in the way."""


class AwsError(EcsctlError):
    """AWS refused a call.

    Args:
        operation: the API operation, as ``ecs:RunTask``.
        aws_code: the error code of the service, as ``ClusterNotFoundException``.
        aws_message: the service's own message.
        resource: what the call was about, for the user.
        ambiguous: True where the call may have taken effect all the same (its answer was lost).
    """

    def __init__(
        self,
        operation: str,
        aws_code: str,
        aws_message: str,
        *,
        resource: str | None = None,
        hint: str | None = None,
        ambiguous: bool = False,
        code: ExitCode | None = None,
    ) -> None:
        about = f" ({resource})" if resource else ""
        super().__init__(f"{operation}{about}: {aws_code}: {aws_message}", hint=hint, code=code)
        self.operation = operation
        self.aws_code = aws_code
        self.aws_message = aws_message
        self.resource = resource
        self.ambiguous = ambiguous
