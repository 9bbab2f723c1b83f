"""Closing a session's data channel while its other end still sends."""

from __future__ import annotations

import threading
import time

from websockets.sync.server import ServerConnection, serve

from ecsctl.actions.session_client import channel

# More than the websockets library takes in before somebody reads.
UNREAD = 200


def test_what_nobody_reads_any_more_does_not_hold_the_end_up() -> None:
    sent = threading.Event()

    def talk(connection: ServerConnection) -> None:
        for _ in range(UNREAD):
            connection.send(b"x" * 1024)
        sent.set()
        for _ in connection:
            pass

    with serve(talk, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened = channel.connect(f"ws://127.0.0.1:{server.socket.getsockname()[1]}")
        assert sent.wait(30)
        begun = time.monotonic()
        opened.close()
        assert time.monotonic() - begun < 8, "the library waits for 10 s and more by itself"
        server.shutdown()
