"""The certificates with which listeners end TLS: those that moto's ACM made, or some of the sandbox's own."""

from __future__ import annotations

import ssl
import tempfile
import threading
from typing import Any

OWN_NAME = "sandbox.ecsctl.invalid"


class Certificates:
    """TLS contexts by the ARN of a certificate, each made once.

    No client trusts them unless it is told to: they are signed by nobody.
    """

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._guard = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}

    def context(self, arn: str) -> ssl.SSLContext:
        """The context of a certificate of ACM; of one that ACM does not have, one for a name of the sandbox's own."""
        with self._guard:
            if arn not in self._contexts:
                self._contexts[arn] = _context(self._bundle(arn))
            return self._contexts[arn]

    def _bundle(self, arn: str) -> Any:
        from moto.acm.models import CertBundle, acm_backends

        known = acm_backends[self._account][self._region]
        try:
            return known.get_certificate(arn)
        except Exception:
            return CertBundle.generate_cert(OWN_NAME, self._account, self._region)


def _context(bundle: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The module takes files only.
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(bundle.key + b"\n" + bundle.cert)
        file.flush()
        context.load_cert_chain(file.name)
    return context
