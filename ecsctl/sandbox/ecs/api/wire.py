"""The JSON protocol of ECS: bytes → a checked request → an operation → bytes.

Both directions follow botocore's own model of the service, so the engine takes and gives exactly the members that
every SDK knows: unknown members of a request are dropped as the real service drops them, members of an answer that
the model does not have never leave.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from ecsctl.refusals.limits import CHECKED_ENUMERATIONS
from ecsctl.sandbox.ecs.errors import EcsApiError

__all__ = ["EcsApiError", "answer", "checked_request", "known_operations", "shaped_response"]

log = logging.getLogger(__name__)

TARGET_PREFIX = "AmazonEC2ContainerServiceV20141113."
CONTENT_TYPE = "application/x-amz-json-1.1"

# These families of operations answer ClientException where all others answer InvalidParameterException.
_CLIENT_EXCEPTION_OPERATIONS = frozenset(
    {
        "RegisterTaskDefinition",
        "DeregisterTaskDefinition",
        "DescribeTaskDefinition",
        "DeleteTaskDefinitions",
        "ListTaskDefinitions",
        "ListTaskDefinitionFamilies",
    }
)

# Members the model calls optional, which the service demands all the same, and the other way round; with its sentence.
_MISSING_SENTENCES: Mapping[tuple[str, str], str] = {
    ("RegisterTaskDefinition", "family"): "Family should not be null or blank.",
    ("RegisterTaskDefinition", "containerDefinitions"): "Container list cannot be empty.",
    ("RunTask", "taskDefinition"): "TaskDefinition can not be blank.",
    ("StartTask", "taskDefinition"): "TaskDefinition can not be blank.",
    ("StartTask", "containerInstances"): "Container instances cannot be empty.",
    ("DescribeTasks", "tasks"): "Tasks cannot be empty.",
    ("DescribeServices", "services"): "Services cannot be empty.",
    ("DescribeContainerInstances", "containerInstances"): "Container instances cannot be empty.",
    ("DescribeTaskDefinition", "taskDefinition"): "Unable to describe task definition.",
    ("CreateService", "serviceName"): "Service name can not be blank.",
    ("StopTask", "task"): "Task identifier can not be blank.",
    ("DeleteCluster", "cluster"): "Cluster can not be blank.",
}


# Sentences that moto and other emulators answer; no source of AWS's own is known, so `explain` does not quote them.
_ENUMERATION_WORDS = {
    "LaunchType": "launch type should be one of",
    "SchedulingStrategy": "Scheduling strategy should be one of",
    "SettingName": "{} should be one of",
}


@functools.lru_cache(maxsize=1)
def service_model() -> ServiceModel:
    """botocore's model of ECS, loaded once a process."""
    return ServiceModel(Loader().load_service_model("ecs", "service-2"), "ecs")


@functools.lru_cache(maxsize=1)
def known_operations() -> frozenset[str]:
    """The names of every operation that the model has."""
    return frozenset(service_model().operation_names)


@functools.cache
def _operation_model(operation: str) -> OperationModel:
    return service_model().operation_model(operation)


