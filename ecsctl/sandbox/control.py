"""Starting and stopping sandboxes, from the outside: light, since ``ecsctl --sandbox`` passes here every time.

A sandbox is a process with a folder (``$ECSCTL_SANDBOX_HOME/NAME``) that keeps its state, its log and, while it runs,
``run.json`` with its endpoint.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ecsctl.errors import EcsctlError, NotFoundError, WaitTimeoutError
from ecsctl.polling import pause
from ecsctl.sandbox.contract import CLIENT_HEADER, CONTAINERS, NO_ENGINE, PORT_TAKEN, UNWRITABLE

DEFAULT_PORT = 4599
DEFAULT_REGION = "eu-west-1"
START_SECONDS = 30.0
STOP_SECONDS = 30.0
STEP_SECONDS = 600.0
CREDENTIALS = ("test", "test")
# Says why the last start that named a port failed, until one succeeds.
FAILED_START = "start-failed"
INSTALL = "pip install 'ecsctl[sandbox]'"


@dataclass(frozen=True)
class SandboxInfo:
    """A sandbox that runs. ``containers`` has ``kind`` (``docker`` or ``simulated``) and ``reason``."""

    name: str
    pid: int
    endpoint: str
    region: str
    containers: dict[str, Any]

    @property
    def credentials(self) -> tuple[str, str]:
        """Access key and secret: any are taken, these are known to be nobody's."""
        return CREDENTIALS


