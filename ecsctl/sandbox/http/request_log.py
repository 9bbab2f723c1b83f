"""The log of the requests that a sandbox has answered: who asked what, when, and what came of it. Never a secret.

Of a request's parameters it keeps nothing but the names of clusters, services and families. The last requests are
held in memory, and all of them on disk (``requests.jsonl``, one JSON object a line), until two files of that size are
full.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from ecsctl.sandbox.http.request import Answer, Request

REMEMBERED = 5000
FILE_BYTES = 8 * 1024 * 1024
FILE = "requests.jsonl"
# Parameters of ECS that are names of resources, and what a name looks like.
NAMES = ("cluster", "clusterName", "service", "serviceName", "family", "taskDefinition", "capacityProvider")
NAME = re.compile(r"[A-Za-z0-9_:/.\-]{1,512}")
XML_CODE = re.compile(rb"<Code>([A-Za-z0-9._\-]{1,128})</Code>")

Row = dict[str, Any]


class RequestLog:
    """Keeps the last requests, numbered from 1.

    Args:
        folder: the sandbox's; the numbers go on where the file in it ends.
        remembered: how many requests are held in memory.
        file_bytes: how long the file may grow before it is put aside (the one put aside before is lost).
    """

    def __init__(self, folder: Path, remembered: int = REMEMBERED, file_bytes: int = FILE_BYTES) -> None:
        self._path = folder / FILE
        self._limit = file_bytes
        self._guard = threading.Lock()
        self._rows: deque[Row] = deque(read_rows(folder, remembered), maxlen=remembered)
        self._number = int(self._rows[-1]["number"]) if self._rows else 0
        self._file: IO[str] | None = None
        self.problem: str | None = None

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a request in. A disk that is full is a problem to tell, and the memory's copy remains."""
        with self._guard:
            self._number += 1
            kept = {"number": self._number, **row}
            self._rows.append(kept)
            try:
                self._write(json.dumps(kept, separators=(",", ":")) + "\n")
                self.problem = None
            except OSError as error:
                self._close()
                self.problem = f"the request log cannot be written: {error.strerror or error}"

    def _write(self, line: str) -> None:
        if self._file is not None and self._file.tell() + len(line) > self._limit:
            self._close()
            os.replace(self._path, aside(self._path))
        if self._file is None:
            self._file = open(self._path, "a", buffering=1, encoding="utf-8")  # noqa: SIM115 (open as long as the log)
        self._file.write(line)

    def rows(
        self, *, since: int = 0, service: str = "", operation: str = "", errors: bool = False, limit: int | None = None
    ) -> list[Row]:
        """The requests held in memory, oldest first; see :func:`matching`."""
        with self._guard:
            held = list(self._rows)
        return matching(held, since=since, service=service, operation=operation, errors=errors, limit=limit)

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self.problem = f"the request log cannot be written: {error.strerror or error}"
            self._file = None


def aside(path: Path) -> Path:
    """Where the file is put when it is full."""
    return path.with_suffix(".1.jsonl")


def read_rows(folder: Path, last: int) -> list[Row]:
    """The last requests on disk, oldest first; lines that a kill cut off are left out."""
    rows: deque[Row] = deque(maxlen=last)
    path = folder / FILE
    for file in (aside(path), path):
        try:
            with open(file, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    row = _row(line)
                    if row is not None:
                        rows.append(row)
        except OSError:
            continue
    return list(rows)


def _row(line: str) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("number"), int) else None


def matching(
    rows: Iterable[Row],
    *,
    since: int = 0,
    service: str = "",
    operation: str = "",
    errors: bool = False,
    limit: int | None = None,
) -> list[Row]:
    """Those of the requests that are asked for.

    Args:
        since: only those with a greater number.
        service: of AWS, as in the endpoint's name: ``ecs``, ``ec2``, ``elasticloadbalancing``.
        operation: a pattern such as ``Describe*``, of any case.
        errors: only those that were refused, failed, or were not answered.
        limit: only the last ones.
    """
    found = [
        row
        for row in rows
        if row["number"] > since
        and (not service or row["service"].lower() == service.lower())
        and (not operation or fnmatch.fnmatchcase(row["operation"].lower(), operation.lower()))
        and (not errors or row["status"] >= 400 or row["status"] == 0)
    ]
    return found if limit is None else found[-limit:] if limit else []


def names_in(request: Request) -> dict[str, str]:
    """The resources' names among an ECS request's parameters; of other services, and of anything else, nothing."""
    if request.service != "ecs":
        return {}
    try:
        parameters = json.loads(request.body or b"{}")
    except ValueError:
        return {}
    if not isinstance(parameters, dict):
        return {}
    found = {name: parameters.get(name) for name in NAMES}
    return {name: value for name, value in found.items() if isinstance(value, str) and NAME.fullmatch(value)}


def error_of(answer: Answer) -> str | None:
    """The error's code in an answer, None in one that is no error."""
    status, headers, body = answer
    if status < 400:
        return None
    named = {name.lower(): value for name, value in headers.items()}.get("x-amzn-errortype")
    if not named:
        found = XML_CODE.search(body[:4096])
        named = found[1].decode() if found else _json_type(body)
    return named.split(":")[0].rpartition("#")[2] if named else "Unknown"


def request_id(answer: Answer) -> str | None:
    """The id by which clients report a request, None where the answer has none."""
    wanted = ("x-amzn-requestid", "x-amz-request-id")
    return next((value for name, value in answer[1].items() if name.lower() in wanted), None)


def _json_type(body: bytes) -> str | None:
    try:
        content = json.loads(body)
    except ValueError:
        return None
    named = content.get("__type") if isinstance(content, dict) else None
    return str(named) if named else None
