"""Calls side by side: the answers of a few workers, in order, with a bounded number under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 4


def map_concurrently(function: Callable[[T], R], items: Iterable[T], workers: int = WORKERS) -> Iterator[R]:
    """``map(function, items)``, with up to ``workers`` calls at the same time.

    Items are taken while calls are under way, so that describing overlaps the listing that yields them. At most twice
    ``workers`` answers are kept ahead of the reader. A single item is called in place: no thread, nothing imported.

    Raises:
        what ``function`` raises, at the item's turn; what has not begun by then is dropped.
    """
    if isinstance(items, Sequence) and len(items) <= 1:
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            while waiting and (waiting[0].done() or len(waiting) >= 2 * workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
