"""A fact about what Amazon ECS refuses, and one case of it in a request."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
Data = Mapping[str, Any]

CLIENT = "ClientException"
INVALID = "InvalidParameterException"


@dataclass(frozen=True)
class Refusal:
    """A fact: what is refused, by which operation, with which code and words, and how that is known.

    ``words`` is a template with ``{placeholders}``. ``source`` says where these very words were seen; without one they
    are ecsctl's own, and nobody may quote them as the service's. ``basis`` says how the fact itself is known where the
    words are not. ``cut``: the source has only a part of the sentence.
    """

    id: str
    operation: str
    code: str
    when: str
    words: str
    source: str | None = None
    basis: str | None = None
    cut: bool = False

    def text(self, **values: Any) -> str:
        """The words with the values put in.

        Raises:
            KeyError: a placeholder has no value.
        """
        return self.words.format(**values)

    def example(self) -> str:
        """The words as a person reads them: placeholders in capitals, and an ellipsis where they are cut."""
        parts = string.Formatter().parse(self.words)
        text = "".join(literal + (name or "").upper().replace("_", " ") for literal, name, _, _ in parts)
        return f"{text} …" if self.cut else text

    def at(self, path: Path, *, depends: tuple[Path, ...] = (), **values: Any) -> Violation:
        """One case of it: at this place of the request, concluded from these others."""
        return Violation(self, path, values, depends)


@dataclass(frozen=True)
class Violation:
    """One case of a refusal in a request. Paths are relative to the request.

    ``depends``: other places that it was concluded from.
    """

    refusal: Refusal
    path: Path
    values: Data = field(default_factory=dict)
    depends: tuple[Path, ...] = ()

    @property
    def message(self) -> str:
        """The service's words for this case, or ecsctl's own where those are not known."""
        return self.refusal.text(**self.values)


_FACTS: dict[str, Refusal] = {}


def facts() -> Mapping[str, Refusal]:
    """The facts that have been declared so far, by id."""
    return _FACTS


def fact(
    identity: str,
    operation: str,
    code: str,
    when: str,
    words: str,
    source: str | None = None,
    *,
    basis: str | None = None,
    cut: bool = False,
) -> Refusal:
    """Declare a fact; see ``Refusal``."""
    assert identity not in _FACTS, identity
    assert source or basis, identity
    _FACTS[identity] = Refusal(identity, operation, code, when, words, source, basis, cut)
    return _FACTS[identity]


def preflight(*rules: str) -> str:
    """Rules of cdk-preflight, which quote what a real deployment was answered."""
    return f"badmintoncryer/cdk-preflight {', '.join(f'pf-ecs-{rule}' for rule in rules)}"


def model(where: str) -> str:
    """The documentation in the API's own model, which botocore carries."""
    return f"the API's model: {where}"


def guide(section: str) -> str:
    """The Amazon ECS Developer Guide."""
    return f"Amazon ECS Developer Guide: {section}"


def items(data: Data, key: str, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The mappings in the list ``data[key]``, with their places."""
    for index, item in enumerate(data.get(key) or ()):
        if isinstance(item, dict):
            yield (*path, key, index), item


def containers(definition: Data) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The container definitions of a task definition, with their places."""
    return items(definition, "containerDefinitions")


def part(data: Data, *keys: str) -> dict[str, Any]:
    """A mapping inside of mappings; empty where there is none."""
    found: Any = data
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}
