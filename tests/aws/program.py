"""``ecsctl`` as it is installed, with a home of its own, and what stands in the files of that home."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ecsctl.cli.main import run
from tests.support.command import Ended
from tests.support.identity import Identity
from tests.support.sandbox import clean_environment


class Program:
    """``ecsctl`` as a user has it: a home of its own, and every AWS service at ``identity``.

    ``installed``: a process each. What botocore settles when it is imported needs that: the home's token caches.
    """

    def __init__(self, home: Path, identity: Identity) -> None:
        self.installed = False
        self.home = home
        self.identity = identity
        self.environment = {
            **clean_environment(home),
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home.parent / "cache"),
            "AWS_ENDPOINT_URL": identity.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": "eu-west-1",
        }
        self.environment.pop("AWS_CONFIG_FILE")
        self.environment.pop("AWS_SHARED_CREDENTIALS_FILE")

    def write(self, name: str, text: str) -> None:
        path = self.home / ".aws" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *arguments: str, code: int = 0, **environment: str) -> Ended:
        """Run it in this process; or, where ``installed``, as a process of its own that has no terminal."""
        run = self._installed if self.installed else self._here
        ended = run(arguments, {**self.environment, **environment})
        assert ended.code == code, ended.err
        assert "Traceback" not in ended.err
        return ended

    def _here(self, arguments: tuple[str, ...], environment: dict[str, str]) -> Ended:
        before = dict(os.environ)
        out, err = io.StringIO(), io.StringIO()
        try:
            os.environ.clear()
            os.environ.update(environment)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
        return Ended(code, out.getvalue(), err.getvalue())

    def _installed(self, arguments: tuple[str, ...], environment: dict[str, str]) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "ecsctl", *arguments],
            env=environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            start_new_session=True,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def key(self, *arguments: str, **environment: str) -> str:
        """The access key that ECS was called with."""
        return self.run("cluster", "list", "-q", *arguments, **environment).out.strip()

    def fails(self, *arguments: str, **environment: str) -> str:
        """What it says on stderr, where it cannot get credentials: nothing on stdout, exit code 1."""
        ended = self.run("cluster", "list", "-q", *arguments, code=1, **environment)
        assert ended.out == ""
        return ended.err


def static(name: str, key: str, token: str = "") -> str:
    session = f"aws_session_token = {token}\n" if token else ""
    return f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = s\n{session}"


def iso(seconds: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
