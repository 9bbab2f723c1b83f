"""The cluster query language: the expressions of ``memberOf`` and of ListContainerInstances' filter.

``attribute:ecs.instance-type =~ t3.* and not(task:group == service:web)`` and the like. An expression is parsed once
into a predicate over a :class:`Subject`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_LENGTH = 2000


class QueryError(ValueError):
    """The expression is not of the language; the message says where."""


@dataclass(frozen=True)
class Subject:
    """What an expression can ask of a container instance.

    ``task_groups``: the groups of its tasks. ``facts``: agentConnected, agentVersion, ec2InstanceId, registeredAt
    (epoch seconds), runningTasksCount, status … as text or numbers. ``now``: epoch seconds, for relative times.
    """

    attributes: Mapping[str, str | None]
    facts: Mapping[str, str | float]
    task_groups: frozenset[str]
    now: float


Predicate = Callable[[Subject], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"[^"]*"|'[^']*')
    | (?P<op>==|!=|>=|<=|=~|!~|&&|\|\||>|<|\(|\)|\[|\]|,|!)
    | (?P<word>[^\s()\[\],<>=!&|"']+)
    )""",
    re.VERBOSE,
)

_OPERATORS = {
    "==": "equals", "equals": "equals",
    "!=": "not_equals", "not_equals": "not_equals",
    ">": "greater_than", "greater_than": "greater_than",
    ">=": "greater_than_equal", "greater_than_equal": "greater_than_equal",
    "<": "less_than", "less_than": "less_than",
    "<=": "less_than_equal", "less_than_equal": "less_than_equal",
    "=~": "matches", "matches": "matches",
    "!~": "not_matches", "not_matches": "not_matches",
    "exists": "exists", "!exists": "not_exists", "not_exists": "not_exists",
    "in": "in", "!in": "not_in", "not_in": "not_in",
}  # fmt: skip

_FACTS = frozenset(
    {
        "agentConnected",
        "agentVersion",
        "ec2InstanceId",
        "registeredAt",
        "runningTasksCount",
        "pendingTasksCount",
        "status",
        "capacityProviderName",
    }
)


@functools.lru_cache(maxsize=1024)
def parse(expression: str) -> Predicate:
    """The expression as a predicate.

    Raises:
        QueryError: it is empty, longer than 2000 characters, or not of the language.
    """
    if len(expression) > MAX_LENGTH:
        raise QueryError(f"the expression is longer than {MAX_LENGTH} characters")
    parser = _Parser(_tokens(expression))
    predicate = parser.either()
    if parser.peek() is not None:
        raise QueryError(f"unexpected '{parser.peek()}'")
    return predicate


