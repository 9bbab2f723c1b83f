"""The output of Docker's containers on its way to log streams: read as it comes, in large pieces.

docker's own reader takes a container's output line by line, which 20 talkative containers outrun. The stream is cut up
here instead: chunks of HTTP, frames of Docker, lines.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ecsctl.sandbox.interfaces import ContainerRequest
from ecsctl.sandbox.logs.container_logs import ContainerLogs
from ecsctl.sandbox.logs.events import StreamEvents

log = logging.getLogger(__name__)

READ_BYTES = 256 * 1024
# The awslogs driver cuts a line there.
LONGEST_LINE = 256 * 1024
FINISH_SECONDS = 10.0
RETRY_SECONDS = 1.0
Lines = list[tuple[int, str]]


class LogShipping:
    """Reads the output of containers, each in a thread of its own.

    Args:
        docker: the engine (:class:`ecsctl.sandbox.runtimes.docker.client.Docker`).
    """

    def __init__(self, docker: Any) -> None:
        self._docker = docker
        self.logs: ContainerLogs | None = None
        self._threads: dict[str, threading.Thread] = {}

    def prepare(self, request: ContainerRequest, container: str) -> Callable[[], None]:
        """Have the container's stream ready; what this returns begins to read, once the container has started.

        Raises:
            LogSetupError: there is no such log group.
        """
        events = self.logs.stream(request, container) if self.logs is not None else None
        if events is None or container in self._threads:
            return lambda: None
        tty = bool(request.definition.get("pseudoTerminal"))

        def begin() -> None:
            thread = threading.Thread(target=self._ship, args=(container, events, tty), name="logs", daemon=True)
            self._threads[container] = thread
            thread.start()

        return begin

    def finish(self, container: str) -> None:
        """Wait until all that an ended container has written is there."""
        thread = self._threads.get(container)
        if thread is not None:
            thread.join(FINISH_SECONDS)

    def _ship(self, container: str, events: StreamEvents, tty: bool) -> None:
        assert self.logs is not None
        failures = 0
        try:
            while failures < 5:
                try:
                    # Docker's following may end before the last words of a container; they are asked for once more.
                    for follow in (True, False):
                        known = events.last_source_ns
                        for lines in self._docker.output(container, known, tty, follow=follow):
                            failures = 0
                            self.logs.append(events, [line for line in lines if line[0] > known] if known else lines)
                    return
                except Exception as error:
                    # The engine is away, or the container has gone; what was read already is not read again.
                    failures += 1
                    log.debug("the output of %s cannot be read: %s", container, error)
                    threading.Event().wait(RETRY_SECONDS)
        finally:
            events.idle()
            self._threads.pop(container, None)


def unchunked(read: Callable[[], bytes]) -> Iterator[bytes]:
    """The body of a chunked answer, as many whole chunks at a time as there are."""
    buffer = b""
    while True:
        more = read()
        if not more:
            return
        buffer += more
        place = 0
        parts: list[bytes] = []
        while True:
            end = buffer.find(b"\r\n", place)
            if end < 0:
                break
            size = int(buffer[place:end].split(b";")[0], 16)
            if size == 0:
                if parts:
                    yield b"".join(parts)
                return
            if end + 2 + size + 2 > len(buffer):
                break
            parts.append(buffer[end + 2 : end + 2 + size])
            place = end + 2 + size + 2
        buffer = buffer[place:]
        if parts:
            yield b"".join(parts)


def unframed(pieces: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The frames of a stream without a terminal: each has eight bytes in front, the last four its length."""
    buffer = b""
    for piece in pieces:
        buffer += piece
        place, length = 0, len(buffer)
        frames: list[bytes] = []
        while place + 8 <= length:
            end = place + 8 + int.from_bytes(buffer[place + 4 : place + 8], "big")
            if end > length:
                break
            frames.append(buffer[place + 8 : end])
            place = end
        buffer = buffer[place:]
        if frames:
            yield frames


def split(pieces: Iterator[bytes]) -> Iterator[list[bytes]]:
    """The lines of a stream of a terminal, with their ends."""
    buffer = b""
    for piece in pieces:
        *lines, buffer = (buffer + piece).split(b"\n")
        if lines:
            yield [line + b"\n" for line in lines]
    if buffer:
        yield [buffer]


def stamped(frames: Iterator[list[bytes]]) -> Iterator[Lines]:
    """Lines with the nanosecond that Docker put in front; a long one comes in pieces, each with a time of its own."""
    seconds, known = "", 0
    begun, when = b"", 0
    for group in frames:
        lines: Lines = []
        for frame in group:
            stamp, _, text = frame.partition(b" ")
            written = stamp.decode("ascii", "replace")
            if written[:19] != seconds:
                seconds, known = written[:19], _epoch(written[:19])
            fraction = written[20:].rstrip("Z")
            if not begun:
                when = known * 1_000_000_000 + int(fraction.ljust(9, "0")[:9] or 0)
            if not text.endswith(b"\n") and len(begun) + len(text) < LONGEST_LINE:
                begun += text
                continue
            whole = begun + text if begun else text
            begun = b""
            lines.append((when, whole.rstrip(b"\r\n").decode("utf-8", "replace")))
        # CloudWatch takes no empty event, and the driver sends none.
        yield [line for line in lines if line[1]]
    if begun:
        yield [(when, begun.decode("utf-8", "replace"))]


def _epoch(text: str) -> int:
    from datetime import datetime, timezone

    with contextlib.suppress(ValueError):
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp())
    return 0
