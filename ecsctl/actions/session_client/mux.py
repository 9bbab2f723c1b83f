"""Many connections over one session: the frames of smux, version 1, which the agent of Session Manager speaks. Pure.

A frame is version, command, length and stream, little-endian: a stream begins with SYN, carries PSH, ends with FIN.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

FRAME = struct.Struct("<BBHI")
VERSION = 1
SYN, FIN, PSH, NOP = range(4)
LONGEST = 32768


def frames(command: int, stream: int, data: bytes = b"") -> Iterator[bytes]:
    """The frames of a command; data that is too long for one is cut."""
    if not data:
        yield FRAME.pack(VERSION, command, 0, stream)
    for start in range(0, len(data), LONGEST):
        part = data[start : start + LONGEST]
        yield FRAME.pack(VERSION, command, len(part), stream) + part


class Demux:
    """Takes frames out of a flow of bytes, wherever it is torn.

    Args:
        handle: gets (command, stream, data) of each.
    """

    def __init__(self, handle: Callable[[int, int, bytes], None]) -> None:
        self._handle = handle
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take in what came.

        Raises:
            ValueError: it is of another version.
        """
        data = self._rest + data
        place = 0
        while len(data) - place >= FRAME.size:
            version, command, length, stream = FRAME.unpack_from(data, place)
            if version != VERSION:
                raise ValueError(f"frames of version {version}")
            if len(data) - place - FRAME.size < length:
                break
            place += FRAME.size
            self._handle(command, stream, data[place : place + length])
            place += length
        self._rest = data[place:]
