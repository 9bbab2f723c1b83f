"""Service events: written in ECS's own sentences, the last 100 kept, repeats of a complaint muted for six hours."""

from __future__ import annotations

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.store.store import Service, ServiceEvent

KEPT = 100
MUTED_SECONDS = 6 * 3600.0


def write(region: Region, service: Service, message: str) -> None:
    """Add an event, newest first."""
    service.events.insert(0, ServiceEvent(region.store.new_uuid(), region.now, message))
    del service.events[KEPT:]


def tally(service: Service, message: str, count: int = 1) -> None:
    """Add to an event that counts what happens within one step; ``{}`` in it stands for the number."""
    service.tallies[message] = service.tallies.get(message, 0) + count


def flush(region: Region, service: Service) -> None:
    """Write the events that were counted since the last time."""
    tallies, service.tallies = service.tallies, {}
    for message, count in tallies.items():
        write(region, service, message.format(count))


def complain(region: Region, service: Service, message: str) -> None:
    """Add an event unless it was added within the last six hours and its cause has not gone since."""
    last = service.muted.get(message)
    if last is not None and region.now - last < MUTED_SECONDS:
        return
    service.muted[message] = region.now
    write(region, service, message)


def relieved(service: Service, about: str = "") -> None:
    """The cause of the complaints (those that contain ``about``) has gone: the next one is told at once."""
    for message in [message for message in service.muted if about in message]:
        del service.muted[message]
