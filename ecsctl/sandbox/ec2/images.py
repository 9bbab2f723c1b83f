"""The machine images that AWS publishes for ECS, and the public SSM parameters that name them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

RELEASED = datetime(2026, 11, 2, tzinfo=timezone.utc)
ECS = "/aws/service/ecs/optimized-ami/amazon-linux-2023/"
BOTTLEROCKET = "/aws/service/bottlerocket/{kind}/{arch}/latest/image_id"
UBUNTU = "/aws/service/canonical/ubuntu/server/{release}/stable/current/{deb}/hvm/ebs-gp3/ami-id"


@dataclass(frozen=True)
class Image:
    """An image, and the parameters whose value is its id (or, without ``/image_id``, JSON about it)."""

    name: str
    architecture: str
    parameters: tuple[str, ...]
    about: str | None = None

    def id(self, region: str) -> str:
        """The image's id in a region, always the same."""
        return "ami-0" + hashlib.sha256(f"{region}/{self.name}".encode()).hexdigest()[:16]


def catalogue() -> list[Image]:
    """All images."""
    images = []
    for variant, arch in (("", "x86_64"), ("arm64/", "arm64"), ("gpu/", "x86_64"), ("inf/", "x86_64")):
        kind = f"-{variant.rstrip('/')}" if variant in ("gpu/", "inf/") else ""
        name = f"al2023-ami-ecs{kind or '-hvm'}-2023.0.20261102-kernel-6.1-{arch}"
        images.append(Image(name, arch, (f"{ECS}{variant}recommended/image_id",), f"{ECS}{variant}recommended"))
    for kind in ("aws-ecs-2", "aws-ecs-2-nvidia", "aws-ecs-3", "aws-ecs-3-nvidia"):
        for arch in ("x86_64", "arm64"):
            parameter = BOTTLEROCKET.format(kind=kind, arch=arch)
            images.append(Image(f"bottlerocket-{kind}-{arch}-v1.50.0", arch, (parameter,)))
    for release, codename in (("22.04", "jammy"), ("24.04", "noble")):
        for deb, arch in (("amd64", "x86_64"), ("arm64", "arm64")):
            name = f"ubuntu/images/hvm-ssd-gp3/ubuntu-{codename}-{release}-{deb}-server-20261101"
            images.append(Image(name, arch, (UBUNTU.format(release=release, deb=deb),)))
    return images


def publish(account: str, region: str) -> None:
    """Put the images and their parameters into moto's EC2 and SSM of a region; what is there already stays."""
    from moto.ec2.models import ec2_backends
    from moto.ec2.models.amis import Ami
    from moto.ssm.models import Parameter, ssm_backends

    ec2 = ec2_backends[account][region]
    parameters = ssm_backends[account][region]._parameters
    for image in catalogue():
        id_ = image.id(region)
        if id_ not in ec2.amis:
            ec2.amis[id_] = Ami(
                ec2,
                id_,
                name=image.name,
                description=image.name,
                owner_id="591542846629",
                owner_alias="amazon",
                public=True,
                virtualization_type="hvm",
                architecture=image.architecture,
                root_device_type="ebs",
                root_device_name="/dev/xvda",
                hypervisor="xen",
                creation_date=RELEASED,
            )
        values = dict.fromkeys(image.parameters, id_)
        if image.about:
            told: dict[str, Any] = {
                "schema_version": 1,
                "image_name": image.name,
                "image_id": id_,
                "os": "Amazon Linux 2023",
                "ecs_runtime_version": "Docker version 25.0.8",
                "ecs_agent_version": "1.97.0",
            }
            values[image.about] = json.dumps(told)
        for name, value in values.items():
            # Reading a name first makes moto load its own, older list, which is then overruled.
            if not any(known.value == value for known in parameters[name]):
                parameters[name].append(
                    Parameter(  # type: ignore[abstract]
                        account, name, value, "String", None, None, None, RELEASED, 1, "text"
                    )
                )