class Sandbox:
    """A sandbox by its name, whether it runs or not."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or os.environ.get("ECSCTL_SANDBOX_NAME") or "default"
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise EcsctlError(f"{self.name!r} is no name for a sandbox", hint="letters, digits, - and _")
        self.folder = home() / self.name

    def running(self) -> SandboxInfo | None:
        """The sandbox, if it runs and answers."""
        try:
            told = json.loads((self.folder / "run.json").read_text())
            info = SandboxInfo(**told)
        except (OSError, ValueError, TypeError):
            return None
        if not _alive(info.pid):
            return None
        try:
            answer = self._ask(info, "health", timeout=5)
        except OSError:
            return None
        return info if answer.get("pid") == info.pid else None

    def start(
        self,
        *,
        port: int | None = None,
        docker: str = "auto",
        region: str | None = None,
        throttle: bool | None = None,
        speed: float | None = None,
        exit_with: int | None = None,
        implicit: bool = False,
    ) -> tuple[SandboxInfo, bool]:
        """Start it, unless it runs; returns it, and whether this call started it.

        Args:
            port: where it listens on 127.0.0.1; 0 takes any free port.
            docker: ``auto``, ``always`` or ``never``.
            throttle: whether the request rates of ECS hold; in one that runs already None leaves it as it is.
            speed: seconds of the sandbox in a real one, 0 for a clock that stands still; None as for ``throttle``.
            exit_with: the id of a process; the sandbox saves its state and stops when that process ends. By default
                that of ``ECSCTL_SANDBOX_EXIT_WITH``.
            implicit: whether the sandbox is started on the way to something else. After a start with a port that
                failed it is not: it would listen somewhere else than where it was asked to.

        Raises:
            EcsctlError: the port is taken, no Docker engine answers (``always``), the extra is not installed, or an
                ``implicit`` start follows a failed one.
            WaitTimeoutError: it does not answer in time.
        """
        require_extra()
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise EcsctlError(
                f"the sandbox's folder {self.folder} cannot be made: {error.strerror or error}",
                hint="ECSCTL_SANDBOX_HOME names another place",
            ) from error
        with self._alone():
            info = self.running()
            if info is not None:
                if throttle is not None:
                    self._ask(info, "throttle", method="POST", content={"enabled": throttle})
                if speed is not None:
                    self._ask(info, "clock", method="POST", content={"speed": speed})
                return info, False
            (self.folder / "run.json").unlink(missing_ok=True)
            if implicit:
                self._check_last_start()
            asked, port = port, DEFAULT_PORT if port is None else port
            failed = self.folder / FAILED_START
            pid = exit_with or _pid_in_environment()
            try:
                info = self._spawn(
                    port, docker, region or DEFAULT_REGION, bool(throttle), 1.0 if speed is None else speed, pid
                )
            except (EcsctlError, WaitTimeoutError) as error:
                if asked is not None and not implicit:
                    with contextlib.suppress(OSError):
                        failed.write_text(f"`ecsctl sandbox start --port {asked}` failed: {error}")
                raise
            failed.unlink(missing_ok=True)
            return info, True

    def _check_last_start(self) -> None:
        try:
            why = (self.folder / FAILED_START).read_text()
        except OSError:
            return
        raise EcsctlError(
            f"the sandbox {self.name} is not running, and the last {why}",
            hint="`ecsctl sandbox start` starts it on the default port, `--port 0` on any free one",
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # Two commands that start it at the same time start one.
        try:
            lock = os.open(self.folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from error
        with os.fdopen(lock, "w"):
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _unwritable(self, why: str) -> EcsctlError:
        return EcsctlError(
            f"the sandbox's folder {self.folder} cannot be written: {why}",
            hint="make room there; ECSCTL_SANDBOX_HOME names another place",
        )

    def _spawn(
        self, port: int, docker: str, region: str, throttle: bool, speed: float, exit_with: int | None
    ) -> SandboxInfo:
        log = self.folder / "log"
        command = [sys.executable, "-m", "ecsctl.sandbox.server", "--folder", str(self.folder), "--name", self.name]
        command += ["--port", str(port), "--docker", docker, "--region", region]
        command += ["--throttle"] if throttle else []
        command += ["--speed", str(speed)] if speed != 1 else []
        command += ["--exit-with", str(exit_with)] if exit_with else []
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        with open(log, "ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**clean, "AWS_EC2_METADATA_DISABLED": "true"},
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            info = self.running()
            if info is not None:
                return info
            code = process.poll()
            if code is not None:
                raise self._failed(code, port)
            pause(0.05)
        process.terminate()
        raise WaitTimeoutError(
            f"the sandbox does not answer after {START_SECONDS:.0f} s", details=_tail(log), hint=f"its log is {log}"
        )

    def _failed(self, code: int, port: int) -> EcsctlError:
        log = self.folder / "log"
        if code == PORT_TAKEN:
            return EcsctlError(
                f"port {port} of 127.0.0.1 is taken by something else",
                hint="choose another: `ecsctl sandbox start --port 0` takes any free one",
            )
        if code == UNWRITABLE:
            return self._unwritable("no space is left, or it is read-only")
        if code == NO_ENGINE:
            return EcsctlError(
                _tail(log)[-1] if _tail(log) else "no Docker engine answers",
                hint="start Docker or set DOCKER_HOST; `--docker never` simulates containers",
            )
        return EcsctlError(
            f"the sandbox ended at once (exit code {code})", details=_tail(log), hint=f"its log is {log}"
        )

    def stop(self) -> bool:
        """Stop it: its state is saved, its containers are stopped. False where it does not run."""
        info = self.running()
        if info is None:
            return False
        try:
            self._ask(info, "stop", method="POST", timeout=10)
        except OSError:
            os.kill(info.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        # The process removes its run.json last; afterwards it may stay a zombie for a while.
        while _alive(info.pid) and (self.folder / "run.json").exists():
            if time.monotonic() > deadline:
                raise WaitTimeoutError(
                    f"the sandbox (process {info.pid}) has not stopped after {STOP_SECONDS:.0f} s",
                    hint=f"`kill {info.pid}` ends it; its last saved state stays",
                )
            pause(0.05)
        return True

    def status(self) -> dict[str, Any]:
        """What it is and has.

        Raises:
            NotFoundError: it does not run.
        """
        return self._ask(self._require(), "status")

    def operations(self) -> dict[str, Any]:
        """Every ECS operation, and whether the sandbox has it."""
        return self._ask(self._require(), "operations")

    def reset(self) -> bool:
        """Forget all that it holds, its containers too; False where there was nothing to delete.

        Raises:
            EcsctlError: it does not run, has containers, and no Docker engine answers.
        """
        info = self.running()
        if info is not None:
            self._ask(info, "reset", method="POST", timeout=60)
            return True
        with contextlib.suppress(FileNotFoundError), self._alone():
            held = [
                self.folder / name
                for name in ("state.pickle", "state.unreadable", "suspended.json", "run.json", FAILED_START)
            ]
            existed = any(path.exists() for path in held)
            if (self.folder / CONTAINERS).exists():
                self._sweep()
                (self.folder / CONTAINERS).unlink()
            for path in held:
                path.unlink(missing_ok=True)
            return existed
        return False

    def _sweep(self) -> None:
        command = [sys.executable, "-m", "ecsctl.sandbox.runtimes.docker.sweep", self.name, str(self.folder)]
        swept = subprocess.run(command, capture_output=True, text=True)
        if swept.returncode != 0:
            raise EcsctlError(
                f"the containers of the sandbox {self.name} cannot be removed: {swept.stderr.strip()}",
                hint="start Docker, then run `ecsctl sandbox reset` again",
            )

    def remove(self) -> None:
        """Remove the folder of a sandbox that does not run."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _require(self) -> SandboxInfo:
        info = self.running()
        if info is None:
            raise NotFoundError(f"the sandbox {self.name} does not run", hint="`ecsctl sandbox start` starts it")
        return info

    def requests(self, **filters: Any) -> list[dict[str, Any]]:
        """The requests that it has answered, oldest first; of a sandbox that does not run, those on disk.

        Args:
            filters: ``since``, ``service``, ``operation``, ``errors`` and ``limit`` of
                :func:`ecsctl.sandbox.http.request_log.matching`.

        Raises:
            NotFoundError: there is no such sandbox.
        """
        info = self.running()
        if info is None:
            from ecsctl.sandbox.http.request_log import REMEMBERED, matching, read_rows

            if not self.folder.exists():
                self._require()
            return matching(read_rows(self.folder, REMEMBERED), **filters)
        asked = {name: int(value) if isinstance(value, bool) else value for name, value in filters.items() if value}
        return list(self._ask(info, f"log?{urlencode(asked)}")["requests"])

    def advance(self, seconds: float) -> dict[str, Any]:
        """Let time pass in it at once, until nothing more is due; its clock's ``now`` and ``speed``.

        Raises:
            NotFoundError: it does not run.
            EcsctlError: the seconds are negative or more than 30 days.
        """
        return self._ask(self._require(), "clock", method="POST", content={"advance": seconds}, timeout=STEP_SECONDS)

    def faults(self) -> list[dict[str, Any]]:
        """The injected faults, with how often each was triggered.

        Raises:
            NotFoundError: it does not run.
        """
        return list(self._ask(self._require(), "faults")["faults"])

    def add_fault(self, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Inject a fault; as :meth:`faults` shows it.

        Args:
            fault: as :meth:`ecsctl.sandbox.faults.registry.FaultRegistry.add` takes it.

        Raises:
            EcsctlError: it is no fault.
        """
        return self._ask(self._require(), "faults", method="POST", content=fault)

    def clear_faults(self, *ids: str) -> list[dict[str, Any]]:
        """Clear the faults of these ids, or all of them; those cleared.

        Raises:
            NotFoundError: there is no such fault; then none is cleared.
        """
        where = f"faults/{quote(','.join(ids))}" if ids else "faults"
        return list(self._ask(self._require(), where, method="DELETE")["faults"])

    def _ask(
        self,
        info: SandboxInfo,
        action: str,
        *,
        method: str = "GET",
        timeout: float = 30,
        content: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Ask the sandbox's own API.

        Raises:
            OSError: no answer.
            EcsctlError: it refuses; ``NotFoundError`` where it says that something is not there.
        """
        where = urlsplit(info.endpoint)
        connection = http.client.HTTPConnection(where.hostname or "127.0.0.1", where.port, timeout=timeout)
        body = json.dumps(content or {}) if method != "GET" else None
        try:
            connection.request(
                method, f"/_ecsctl/{action}", body, {CLIENT_HEADER: "1", "Content-Type": "application/json"}
            )
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"no answer: {error}") from error
        finally:
            connection.close()
        if reply.status >= 400:
            kind = NotFoundError if reply.status == 404 else EcsctlError
            raise kind(f"the sandbox {self.name} refuses: {answer.get('message', reply.status)}")
        return dict(answer)


