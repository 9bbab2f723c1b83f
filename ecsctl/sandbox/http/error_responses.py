"""Errors in the form that the client of each kind of service reads: JSON, query or EC2's XML, REST."""

from __future__ import annotations

import json
import uuid
from xml.sax.saxutils import escape

from ecsctl.sandbox.http.request import Answer, Request

_REST_XML = ("s3", "route53", "cloudfront")


def error(request: Request, status: int, code: str, message: str) -> Answer:
    """An error as the answer to a request, in the protocol that the request speaks."""
    number = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": number}
    target = request.amz_target
    form = "urlencoded" in request.header("content-type") or "Action=" in request.query
    if not target and (form or request.service in _REST_XML or request.service in ("ec2", "")):
        fault = "Sender" if status < 500 else "Receiver"
        if request.service == "ec2":
            text = (
                f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
                f"</Errors><RequestID>{number}</RequestID></Response>"
            )
        else:
            text = (
                f"<ErrorResponse><Error><Type>{fault}</Type><Code>{escape(code)}</Code>"
                f"<Message>{escape(message)}</Message></Error><RequestId>{number}</RequestId></ErrorResponse>"
            )
        xml = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'
        return status, {**headers, "Content-Type": "text/xml"}, xml.encode()
    content = json.dumps({"__type": code, "message": message}).encode()
    kind = "application/x-amz-json-1.1" if target else "application/json"
    return status, {**headers, "Content-Type": kind, "x-amzn-ErrorType": code}, content


def unknown_operation(request: Request) -> Answer:
    """The answer to an operation that the sandbox does not have: AWS's to one that does not exist."""
    code = "UnknownOperationException" if request.amz_target else "InvalidAction"
    service = request.service or "this service"
    return error(request, 400, code, f"The sandbox does not implement {request.operation} of {service}.")


def unknown_service(request: Request, service: str | None = None) -> Answer:
    """The answer to a request for a service that the sandbox does not have."""
    named = request.service if service is None else service
    return error(request, 400, "UnknownService", f"The sandbox does not implement the service {named!r}.")
