"""Remove the containers and volumes of a sandbox that does not run: ``python -m ecsctl.sandbox.sweep NAME FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from ecsctl.sandbox.docker_client import Docker, problem_of_engine
from ecsctl.sandbox.docker_config import Owner


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
