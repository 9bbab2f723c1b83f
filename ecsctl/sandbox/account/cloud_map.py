"""AWS Cloud Map, as ECS needs it for Service Connect: over moto's."""

from __future__ import annotations

from typing import Any


class Namespaces:
    """Implements :class:`ecsctl.sandbox.interfaces.CloudMap` over moto's Cloud Map of one region."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region

    @property
    def _backend(self) -> Any:
        from moto.servicediscovery.models import servicediscovery_backends

        return servicediscovery_backends[self._account][self._region]

    def namespace(self, name: str) -> str | None:
        found = (each for each in self._backend.namespaces.values() if name in (each.name, each.arn))
        return next((str(each.arn) for each in found), None)

    def create_namespace(self, name: str) -> str:
        self._backend.create_http_namespace(name=name, creator_request_id="", description="", tags=[])
        arn = self.namespace(name)
        assert arn is not None
        return arn

    def discovery_service(self, namespace: str, name: str) -> str:
        namespace_id = namespace.rpartition("/")[2]
        services = self._backend.services.values()
        found = next((one for one in services if one.namespace_id == namespace_id and one.name == name), None)
        if found is None:
            found = self._backend.create_service(
                name=name,
                namespace_id=namespace_id,
                creator_request_id="",
                description="",
                dns_config=None,
                health_check_config=None,
                health_check_custom_config=None,
                tags=[],
                service_type="HTTP",
            )
        return str(found.arn)
