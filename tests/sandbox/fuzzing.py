"""Random requests of the operations that people use, by botocore's model: valid in form, and mostly wrong in sense."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import botocore.config
import botocore.session

from tests.support.sandbox import REGION, Running

SERVICES = ("ecs", "ec2", "autoscaling", "elb", "elbv2", "iam", "logs")
# Parts of EC2's 700 operations that have to do with instances and their networks.
EC2 = (
    "Instance",
    "SecurityGroup",
    "LaunchTemplate",
    "Vpc",
    "Subnet",
    "NetworkInterface",
    "Image",
    "RouteTable",
    "Address",
    "Tags",
    "Volume",
    "KeyPair",
)
OTHER_EC2 = ("Verified", "Ipam", "Fleet", "Scheduled", "Vpn", "Peering", "Endpoint", "Connect", "Block", "Lattice")
WORDS = ("web", "shop", "default", "no-such", "a", "arn:aws:ecs:eu-west-1:123456789012:cluster/web", "0", "-1", "ä")
IDS = ("sg-12345678", "subnet-12345678", "vpc-12345678", "i-12345678", "lt-12345678", "ami-12345678", "eni-12345678")
NUMBERS = (0, 1, 2, 80, 65535, -1, 100)
DEEPEST = 6


class Values:
    """Values of botocore's shapes, drawn from a seed. ``seen`` are strings of answers: some name what exists."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seen: list[str] = list(IDS)

    def of(self, shape: Any, depth: int = 0) -> Any:
        """A value of a shape."""
        draw = self.random
        kind = shape.type_name
        if kind == "structure":
            members = dict(shape.members)
            chosen = set(shape.required_members)
            if depth < DEEPEST:
                chosen |= {name for name in members if draw.random() < 0.3}
            if getattr(shape, "is_tagged_union", False):
                chosen = {draw.choice(sorted(members))}
            return {name: self.of(members[name], depth + 1) for name in members if name in chosen}
        if kind == "list":
            count = draw.choice((0, 1, 1, 2)) if depth < DEEPEST else 0
            return [self.of(shape.member, depth + 1) for _ in range(max(count, shape.metadata.get("min", 0)))]
        if kind == "map":
            return {
                self.of(shape.key, depth + 1): self.of(shape.value, depth + 1) for _ in range(draw.choice((0, 1, 2)))
            }
        return self._scalar(shape, kind)

    def _scalar(self, shape: Any, kind: str) -> Any:
        draw = self.random
        if kind == "string":
            if shape.enum and draw.random() < 0.85:
                return draw.choice(list(shape.enum))
            text = draw.choice((*WORDS, *self.seen[-40:]))
            return text if len(text) >= shape.metadata.get("min", 0) else text * shape.metadata["min"]
        if kind == "boolean":
            return draw.random() < 0.5
        if kind in ("integer", "long"):
            return max(draw.choice(NUMBERS), shape.metadata.get("min", -1))
        if kind in ("double", "float"):
            return float(draw.choice(NUMBERS))
        if kind == "blob":
            return b"text"
        assert kind == "timestamp", kind
        return datetime(2026, 1, 1, tzinfo=timezone.utc)

    def learn(self, answer: Any) -> None:
        """Keep the strings of an answer, to ask for what there is."""
        if isinstance(answer, dict):
            for name, value in answer.items():
                if name != "ResponseMetadata":
                    self.learn(value)
        elif isinstance(answer, list):
            for item in answer[:5]:
                self.learn(item)
        elif isinstance(answer, str) and 2 < len(answer) < 200:
            self.seen.append(answer)


def requests(sandbox: Running, seed: int, count: int) -> Iterator[tuple[Any, str, dict[str, Any], Values]]:
    """Clients of a sandbox, each with an operation and an input."""
    session = botocore.session.get_session()
    key, secret = sandbox.info.credentials
    config = botocore.config.Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    values = Values(seed)
    clients = {
        name: session.create_client(
            name,
            region_name=REGION,
            endpoint_url=sandbox.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=config,
        )
        for name in SERVICES
    }
    for _ in range(count):
        client = clients[values.random.choice(SERVICES)]
        model = client.meta.service_model
        names = [
            name
            for name in model.operation_names
            if model.service_name != "ec2"
            or (any(part in name for part in EC2) and not any(part in name for part in OTHER_EC2))
        ]
        operation = values.random.choice(names)
        shape = model.operation_model(operation).input_shape
        yield client, operation, values.of(shape) if shape is not None else {}, values
