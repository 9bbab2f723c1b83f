"""Tags: their rules, on creation and afterwards."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from ecsctl.sandbox.ecs.api.references import instance_of, service_of, task_of
from ecsctl.sandbox.ecs.errors import EcsApiError, client_error, invalid
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.store.store import Store

MAX_TAGS = 50
MAX_KEY = 128
MAX_VALUE = 256


def _allowed(text: str) -> bool:
    """Whether a tag may have this text: ``[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*`` (ECS API reference, Tag)."""
    return all(character in "_.:/=+-@" or unicodedata.category(character)[0] in "LZN" for character in text)


def checked_tags(tags: Sequence[Mapping[str, str]] | None, existing: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags of a request as a map, on top of the existing ones.

    Raises:
        EcsApiError: ``InvalidParameterException`` for a key or value the service refuses, a key twice, or more than 50.
    """
    merged = dict(existing or {})
    seen: set[str] = set()
    for tag in tags or ():
        key, value = tag.get("key"), tag.get("value") or ""
        if not key:
            raise invalid("Tag key can not be blank.")
        if len(key) > MAX_KEY:
            raise invalid(f"Tag key exceeds the maximum length of {MAX_KEY} characters.")
        if len(value) > MAX_VALUE:
            raise invalid(f"Tag value exceeds the maximum length of {MAX_VALUE} characters.")
        if not (_allowed(key) and _allowed(value)):
            raise invalid(
                "Some of the tags contain invalid characters. Tag keys and values can contain letters, spaces, numbers "
                "and the characters + - = . _ : / @."
            )
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys beginning with 'aws:' are reserved for system use.")
        if key in seen:
            raise invalid(f"Duplicate tag keys found. Tag keys must be unique: {key}")
        seen.add(key)
        merged[key] = value
    if sum(not key.startswith("aws:") for key in merged) > MAX_TAGS:
        raise invalid(f"The maximum number of tags is {MAX_TAGS}.")
    return merged


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """The map as the API lists it."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def _tags_of(region: Region, arn: str, *, change: bool = False) -> dict[str, str]:
    """The tags of a resource, to read or to ``change``; those of a stopped task are read only.

    Raises:
        EcsApiError: ``InvalidParameterException`` where the ARN names nothing that has tags.
    """
    store = region.store
    fields = arn.split(":", 5)
    if len(fields) < 6 or fields[0] != "arn" or fields[2] != "ecs":
        raise invalid("Invalid resource ARN.")
    kind, *path = fields[5].split("/")
    cluster = path[0] if len(path) == 2 else "default"
    if kind == "cluster":
        known = store.clusters.get(path[-1])
        if known and known.arn == arn and known.status != "INACTIVE":
            return known.tags
        raise EcsApiError("ClusterNotFoundException", "The specified cluster wasn't found.")
    if kind == "capacity-provider":
        provider = store.capacity_providers.get(path[-1])
        if provider and provider.arn == arn:
            return provider.tags
        raise invalid("The specified capacity provider wasn't found.")
    if kind == "task-definition":
        family, _, revision = path[-1].partition(":")
        definition = store.definitions.get((family, int(revision))) if revision.isdigit() else None
        if definition and definition.arn == arn:
            return definition.tags
        raise client_error("The specified task definition wasn't found.")
    if kind == "service":
        service = service_of(region, cluster, arn)
        if service and service.status != "INACTIVE":
            return service.tags
        raise EcsApiError("ServiceNotFoundException", "The specified service wasn't found.")
    if kind == "task":
        task = task_of(region, cluster, arn)
        if task is None:
            raise invalid("The specified task wasn't found.")
        if change and task.last_status == "STOPPED":
            raise invalid("The specified task is stopped. Specify a running task and try again.")
        return task.tags
    if kind == "container-instance":
        instance = instance_of(region, cluster, arn)
        if instance:
            return instance.tags
        raise invalid("The specified container instance wasn't found.")
    if kind == "task-set":
        owner = store.services.get((path[0], path[1])) if len(path) == 4 else None
        found = next((t for t in owner.task_sets if t.id == "/".join(path[2:])), None) if owner else None
        if found:
            return found.tags
        raise EcsApiError("TaskSetNotFoundException", "The specified task set wasn't found.")
    raise invalid("Invalid resource ARN.")


@operation("TagResource")
def tag_resource(region: Region, request: Request) -> Response:
    """TagResource: add tags, or give existing ones another value."""
    tags = _tags_of(region, request["resourceArn"], change=True)
    merged = checked_tags(request["tags"], tags)
    tags.update(merged)
    return {}


@operation("UntagResource")
def untag_resource(region: Region, request: Request) -> Response:
    """UntagResource: remove tags; keys that are not there are no error."""
    tags = _tags_of(region, request["resourceArn"], change=True)
    for key in request["tagKeys"]:
        if key.lower().startswith("aws:"):
            raise invalid("Tag keys beginning with 'aws:' are reserved for system use.")
    for key in request["tagKeys"]:
        tags.pop(key, None)
    return {}


@operation("ListTagsForResource")
def list_tags_for_resource(region: Region, request: Request) -> Response:
    """ListTagsForResource."""
    return {"tags": tag_list(_tags_of(region, request["resourceArn"]))}


def tagged(store: Store) -> Iterator[tuple[str, dict[str, str]]]:
    """Every resource that exists and has tags, as (ARN, tags): what the Resource Groups Tagging API lists of ECS."""
    for cluster in store.clusters.values():
        if cluster.tags and cluster.status != "INACTIVE":
            yield cluster.arn, dict(cluster.tags)
    for provider in store.capacity_providers.values():
        if provider.tags and provider.status != "INACTIVE":
            yield provider.arn, dict(provider.tags)
    for definition in store.definitions.values():
        if definition.tags and definition.status != "DELETED":
            yield definition.arn, dict(definition.tags)
    for instance in store.instances.values():
        if instance.tags:
            yield instance.arn, dict(instance.tags)
    for service in store.services.values():
        if service.tags and service.status != "INACTIVE":
            yield service.arn, dict(service.tags)
    for task in store.tasks.values():
        if task.tags and task.last_status != "STOPPED":
            yield task.arn, dict(task.tags)
