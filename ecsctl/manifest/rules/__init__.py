"""The rules of the real service, and of good sense, that a schema cannot say: each with an id.

What the service refuses is found by ``ecsctl.refusals``, which the sandbox asks, too; a rule says it in ecsctl's own
words, with the place and what is allowed. What only ecsctl can know (references inside of the file, what is unwise) is
found by functions here. A rule's id never changes its meaning; ids are not used again.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ecsctl.manifest.model import Severity
from ecsctl.manifest.rules.document import Project
from ecsctl.manifest.rules.violations import violations
from ecsctl.manifest.yaml.nodes import Path
from ecsctl.refusals import Refusal, Violation

MODULES = (
    "references",
    "names",
    "containers",
    "logging",
    "dependencies",
    "network",
    "volumes",
    "load_balancers",
    "listeners",
    "scaling",
    "roles",
    "instances",
    "tasks",
    "services",
    "deployments",
    "connections",
    "limits",
    "advice",
    "doubts",
)


@dataclass(frozen=True)
class Finding:
    """What a rule found: the place, what is wrong there, what is allowed.

    ``depends``: other places that it was concluded from; where one has a fault of its own, the finding is not told.
    """

    path: Path
    message: str
    allowed: str | None = None
    depends: tuple[Path, ...] = ()


Check = Callable[[Project], Iterable[Finding]]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Tell:
    """How a rule says one refusal of the service: templates of the refusal's values, or functions of them."""

    refusal: Refusal
    message: str | Callable[[Values], str]
    allowed: str | Callable[[Values], str | None] | None = None

    def finding(self, violation: Violation) -> Finding:
        """One case of the refusal, in ecsctl's words."""
        message = _said(self.message, violation.values)
        assert message is not None
        return Finding(violation.path, message, _said(self.allowed, violation.values), violation.depends)


def _said(words: str | Callable[[Values], str | None] | None, values: Values) -> str | None:
    return words.format(**values) if isinstance(words, str) else words(values) if words else None


@dataclass(frozen=True)
class Rule:
    """One rule.

    ``title`` is it in one sentence, ``why`` the reason behind it, ``looks_at`` the members that it looks at, in words.
    ``cites``: the facts about the service that it finds; ``check`` finds what only ecsctl can know.
    """

    id: str
    title: str
    why: str
    severity: Severity
    looks_at: str
    cites: tuple[Refusal, ...]
    check: Check

    @property
    def quotes(self) -> tuple[Refusal, ...]:
        """The facts whose very words have a source."""
        return tuple(refusal for refusal in self.cites if refusal.source)

    @property
    def bases(self) -> tuple[str, ...]:
        """How the facts are known whose words are not, each once."""
        return tuple(dict.fromkeys(refusal.basis for refusal in self.cites if refusal.basis and not refusal.source))


_RULES: dict[str, Rule] = {}


def cites(identity: str, title: str, *tells: Tell, why: str, looks_at: str, severity: Severity = "error") -> None:
    """Declare a rule that says what the service refuses, and nothing else."""
    _register(identity, title, why, severity, looks_at, tells, None)


def rule(identity: str, title: str, *tells: Tell, why: str, severity: Severity = "error") -> Callable[[Check], Check]:
    """Make the decorated function a rule, which may say refusals of the service, too."""

    def register(check: Check) -> Check:
        looks_at = " ".join((check.__doc__ or "").replace("``", "").split()).rstrip(".")
        _register(identity, title, why, severity, looks_at, tells, check)
        return check

    return register


def _register(
    identity: str, title: str, why: str, severity: Severity, looks_at: str, tells: tuple[Tell, ...], own: Check | None
) -> None:
    assert identity not in _RULES, f"the id {identity} is taken: the ids in use are in docs/rules.md"
    by_refusal = {tell.refusal.id: tell for tell in tells}

    def check(project: Project) -> Iterator[Finding]:
        for violation in violations(project):
            tell = by_refusal.get(violation.refusal.id)
            if tell is not None:
                yield tell.finding(violation)
        if own is not None:
            yield from own(project)

    refusals = tuple(tell.refusal for tell in tells)
    _RULES[identity] = Rule(identity, title, why, severity, looks_at, refusals, check)


@lru_cache(maxsize=1)
def all_rules() -> dict[str, Rule]:
    """Every rule by its id, in the order of the ids."""
    for module in MODULES:
        importlib.import_module(f"ecsctl.manifest.rules.{module}")
    return dict(sorted(_RULES.items()))


def run_rules(project: Project) -> Iterator[tuple[Rule, Finding]]:
    """What all rules find in a document."""
    for one in all_rules().values():
        for finding in one.check(project):
            yield one, finding
