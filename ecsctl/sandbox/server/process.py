"""The sandbox's process: ``python -m ecsctl.sandbox.server.process --folder F --name N --port P --docker auto``.

It is started by ``ecsctl sandbox start`` and writes ``run.json`` into its folder as soon as it listens.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import logging
import os
import signal
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ecsctl import __version__
from ecsctl.sandbox.account.account import Account
from ecsctl.sandbox.account.clock import Clock
from ecsctl.sandbox.contract import NO_ENGINE, PORT_TAKEN, UNWRITABLE
from ecsctl.sandbox.http.request_log import RequestLog
from ecsctl.sandbox.server.control_api import ControlApi
from ecsctl.sandbox.server.http_server import HttpServer
from ecsctl.sandbox.server.router import Router

log = logging.getLogger("ecsctl.sandbox")

MANY_FILES = 8192


class Server:
    """The HTTP server around an account.

    Args:
        containers: what the status tells of them.
        folder: the sandbox's, where the request log is.

    Raises:
        OSError: the port is taken.
    """

    def __init__(
        self, account: Account, name: str, host: str, port: int, containers: dict[str, Any], folder: Path
    ) -> None:
        self.account = account
        self.name = name
        self.containers = containers
        self.began = time.time()
        self.ended = threading.Event()
        self.requests = RequestLog(folder)
        control_api = ControlApi(name, account, self.requests, self.status, self.ended.set)
        self.router = Router(account, control_api, self.requests)
        self._http = HttpServer(host, port, self.router, account.region, account.clock)
        self.port = self._http.server_port
        self.endpoint = f"http://{host}:{self.port}"

    def serve(self) -> None:
        """Answer until :attr:`ended` is set."""
        serve = functools.partial(self._http.serve_forever, poll_interval=0.05)
        threading.Thread(target=serve, name="http", daemon=True).start()
        threading.Thread(target=self._begin, name="warm", daemon=True).start()
        self.ended.wait()
        self._http.shutdown()
        self._http.server_close()

    def _begin(self) -> None:
        # moto takes a second or two to import: the endpoint is there meanwhile, and requests wait.
        try:
            from ecsctl.sandbox import moto_patches
            from ecsctl.sandbox.moto_patches import imports

            account = self.account
            with imports.once():
                moto_patches.install(
                    account.clock,
                    account.console,
                    account.instance_faults,
                    account.balancers,
                    account.log_folder,
                    lambda region: account.regions.engine(region),
                )
                account.start()
                self.router.load_moto()
        except Exception:
            log.exception("the sandbox cannot start")
            self.ended.set()

    def status(self) -> dict[str, Any]:
        """What ``ecsctl sandbox status`` tells."""
        substituted = {name: use for item in self.account.balancers.values() for name, use in item.substituted.items()}
        return {
            "name": self.name,
            "endpoint": self.endpoint,
            "pid": os.getpid(),
            "version": __version__,
            "uptimeSeconds": round(time.time() - self.began, 1),
            "containers": self.containers,
            "substitutedPorts": substituted,
            "throttle": self.account.throttle.enabled,
            "turnMilliseconds": round(statistics.median(list(self.account.turns) or [0.0]) * 1000, 2),
            "clock": self.account.clock.to_dict(),
            "faults": len(self.account.faults.to_dict()),
            "problem": self.account.problem or self.requests.problem,
            **self.account.counts(),
        }


def choose_runtime(wanted: str, name: str, folder: Path, clock: Clock) -> tuple[Any, dict[str, Any]]:
    """The runtime for ``--docker auto|always|never``, and what to say of it.

    Raises:
        SystemExit: a Docker engine is demanded and none answers.
    """
    from ecsctl.sandbox.runtimes.simulated.runtime import Responder, SimulatedRuntime

    reason = "--docker never"
    if wanted != "never":
        from ecsctl.sandbox.runtimes.docker.client import problem_of_engine
        from ecsctl.sandbox.runtimes.docker.runtime import DockerRuntime

        docker, problem = problem_of_engine()
        if docker is not None:
            return DockerRuntime(name, folder, docker), {"kind": "docker", "reason": "a Docker engine answers"}
        if wanted == "always":
            print(f"no Docker engine answers: {problem}", file=sys.stderr)
            raise SystemExit(NO_ENGINE)
        reason = f"no Docker engine answers: {problem}"
    return SimulatedRuntime(Responder(), clock), {"kind": "simulated", "reason": reason}


def main(arguments: list[str] | None = None) -> int:
    """Run the server until it is stopped; the exit code."""
    parser = argparse.ArgumentParser(prog="ecsctl.sandbox.server", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the state is kept")
    parser.add_argument("--name", default="default", help="the sandbox's name")
    parser.add_argument("--port", type=int, required=True, help="0 takes any free one")
    parser.add_argument("--region", default="eu-west-1", help="the region of unsigned requests")
    parser.add_argument("--docker", choices=("auto", "always", "never"), default="auto", help="real containers or not")
    parser.add_argument("--throttle", action="store_true", help="enforce the request rates of ECS")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of the sandbox in a real one; 0: none")
    parser.add_argument("--exit-with", type=int, metavar="PID", help="stop when that process ends")
    options = parser.parse_args(arguments)
    allow_many_files()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    clock = Clock(options.speed)
    runtime, containers = choose_runtime(options.docker, options.name, options.folder, clock)
    account = Account(options.region, runtime, options.folder / "state.pickle", clock)
    account.throttle.enable(options.throttle)
    try:
        server = Server(account, options.name, "127.0.0.1", options.port, containers, options.folder)
    except (OSError, SystemExit) as error:
        print(f"port {options.port} cannot be had: {error}", file=sys.stderr)
        return PORT_TAKEN
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.ended.set())
    run = options.folder / "run.json"
    told = {
        "name": options.name,
        "pid": os.getpid(),
        "endpoint": server.endpoint,
        "region": options.region,
        "containers": containers,
    }
    try:
        (options.folder / "run.json.new").write_text(json.dumps(told))
        os.replace(options.folder / "run.json.new", run)
    except OSError as error:
        # On a full disk the log cannot be written either.
        with contextlib.suppress(OSError):
            print(f"{run} cannot be written: {error.strerror or error}", file=sys.stderr, flush=True)
        return UNWRITABLE
    if options.exit_with:
        watch = functools.partial(stop_with, options.exit_with, server.ended)
        threading.Thread(target=watch, name="exit-with", daemon=True).start()
    try:
        server.serve()
    finally:
        account.stop()
        server.requests.close()
        run.unlink(missing_ok=True)
    return 0


def stop_with(pid: int, ended: threading.Event, seconds: float = 0.5) -> None:
    """Set ``ended`` when a process has ended, looking every so many seconds.

    The process is known by its id and, where the system tells it, by when it began: ids are used again.
    """
    began = _began(pid)
    while not ended.wait(seconds):
        if began is None or _began(pid) != began:
            ended.set()


def _began(pid: int) -> str | None:
    """When a process began, in the system's own terms; None if there is none or it has ended and is not collected."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except OSError:
        return None
    else:
        return None if fields[0] in "ZX" else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return "running"
    return "running"


def allow_many_files() -> None:
    """Every address, listener and connection is an open file: take as many as the system lets this process have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
