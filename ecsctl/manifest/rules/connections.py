"""What connects a service to others and to its storage: Service Connect, service registries, volumes at launch."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.manifest.placement import on_fargate
from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Data, Project, listed, network_mode, ports_of
from ecsctl.manifest.schema.suggestions import one_of
from ecsctl.manifest.yaml.nodes import Path

EBS_GIB = (1, 16384)
MOST_ALIASES = 1


@rule(
    "ECS007",
    "The ports that Service Connect and VPC Lattice name have that name in the task definition.",
    service="portName(web) does not refer to any named PortMapping in the container definitions",
    why="Services are found by the name of a port mapping, so the container's portMappings must have it: "
    "{name: web, containerPort: 80}.",
)
def port_names_exist(project: Project) -> Iterator[Finding]:
    """``serviceConnectConfiguration.services[].portName`` and ``vpcLatticeConfigurations[].portName``."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        if definition is None:
            continue
        named = [
            str(mapping["name"])
            for path, box in definition.items("containerDefinitions")
            for _, mapping in listed(box, "portMappings", path)
            if mapping.get("name")
        ]
        connect = service.get("serviceConnectConfiguration") or {}
        wanted = [
            *listed(connect, "services", (*service.path, "serviceConnectConfiguration")),
            *service.items("vpcLatticeConfigurations"),
        ]
        for path, item in wanted:
            name = item.get("portName")
            if name is not None and name not in named:
                known = one_of(name, named) if named else f"{{name: {name}, containerPort: …}} under portMappings"
                message = f"no port mapping of {definition.name} has the name {name}"
                yield Finding((*path, "portName"), message, known, ports_of(definition))


@rule(
    "ECS008",
    "The one volume that a service configures is left to it by the task definition, and has a size or a snapshot.",
    service="The volume data is not configured at launch in the task definition. Set configuredAtLaunch of the volume "
    "and try again.",
    why="The task definition declares such a volume by name, with configuredAtLaunch: true; the service says its size "
    "and role. One without the other cannot be launched.",
)
def launch_volumes_agree(project: Project) -> Iterator[Finding]:
    """``volumeConfigurations`` and ``volumes[].configuredAtLaunch``."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        if definition is None:
            continue
        left = [str(item.get("name")) for _, item in definition.items("volumes") if item.get("configuredAtLaunch")]
        depends = ((*definition.path, "volumes"),)
        given = list(service.items("volumeConfigurations"))
        for path, item in given:
            name = item.get("name")
            if name is not None and name not in left:
                known = one_of(name, left) if left else f"volumes: [{{name: {name}, configuredAtLaunch: true}}]"
                message = f"{definition.name} has no volume {name!r} that is configured at launch"
                yield Finding((*path, "name"), message, known, depends)
            yield from _volume(path, item)
        for path, _ in given[1:]:
            yield Finding(path, "a second volume", "one only")
        if left and not given:
            message = f"nothing configures the volume {left[0]} of {definition.name}"
            yield Finding(
                service.path, message, "volumeConfigurations", (*depends, (*service.path, "volumeConfigurations"))
            )


def _volume(path: Path, item: Data) -> Iterator[Finding]:
    managed = item.get("managedEBSVolume")
    place = (*path, "managedEBSVolume")
    if managed is None:
        yield Finding(path, "managedEBSVolume is missing", "managedEBSVolume: {roleArn: …, sizeInGiB: 20}", (place,))
        return
    size = managed.get("sizeInGiB")
    least, most = EBS_GIB
    if size is None and not managed.get("snapshotId"):
        depends = ((*place, "sizeInGiB"), (*place, "snapshotId"))
        yield Finding(place, "neither sizeInGiB nor snapshotId", "sizeInGiB: 20", depends)
    elif size is not None and not least <= size <= most:
        yield Finding((*place, "sizeInGiB"), f"{size} GiB is out of bounds", f"{least} to {most}")


@rule(
    "ECS119",
    "A service has one service registry at most, which knows its container and port.",
    service="service registries can have at most 1 items. / When specifying 'host' or 'bridge' for networkMode, values "
    "for 'containerName' and 'containerPort' must be specified from the task definition.",
    why="A service is found by one name of Cloud Map; Service Connect gives it more. Outside of awsvpc the port that "
    "is registered is the host's, and it must be said whose.",
)
def one_registry(project: Project) -> Iterator[Finding]:
    """``serviceRegistries``."""
    for service in project.services.values():
        registries = list(service.items("serviceRegistries"))
        if len(registries) > 1:
            message = f"{len(registries)} service registries are too many"
            yield Finding((*service.path, "serviceRegistries"), message, "one")
        definition = project.task_definition_of(service)
        for path, item in registries:
            if not item.get("registryArn"):
                yield Finding((*path, "registryArn"), "registryArn is missing", None, ((*path, "registryArn"),))
            if item.get("port") and item.get("containerPort"):
                yield Finding((*path, "port"), "port and containerPort together", "one of them")
            if definition is None or on_fargate(service.data) or network_mode(project, definition) == "awsvpc":
                continue
            for member in ("containerName", "containerPort"):
                if not item.get(member):
                    place = (*path, member)
                    yield Finding(place, f"{member} is missing", None, (place, *ports_of(definition)))


@rule(
    "ECS120",
    "Service Connect is for awsvpc and bridge, and each port has one name and one alias.",
    service="Service Connect doesn't support the network mode host. / discoveryName(web) must be unique.",
    why="Its proxy is a container of the task that takes the connections in the containers' stead.",
)
def service_connect(project: Project) -> Iterator[Finding]:
    """``serviceConnectConfiguration``."""
    for service in project.services.values():
        connect = service.get("serviceConnectConfiguration") or {}
        definition = project.task_definition_of(service)
        path = (*service.path, "serviceConnectConfiguration")
        if not connect.get("enabled"):
            continue
        mode = network_mode(project, definition) if definition is not None else "awsvpc"
        if mode not in ("awsvpc", "bridge"):
            message = f"Service Connect does not support the network mode {mode}"
            yield Finding(path, message, "networkMode: awsvpc or bridge", ports_of(definition))
        seen: set[str] = set()
        for place, item in listed(connect, "services", path):
            aliases = len(item.get("clientAliases") or ())
            if aliases > MOST_ALIASES:
                yield Finding((*place, "clientAliases"), f"{aliases} clientAliases are too many", f"{MOST_ALIASES}")
            name = item.get("discoveryName") or item.get("portName")
            if name in seen:
                member = "discoveryName" if item.get("discoveryName") else "portName"
                yield Finding(
                    (*place, member), f"the name {name} is taken by another port", "a discoveryName of its own"
                )
            elif name:
                seen.add(str(name))
