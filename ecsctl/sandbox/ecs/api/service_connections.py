"""What a service may not say of Service Connect, service registries and volumes that are configured at launch."""

from __future__ import annotations

from collections.abc import Sequence

from ecsctl.sandbox.ecs.errors import invalid
from ecsctl.sandbox.ecs.store.store import Cluster, Document, TaskDefinition

MOST_ALIASES = 1
VOLUME_GIB = range(1, 16385)


def check_connections(cluster: Cluster, definition: TaskDefinition, settings: Document) -> None:
    """Refuse what does not fit the task definition.

    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    _check_connect(cluster, definition, settings.get("serviceConnectConfiguration") or {})
    _check_registries(definition, settings.get("serviceRegistries", ()))
    _check_volumes(definition, settings.get("volumeConfigurations", ()))


def _check_connect(cluster: Cluster, definition: TaskDefinition, connect: Document) -> None:
    if not connect.get("enabled"):
        return
    if not connect.get("namespace") and not (cluster.service_connect_defaults or {}).get("namespace"):
        raise invalid("Namespace is missing")
    if definition.network_mode not in ("awsvpc", "bridge"):
        raise invalid(f"Service Connect doesn't support the network mode {definition.network_mode}.")
    named = {m["name"] for c in definition.containers for m in c.get("portMappings", ()) if m.get("name")}
    discovered: set[str] = set()
    for service in connect.get("services", ()):
        port = service["portName"]
        if port not in named:
            raise invalid(f"portName({port}) does not refer to any named PortMapping in the container definitions")
        aliases = service.get("clientAliases", ())
        if len(aliases) > MOST_ALIASES:
            raise invalid(f"{len(aliases)} clientAliases exceeds the max limit of {MOST_ALIASES}")
        discovery = service.get("discoveryName") or port
        if discovery in discovered:
            raise invalid(f"discoveryName({discovery}) must be unique.")
        discovered.add(discovery)


def _check_registries(definition: TaskDefinition, registries: Sequence[Document]) -> None:
    if len(registries) > 1:
        raise invalid("service registries can have at most 1 items.")
    for registry in registries:
        if not registry.get("registryArn"):
            raise invalid("The registry ARN must be specified.")
        name, port = registry.get("containerName"), registry.get("containerPort")
        if definition.network_mode != "awsvpc" and (not name or not port):
            raise invalid(
                "When specifying 'host' or 'bridge' for networkMode, values for 'containerName' and 'containerPort' "
                "must be specified from the task definition."
            )
        if registry.get("port") and port:
            raise invalid("Both port and containerPort cannot be specified for a service registry.")
        if name is None:
            continue
        container = next((c for c in definition.containers if c["name"] == name), None)
        if container is None:
            raise invalid(f"The container {name} does not exist in the task definition.")
        if port and all(mapping.get("containerPort") != port for mapping in container.get("portMappings", ())):
            raise invalid(f"The container {name} did not have a container port {port} defined.")


def _check_volumes(definition: TaskDefinition, volumes: Sequence[Document]) -> None:
    left = [v["name"] for v in definition.document.get("volumes", ()) if v.get("configuredAtLaunch")]
    if len(volumes) > 1:
        raise invalid("volumeConfigurations can have at most 1 items.")
    for volume in volumes:
        if volume["name"] not in left:
            raise invalid(
                f"The volume {volume['name']} is not configured at launch in the task definition. Set "
                "configuredAtLaunch of the volume and try again."
            )
        managed = volume.get("managedEBSVolume")
        if not managed:
            raise invalid(f"managedEBSVolume must be specified for the volume {volume['name']}.")
        size = managed.get("sizeInGiB")
        if size is None and not managed.get("snapshotId"):
            raise invalid("Either sizeInGiB or snapshotId must be specified for a managed EBS volume.")
        if size is not None and size not in VOLUME_GIB:
            raise invalid(f"sizeInGiB must be between {VOLUME_GIB.start} and {VOLUME_GIB.stop - 1}.")
    if left and not volumes:
        raise invalid(f"The volume {left[0]} of the task definition must be configured by volumeConfigurations.")
