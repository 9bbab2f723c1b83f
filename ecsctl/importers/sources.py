"""Reads the files that are imported: each must be a mapping, and what can be read past becomes a note."""

from __future__ import annotations

import sys

from ecsctl.errors import UsageError
from ecsctl.manifest.model import Fault, SpecError
from ecsctl.manifest.yaml.nodes import MapNode
from ecsctl.manifest.yaml.reader import MAX_BYTES, read

STDIN = "<stdin>"


def read_mapping(name: str, what: str, *, hint: str) -> tuple[MapNode, list[Fault]]:
    """The tree of a file, and the faults that could be read past.

    Args:
        name: its path, or ``STDIN``.
        what: what it is, for the message: ``a Compose file``.

    Raises:
        UsageError: it cannot be read.
        SpecError: it is not YAML, or not a mapping.
    """
    try:
        data = _bytes(name)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {name}: {reason(error)}", hint=hint) from None
    root, faults = read(name, data)
    if root is None:
        raise SpecError(faults)
    if not isinstance(root, MapNode):
        raise SpecError([Fault(root.position, "", f"{what} must be a mapping, not {root.kind}")])
    return root, faults


def _bytes(name: str) -> bytes:
    # One byte more than a file may have: the reader then says that it is too large.
    if name == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with open(name, "rb") as file:
        return file.read(MAX_BYTES + 1)


def reason(error: Exception) -> str:
    """What the system says of a file, without its name."""
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)
