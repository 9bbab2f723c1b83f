"""Pages of the list operations, with tokens that hold their place while things come and go."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

from ecsctl.sandbox.ecs.errors import EcsApiError, invalid
from ecsctl.sandbox.ecs.region import Request

_NOT_A_FILTER = frozenset({"nextToken", "maxResults"})


LARGEST = 100


def check_size(request: Request, limit: int = LARGEST) -> None:
    """Refuse a ``maxResults`` that no page has.

    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    if not 1 <= request.get("maxResults", 1) <= limit:
        raise invalid(f"maxResults must be between 1 and {limit}.")


def page(
    request: Request, items: Sequence[str], *, default: int = LARGEST, limit: int = LARGEST
) -> tuple[list[str], str | None]:
    """One page of the items and the token of the next one.

    Args:
        request: ``maxResults``, ``nextToken``; its other members must be the same from page to page.
        items: all of them, in a stable order.
        default: the page's size where the request has none.
        limit: the largest page.
    Raises:
        EcsApiError: ``InvalidParameterException`` for a size out of range or a token that is not of this list.
    """
    check_size(request, limit)
    size = request.get("maxResults", default)
    start = _start(request, items)
    chosen = list(items[start : start + size])
    if start + size >= len(items):
        return chosen, None
    return chosen, _token(request, start + size, chosen[-1])


def listing(member: str, chosen: Sequence[object], token: str | None) -> dict[str, object]:
    """The response of a list operation: its items and, where there are more, ``nextToken``."""
    return {member: list(chosen)} | ({"nextToken": token} if token else {})


def _digest(request: Request) -> str:
    filters = {key: value for key, value in request.items() if key not in _NOT_A_FILTER}
    return hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()[:16]


def _token(request: Request, offset: int, last: str) -> str:
    content = json.dumps([_digest(request), offset, last]).encode()
    return base64.urlsafe_b64encode(content).decode()


def _start(request: Request, items: Sequence[str]) -> int:
    token = request.get("nextToken")
    if not token:
        return 0
    error: EcsApiError = invalid("Invalid token")
    try:
        digest, offset, last = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        raise error from None
    if digest != _digest(request) or not isinstance(offset, int):
        raise error
    # The last item given may have moved since; where it is gone, its old place is the best that is left.
    if offset <= len(items) and offset and items[offset - 1] == last:
        return offset
    try:
        return items.index(last) + 1
    except ValueError:
        return min(offset, len(items))
