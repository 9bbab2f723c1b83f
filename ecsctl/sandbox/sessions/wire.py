"""The data channel's messages, as the agent's end writes and reads them."""

from __future__ import annotations

import hashlib
import json
import struct
import time
import uuid
from typing import Any, NamedTuple

HEADER = struct.Struct(">I32sIQqQ16s32sII")
INPUT, OUTPUT, ACKNOWLEDGE, CLOSED = "input_stream_data", "output_stream_data", "acknowledge", "channel_closed"
DATA, SIZE, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE, FLAG = 1, 3, 5, 6, 7, 10
TERMINATE, CONNECT_ERROR = 2, 3


class Frame(NamedTuple):
    """A message: its type, its number, its id (second half first, as it came), the payload's kind and the payload."""

    type: str
    sequence: int
    id: bytes
    kind: int
    payload: bytes


def pack(type_: str, payload: bytes, kind: int = 0, sequence: int = 0, flags: int = 0) -> bytes:
    """A message as it is sent."""
    moment = time.time_ns() // 1_000_000
    digest = hashlib.sha256(payload).digest()
    head = HEADER.pack(
        116, type_.encode().ljust(32), 1, moment, sequence, flags, uuid.uuid4().bytes, digest, kind, len(payload)
    )
    return head + payload


def unpack(data: bytes) -> Frame:
    """A message that came.

    Raises:
        struct.error: it is too short.
    """
    length, type_, _, _, sequence, _, id_, _, kind, size = HEADER.unpack_from(data)
    return Frame(type_.rstrip(b" \0").decode(), sequence, id_, kind, data[length + 4 : length + 4 + size])


def acknowledgement(frame: Frame) -> bytes:
    """The acknowledgement of a message."""
    content: dict[str, Any] = {
        "AcknowledgedMessageType": frame.type,
        "AcknowledgedMessageId": str(uuid.UUID(bytes=frame.id[8:] + frame.id[:8])),
        "AcknowledgedMessageSequenceNumber": frame.sequence,
        "IsSequentialMessage": True,
    }
    return pack(ACKNOWLEDGE, json.dumps(content).encode(), flags=3)
