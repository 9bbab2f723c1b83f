"""Compose's variables as the templates of ecsctl.yaml.

``${X:-d}`` means the same in both. Compose puts an empty text for a variable that is not set, where ecsctl refuses: so
a bare ``$X`` becomes ``${X:-}`` with the default that the project's ``.env`` gives it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ecsctl.importers.report import Report, escape
from ecsctl.importers.words import looks_secret
from ecsctl.spec.nodes import Path, Scalar

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OPERATOR = re.compile(r":?[-?+]")


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
            raise ValueError(f"{text[index : index + 12]!r} is no variable (a dollar sign itself is written $$)")
        parts.append(plain)
        plain, index = "", name.end()
        if not braced:
            parts.append(Variable(name.group()))
            continue
        operator = OPERATOR.match(text, index)
        start = operator.end() if operator else index
        index = _closing(text, start)
        if operator is None and index != start:
            raise ValueError(f"${{{name.group()}{text[start : start + 8]} is no form of Compose's variables")
        parts.append(Variable(name.group(), operator.group() if operator else "", text[start:index]))
        index += 1
    parts.append(plain)
    return [part for part in parts if part != ""]


def _closing(text: str, start: int) -> int:
    depth, index = 1, start
    while index < len(text):
        if text.startswith("$$", index):
            index += 2
            continue
        if text.startswith("${", index):
            depth, index = depth + 1, index + 2
            continue
        if text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
        index += 1
    raise ValueError("a ${ has no closing brace")


@dataclass
class Interpolation:
    """The dialect of Compose files: texts become those of ecsctl.yaml.

    Args:
        report: takes what could not be said the same way.
        defaults: the values of the project's ``.env``; what looks like a secret is never written.
    """

    report: Report
    defaults: Mapping[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def __call__(self, node: Scalar, path: Path) -> str:
        """The text of a scalar."""
        return self.convert(node, path, node.text)

    def convert(self, node: Scalar, path: Path, text: str) -> str:
        """As a call, of another text that stands at ``node``."""
        try:
            parts = split(text)
        except ValueError as error:
            self.report.note(node, path, f"{error}: taken as it is written")
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
        self.used.add(variable.name)
        operator, words = variable.operator, variable.words
        if operator in ("-", "?"):
            self.report.note(
                node,
                path,
                f"${{{variable.name}{operator}…}} makes a difference between unset and empty; ecsctl does not",
            )
            operator = f":{operator}"
        if operator in ("+", ":+"):
            self.report.note(node, path, f"${{{variable.name}{operator}…}} has no equivalent: left empty")
            return ""
        if operator == ":?":
            if self._default(variable.name) is None:
                # A template's message may hold anything but braces and dollars.
                return f"${{{variable.name}:?{re.sub(r'[{}$]', '', words) or 'it must be set'}}}"
            operator, words = "", ""
        default = self._default(variable.name)
        if default is None and operator == ":-":
            default = self._flat(words, node, path)
        if default is None:
            default = ""
            if variable.name in self.defaults:
                self.report.note(
                    node, path, f"the value of {variable.name} stays in .env, for it looks like a secret: "
                    "set it in the environment, or give ecsctl --env-file .env"
                )  # fmt: skip
        if "}" in default or "$" in default:
            self.report.note(
                node, path, f"the default of {variable.name} has a character that no template may hold: left out"
            )
            default = ""
        return f"${{{variable.name}:-{default}}}"

    def _default(self, name: str) -> str | None:
        if name not in self.defaults or looks_secret(name):
            return None
        value = self.defaults[name]
        return None if "}" in value or "$" in value or "\n" in value else value

    def _flat(self, words: str, node: Scalar, path: Path) -> str:
        """A default with its own variables settled, since a template holds no other."""
        try:
            parts = split(words)
        except ValueError as error:
            self.report.note(node, path, f"{error}: the default is left out")
            return ""
        out = ""
        for part in parts:
            if isinstance(part, str):
                out += part
                continue
            self.used.add(part.name)
            inner = self._default(part.name)
            if inner is None:
                inner = self._flat(part.words, node, path) if part.operator.endswith("-") else ""
            self.report.note(node, path, f"{part.name} stands within a default: it is settled here and now")
            out += inner
        return out