def checked_request(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with unknown members dropped and nulls removed, types and enumerations checked.

    Args:
        operation: the API operation; must be one of :func:`known_operations`.
        request: the decoded JSON body.
    Raises:
        EcsApiError: ``SerializationException`` for a wrong type, else ``InvalidParameterException`` (task definition
            operations: ``ClientException``) for a missing member or a value outside its enumeration.
    """
    model = _operation_model(operation)
    shape = model.input_shape
    if shape is None:
        return {}
    checked: dict[str, Any] = _checked(operation, shape, request, "")
    return checked


def refusal(operation: str, message: str) -> EcsApiError:
    """The error by which this operation refuses an argument."""
    code = "ClientException" if operation in _CLIENT_EXCEPTION_OPERATIONS else "InvalidParameterException"
    return EcsApiError(code, message)


def _checked(operation: str, shape: Shape, value: Any, path: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return _checked_structure(operation, shape, value, path)
    if kind == "list":
        if not isinstance(value, list):
            raise _wrong_type("List", value)
        items = [item for item in value if item is not None]
        return [_checked(operation, shape.member, item, f"{path}.{n}.member") for n, item in enumerate(items, 1)]
    if kind == "map":
        if not isinstance(value, Mapping):
            raise _wrong_type("Map", value)
        return {
            str(key): _checked(operation, shape.value, item, f"{path}.{key}")
            for key, item in value.items()
            if item is not None
        }
    return _checked_scalar(operation, shape, value, path)


def _checked_structure(operation: str, shape: Shape, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong_type("Structure", value)
    for name in shape.required_members:
        where = f"{path}.{name}" if path else name
        sentence = _MISSING_SENTENCES.get((operation, where))
        if value.get(name) is None or (sentence and value[name] in ("", [])):
            raise refusal(
                operation,
                sentence
                or f"1 validation error detected: Value null at '{where}' failed to satisfy constraint: "
                "Member must not be null",
            )
    checked: dict[str, Any] = {}
    for name, member in shape.members.items():
        item = value.get(name)
        if item is not None:
            checked[name] = _checked(operation, member, item, f"{path}.{name}" if path else name)
    return checked


def _checked_scalar(operation: str, shape: Shape, value: Any, path: str) -> Any:
    kind = shape.type_name
    if kind == "string":
        if not isinstance(value, str):
            raise _wrong_type("String", value)
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed and shape.name not in CHECKED_ENUMERATIONS:
            known = _ENUMERATION_WORDS.get(shape.name)
            general = (
                f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(allowed)}]"
            )
            raise refusal(operation, f"{known.format(value)} [{','.join(allowed)}]" if known else general)
        return value
    if kind == "boolean":
        if not isinstance(value, bool):
            raise _wrong_type("Boolean", value)
        return value
    if kind in ("integer", "long"):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise _wrong_type(kind.capitalize(), value)
        bits = 31 if kind == "integer" else 63
        number = int(value)
        if number != value or not -(2**bits) <= number < 2**bits:
            raise _wrong_type(kind.capitalize(), value)
        return number
    if kind in ("double", "float"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong_type("Double", value)
        return float(value)
    if kind == "timestamp":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong_type("Timestamp", value)
        return float(value)
    return value


def _wrong_type(expected: str, value: Any) -> EcsApiError:
    # The service's words, which do not say where: aws-actions/amazon-ecs-deploy-task-definition#587.
    if isinstance(value, Mapping):
        return EcsApiError("SerializationException", "Start of structure or map found where not expected.")
    if isinstance(value, list):
        return EcsApiError("SerializationException", "Start of list found where not expected")
    given = f"{value}".upper() if isinstance(value, bool) else "STRING" if isinstance(value, str) else "NUMBER"
    return EcsApiError("SerializationException", f"{given}_VALUE cannot be converted to {expected}")


def shaped_response(operation: str, response: Mapping[str, Any]) -> dict[str, Any]:
    """The response as the model has it: unknown members and nulls dropped, times in epoch seconds."""
    shape = _operation_model(operation).output_shape
    return _shaped(shape, response) if shape is not None else {}


def _shaped(shape: Shape, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure":
        members = shape.members
        return {
            name: _shaped(members[name], item) for name, item in value.items() if item is not None and name in members
        }
    if kind == "list":
        member = shape.member
        if member.type_name not in ("structure", "list", "map", "timestamp"):
            return list(value)
        return [_shaped(member, item) for item in value]
    if kind == "map":
        return dict(value)
    if kind == "timestamp":
        return round(float(value), 3)
    return value


def answer(operation: str, body: bytes, perform: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Answer:
    """Decode, perform, encode; whatever goes wrong becomes an error of the API.

    Args:
        operation: the operation's name, or the whole ``X-Amz-Target``.
        body: the request's JSON.
        perform: (operation, decoded request) → response.
    Returns:
        HTTP status, headers, body. A bug in the engine is a ``ServerException`` (500) and a line in the log.
    """
    name = operation.removeprefix(TARGET_PREFIX)
    try:
        if name not in known_operations():
            raise EcsApiError("UnknownOperationException", "")
        return _http(200, perform(name, _decoded(body)))
    except EcsApiError as error:
        # The front of the real service writes "Message" where the service behind it writes "message".
        key = "Message" if error.code == "SerializationException" else "message"
        content = {"__type": error.code, key: error.message} if error.message else {"__type": error.code}
        return _http(error.status, content, error.code)
    except Exception:
        log.exception("ECS operation %s failed inside the sandbox", name)
        return _http(500, {"__type": "ServerException", "message": "Service Unavailable."}, "ServerException")


Answer = tuple[int, dict[str, str], bytes]


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(body) if body.strip() else {}
    except ValueError:
        raise EcsApiError("SerializationException", "Unexpected character or end of the request's JSON") from None
    if not isinstance(decoded, dict):
        raise EcsApiError("SerializationException", "Start of structure or map found where not expected.")
    return decoded


def _http(status: int, content: Mapping[str, Any], error_type: str | None = None) -> Answer:
    body = json.dumps(content, separators=(",", ":")).encode()
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(len(body)),
        "x-amzn-RequestId": str(uuid.uuid4()),
    }
    if error_type:
        headers["x-amzn-ErrorType"] = error_type
    return status, headers, body
