"""Names as ECS takes them."""

from __future__ import annotations

import re

from ecsctl.errors import UsageError

ECS_NAME = r"[A-Za-z0-9_-]{1,255}"
CLUSTER = re.compile(rf"(?:arn:aws[a-z-]*:ecs:[a-z0-9-]*:\d{{12}}:cluster/)?({ECS_NAME})")

# Families of instance types whose processors are Graviton: t4g, m7gd, c6gn, is4gen, a1.
ARM_FAMILY = re.compile(r"(?:[a-z]+\d+g[a-z]*|a1)\.")


def require_cluster_name(text: str) -> str:
    """The name in a cluster's name or ARN. It goes into scripts, tags and the names of other resources.

    Raises:
        UsageError: it is neither a name nor an ARN.
    """
    match = CLUSTER.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} is not the name or ARN of a cluster",
            hint="a name has 1 to 255 letters, digits, hyphens and underscores",
        )
    return match[1]