def home() -> Path:
    """The folder of all sandboxes: ``$ECSCTL_SANDBOX_HOME``, else ``$XDG_STATE_HOME/ecsctl/sandbox``."""
    own = os.environ.get("ECSCTL_SANDBOX_HOME")
    if own:
        return Path(own)
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "ecsctl" / "sandbox"


def require_extra() -> None:
    """Check that what only the sandbox needs is installed.

    Raises:
        EcsctlError: it is not.
    """
    from importlib.util import find_spec

    missing = [name for name in ("moto", "flask", "docker") if find_spec(name) is None]
    if missing:
        raise EcsctlError(f"the sandbox needs {', '.join(missing)}, which is not installed", hint=f"`{INSTALL}`")


def ensure_started(say: Callable[[str], None] = lambda line: None) -> SandboxInfo:
    """The sandbox of ``ECSCTL_SANDBOX_NAME``, started if it does not run."""
    sandbox = Sandbox()
    info = sandbox.running()
    if info is None:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        info, made = sandbox.start(region=region, implicit=True)
        if made:
            say(f"started the sandbox at {info.endpoint} (containers {info.containers['kind']})")
    return info


def _pid_in_environment() -> int | None:
    text = os.environ.get("ECSCTL_SANDBOX_EXIT_WITH", "")
    if text and not text.isdecimal():
        raise EcsctlError(f"ECSCTL_SANDBOX_EXIT_WITH is {text!r}, not the id of a process")
    return int(text) if text else None


def environment(info: SandboxInfo) -> dict[str, str]:
    """The variables that make every AWS client use the sandbox."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or info.region
    key, secret = info.credentials
    return {
        "AWS_ENDPOINT_URL": info.endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


# A profile or a session token of a real account would go before the variables above.
UNSET = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A child of this process that has ended stays a zombie until it is asked for.
    try:
        done, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return done == 0


def _tail(log: Path, lines: int = 5) -> list[str]:
    try:
        return log.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return []
