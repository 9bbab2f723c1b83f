"""The messages of a data channel as bytes: a fixed header in network order, and a payload. Pure.

The layout is that of Session Manager's public client: the type, a sequence number, flags, an id, the SHA-256 of the
payload, the payload's kind. Of the id the second half comes first.
"""

from __future__ import annotations

import hashlib
import json
import struct
import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

HEADER = struct.Struct(">I32sIQqQ16s32sII")
# The header says its own length without the payload's length, which closes it.
HEADER_LENGTH = HEADER.size - 4

INPUT, OUTPUT = "input_stream_data", "output_stream_data"
ACKNOWLEDGE, CLOSED = "acknowledge", "channel_closed"
START, PAUSE = "start_publication", "pause_publication"

# Kinds of payloads.
DATA, ERROR, SIZE = 1, 2, 3
HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE, HANDSHAKE_COMPLETE = 5, 6, 7
ENCRYPTION_CHALLENGE, ENCRYPTION_ANSWER = 8, 9
FLAG, STDERR, EXIT_CODE = 10, 11, 12
# What a FLAG says.
DISCONNECT, TERMINATE, CONNECT_ERROR = 1, 2, 3


class Message(NamedTuple):
    """A message; ``kind`` is the payload's."""

    type: str
    sequence: int
    id: bytes
    kind: int
    payload: bytes

    def json(self) -> Any:
        """The payload as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.payload or b"{}")


def encode(type_: str, payload: bytes, *, kind: int = 0, sequence: int = 0, flags: int = 0) -> bytes:
    """A message as it is sent, with an id and the time of its own."""
    digest = hashlib.sha256(payload).digest()
    id_ = uuid.uuid4().bytes
    head = HEADER.pack(
        HEADER_LENGTH,
        type_.encode().ljust(32),
        1,
        time.time_ns() // 1_000_000,
        sequence,
        flags,
        id_[8:] + id_[:8],
        digest,
        kind,
        len(payload),
    )
    return head + payload


def decode(data: bytes) -> Message:
    """A message that was received.

    Raises:
        ValueError: it is too short, or its payload was damaged on the way.
    """
    if len(data) < HEADER.size:
        raise ValueError(f"a message of {len(data)} bytes")
    length, type_, _, _, sequence, _, id_, digest, kind, size = HEADER.unpack_from(data)
    payload = data[length + 4 : length + 4 + size]
    name = type_.rstrip(b" \0").decode("ascii", "replace")
    if size and name not in (START, PAUSE) and hashlib.sha256(payload).digest() != digest:
        raise ValueError(f"the payload of a message {name} was damaged on the way")
    return Message(name, sequence, id_[8:] + id_[:8], kind, payload)


def acknowledge(message: Message) -> bytes:
    """The acknowledgement of a message."""
    content: Mapping[str, Any] = {
        "AcknowledgedMessageType": message.type,
        "AcknowledgedMessageId": str(uuid.UUID(bytes=message.id)),
        "AcknowledgedMessageSequenceNumber": message.sequence,
        "IsSequentialMessage": True,
    }
    return encode(ACKNOWLEDGE, json.dumps(content).encode(), flags=3)
