"""Names of images: ``[registry/]repository[:tag][@digest]``."""

from __future__ import annotations

from dataclasses import dataclass, replace

DOCKER_HUB = "docker.io"


@dataclass(frozen=True)
class ImageName:
    """An image's name in its parts; ``repository`` is as written, with its registry."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}{f'@{self.digest}' if self.digest else ''}"

    @property
    def registry(self) -> str:
        """The host that has it, with its port where one is named."""
        first, slash, _ = self.repository.partition("/")
        return first if slash and ("." in first or ":" in first or first == "localhost") else DOCKER_HUB

    @property
    def path(self) -> str:
        """The repository's name within its registry."""
        if self.registry != DOCKER_HUB or self.repository.startswith(f"{DOCKER_HUB}/"):
            path = self.repository.partition("/")[2]
        else:
            path = self.repository
        return path if "/" in path or self.registry != DOCKER_HUB else f"library/{path}"

    def with_tag(self, tag: str) -> ImageName:
        """The same repository with another tag; a digest of before means another image, and goes."""
        return replace(self, tag=tag, digest=None)


def image_name(text: str) -> ImageName:
    """An image's name in its parts."""
    rest, _, digest = text.partition("@")
    head, colon, tag = rest.rpartition(":")
    # A colon before a slash is a registry's port.
    if not colon or "/" in tag:
        head, tag = rest, ""
    return ImageName(head, tag or None, digest or None)
