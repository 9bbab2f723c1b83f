"""Compose's variables as the templates of ecsctl.yaml.

Both know the same forms (``${X:-d}``, ``${X-d}``, ``${X:?m}``, ``${X:+w}``). But Compose takes an unset variable for an
empty text, where ecsctl refuses: a bare ``$X`` becomes ``${X:-}``, with the default that the project's
``.env`` gives it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ecsctl.importers.report import Report, escape
from ecsctl.manifest.interpolation.templates import closing_brace
from ecsctl.manifest.secrets import looks_secret
from ecsctl.manifest.yaml.nodes import Path, Scalar

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OPERATOR = re.compile(r":?[-?+]")
MOST_VARIABLES = 100


@dataclass(frozen=True)
class Variable:
    """``${name}``, or with an operator (``:-``, ``-``, ``:?``, ``?``, ``:+``, ``+``) and the words behind it."""

    name: str
    operator: str = ""
    words: str = ""


def split(text: str) -> list[str | Variable]:
    """The texts and variables of a text of Compose, ``$$`` resolved.

    Raises:
        ValueError: a dollar begins nothing that Compose knows; the message is for the user.
    """
    parts: list[str | Variable] = []
    index, plain = 0, ""
    while index < len(text):
        if text[index] != "$":
            plain, index = plain + text[index], index + 1
            continue
        if text.startswith("$$", index):
            plain, index = plain + "$", index + 2
            continue
        braced = text.startswith("${", index)
        name = NAME.match(text, index + (2 if braced else 1))
        if name is None:
            raise ValueError(f"{text[index : index + 12]!r} is not a valid variable (write $$ for a dollar sign)")
        parts.append(plain)
        begin, plain, index = index, "", name.end()
        if not braced:
            parts.append(Variable(name.group()))
            continue
        operator = OPERATOR.match(text, index)
        start = operator.end() if operator else index
        end = closing_brace(text, begin)
        if end is None:
            raise ValueError("a ${ has no closing brace")
        index = end
        if operator is None and index != start:
            raise ValueError(f"${{{name.group()}{text[start : start + 8]} is not a valid Compose variable")
        parts.append(Variable(name.group(), operator.group() if operator else "", text[start:index]))
        index += 1
    parts.append(plain)
    return [part for part in parts if part != ""]


@dataclass
class Interpolation:
    """The dialect of Compose files: texts become those of ecsctl.yaml.

    Args:
        report: takes what could not be said the same way.
        defaults: the values of the project's ``.env``; what looks like a secret is never written.
    """

    report: Report
    defaults: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, node: Scalar, path: Path) -> str:
        """The text of a scalar."""
        return self.convert(node, path, node.text)

    def convert(self, node: Scalar, path: Path, text: str) -> str:
        """As a call, of another text that stands at ``node``."""
        try:
            if text.count("${") > MOST_VARIABLES:
                raise ValueError(f"more than {MOST_VARIABLES} variables in one text")
            parts = split(text)
        except ValueError as error:
            self.report.note(node, path, f"{error}; kept as it is")
            return escape(text)
        made = ""
        for part in parts:
            if isinstance(part, Variable):
                made += self._template(part, node, path)
            else:
                # A dollar at the end would join the template that follows.
                made += part.replace("$", "$$") if part.endswith("$") else escape(part)
        return made

    def _template(self, variable: Variable, node: Scalar, path: Path) -> str:
        name, operator = variable.name, variable.operator
        known = self._default(name, node, path)
        if operator.endswith("+"):
            words = self.convert(node, path, variable.words)
            return words if known else f"${{{name}{operator}{words}}}"
        if known is not None and (known or not operator.startswith(":")):
            return f"${{{name}:-{known}}}"
        if operator:
            return f"${{{name}{operator}{self.convert(node, path, variable.words)}}}"
        return f"${{{name}:-}}"

    def _default(self, name: str, node: Scalar, path: Path) -> str | None:
        """The value that the project's ``.env`` gives, as a template may hold it."""
        value = self.defaults.get(name)
        if value is None:
            return None
        if looks_secret(name, value):
            why = "it looks like a secret: set it in the environment, or give ecsctl --env-file .env"
        elif "}" in value or "${" in value:
            why = "no template may hold it: set it in the environment, or give ecsctl --env-file .env"
        else:
            return value.replace("$", "$$")
        self.report.note(node, path, f"the value of {name} stays in .env, for {why}")
        return None
