"""Placement constraints and strategies, of task definitions, services and tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.refusals import limits
from ecsctl.refusals.cluster_query import QueryError, parse
from ecsctl.refusals.model import CLIENT, INVALID, Data, Path, Violation, fact, items, model, preflight

CREATE = "CreateService, UpdateService, RunTask"
REGISTER = "RegisterTaskDefinition"

DEFINITION_DISTINCT = fact(
    "definition-constraint-type", REGISTER, CLIENT, "a constraint of type distinctInstance in a task definition",
    "constraint.type '{kind}' is not supported.", "aws-samples/aws-cdk-examples#628",
)  # fmt: skip
DEFINITION_CONSTRAINTS = fact(
    "definition-constraints-count", REGISTER, CLIENT, "more than 10 placement constraints of a task definition",
    "A task definition can have at most {most} placement constraints.",
    basis=model("RegisterTaskDefinition.placementConstraints"),
)  # fmt: skip
DEFINITION_EXPRESSION = fact(
    "definition-constraint-expression", REGISTER, CLIENT,
    "a constraint of a task definition without an expression, or with one that the query language does not have",
    "Invalid expression: {expression}.", basis=model("TaskDefinitionPlacementConstraint.expression"),
)  # fmt: skip
CONSTRAINTS_COUNT = fact(
    "constraints-count", CREATE, INVALID, "more than 10 placement constraints, with those of the task definition",
    "placement constraints can have at most {most} items.", basis=model("CreateService.placementConstraints"),
)  # fmt: skip
EXPRESSION_LENGTH = fact(
    "expression-length", CREATE, INVALID, "an expression of more than 2000 characters",
    "The expression of a placement constraint can have at most {most} characters.",
    basis=model("PlacementConstraint.expression"),
)  # fmt: skip
CONSTRAINT_TYPE = fact(
    "constraint-type-missing", CREATE, INVALID, "a placement constraint without a type",
    "A placement constraint has no type.", basis=model("PlacementConstraint.type"),
)  # fmt: skip
EXPRESSION = fact(
    "constraint-expression", CREATE, INVALID,
    "memberOf without an expression, or with one that the query language does not have",
    "Invalid expression: {expression}.", basis=model("PlacementConstraint.expression"),
)  # fmt: skip
DISTINCT_EXPRESSION = fact(
    "distinct-instance-expression", CREATE, INVALID, 'distinctInstance with an expression, also an empty one ("")',
    "distinctInstance expression should not be specified.",
    f"{preflight('svc-placement-constraint-distinct-instance-expression')}; hashicorp/terraform#11471",
)  # fmt: skip
STRATEGIES_COUNT = fact(
    "strategies-count", CREATE, INVALID, "more than 5 placement strategies",
    "Maximum number of strategies is 5.", preflight("svc-placement-strategies-max6"),
)  # fmt: skip
STRATEGY_TYPE = fact(
    "strategy-type-missing", CREATE, INVALID, "a placement strategy without a type",
    "A placement strategy has no type.", basis=model("PlacementStrategy.type"),
)  # fmt: skip
BINPACK_FIELD = fact(
    "binpack-field", CREATE, INVALID, "binpack by another field than cpu and memory",
    "binpack field '{field}' is invalid.", preflight("svc-binpack-field"),
)  # fmt: skip
RANDOM_FIELD = fact(
    "random-field", CREATE, INVALID, "random with a field",
    "random field should not be specified.", preflight("svc-random-with-field"),
)  # fmt: skip
SPREAD_FIELD = fact(
    "spread-field", CREATE, INVALID, "spread by a field that is neither instanceId, host nor an attribute",
    "spread field '{field}' is invalid.", basis=model("PlacementStrategy.field"),
)  # fmt: skip

_SPREAD = re.compile("instanceId|host|attribute:.+", re.IGNORECASE)
_BINPACK = re.compile("cpu|memory", re.IGNORECASE)


def check_definition_constraints(definition: Data) -> Iterator[Violation]:
    """The constraints of a task definition."""
    found = list(items(definition, "placementConstraints"))
    if len(found) > limits.MAX_CONSTRAINTS:
        yield DEFINITION_CONSTRAINTS.at(("placementConstraints",), count=len(found), most=limits.MAX_CONSTRAINTS)
    for path, item in found:
        kind, expression = item.get("type"), item.get("expression") or ""
        if kind == "distinctInstance":
            yield DEFINITION_DISTINCT.at((*path, "type"), kind=kind)
        elif kind is None:
            yield CONSTRAINT_TYPE.at((*path, "type"), depends=((*path, "type"),))
        elif len(expression) > limits.MAX_EXPRESSION:
            yield EXPRESSION_LENGTH.at((*path, "expression"), length=len(expression), most=limits.MAX_EXPRESSION)
        elif not _parses(expression):
            yield DEFINITION_EXPRESSION.at((*path, "expression"), expression=expression)


def check_placement(request: Data, inherited: int) -> Iterator[Violation]:
    """The constraints and strategies of a service or of tasks.

    Args:
        inherited: how many constraints the task definition has.
    """
    found = list(items(request, "placementConstraints"))
    if found and len(found) + inherited > limits.MAX_CONSTRAINTS:
        count = len(found) + inherited
        yield CONSTRAINTS_COUNT.at(("placementConstraints",), count=count, most=limits.MAX_CONSTRAINTS)
    for path, item in found:
        yield from _constraint(path, item)
    strategies = list(items(request, "placementStrategy"))
    if len(strategies) > limits.MAX_STRATEGIES:
        yield STRATEGIES_COUNT.at(("placementStrategy",), count=len(strategies), most=limits.MAX_STRATEGIES)
    for path, item in strategies:
        yield from _strategy(path, item)


def _constraint(path: Path, item: Data) -> Iterator[Violation]:
    kind, expression = item.get("type"), item.get("expression")
    place = (*path, "expression")
    if kind is None:
        yield CONSTRAINT_TYPE.at((*path, "type"), depends=((*path, "type"),))
    elif kind == "distinctInstance" and expression is not None:
        yield DISTINCT_EXPRESSION.at(place)
    elif kind == "memberOf" and len(expression or "") > limits.MAX_EXPRESSION:
        yield EXPRESSION_LENGTH.at(place, length=len(expression or ""), most=limits.MAX_EXPRESSION)
    elif kind == "memberOf" and not _parses(expression or ""):
        yield EXPRESSION.at(place, expression=expression or "")


def _parses(expression: str) -> bool:
    try:
        parse(expression)
    except QueryError:
        return False
    return bool(expression)


def _strategy(path: Path, item: Data) -> Iterator[Violation]:
    kind, field = item.get("type"), item.get("field")
    place = (*path, "field")
    depends = () if field else (place,)
    if kind is None:
        yield STRATEGY_TYPE.at((*path, "type"), depends=((*path, "type"),))
    elif kind == "random" and field:
        yield RANDOM_FIELD.at(place, field=field)
    elif kind == "binpack" and not _BINPACK.fullmatch(field or ""):
        yield BINPACK_FIELD.at(place, field=field or "", kind=kind, depends=depends)
    elif kind == "spread" and not _SPREAD.fullmatch(field or ""):
        yield SPREAD_FIELD.at(place, field=field or "", kind=kind, depends=depends)
