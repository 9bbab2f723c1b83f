"""Loopback addresses, one an instance and one a balancer, claimed so that two sandboxes never share one."""

from __future__ import annotations

import errno
import itertools
import socket
import zlib
from collections.abc import Iterator, Sequence

# An address is claimed by listening on the agent's own port there: reserved in ECS, so no task can want it.
CLAIM_PORT = 51678
# The addresses of a net: 1 to 254.
HOSTS = 254


class LoopbackAddresses:
    """Hands out addresses of ``127.0.NET.x``, net after net. Not thread safe: used under the lock.

    Where the system has only 127.0.0.1 (no other loopback address can be bound), everything shares that one.

    Args:
        nets: the third numbers of the addresses, in the order in which they are used up.
        owner: whose they are. Each owner begins elsewhere in a net, so that nobody takes at once what a sandbox that
            is stopped for a moment will want back.
    """

    def __init__(self, nets: Sequence[int], owner: str = "") -> None:
        self._nets = nets
        self._first = zlib.crc32(owner.encode()) % HOSTS if owner else 0
        self._claims: dict[str, tuple[str, socket.socket | None]] = {}

    def of(self, owner: str, wish: str | None = None) -> str:
        """The address of ``owner`` (an instance id, a balancer's name), claimed at the first call: the one that it
        wishes, if that is a loopback address and free."""
        if owner in self._claims:
            return self._claims[owner][0]
        taken = {address for address, _ in self._claims.values()}
        wished = [wish] if wish and wish.startswith("127.0.") else []
        for address in itertools.chain(wished, self._candidates()):
            if address in taken:
                continue
            try:
                self._claims[owner] = (address, _claim(address))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    break
                continue
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
        for net in self._nets:
            for offset in range(HOSTS):
                yield f"127.0.{net}.{(self._first + offset) % HOSTS + 1}"


def _claim(address: str) -> socket.socket:
    claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        claim.bind((address, CLAIM_PORT))
        claim.listen(1)
    except OSError:
        claim.close()
        raise
    return claim
