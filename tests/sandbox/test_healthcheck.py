"""Health checks: thresholds, and what one probe makes of an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ecsctl.sandbox.elb.health_check import GOOD, NOTHING_LISTENS, SILENT, Check, Health, codes_of, probe
from ecsctl.sandbox.elb.proxy import Forwarder
from tests.sandbox.support import fetch

CHECK = Check(healthy=2, unhealthy=3, path="/")


def states(results: str, check: Check = CHECK) -> str:
    """The state after each result (``g`` good, ``b`` bad), by its first letter."""
    health = Health()
    seen = ""
    for result in results:
        health.record(check, GOOD if result == "g" else NOTHING_LISTENS)
        seen += health.state[0]
    return seen


@pytest.mark.parametrize(
    ("results", "seen"),
    [
        ("g", "h"),
        ("bbb", "iiu"),
        ("gbbb", "hhhu"),
        ("gbbgbbb", "hhhhhhu"),
        ("bbbgg", "iiuuh"),
        ("bbbgbgg", "iiuuuuh"),
    ],
)
def test_thresholds_count_results_in_a_row(results: str, seen: str) -> None:
    assert states(results) == seen


@contextmanager
def server(answer: bytes | None) -> Iterator[int]:
    """Says ``answer`` to every connection; None says nothing. Its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                held.append(connection)
                if answer is not None:
                    connection.recv(4096)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        # A close alone does not wake the thread that waits in accept.
        listener.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def page(code: int, text: str = "") -> bytes:
    return f"HTTP/1.1 {code} X\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode()


def test_a_code_that_counts() -> None:
    with server(page(204)) as port:
        assert probe("127.0.0.1", port, Check(path="/", codes=((200, 299),))) == GOOD
        refused = probe("127.0.0.1", port, Check(path="/"))
    assert (refused.reason, refused.description) == (
        "Target.ResponseCodeMismatch",
        "Health checks failed with these codes: [204]",
    )


def test_no_answer_and_no_listener() -> None:
    with server(None) as port:
        assert probe("127.0.0.1", port, Check(path="/", timeout=0.1)) == SILENT
        assert probe("127.0.0.1", port, Check()) == GOOD
    assert probe("127.0.0.1", port, Check()) == NOTHING_LISTENS


def test_what_is_not_http() -> None:
    with server(b"SSH-2.0-x\r\n") as port:
        assert probe("127.0.0.1", port, Check(path="/")) == NOTHING_LISTENS


@pytest.mark.parametrize(
    ("matcher", "codes"),
    [("200", [(200, 200)]), ("200,301-302", [(200, 200), (301, 302)]), ("200-399", [(200, 399)]), ("", [(200, 399)])],
)
def test_matchers(matcher: str, codes: list[tuple[int, int]]) -> None:
    assert codes_of(matcher) == codes


def test_a_forwarder_takes_turns_and_leaves_out_what_does_not_answer() -> None:
    with server(page(200, "one")) as one, server(page(200, "two")) as two, server(None) as gone:
        pass
    with server(page(200, "one")) as one, server(page(200, "two")) as two:
        targets = [("127.0.0.1", one), ("127.0.0.1", gone), ("127.0.0.1", two)]
        forwarder = Forwarder("127.0.0.1", 0, lambda: targets, web=True)
        url = f"http://127.0.0.1:{forwarder.port}/"
        assert sorted(fetch(url)[1] for _ in range(4)) == ["one", "one", "two", "two"]
        targets.clear()
        assert fetch(url)[0] == 503
        forwarder.close()
        assert fetch(url)[0] == 0
