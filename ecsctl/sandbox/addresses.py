"""Loopback addresses, one an instance and one a balancer, claimed so that two sandboxes never share one."""

from __future__ import annotations

import socket
from collections.abc import Iterator

# An address is claimed by listening on the agent's own port there: reserved in ECS, so no task can want it.
CLAIM_PORT = 51678


class Addresses:
    """Hands out addresses of ``127.0.FIRST.x`` and of the nets above it. Not thread safe: used under the lock.

    Where the system has only 127.0.0.1 (no other loopback address can be bound), everything shares that one.
    """

    def __init__(self, first: int, last: int) -> None:
        self._range = (first, last)
        self._claims: dict[str, tuple[str, socket.socket | None]] = {}

    def of(self, owner: str, wish: str | None = None) -> str:
        """The address of ``owner`` (an instance id, a balancer's name), claimed at the first call."""
        if owner in self._claims:
            return self._claims[owner][0]
        taken = {address for address, _ in self._claims.values()}
        for address in ([wish] if wish else []) + list(self._candidates()):
            if address in taken:
                continue
            claim = _claim(address)
            if claim is not None:
                self._claims[owner] = (address, claim)
                return address
        self._claims[owner] = ("127.0.0.1", None)
        return "127.0.0.1"

    def get(self, owner: str) -> str | None:
        """The address of ``owner``, None where it has none. Any thread may ask."""
        return self._claims.get(owner, (None, None))[0]

    def release(self, owner: str) -> None:
        """Give an address back."""
        _, claim = self._claims.pop(owner, ("", None))
        if claim is not None:
            claim.close()

    def release_all(self) -> None:
        """Give all back."""
        for owner in list(self._claims):
            self.release(owner)

    def known(self) -> dict[str, str]:
        """Owner → address."""
        return {owner: address for owner, (address, _) in self._claims.items()}

    def _candidates(self) -> Iterator[str]:
        first, last = self._range
        for third in range(first, last + 1):
            for fourth in range(1, 255):
                yield f"127.0.{third}.{fourth}"


def _claim(address: str) -> socket.socket | None:
    claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        claim.bind((address, CLAIM_PORT))
        claim.listen(1)
    except OSError:
        claim.close()
        return None
    return claim
