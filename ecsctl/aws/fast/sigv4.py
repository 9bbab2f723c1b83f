"""AWS Signature Version 4 for a POST of a body to ``/``: the headers to add to a request."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

ALGORITHM = "AWS4-HMAC-SHA256"


def signed_headers(
    headers: Mapping[str, str],
    body: bytes,
    *,
    host: str,
    path: str,
    access_key: str,
    secret_key: str,
    token: str | None,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """``headers`` with the date, the session token and the signature.

    Args:
        headers: those to be signed besides host and date (``Content-Type``, ``X-Amz-Target``).
        host: as the ``Host`` header has it: with the port where it is not the scheme's own.
        path: the path of the URL, percent-encoded.
        region: the region of the signing scope; ``service`` its service.
        now: the time in UTC; AWS takes five minutes of difference.

    Source: "Signature Version 4 signing process" of the AWS General Reference.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    result = {**headers, "X-Amz-Date": stamp}
    if token:
        result["X-Amz-Security-Token"] = token
    canonical = {name.lower(): " ".join(value.split()) for name, value in result.items()}
    canonical["host"] = host
    names = ";".join(sorted(canonical))
    lines = "".join(f"{name}:{canonical[name]}\n" for name in sorted(canonical))
    request = f"POST\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"{ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _signing_key(secret_key, stamp[:8], region, service)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    result["Authorization"] = (
        f"{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return result


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
