"""Errors in the form that the client of each kind of service reads: JSON, query or EC2's XML, REST."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z0-9]+)")
REST_XML = ("s3", "route53", "cloudfront")


def refusal(
    environ: Mapping[str, Any], service: str, status: int, code: str, message: str
) -> tuple[int, dict[str, str], bytes]:
    """An error answer: (status, headers, body).

    Args:
        environ: the request's WSGI environment.
        service: as in the signature's scope, empty where the request had none.
    """
    number = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": number}
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    form = "urlencoded" in str(environ.get("CONTENT_TYPE", "")) or "Action=" in str(environ.get("QUERY_STRING", ""))
    if not target and (form or service in REST_XML or service in ("ec2", "")):
        fault = "Sender" if status < 500 else "Receiver"
        if service == "ec2":
            text = (
                f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
                f"</Errors><RequestID>{number}</RequestID></Response>"
            )
        else:
            text = (
                f"<ErrorResponse><Error><Type>{fault}</Type><Code>{escape(code)}</Code>"
                f"<Message>{escape(message)}</Message></Error><RequestId>{number}</RequestId></ErrorResponse>"
            )
        return (
            status,
            {**headers, "Content-Type": "text/xml"},
            f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode(),
        )
    content = json.dumps({"__type": code, "message": message}).encode()
    kind = "application/x-amz-json-1.1" if target else "application/json"
    return status, {**headers, "Content-Type": kind, "x-amzn-ErrorType": code}, content


def operation_of(environ: Mapping[str, Any], body: bytes) -> str:
    """The API operation that a request names, or its method and path."""
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target:
        return target.rpartition(".")[2]
    found = ACTION.search(body) or ACTION.search(str(environ.get("QUERY_STRING", "")).encode())
    if found:
        return found[1].decode()
    return f"{environ.get('REQUEST_METHOD', '')} {environ.get('PATH_INFO', '')}"


def unknown_operation(environ: Mapping[str, Any], service: str, operation: str) -> tuple[int, dict[str, str], bytes]:
    """What AWS answers to an operation that it does not have: the sandbox has none of that name."""
    message = f"The sandbox has no operation {operation} of {service or 'this service'}."
    code = "UnknownOperationException" if environ.get("HTTP_X_AMZ_TARGET") else "InvalidAction"
    return refusal(environ, service, 400, code, message)


def unknown_service(environ: Mapping[str, Any], service: str) -> tuple[int, dict[str, str], bytes]:
    """The same for a whole service."""
    message = f"The sandbox has no service {service!r}."
    return refusal(environ, service, 400, "UnknownService", message)
