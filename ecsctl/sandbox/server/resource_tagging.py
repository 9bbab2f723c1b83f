"""The Resource Groups Tagging API: moto's answer with the ECS resources of the account in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from ecsctl.sandbox.http.error_responses import error
from ecsctl.sandbox.http.request import Answer, Request

TARGET = "ResourceGroupsTaggingAPI_20170126.GetResources"
_JSON = {"Content-Type": "application/x-amz-json-1.1"}


def get_resources(
    request: Request, ecs: Callable[[], Iterable[tuple[str, dict[str, str]]]], moto: Callable[[], Answer]
) -> Answer:
    """Answer GetResources: ECS's resources stand on the first page, before moto's.

    Args:
        ecs: gives the (ARN, tags) of every tagged ECS resource.
        moto: gives moto's own answer.
    """
    try:
        query = json.loads(request.body or b"{}")
    except ValueError:
        query = None
    if not isinstance(query, dict):
        return error(request, 400, "SerializationException", "The request is not a JSON object.")
    types = [str(item) for item in query.get("ResourceTypeFilters") or ()]
    rows = [] if query.get("PaginationToken") else _rows(query, types, ecs())
    if types and all(item.split(":")[0] == "ecs" for item in types):
        return 200, dict(_JSON), json.dumps({"ResourceTagMappingList": rows, "PaginationToken": ""}).encode()
    status, headers, body = moto()
    if status != 200:
        return status, headers, body
    content = json.loads(body)
    others = [row for row in content.get("ResourceTagMappingList", ()) if ":ecs:" not in row["ResourceARN"]]
    content["ResourceTagMappingList"] = rows + others
    return 200, dict(_JSON), json.dumps(content).encode()


def _rows(
    query: dict[str, Any], types: list[str], resources: Iterable[tuple[str, dict[str, str]]]
) -> list[dict[str, Any]]:
    named = query.get("ResourceARNList")
    filters = [item for item in query.get("TagFilters") or () if isinstance(item, dict)]
    return [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        for arn, tags in resources
        if (arn in named if named else _is_of_type(arn, types)) and _has_tags(tags, filters)
    ]


def _is_of_type(arn: str, types: list[str]) -> bool:
    service, resource = arn.split(":")[2], arn.split(":", 5)[5].split("/")[0]
    return not types or service in types or f"{service}:{resource}" in types


def _has_tags(tags: dict[str, str], filters: Iterable[dict[str, Any]]) -> bool:
    return all(
        item.get("Key") in tags and (not item.get("Values") or tags[item["Key"]] in item["Values"]) for item in filters
    )
