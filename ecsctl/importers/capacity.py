"""What tasks need: the size of a Fargate task, and the EC2 instances that hold a set of tasks."""

from __future__ import annotations

import math
from dataclasses import dataclass

# The combinations that Fargate takes: CPU units, the MiB of memory from … to …, in steps of ….
FARGATE = (
    (256, (512, 1024, 2048)),
    (512, tuple(range(1024, 4097, 1024))),
    (1024, tuple(range(2048, 8193, 1024))),
    (2048, tuple(range(4096, 16385, 1024))),
    (4096, tuple(range(8192, 30721, 1024))),
    (8192, tuple(range(16384, 61441, 4096))),
    (16384, tuple(range(32768, 122881, 8192))),
)
# CPU units, and MiB that the agent registers of an instance's memory (the system keeps some), smallest first.
X86 = (
    ("t3.small", 2048, 1900),
    ("t3.medium", 2048, 3800),
    ("t3.large", 2048, 7700),
    ("t3.xlarge", 4096, 15600),
    ("t3.2xlarge", 8192, 31400),
    ("m6i.4xlarge", 16384, 63000),
    ("m6i.8xlarge", 32768, 126000),
    ("m6i.16xlarge", 65536, 253000),
    ("m6i.32xlarge", 131072, 507000),
)
ARM = (
    ("t4g.small", 2048, 1900),
    ("t4g.medium", 2048, 3800),
    ("t4g.large", 2048, 7700),
    ("t4g.xlarge", 4096, 15600),
    ("t4g.2xlarge", 8192, 31400),
    ("m7g.4xlarge", 16384, 63000),
    ("m7g.8xlarge", 32768, 126000),
    ("m7g.16xlarge", 65536, 253000),
)
GPU = (
    ("g4dn.xlarge", 4096, 15400),
    ("g4dn.2xlarge", 8192, 31300),
    ("g4dn.4xlarge", 16384, 63000),
    ("g4dn.12xlarge", 49152, 190000),
)
MOST_INSTANCES = 20


@dataclass(frozen=True)
class Need:
    """What one task needs (CPU units, MiB), how many there are, and whether each needs an instance to itself.

    ``apart``: a fixed host port keeps two of them off one instance. ``everywhere``: one runs on each instance.
    """

    cpu: int
    memory: int
    count: int = 1
    apart: bool = False
    everywhere: bool = False


def fargate_size(cpu: int, memory: int) -> tuple[int, int]:
    """The smallest Fargate task that holds ``cpu`` units and ``memory`` MiB; the largest one where none does."""
    for units, sizes in FARGATE:
        if units >= cpu:
            for size in sizes:
                if size >= memory:
                    return units, size
    return FARGATE[-1][0], FARGATE[-1][1][-1]


def instances(needs: list[Need], *, arm: bool = False, gpu: bool = False) -> tuple[int, str]:
    """How many instances of which type hold all these tasks: as few as fixed ports allow, then as small as can be."""
    table = GPU if gpu else ARM if arm else X86
    least = max([need.count for need in needs if need.apart], default=1)
    daemons_cpu = sum(need.cpu for need in needs if need.everywhere)
    daemons_memory = sum(need.memory for need in needs if need.everywhere)
    tasks = [need for need in needs if not need.everywhere]
    cpu = sum(need.cpu * need.count for need in tasks)
    memory = sum(need.memory * need.count for need in tasks)
    best: tuple[int, str] = (MOST_INSTANCES, table[-1][0])
    for name, units, mebibytes in table:
        left_cpu, left_memory = units - daemons_cpu, mebibytes - daemons_memory
        if left_cpu <= 0 or left_memory <= 0 or any(n.cpu > left_cpu or n.memory > left_memory for n in tasks):
            continue
        count = max(least, math.ceil(cpu / left_cpu), math.ceil(memory / left_memory))
        if count <= least:
            return count, name
        if count < best[0]:
            best = count, name
    return best
