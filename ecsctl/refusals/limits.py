"""The bounds of the ECS API, each once."""

from __future__ import annotations

CHECKED_ENUMERATIONS = frozenset(
    {"TransportProtocol", "TaskDefinitionPlacementConstraintType", "DeploymentLifecycleHookTargetType"}
)
"""Enumerations of the API model whose other values have words of their own, or are taken (the protocol: as tcp)."""
MAX_CONTAINERS = 10
MAX_DEFINITION_BYTES = 64 * 1024
MAX_ENVIRONMENT_FILES = 10
MAX_IMAGE_LENGTH = 255
LEAST_MEMORY_MIB = 4
MAX_PORT = 65535
MAX_PORT_RANGES = 100
MAX_IGNORED_EXIT_CODES = 50
MAX_CONSTRAINTS, MAX_STRATEGIES, MAX_EXPRESSION = 10, 5, 2000
MAX_SUBNETS, MAX_SECURITY_GROUPS = 16, 5
MAX_PROVIDERS, MAX_WEIGHT, MAX_BASE = 20, 1000, 100000
MAX_LOAD_BALANCERS = 5
MAX_CLIENT_ALIASES = 1
MAX_OVERRIDES = 8192
LEAST_INGRESS_PORT = 1025
MAX_BAKE_MINUTES = 1440

# Seconds; retries are a number.
HEALTH_CHECK = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
RESTART_ATTEMPT_SECONDS = (60, 1800)
FARGATE_TIMEOUT_SECONDS = (2, 120)
EPHEMERAL_GIB = (21, 200)
EC2_CPU = (128, 196608)
WINDOWS_LEAST_CPU = 1024

# CPU units → the MiB that it goes with.
FARGATE_SIZES: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
    32768: (61440, 122880, 249856),
}
FARGATE_LOG_DRIVERS = ("awslogs", "splunk", "awsfirelens")
PLATFORM_VERSIONS = ("LATEST", "1.4.0", "1.3.0", "1.2.0", "1.1.0", "1.0.0")

AWSLOGS_OPTIONS = (
    "awslogs-create-group",
    "awslogs-datetime-format",
    "awslogs-group",
    "awslogs-multiline-pattern",
    "awslogs-region",
    "awslogs-stream-prefix",
    "max-buffer-size",
    "mode",
)

# GiB by the type of the volume.
EBS_SIZES = {
    "gp2": (1, 16384),
    "gp3": (1, 16384),
    "io1": (4, 16384),
    "io2": (4, 16384),
    "st1": (125, 16384),
    "sc1": (125, 16384),
    "standard": (1, 1024),
}
EBS_IOPS = {"gp3": (3000, 16000), "io1": (100, 64000), "io2": (100, 256000)}
MAX_EBS_THROUGHPUT = 1000


def fargate_memory(cpu: int) -> str:
    """The memory that Fargate has for so many CPU units, in words."""
    sizes = FARGATE_SIZES[cpu]
    if len(sizes) < 4:
        return f"{', '.join(str(size) for size in sizes[:-1])} or {sizes[-1]}"
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"
