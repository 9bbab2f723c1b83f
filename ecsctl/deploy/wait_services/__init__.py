"""Waiting until services are steady. A wait that fails says why.

``observation`` keeps what was seen of a service from one look to the next, ``outcomes`` decides from that alone whether
the service is steady or cannot become so, ``room`` asks whether a task could be placed at all, ``causes`` says why, and
``progress`` tells each change in a line.
"""

from __future__ import annotations

from ecsctl.deploy.wait_services.wait import wait_for_services

__all__ = ["wait_for_services"]
