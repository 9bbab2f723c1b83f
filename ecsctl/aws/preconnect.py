"""Open a service's client and connection ahead of its first call, while another service answers."""

from __future__ import annotations

import threading
from typing import Any

from ecsctl.aws.session import Aws


def warm(aws: Aws, service: str) -> threading.Thread:
    """Make the client of ``service`` and open its connection, in a thread.

    It saves the handshakes of the first call and can only help: whatever goes wrong here is left to that call to tell.
    """
    thread = threading.Thread(target=_open, args=(aws, service), name=f"warm-{service}", daemon=True)
    thread.start()
    return thread


def _open(aws: Aws, service: str) -> None:
    if aws.fast is not None:
        aws.fast.preconnect(service)
        return
    try:
        client = aws.client(service)
        connect(client._endpoint.http_session, client.meta.endpoint_url)
    except Exception:
        return


def connect(http: Any, url: str) -> None:
    """Put an open connection to ``url`` into the pool of botocore's HTTP session, unless a proxy stands between."""
    if http._proxy_config.proxy_url_for(url):
        return
    pool = http._manager.connection_from_url(url)
    http._setup_ssl_cert(pool, url, http._verify)
    connection = pool._get_conn()
    try:
        if getattr(connection, "sock", None) is None:
            connection.connect()
    finally:
        pool._put_conn(connection)
