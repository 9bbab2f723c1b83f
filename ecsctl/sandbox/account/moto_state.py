"""What moto holds, as bytes and back: every service that anyone has used, whatever it is."""

from __future__ import annotations

import logging
import pickle
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from ecsctl.sandbox.account import pickling

log = logging.getLogger(__name__)

# ECS is the engines' own.
NOT_KEPT = ("ecs", "moto_api")
# What the sandbox itself stands on: without these a state is none.
NEEDED = ("ec2", "elb", "elbv2", "autoscaling", "iam")


def backends_of(service: str) -> Any:
    """moto's backends of a service, by account."""
    return getattr(import_module(f"moto.{service}.models"), f"{service}_backends")


class MotoState:
    """Reads and writes the state of moto's services in one account.

    Args:
        account: twelve digits.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        # Services that cannot be kept, and why.
        self.left_out: dict[str, str] = {}

    def dump(self) -> bytes:
        """The state of all services in one pickle, so that what refers to each other finds each other again.

        A service that holds what cannot be kept is left out, rather than losing the rest. Call it under the lock.

        Raises:
            Exception: what the sandbox itself stands on cannot be pickled.
        """
        held = {place: item for place, item in self._held().items() if place[1] not in self.left_out}
        try:
            return pickling.dumps(held)
        except Exception as error:
            faulty = {place[1]: reason for place, item in held.items() if (reason := _problem({place: item}))}
            if not faulty or any(f"{name}_backends" in faulty for name in NEEDED):
                raise
            log.warning("not kept when the sandbox stops: %s (%s)", ", ".join(faulty), error)
            self.left_out.update(faulty)
            return self.dump()

    def _held(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(Module, variable) → region → backend, of the services that have been asked for anything."""
        # A sandbox that is stopped at once may be importing it just now: nothing has been asked of it then.
        kinds = getattr(sys.modules.get("moto.core.base_backend"), "BackendDict", None)
        held: dict[tuple[str, str], dict[str, Any]] = {}
        for backends in list(getattr(kinds, "_instances", ())):
            regions = dict.get(backends, self._account)
            place = _place(backends)
            if regions is not None and place is not None and backends.service_name not in NOT_KEPT:
                held[place] = dict(dict.items(regions))
        return held

    def load(self, data: bytes) -> None:
        """Put back what :meth:`dump` gave. Only for data of one's own: it is unpickled.

        Raises:
            Exception: it is of another version of moto, or damaged; nothing has changed then.
        """
        for (module, variable), regions in pickle.loads(data).items():
            own = getattr(import_module(module), variable)[self._account]
            for region, backend in regions.items():
                dict.__setitem__(own, region, backend)

    def backends(self, services: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Service → region → backend, of the named services."""
        return {name: dict(dict.items(backends_of(name)[self._account])) for name in services}

    def replace(self, backends: Mapping[str, Mapping[str, Any]]) -> None:
        """Have these services hold these backends, and no others."""
        for name, regions in backends.items():
            held = backends_of(name)[self._account]
            for region in [region for region in dict.keys(held) if region not in regions]:
                dict.__delitem__(held, region)
            for region, backend in regions.items():
                dict.__setitem__(held, region, backend)

    def clear(self) -> None:
        """Forget all that moto holds. moto's own reset makes each backend anew first, images and all."""
        base = sys.modules.get("moto.core.base_backend")
        if base is None:
            return
        for backends in list(base.BackendDict._instances):
            if backends.backend.reset is not base.BaseBackend.reset:
                # It has files or threads to end.
                for regions in list(dict.values(backends)):
                    regions.reset()
            backends.clear()
        base.BackendDict._instances.clear()
        import_module("moto.core.model_instances").reset_model_data()
        self.left_out.clear()


def _place(backends: Any) -> tuple[str, str] | None:
    """The module and the variable where a service's backends are."""
    module = backends.backend.__module__
    for name, value in vars(sys.modules[module]).items():
        if value is backends:
            return module, name
    return None


def _problem(value: Any) -> str | None:
    try:
        pickling.dumps(value)
    except Exception as error:
        return str(error)
    return None
