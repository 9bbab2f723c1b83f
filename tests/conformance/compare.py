"""The same facts asked of several endpoints, side by side: ``make conformance-table``.

It asks a sandbox and a plain moto server, which it starts, and every endpoint that is named as ``NAME=URL``.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEXT = """# The conformance suite

`tests/conformance/` asks an endpoint what Amazon ECS would answer: one test a fact, named after it, with plain boto3.

```sh
make conformance                                      # a sandbox of its own
make conformance ARGS='--endpoint-url http://127.0.0.1:4566'                  # any other endpoint
make conformance ARGS='--endpoint-url http://127.0.0.1:4599 --step-clock'     # a sandbox whose clock may be stepped
make conformance ARGS='--real-account 123456789012'                           # AWS: what costs nothing
make conformance ARGS='--real-account 123456789012 --allow-costs'             # AWS: instances and balancers, too
make conformance-table                                # this page anew; ARGS='NAME=URL' adds an endpoint
```

A fact is *held*, *missed*, *out of reach* (what it is about cannot be had there: no agent ever joins, say), or *not
asked* (it costs money, takes an hour where no clock can be stepped, or would throttle other callers).

`--real-account` names the account that may be asked: with the credentials of another nothing is. All that the suite
makes has a name of its own, `conf-…`, and goes at the end; what does not go is told. `-k` and the other options of
pytest choose facts, `--patience` multiplies every deadline, `--facts-json` writes every answer.

Asked on {date}, with boto3 {boto3} and moto {moto} (`MOTO_IAM_LOAD_MANAGED_POLICIES=true`):

| section | facts | {names} |
|---|---|{lines}|
{rows}

{misses}"""


@contextmanager
def moto_server() -> Iterator[str]:
    """A plain moto server: its endpoint."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    # Without this moto has no managed policies, and nothing that needs a role could be asked of it.
    env = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{url}/moto-api/", timeout=5):
                    break
            except (urllib.error.URLError, OSError):
                threading.Event().wait(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def ask(folder: Path, *options: str) -> list[dict[str, Any]]:
    """Run the suite: what became of each fact."""
    file = folder / "facts.json"
    command = [sys.executable, "-m", "pytest", "tests/conformance", "-q", "-n", "2", "--facts-json", str(file)]
    subprocess.run([*command, *options], stdout=sys.stderr, check=False)
    return list(json.loads(file.read_text())["facts"])


def page(found: dict[str, list[dict[str, Any]]]) -> str:
    """The page: a row a section, a column an endpoint.

    Args:
        found: name of an endpoint → its facts; the first one's misses are told one by one.
    """
    import boto3
    import moto

    first = next(iter(found.values()))
    sections = list(dict.fromkeys(fact["section"] for fact in sorted(first, key=lambda fact: fact["test"])))

    def cell(facts: list[dict[str, Any]]) -> str:
        counts = {kind: sum(fact["outcome"] == kind for fact in facts) for kind in ("held", "missed", "not reachable")}
        rest = len(facts) - sum(counts.values())
        words = [f"{counts['held']} held"]
        words += [f"{counts['missed']} missed"] if counts["missed"] else []
        words += [f"{counts['not reachable']} out of reach"] if counts["not reachable"] else []
        words += [f"{rest} not asked"] if rest else []
        return ", ".join(words)

    rows = []
    for section in [*sections, None]:
        of = {name: [fact for fact in facts if section in (None, fact["section"])] for name, facts in found.items()}
        label = "**all**" if section is None else section
        cells = " | ".join(cell(facts) for facts in of.values())
        rows.append(f"| {label} | {max(len(facts) for facts in of.values())} | {cells} |")
    name = next(iter(found))
    missed = [f"- `{fact['test']}`: {fact['fact']}" for fact in first if fact["outcome"] == "missed"]
    return TEXT.format(
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        boto3=boto3.__version__,
        moto=moto.__version__,
        names=" | ".join(found),
        lines="---|" * (len(found) - 1) + "---",
        rows="\n".join(rows),
        misses="\n".join([f"Missed by {name}:", "", *missed]) if missed else f"Missed by {name}: none.",
    )


def main(arguments: list[str] | None = None) -> int:
    """Ask, and print the page; 1 where the sandbox does not hold a fact."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("endpoints", nargs="*", metavar="NAME=URL", help="other endpoints to ask")
    options = parser.parse_args(arguments)
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        found["ecsctl sandbox"] = ask(Path(folder))
        with moto_server() as url:
            found["moto server"] = ask(Path(folder), "--endpoint-url", url)
        for endpoint in options.endpoints:
            name, _, url = endpoint.partition("=")
            found[name] = ask(Path(folder), "--endpoint-url", url)
    print(page(found))
    return int(any(fact["outcome"] != "held" for fact in found["ecsctl sandbox"]))


if __name__ == "__main__":
    raise SystemExit(main())
