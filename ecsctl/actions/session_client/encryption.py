"""A session that the cluster's KMS key encrypts: AES-256 in GCM, with a data key for each direction."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING, Any

from ecsctl.errors import EcsctlError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

NONCE = 12
KEY = 32


class KmsCipher:
    """Implements :class:`ecsctl.actions.session_client.channel.Cipher`.

    Args:
        plain: 64 bytes: the key of what comes, and the key of what goes.
        sealed: the same as KMS sealed it, for the agent.
    """

    def __init__(self, plain: bytes, sealed: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise EcsctlError(
                "this cluster encrypts its sessions, which needs the library cryptography",
                hint="`pip install cryptography`, or use session-manager-plugin (--client plugin)",
            ) from None
        self._incoming: Any = AESGCM(plain[:KEY])
        self._outgoing: Any = AESGCM(plain[KEY : 2 * KEY])
        digest = hashlib.sha256(sealed).digest()
        self.introduction = {
            "KMSCipherTextKey": base64.b64encode(sealed).decode(),
            "KMSCipherTextHash": base64.b64encode(digest).decode(),
        }

    @classmethod
    def of(cls, aws: Aws, key: str, session: str, target: str) -> KmsCipher:
        """The cipher of a session (kms:GenerateDataKey).

        Raises:
            EcsctlError: the key may not be used, or ``cryptography`` is not installed.
        """
        query = {
            "KeyId": key,
            "NumberOfBytes": 2 * KEY,
            "EncryptionContext": {"aws:ssm:SessionId": session, "aws:ssm:TargetId": target},
        }
        answer = aws.call("kms", "GenerateDataKey", query, about=key)
        return cls(answer["Plaintext"], answer["CiphertextBlob"])

    def encrypt(self, plain: bytes) -> bytes:
        """Sealed, behind its nonce."""
        nonce = os.urandom(NONCE)
        return nonce + bytes(self._outgoing.encrypt(nonce, plain, None))

    def decrypt(self, sealed: bytes) -> bytes:
        """What was sealed by the agent."""
        return bytes(self._incoming.decrypt(sealed[:NONCE], sealed[NONCE:], None))
