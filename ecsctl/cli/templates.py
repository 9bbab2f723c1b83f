"""Templates of users' own, in Jinja (``pip install 'ecsctl[template]'``)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ecsctl.errors import UsageError


class Template:
    """A Jinja template in a file; it is read anew where it has changed. What it includes is looked for beside it.

    Args:
        path: the file.

    Raises:
        UsageError: it cannot be read, or Jinja is not installed.
    """

    def __init__(self, path: str) -> None:
        try:
            from jinja2 import Environment, FileSystemLoader, StrictUndefined
        except ImportError:
            raise UsageError(
                "--template needs Jinja, which is not installed",
                hint="`pip install 'ecsctl[template]'`; --format nginx and its like need nothing",
            ) from None
        if not os.path.isfile(path):
            raise UsageError(f"cannot read {path}: there is no such file")
        self._path = path
        self._environment = Environment(
            loader=FileSystemLoader(os.path.dirname(os.path.abspath(path))),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, values: Mapping[str, Any]) -> str:
        """The text.

        Raises:
            UsageError: the template is wrong, or uses what is not there; it names the line.
        """
        from jinja2 import TemplateError, TemplateSyntaxError

        try:
            return self._environment.get_template(os.path.basename(self._path)).render(values)
        except TemplateSyntaxError as error:
            raise UsageError(f"{error.filename or self._path}:{error.lineno}: {error.message}") from None
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, OSError) as error:
            raise UsageError(f"{self._path}{_line(error, self._path)}: {error}") from None


def _line(error: BaseException, path: str) -> str:
    """``:7`` where the error was raised in that line of the template."""
    trace, line = error.__traceback__, ""
    while trace is not None:
        if os.path.basename(trace.tb_frame.f_code.co_filename) == os.path.basename(path):
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line
