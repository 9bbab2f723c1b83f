from __future__ import annotations

import base64
import os
import pty
import shlex
import subprocess
import threading

import pytest

from ecsctl.actions.session_client import messages
from ecsctl.actions.session_client.wrapping import Output, encoded, interactive, piped

BLOB = bytes(range(256)) * 3000


def run(command: str, token: str, stdin: bytes | None = None) -> tuple[bytes, bytes, Output]:
    """Run a wrapped command on a terminal, as an agent does; what of it is stdout, and what stderr."""
    out, err = bytearray(), bytearray()
    output = Output(token, out.extend, err.extend)
    master, slave = pty.openpty()
    process = subprocess.Popen(shlex.split(command), stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)

    def feed() -> None:
        for part in encoded(iter([stdin or b""])):
            view = memoryview(part)
            while view:
                view = view[os.write(master, view[:1024]) :]

    writer = threading.Thread(target=feed, daemon=True)
    try:
        while True:
            data = os.read(master, 777)
            output.feed(data)
            if output.ready and stdin is not None and not writer.is_alive() and not writer.ident:
                writer.start()
            if output.ended or (stdin is None and not output.ready and output.exit_code is not None):
                break
    except OSError:
        pass
    output.finish()
    process.terminate()
    process.wait(5)
    os.close(master)
    return bytes(out), bytes(err), output


@pytest.mark.parametrize("code", [0, 3, 137])
def test_the_exit_code_of_a_command_with_a_terminal(code: int) -> None:
    out, _, output = run(interactive(["sh", "-c", f"echo hi; exit {code}"], "t"), "t")
    assert (out, output.exit_code) == (b"hi\r\n", code)


def test_stdout_stderr_and_the_code_come_apart() -> None:
    script = "echo out; echo err >&2; printf 'no end' >&2; echo more; exit 4"
    out, err, output = run(piped(["sh", "-c", script], "t", with_input=False), "t")
    assert (out, sorted(err.splitlines()), output.exit_code) == (b"out\nmore\n", [b"err", b"no end"], 4)


def test_bytes_pass_as_they_are_in_both_directions() -> None:
    out, err, output = run(piped(["cat"], "t", with_input=True), "t", BLOB)
    assert (out == BLOB, err, output.exit_code) == (True, b"", 0)


def test_a_command_that_does_not_read_its_input_ends_all_the_same() -> None:
    out, _, output = run(piped(["sh", "-c", "echo done; exit 5"], "t", with_input=True), "t", b"x" * 10)
    assert (out, output.exit_code) == (b"done\n", 5)


def test_marks_are_found_wherever_they_are_torn() -> None:
    whole = b"a\x1e b\x1etok:e:warning\x1e\x1etok:x:7\x1ec\x1et"
    for size in range(1, len(whole) + 1):
        out, err = bytearray(), bytearray()
        output = Output("tok", out.extend, err.extend)
        for start in range(0, len(whole), size):
            output.feed(whole[start : start + size])
        output.finish()
        assert (bytes(out), bytes(err), output.exit_code) == (b"a\x1e bc\x1et", b"warning\n", 7)


def test_input_is_lines_of_base64_and_an_end() -> None:
    chunks = [b"a", b"bc", b"", b"defg" * 1000]
    lines = b"".join(encoded(iter(chunks))).split(b"\n")
    assert lines[-3:] == [b".", b".", b""]
    assert b"".join(map(base64.b64decode, lines[:-3])) == b"".join(chunks)
    assert max(map(len, lines)) < 4000


def test_a_message_is_read_as_it_was_written() -> None:
    data = messages.encode(messages.INPUT, b"payload", kind=messages.DATA, sequence=9)
    assert data[:4] == (116).to_bytes(4, "big")
    assert len(data) == 120 + len(b"payload")
    read = messages.decode(data)
    assert (read.type, read.sequence, read.kind, read.payload) == (messages.INPUT, 9, messages.DATA, b"payload")
    told = messages.decode(messages.acknowledge(read)).json()
    assert told["AcknowledgedMessageSequenceNumber"] == 9
    with pytest.raises(ValueError, match="damaged"):
        messages.decode(data[:-1] + b"X")
