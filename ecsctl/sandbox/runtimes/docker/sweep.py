"""Remove what a stopped sandbox left in Docker: ``python -m ecsctl.sandbox.runtimes.docker.sweep NAME FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from ecsctl.sandbox.runtimes.docker.client import Docker, problem_of_engine
from ecsctl.sandbox.runtimes.docker.config import Owner


def sweep(docker: Docker, owner: Owner) -> None:
    """Remove all that carries the sandbox's labels."""
    for container in docker.containers(owner):
        docker.remove(container.id)
    docker.remove_volumes(owner)


def main(name: str, folder: str) -> int:
    """Sweep; 1, and a line on stderr, where no Docker engine answers."""
    docker, problem = problem_of_engine()
    if docker is None:
        print(problem, file=sys.stderr)
        return 1
    sweep(docker, Owner(name, str(Path(folder).resolve())))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
