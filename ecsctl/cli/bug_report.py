"""A bug, as far as its reporter can help: a file with versions, the AWS calls and the traceback, without secrets."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from ecsctl import __version__
from ecsctl.aws.redaction import redacted_arguments, redacted_text
from ecsctl.cli.settings import Settings

PACKAGES = ("boto3", "botocore", "urllib3", "click", "rich", "PyYAML", "jsonschema", "moto", "docker", "awscrt")
FOLDER = os.path.join("~", ".local", "state")


def report_bug(error: Exception, arguments: Sequence[str], settings: Settings) -> None:
    """Write the report, and tell on stderr what happened and where the report is; with --debug the traceback, too."""
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if settings.debug:
        print(redacted_text(trace), file=sys.stderr)
    print(f"error: unexpected {type(error).__name__}: {redacted_text(str(error))}", file=sys.stderr)
    path = _write(_text(trace, arguments, settings))
    what = f"report it with the file {path}" if path else "report it with the output of the same command and --debug"
    print(f"hint: this is a bug in ecsctl: please {what} (it holds no secrets)", file=sys.stderr)


def _text(trace: str, arguments: Sequence[str], settings: Settings) -> str:
    versions = [f"ecsctl {__version__}", f"Python {sys.version.split()[0]}", platform.platform()]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    variables = sorted(name for name in os.environ if name.startswith(("AWS_", "ECS")))
    calls = [json.dumps(call, default=str) for call in settings.recent_calls()]
    return "\n".join(
        [
            f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            "\n".join(versions),
            f"\necsctl {' '.join(redacted_arguments(arguments))}",
            f"variables that are set: {', '.join(variables) or 'none'}",
            "\nAWS calls, the last one last:",
            *(calls or ["none"]),
            f"\n{redacted_text(trace)}",
        ]
    )


def _write(text: str) -> Path | None:
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser(FOLDER)
    for folder in (Path(base) / "ecsctl", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Readable by its owner alone.
            handle, name = tempfile.mkstemp(dir=folder, prefix=f"bug-{datetime.now():%Y%m%d-%H%M%S}-", suffix=".txt")
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
        except OSError:
            continue
        return Path(name)
    return None
