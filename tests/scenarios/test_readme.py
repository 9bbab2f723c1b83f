"""Every shell block of the README, run as it stands: what is typed works, and what it shows comes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import build_images
from tests.support.sandbox import clean_environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(sh|console)\n(.*?)```", README, re.S)
TYPED = [[line for line in text.splitlines() if line.strip()] for language, text in BLOCKS if language == "sh"]
SHOWN = [text for language, text in BLOCKS if language == "console"]
PORT = 4599
MARK = "--- ended"
# What no two runs have in common. Task ids are told from other hexadecimal numbers by their length.
VOLATILE = {
    r"\bi-[0-9a-f]{17}\b": "i-…",
    r"\b[0-9a-f]{32}\b": "TASK-ARN-ID",
    r"\b[0-9a-f]{8}\b": "TASK",
    r"\b[0-9a-f]{12}\b": "HOSTNAME",
    r"127\.0\.\d+\.\d+": "ADDRESS",
    r" \(\d[\d.]* ?s\)": "",
    r"\b\d+s\b": "AGE",
}
TASK = re.compile(r"\b[0-9a-f]{8}\b")

# The sandbox of the README is at its own port: one test at a time.


class Shell:
    """A bash with a sandbox of its own, in a folder with the README's file; commands run in it one after another."""

    def __init__(self, folder: Path) -> None:
        shutil.copy(ROOT / "examples" / "helloworld" / "ecsctl.yaml", folder)
        environment = {**clean_environment(folder), "ECSCTL_SANDBOX_HOME": str(folder / "home"), "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str, *, before: str = "", answer: str | None = None) -> tuple[int, list[str]]:
        """Run a command; its exit code and what it printed. ``answer``: somebody at a terminal types it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        terminal = "</dev/null"
        master = -1
        if answer is not None:
            master, slave = pty.openpty()
            terminal = f"<{os.ttyname(slave)} 2>{os.ttyname(slave)}"
            threading.Thread(target=drain, args=(master,), daemon=True).start()
            os.write(master, answer.encode())
        self.process.stdin.write(f"{{ {before}{command}\n}} {terminal}; code=$?; echo; echo '{MARK}' $code\n")
        self.process.stdin.flush()
        lines: list[str] = []
        for line in self.process.stdout:
            if line.startswith(MARK):
                return int(line.split()[-1]), [line for line in lines if line.strip()]
            lines.append(line.rstrip("\n"))
        raise AssertionError(f"the shell ended at {command!r}: {lines}")

    def close(self) -> None:
        """Forget the sandbox, stop it, end the shell."""
        self.run("ecsctl sandbox reset --yes; ecsctl sandbox stop")
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


def drain(master: int) -> None:
    """Read a terminal to its end, so that nobody waits to write to it."""
    with contextlib.suppress(OSError):
        while os.read(master, 65536):
            pass


@pytest.fixture
def port() -> Iterator[None]:
    """The README's port, for one test of this machine at a time, whichever run it belongs to."""
    with (Path(tempfile.gettempdir()) / f"ecsctl-tests-port-{PORT}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", PORT))
            except OSError:
                pytest.skip(f"port {PORT} of 127.0.0.1, at which the README's sandbox listens, is another program's")
        yield


@pytest.fixture
def shell(tmp_path: Path, port: None) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.close()


def sessions(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a block and what it shows of each."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.strip():
            found[-1][1].append(line)
    return found


def even(line: str) -> str:
    """A line without what no two runs have in common, and without the widths of columns."""
    for pattern, name in VOLATILE.items():
        line = re.sub(pattern, name, line)
    return " ".join(line.split())


def test_there_are_blocks_of_both_kinds() -> None:
    assert len(TYPED) >= 2
    assert len(SHOWN) >= 2


@pytest.mark.docker
@pytest.mark.parametrize("text", [text for text in SHOWN if any(shown for _, shown in sessions(text))])
def test_what_the_readme_shows_comes(shell: Shell, text: str) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    build_images("tutum/hello-world")
    # The README's task ids stand for those of this run, in the order in which they are seen.
    ids: dict[str, str] = {}
    for command, shown in sessions(text):
        code, lines = shell.run(TASK.sub(lambda found: ids.get(found[0], found[0]), command))
        came = "\n".join(lines)
        assert code == 0, f"{command}: {came}"
        here = list(dict.fromkeys(TASK.findall(came)))
        there = list(dict.fromkeys(TASK.findall("\n".join(shown))))
        ids.update({old: new for old, new in zip(there, here, strict=False) if old not in ids})
        expected = Counter(even(line) for line in shown if line.strip() != "…")
        missing = expected - Counter(even(line) for line in lines)
        assert not missing, f"{command} printed: {came}"
        if shown:
            assert even(lines[-1]) == even(shown[-1]), command


@pytest.mark.slow
@pytest.mark.parametrize("text", [text for text in SHOWN if not any(shown for _, shown in sessions(text))])
def test_what_the_readme_types_works_with_a_yes(shell: Shell, text: str) -> None:
    assert shell.run('ecsctl sandbox start --docker never --speed 20 && eval "$(ecsctl sandbox env)"')[0] == 0
    for command, _ in sessions(text):
        code, lines = shell.run(command, answer="y\n")
        assert code == 0, f"{command}: {lines}"


@pytest.mark.parametrize("lines", TYPED, ids=lambda lines: lines[0][:30])
def test_what_the_readme_types_works(shell: Shell, lines: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for line in lines:
        target = re.match(r"make ([\w-]+)", line)
        if target:
            # The demo has a test of its own, and the tests are what runs here.
            assert re.search(rf"^{target[1]}:", makefile, re.M), line
            continue
        # What follows goes on until somebody ends it.
        endless = "--follow" in line
        code, shown = shell.run(line, before="timeout --signal=INT 3 " if endless else "")
        assert code in ((124, 130) if endless else (0,)), f"{line}: {shown}"
