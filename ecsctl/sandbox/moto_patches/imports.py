"""Importing moto is most of a cold start. What it reads several times is read once, and nothing is collected meanwhile.

moto's EC2 makes three sessions of boto3 as it is imported, and each parses all endpoints of AWS anew: 0.1 s each.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def once() -> Iterator[None]:
    """While this lasts, botocore's data files are parsed once each, and the garbage collector rests."""
    from botocore.loaders import JSONFileLoader

    load = JSONFileLoader.load_file
    parsed: dict[str, Any] = {}

    def load_file(self: Any, file_path: str) -> Any:
        if file_path not in parsed:
            parsed[file_path] = load(self, file_path)
        return parsed[file_path]

    collects = gc.isenabled()
    gc.disable()
    JSONFileLoader.load_file = load_file
    try:
        yield
    finally:
        JSONFileLoader.load_file = load
        # All that was made stays until the end: looking through it again and again takes 0.3 s each time.
        gc.freeze()
        if collects:
            gc.enable()
