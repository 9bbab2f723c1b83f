"""JMESPath, the language of the aws command's ``--query``; its library comes with botocore."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile_query(text: str) -> Callable[[Any], Any]:
    """What applies an expression to plain data (no times: those are texts there).

    Raises:
        ValueError: it is no JMESPath expression; the message says where it is wrong. What is returned raises it, too,
            where a function of the expression does not take the data's types.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        compiled = jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(_sentence(error)) from None

    def apply(data: Any) -> Any:
        try:
            return compiled.search(data)
        except JMESPathError as error:
            raise ValueError(_sentence(error)) from None

    return apply


def _sentence(error: Exception) -> str:
    """The first line of the library's message: those after it draw the expression with a mark below."""
    return str(error).strip().partition("\n")[0].rstrip(":")