def _tokens(expression: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise QueryError(f"unexpected '{text[position : position + 10]}'")
        position = match.end()
        tokens.append(match.group("string") or match.group("op") or match.group("word"))
    if not tokens:
        raise QueryError("the expression is empty")
    return tokens


class _Parser:
    """Recursive descent; ``or`` binds loosest, then ``and``, then ``not``."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0

    def peek(self) -> str | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self) -> str:
        token = self.peek()
        if token is None:
            raise QueryError("the expression ends too early")
        self.position += 1
        return token

    def expect(self, token: str) -> None:
        got = self.take()
        if got != token:
            raise QueryError(f"expected '{token}', got '{got}'")

    def either(self) -> Predicate:
        terms = [self.both()]
        while self.peek() in ("or", "||"):
            self.take()
            terms.append(self.both())
        return terms[0] if len(terms) == 1 else lambda s: any(term(s) for term in terms)

    def both(self) -> Predicate:
        terms = [self.negation()]
        while self.peek() in ("and", "&&"):
            self.take()
            terms.append(self.negation())
        return terms[0] if len(terms) == 1 else lambda s: all(term(s) for term in terms)

    def negation(self) -> Predicate:
        if self.peek() in ("not", "!"):
            self.take()
            inner = self.negation()
            return lambda s: not inner(s)
        if self.peek() == "(":
            self.take()
            grouped = self.either()
            self.expect(")")
            return grouped
        return self.comparison()

    def comparison(self) -> Predicate:
        subject = self.take()
        read = _reader(subject)
        symbol = self.take()
        if symbol == "!" and self.peek() in ("in", "exists"):
            symbol += self.take()
        operator = _OPERATORS.get(symbol)
        if operator is None:
            raise QueryError(f"'{symbol}' is not an operator")
        if operator in ("exists", "not_exists"):
            wanted = operator == "exists"
            return lambda s: bool(read(s)) is wanted
        if operator in ("in", "not_in"):
            choices = frozenset(self.listed())
            if operator == "in":
                return lambda s: any(value in choices for value in read(s) if value is not None)
            return lambda s: not any(value in choices for value in read(s) if value is not None)
        return _compared(read, operator, _unquoted(self.take()), subject)

    def listed(self) -> list[str]:
        closing = {"[": "]", "(": ")"}.get(self.take())
        if closing is None:
            raise QueryError("'in' needs a list: [a, b]")
        values = [_unquoted(self.take())]
        while self.peek() == ",":
            self.take()
            values.append(_unquoted(self.take()))
        self.expect(closing)
        return values


def _unquoted(token: str) -> str:
    if token in ("(", ")", "[", "]", ","):
        raise QueryError(f"unexpected '{token}'")
    return token[1:-1] if token[0] in "\"'" else token


Reader = Callable[[Subject], "tuple[str | None, ...]"]


def _reader(subject: str) -> Reader:
    """How to read the subject's values: none where it is absent, several for the groups of an instance's tasks."""
    if subject.startswith("attribute:"):
        name = subject.removeprefix("attribute:")
        return lambda s: (s.attributes[name],) if name in s.attributes else ()
    if subject == "task:group":
        return lambda s: tuple(s.task_groups)
    if subject in _FACTS:
        return lambda s: (str(s.facts[subject]),) if subject in s.facts else ()
    raise QueryError(f"'{subject}' is not a subject")


def _compared(read: Reader, operator: str, argument: str, subject: str) -> Predicate:
    if operator in ("matches", "not_matches"):
        try:
            pattern = re.compile(argument)
        except re.error as error:
            raise QueryError(f"'{argument}' is not a pattern: {error}") from None
        if operator == "matches":
            return lambda s: any(value is not None and pattern.fullmatch(value) for value in read(s))
        return lambda s: not any(value is not None and pattern.fullmatch(value) for value in read(s))
    if operator == "equals":
        return lambda s: argument in read(s)
    if operator == "not_equals":
        return lambda s: argument not in read(s)
    order: dict[str, Callable[[object, object], bool]] = {
        "greater_than": lambda a, b: a > b,  # type: ignore[operator]
        "greater_than_equal": lambda a, b: a >= b,  # type: ignore[operator]
        "less_than": lambda a, b: a < b,  # type: ignore[operator]
        "less_than_equal": lambda a, b: a <= b,  # type: ignore[operator]
    }
    holds = order[operator]
    if subject == "registeredAt":
        return lambda s: any(holds(float(value or 0), _time(argument, s.now)) for value in read(s))
    return lambda s: any(holds(_rank(value), _rank(argument)) for value in read(s) if value is not None)


def _rank(text: str) -> tuple[tuple[int, float, str], ...]:
    """Numbers and versions by value, all else as text, so that 1.9 is below 1.10."""
    parts = re.split(r"[.\-]", text)
    return tuple((0, float(part), "") if part.isdigit() else (1, 0.0, part) for part in parts)


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _time(argument: str, now: float) -> float:
    """Epoch seconds of an ISO date, or of an age such as ``-24h``."""
    relative = re.fullmatch(r"([+-]?\d+)([smhd])", argument)
    if relative:
        return now + int(relative[1]) * _UNITS[relative[2]]
    from datetime import datetime, timezone

    try:
        moment = datetime.fromisoformat(argument.replace("Z", "+00:00"))
    except ValueError:
        return float("inf")
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
