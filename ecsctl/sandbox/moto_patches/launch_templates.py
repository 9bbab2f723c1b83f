"""Launch templates, whose tags change after they were made."""

from __future__ import annotations

from typing import Any


def patch() -> None:
    """Tell the tags that CreateTags and DeleteTags left, where moto keeps telling those of the beginning."""
    from moto.ec2.models.launch_templates import LaunchTemplate

    def tags(self: Any) -> Any:
        return self.get_tags()

    def ignored(self: Any, value: Any) -> None:
        """The tags are kept by the backend."""

    LaunchTemplate.tags = property(tags, ignored)  # type: ignore[assignment]
