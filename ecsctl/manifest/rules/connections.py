"""What connects a service to others and to its storage: Service Connect, service registries, volumes at launch."""

from __future__ import annotations

from ecsctl.manifest.rules import Tell, Values, cites
from ecsctl.manifest.schema.suggestions import one_of
from ecsctl.refusals import ebs_volumes, load_balancers, patterns
from ecsctl.refusals import service_connect as facts


def _port_names(values: Values) -> str:
    name, names = values["name"], values["names"]
    return one_of(name, names) if names else f"{{name: {name}, containerPort: …}} under portMappings"


def _volume_names(values: Values) -> str:
    names = values.get("names")
    name = values["name"]
    return one_of(name, names) if names else f"volumes: [{{name: {name}, configuredAtLaunch: true}}]"


cites(
    "ECS007",
    "The ports that Service Connect and VPC Lattice name have that name in the task definition.",
    Tell(facts.PORT_NAME, "no port mapping of {family} has the name {name}", _port_names),
    Tell(load_balancers.LATTICE_PORT, "no port mapping of {family} has the name {name}", _port_names),
    Tell(load_balancers.LATTICE_MEMBERS, "{member} is missing"),
    why="Services are found by the name of a port mapping, so the container's portMappings must have it: "
    "{name: web, containerPort: 80}.",
    looks_at="serviceConnectConfiguration.services[].portName and vpcLatticeConfigurations[].portName",
)
cites(
    "ECS008",
    "The one volume that a service configures is left to it by the task definition, and has a size or a snapshot.",
    Tell(ebs_volumes.NONE_LEFT, "the task definition has no volume that is configured at launch", _volume_names),
    Tell(
        ebs_volumes.OTHER_NAME, "the task definition has no volume {name!r} that is configured at launch", _volume_names
    ),
    Tell(ebs_volumes.COUNT, "a second volume", "one only"),
    Tell(
        ebs_volumes.NOT_CONFIGURED,
        "nothing configures the volume {name} of the task definition",
        "volumeConfigurations",
    ),
    Tell(ebs_volumes.EBS_MISSING, "managedEBSVolume is missing", "managedEBSVolume: {{roleArn: …, sizeInGiB: 20}}"),
    Tell(ebs_volumes.EBS_NO_SIZE, "neither sizeInGiB nor snapshotId", "sizeInGiB: 20"),
    Tell(ebs_volumes.EBS_SIZE, "{value} GiB is out of bounds", "{least} to {most} for {kind}"),
    why="The task definition declares such a volume by name, with configuredAtLaunch: true; the service says its size "
    "and role. One without the other cannot be launched.",
    looks_at="volumeConfigurations and volumes[].configuredAtLaunch",
)
cites(
    "ECS119",
    "A service has one service registry at most, which knows its container and port.",
    Tell(facts.REGISTRIES_COUNT, "{count} service registries are too many", "one"),
    Tell(facts.REGISTRY_MISSING, "registryArn is missing"),
    Tell(facts.REGISTRY_PORTS, "port and containerPort together", "one of them"),
    Tell(facts.REGISTRY_MODE, "{member} is missing"),
    Tell(facts.REGISTRY_EXTERNAL, "external instances have no service registries", "leave it out"),
    why="A service is found by one name of Cloud Map; Service Connect gives it more. Outside of awsvpc the port that "
    "is registered is the host's, and it must be said whose.",
    looks_at="serviceRegistries",
)
cites(
    "ECS120",
    "Service Connect is for awsvpc and bridge, and each port has one name and one alias.",
    Tell(
        facts.CONNECT_MODE, "Service Connect does not support the network mode {mode}", "networkMode: awsvpc or bridge"
    ),
    Tell(facts.CONNECT_CONTROLLER, "Service Connect does not support the deployment controller {kind}", "ECS"),
    Tell(facts.ALIAS_MISSING, "clientAliases is missing", "clientAliases: [{{port: 80}}]"),
    Tell(facts.ALIASES_COUNT, "{count} clientAliases are too many", "1"),
    Tell(facts.ALIAS_NAME, "{name!r} is not a DNS name", "up to 127 small letters, digits and - _ ., no hyphen first"),
    Tell(facts.PORT_BOUNDS, "{value} is not a port", "1 to 65535"),
    Tell(facts.INGRESS_PORT, "the proxy cannot listen on port {value}", "1025 or more"),
    Tell(facts.DISCOVERY_NAME, "{name!r} is not a valid name", patterns.PORT_NAME_IS),
    Tell(facts.DISCOVERY_TWICE, "the name {name} is taken by another port", "a discoveryName of its own"),
    Tell(facts.ACCESS_LOG, "accessLogConfiguration without logConfiguration", "logConfiguration"),
    Tell(facts.REQUEST_TIMEOUT, "the port {name} has no appProtocol", "appProtocol: http"),
    Tell(facts.NAMESPACE_MISSING, "namespace is missing"),
    why="Its proxy is a container of the task that takes the connections in the containers' stead.",
    looks_at="serviceConnectConfiguration",
)
cites(
    "ECS121",
    "An EBS volume has the speed that its type has.",
    Tell(ebs_volumes.EBS_TYPE, "there is no volume type {kind} here", "gp3"),
    Tell(ebs_volumes.EBS_IOPS, "{value} iops are not for {kind}", "{allowed}"),
    Tell(ebs_volumes.EBS_IOPS_MISSING, "{kind} needs iops", "iops: 3000"),
    Tell(ebs_volumes.EBS_THROUGHPUT, "throughput of {value} is not for {kind}", "gp3, up to 1000"),
    Tell(ebs_volumes.EBS_RATE, "volumeInitializationRate without snapshotId", "snapshotId"),
    why="EC2 makes the volume, and refuses what its type does not have.",
    looks_at="volumeConfigurations[].managedEBSVolume",
)
