"""An answer is checked to be one, at the door: the operation's own, whole, and with its result in it.

botocore makes ``{}`` of a JSON body of HTTP 200 that it cannot read (a connection that was cut, a proxy's page), and an
empty answer of any well-formed document of a query service. What stands above the door would take both for "there is
none".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

READS = ("BatchGet", "Describe", "Get", "List")
# Operations whose answer says what was made or found: without it nobody can go on.
TELLING = (*READS, "Create", "Register", "Run", "Start", "Stop", "Update")
MAKING = ("Create", "Register")
# Members of answers that are not the result itself.
ASIDE = frozenset(
    {
        "nextToken",
        "NextToken",
        "NextMarker",
        "Marker",
        "PaginationToken",
        "IsTruncated",
        "failures",
        "Return",
        "Warning",
    }
)
ROOT = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<(?:[\w.-]+:)?([\w.-]+)", re.DOTALL
)
HTML = re.compile(rb"\A\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.DOTALL | re.IGNORECASE)


def is_read(operation: str) -> bool:
    """Whether an operation changes nothing, so that it may be asked again."""
    return operation.startswith(READS)


def result_of(output_shape: Any) -> str | None:
    """The member of an answer that is its result (``clusters`` of DescribeClusters); None where there is none.

    Args:
        output_shape: botocore's shape of the operation's output.
    """
    if output_shape is None:
        return None
    members = [name for name in output_shape.members if name not in ASIDE]
    return members[0] if members else None


class NotAnAnswerError(Exception):
    """A service answered with HTTP 200, but not as it does.

    Args:
        operation: the operation that was asked; None where only its client knows (an answer that cannot be parsed).
        problem: what is wrong with the answer, in words that go after "which".
    """

    def __init__(self, answer: Mapping[str, Any], problem: str, operation: str | None = None) -> None:
        super().__init__(f"{described(answer)} was answered, which {problem}")
        self.answer = answer
        self.problem = problem
        self.operation = operation

    @property
    def cut(self) -> bool:
        """Whether it begins as an answer does, so that the connection may have been cut."""
        body = self.answer["body"]
        return not HTML.match(body) and (not body or body.lstrip()[:1] in (b"{", b"<"))


def described(answer: Mapping[str, Any]) -> str:
    """An answer in a few words: ``82 bytes of text/html``."""
    size, kind = len(answer["body"]), answer["headers"].get("content-type", "").partition(";")[0].strip()
    what = f"{size} bytes" if size else "an empty body"
    return f"{what} of {kind}" if kind else what


def check_answer(model: Any, answer: Mapping[str, Any], parsed: dict[str, Any]) -> None:
    """Check what a service answered with HTTP 200; absent lists are filled in where the rest is there.

    Args:
        model: botocore's model of the operation.
        answer: ``body`` and ``headers``.
        parsed: what botocore made of it.

    Raises:
        NotAnAnswerError: it is none.
    """
    if not isinstance(answer["body"], bytes):
        return  # a stream, which no operation of ecsctl's has
    problem = _problem(model, answer["body"], answer["headers"], parsed)
    if problem is not None:
        raise NotAnAnswerError(answer, problem, model.name)
    shape, result = model.output_shape, result_of(model.output_shape)
    if result is not None and shape.members[result].type_name == "list":
        parsed.setdefault(result, [])


def install_parsers(session: Any) -> None:
    """Make ``session`` (botocore's) tell an answer that it cannot parse from a bug of its own.

    An error page of a status of 500 and above becomes the error of that status, which botocore repeats.
    """
    from http.client import responses

    from botocore.parsers import ResponseParserFactory

    class Parsers:
        """botocore's factory of parsers, whose parsers fail as :func:`install_parsers` says."""

        def __init__(self) -> None:
            self._factory = ResponseParserFactory()
            self.set_parser_defaults = self._factory.set_parser_defaults

        def create_parser(self, protocol_name: str) -> Any:
            parser = self._factory.create_parser(protocol_name)
            whole = parser.parse

            def parse(response: dict[str, Any], shape: Any) -> Any:
                try:
                    return whole(response, shape)
                except Exception as error:
                    status = response["status_code"]
                    if not isinstance(response["body"], bytes):
                        raise
                    if status < 300:
                        raise NotAnAnswerError(response, "cannot be read") from error
                    metadata = {"HTTPStatusCode": status, "HTTPHeaders": dict(response["headers"])}
                    fault = {"Code": str(status), "Message": responses.get(status, "")}
                    return {"Error": fault, "ResponseMetadata": metadata}

            parser.parse = parse
            return parser

    session.register_component("response_parser_factory", Parsers())


def _problem(model: Any, body: bytes, headers: Mapping[str, str], parsed: Mapping[str, Any]) -> str | None:
    shape, operation = model.output_shape, model.name
    protocol = model.service_model.resolved_protocol
    if protocol in ("query", "ec2"):
        root = ROOT.match(body)
        if root is None or root[1].decode() != f"{operation}Response":
            return f"is not an answer of {operation}"
    elif shape is None or not shape.members:
        return _problem_of_nothing(operation, protocol, body, headers)
    elif not any(name in parsed for name in shape.members):
        return f"is not an answer of {operation}" if _not_an_object(protocol, body) else "says nothing"
    result = result_of(shape)
    if result is None or not operation.startswith(TELLING):
        return None
    if shape.members[result].type_name == "list":
        if operation.startswith(MAKING) and not parsed.get(result):
            return f"lacks {result}"
    elif parsed.get(result) in (None, ""):
        return f"lacks {result}"
    return None


def _problem_of_nothing(operation: str, protocol: str, body: bytes, headers: Mapping[str, str]) -> str | None:
    # The answer of an operation that answers nothing: an empty body, or an empty object.
    if body and _not_an_object(protocol, body):
        return f"is not an answer of {operation}"
    signs = headers.get("x-amzn-requestid") or headers.get("content-type", "").startswith("application/")
    return None if body or signs else "may be anybody's"


def _not_an_object(protocol: str, body: bytes) -> bool:
    if protocol != "json":
        return not body
    try:
        return not isinstance(json.loads(body), dict)
    except ValueError:
        return True
