"""Ctrl-C in each phase: the command says where things stand and how to go on, exits with 130, and can be resumed."""

from __future__ import annotations

import contextlib
import http.client
import os
import pty
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.account import holdings
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

FILE = """
name: shop
cluster: shop
instances: {count: 1}
taskDefinitions:
  web:
    containerDefinitions:
      - {name: web, image: example/web, cpu: 1, memory: 1200}
services:
  svc: {taskDefinition: web, desiredCount: 2}
"""


@pytest.fixture
def folder(sandbox: Running, tmp_path: Path) -> Path:
    (tmp_path / "ecsctl.yaml").write_text(FILE)
    # The commands are processes, and wait by the real clock.
    sandbox.run(20)
    return tmp_path


def start(sandbox: Running, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["ecsctl", *arguments],
        cwd=folder,
        env={**sandbox.environment, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"it ended without {text!r}: {seen}")


def run(sandbox: Running, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ecsctl", *arguments], cwd=folder, env=sandbox.environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        ("created cluster shop", "changes were made; `ecsctl up` goes on from there"),
        ("0 of 1 have joined", "changes were made; `ecsctl up` goes on from there"),
        ("1 of 2 tasks run", "all changes are made, and AWS goes on with them; `ecsctl up` waits for it again"),
    ],
)
def test_up_says_where_it_stands_and_goes_on_later(sandbox: Running, folder: Path, phase: str, told: str) -> None:
    # One instance has the memory for one task: the last wait would not end by itself.
    process = start(sandbox, folder, "up", "--yes")
    read_until(process, phase)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert told in err
    assert "Traceback" not in err

    (folder / "ecsctl.yaml").write_text(FILE.replace("desiredCount: 2", "desiredCount: 1"))
    resumed = run(sandbox, folder, "up", "--yes")
    assert resumed.returncode == 0, resumed.stderr
    assert run(sandbox, folder, "plan", "--exit-code").returncode == 0
    down = run(sandbox, folder, "down", "--yes")
    assert down.returncode == 0, down.stderr


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")]
)
def test_other_signals_say_where_it_stands_too(
    sandbox: Running, folder: Path, number: signal.Signals, code: int, word: str
) -> None:
    process = start(sandbox, folder, "up", "--yes")
    read_until(process, "0 of 1 have joined")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert f"{word}: " in err
    assert "changes were made; `ecsctl up` goes on from there" in err
    assert "Traceback" not in err


def test_what_ignores_hangups_goes_on(sandbox: Running, folder: Path) -> None:
    """``nohup ecsctl up &``."""
    (folder / "ecsctl.yaml").write_text(FILE.replace("desiredCount: 2", "desiredCount: 1"))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start(sandbox, folder, "up", "--yes")
    finally:
        signal.signal(signal.SIGHUP, before)
    read_until(process, "created cluster shop")
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def test_down_says_where_it_stands_and_goes_on_later(sandbox: Running, folder: Path) -> None:
    before = holdings(sandbox)
    (folder / "ecsctl.yaml").write_text(FILE.replace("desiredCount: 2", "desiredCount: 1"))
    assert run(sandbox, folder, "up", "--yes").returncode == 0
    process = start(sandbox, folder, "down", "--yes")
    read_until(process, "removed service svc")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "changes were made; `ecsctl down` goes on from there" in err
    again = run(sandbox, folder, "down", "--yes")
    assert again.returncode == 0, again.stderr
    assert holdings(sandbox) == before


def test_at_the_question_nothing_was_changed(sandbox: Running, folder: Path) -> None:
    before = holdings(sandbox)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["ecsctl", "up"],
        cwd=folder,
        env={**sandbox.environment, "TERM": "dumb"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown = read_terminal(master, "Carry this out?")
    assert "create cluster shop" in shown
    # The question is on the screen a moment before its answer is read; a Ctrl-C between the two is for nothing.
    for _ in range(12):
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            break
    rest = read_terminal(master, None)
    assert process.wait(timeout=60) == 130
    assert "nothing was changed" in rest
    assert holdings(sandbox) == before


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0)])
def test_the_answer_decides(sandbox: Running, folder: Path, answer: str, code: int) -> None:
    (folder / "ecsctl.yaml").write_text("name: shop\n")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["ecsctl", "up"], cwd=folder, env=sandbox.environment, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    read_terminal(master, "Carry this out?")
    os.write(master, answer.encode())
    shown = read_terminal(master, None)
    assert process.wait(timeout=60) == code, shown
    assert ("cluster shop" in holdings(sandbox)) == (code == 0)


def read_terminal(master: int, text: str | None, seconds: float = 60) -> str:
    """What a terminal shows, until it shows ``text``, or until its end."""
    seen = b""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.5)
        if not ready:
            continue
        try:
            part = os.read(master, 65536)
        except OSError:
            part = b""
        if not part:
            break
        seen += part
        if text and text.encode() in seen:
            return seen.decode()
    assert text is None, f"{text!r} is not in {seen.decode()}"
    return seen.decode()


class Stubborn(ThreadingHTTPServer):
    """Passes requests on to a sandbox, but never answers one of the operation ``silent``."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, behind: str, silent: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = urlsplit(behind).netloc
        self.silent = silent
        self.asked = threading.Event()
        self.ended = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stubborn

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.silent in self.headers.get("X-Amz-Target", "") or self.server.silent.encode() in body:
            self.server.asked.set()
            self.server.ended.wait()
            return
        behind = http.client.HTTPConnection(self.server.behind)
        behind.request("POST", self.path, body, dict(self.headers))
        answer = behind.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type", ""))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def stubborn(sandbox: Running, silent: str) -> Iterator[Stubborn]:
    server = Stubborn(sandbox.endpoint, silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.ended.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("silent", "times"), [("DescribeClusters", 1), ("CreateCluster", 2)])
def test_a_call_that_hangs_does_not_hold_an_interrupted_command(
    sandbox: Running, folder: Path, silent: str, times: int
) -> None:
    with stubborn(sandbox, silent) as server:
        process = start(
            sandbox, folder, "up", "--yes", "--endpoint-url", f"http://127.0.0.1:{server.server_address[1]}"
        )
        assert server.asked.wait(60)
        process.send_signal(signal.SIGINT)
        if times == 2:
            read_until(process, "waiting for the calls under way; press Ctrl-C again to leave at once")
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
