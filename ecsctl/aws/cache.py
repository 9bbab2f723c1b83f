"""The user's cache folder, and files in it that another process never sees half written."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where caches are kept: ``$XDG_CACHE_HOME/ecsctl`` (``~/.cache/ecsctl``)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "ecsctl"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file aside and move it into place; its folder is made where it is missing.

    Raises:
        OSError: it cannot be written.
    """
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
