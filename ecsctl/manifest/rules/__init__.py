"""The rules of the real service, and of good sense, that a schema cannot say: each a function with an id.

A rule gets a checked document (``document.Project``), in which every member may be missing, and yields what
is wrong. Its id never changes its meaning; ids are not used again.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from ecsctl.manifest.model import Severity
from ecsctl.manifest.rules.document import Project
from ecsctl.manifest.yaml.nodes import Path

MODULES = (
    "references",
    "names",
    "containers",
    "dependencies",
    "network",
    "volumes",
    "load_balancers",
    "listeners",
    "instances",
    "tasks",
    "services",
    "deployments",
    "connections",
    "limits",
    "advice",
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


@dataclass(frozen=True)
class Rule:
    """One rule.

    ``title`` is it in one sentence, ``service`` what the real service says (None: it says nothing), ``why`` the reason
    behind it, for its page.
    """

    id: str
    title: str
    service: str | None
    why: str
    severity: Severity
    check: Check


_RULES: dict[str, Rule] = {}


def rule(
    identity: str, title: str, *, why: str, service: str | None = None, severity: Severity = "error"
) -> Callable[[Check], Check]:
    """Make the decorated function a rule."""

    def register(check: Check) -> Check:
        assert identity not in _RULES, identity
        _RULES[identity] = Rule(identity, title, service, why, severity, check)
        return check

    return register


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
