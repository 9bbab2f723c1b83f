"""``make bench``: what ecsctl takes beside its peers, in one table. Ratios are medians, all measured in one run."""

from __future__ import annotations

import argparse
import compileall
import os
import statistics
import sys
from pathlib import Path

from tests.bench import locate, many_tasks, write_path
from tests.bench.many_tasks import cost

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="how often the short commands are run (default 11)")
    rounds = parser.parse_args().rounds
    compileall.compile_dir(ROOT / "ecsctl", quiet=2)
    print(f"{'':62}{'measured':>12}{'aim':>10}")

    times = locate.measure(rounds)
    base = times["three aws calls"]
    ratios = [own / peer for own, peer in zip(times["ecsctl locate"], base, strict=True)]
    row("locate TASK, by the three aws calls", f"{statistics.median(ratios):.2f}", "0.10")

    row("--help, by aws --version", f"{help_ratio(rounds):.2f}", "0.13")
    row("validate of 200 services, by CSafeLoader of the same file", f"{write_path.validate():.1f}", "3")

    up = write_path.up()
    row("up of the hello world: CPU", f"{up.cpu:.2f} s", "0.45 s")
    row("  from what a wait waits for to its end", f"{up.late:.2f} s", "1.5 s")
    plan = write_path.plan()
    row("plan of 50 services and families, 50 ms a call", f"{plan.wall:.2f} s", "1.2 s")

    few = many_tasks.measure(5000, 500, 0.05)
    row("ps of 5,000 tasks on 500 instances, 50 ms a call, by the pages", f"{few.ratio:.2f}", "1.3")
    row("  CPU", f"{few.cpu:.2f} s", "0.7 s")
    row("  memory", f"{few.memory:.0f} MiB", "60 MiB")
    many = many_tasks.measure(20000, 500, 0.01, throttle=True)
    row("ps of 20,000 tasks under ECS's rates, by the floor of 15 s", f"{many.ratio:.2f}", "1.1")
    row("  throttled calls", str(many.throttled), "0")
    row("  CPU", f"{many.cpu:.2f} s", "2 s")
    row("  memory", f"{many.memory:.0f} MiB", "80 MiB")
    return 0


def row(what: str, measured: str, aim: str) -> None:
    print(f"{what:62}{measured:>12}{aim:>10}", flush=True)


def help_ratio(rounds: int) -> float:
    """The seconds of ``ecsctl --help`` by those of ``aws --version``."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ECS"))}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    ratios = []
    for _ in range(rounds + 1):
        peer = cost([str(BIN / "aws"), "--version"], env)[0]
        ratios.append(cost([str(BIN / "ecsctl"), "--help"], env)[0] / peer)
    return statistics.median(ratios[1:])


if __name__ == "__main__":
    sys.exit(main())
