"""Guards: what a plan would take away from those who are not the project's. Pure; nobody is asked to override them.

A kind says what lives on what a change takes away (``Kind.users``, read by :mod:`ecsctl.deploy.usage`); here it is
judged. The project's own services and tasks never keep it from anything: they go, or stay, by the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ecsctl.deploy.resources import Key
from ecsctl.errors import ConflictError

GERUNDS = {"update": "changing", "replace": "replacing", "remove": "removing"}


@dataclass(frozen=True)
class Use:
    """Something that uses a resource, whoever made it.

    ``effect`` is what befalls it by the change (``stop``, ``cut off``), ``detail`` how it uses the resource; ``ends``
    is the command that ends the use.
    """

    what: str
    owner: str | None
    effect: str = "take it from"
    detail: str = ""
    ends: str = ""

    def __str__(self) -> str:
        whose = f" of project {self.owner}" if self.owner else ", which ecsctl did not make"
        return f"{self.what}{whose}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class Refusal:
    """A change that is refused, since it would take something away from somebody else."""

    action: str
    key: Key
    use: Use

    def __str__(self) -> str:
        return f"{GERUNDS[self.action]} {self.key} would {self.use.effect} {self.use}"


def refusals(project: str, uses: Mapping[tuple[str, Key], Iterable[Use]]) -> tuple[Refusal, ...]:
    """The refusals of a plan.

    Args:
        project: whose plan it is.
        uses: by action and key of a change, who uses what it takes away.
    """
    return tuple(
        Refusal(action, key, use)
        for (action, key), users in uses.items()
        for use in dict.fromkeys(users)
        if use.owner != project
    )


def require_unused(project: str, key: Key, uses: Iterable[Use]) -> None:
    """Refuse to remove what others have begun to use since it was planned, directly before nothing brings it back.

    Raises:
        ConflictError: there are some; nothing of it is touched then.
    """
    found = refusals(project, {("remove", key): tuple(uses)})
    if found:
        raise ConflictError(
            f"{key} is used by what project {project} did not make, so it stays",
            details=[str(item.use) for item in found],
            hint=ways_out(found),
        )


def ways_out(refused: Iterable[Refusal]) -> str:
    """What to type next: the commands that end the first uses, once each."""
    commands = list(dict.fromkeys(item.use.ends for item in refused if item.use.ends))
    if not commands:
        return "move or remove what uses it first, or leave it in place"
    shown = ", ".join(f"`{command}`" for command in commands[:3])
    more = f" and {len(commands) - 3} more like it" if len(commands) > 3 else ""
    return f"move them elsewhere or end them first ({shown}{more}), then run the same command again"
