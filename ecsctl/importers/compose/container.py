"""One Compose service as a container: every key is carried over, or noted."""

from __future__ import annotations

import shlex
from typing import Any

from ecsctl.importers.compose import kernel_options
from ecsctl.importers.compose.converted_service import Context, Part
from ecsctl.importers.compose.deploy import read_deploy
from ecsctl.importers.compose.environment import read_environment
from ecsctl.importers.compose.health import read_dependencies, read_health, without_lost_scripts
from ecsctl.importers.compose.ports import read_ports
from ecsctl.importers.compose.volumes import read_volumes
from ecsctl.importers.names import safe_name
from ecsctl.importers.report import Section, settle
from ecsctl.importers.write import Commented
from ecsctl.importers.yaml_style import CONTAINER_ORDER, ordered
from ecsctl.manifest.yaml.nodes import MapNode, Node, Scalar
from ecsctl.units import duration

LOG_DRIVERS = ("json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "awsfirelens")
FARGATE_LOG_DRIVERS = ("awslogs", "splunk", "awsfirelens")
ARCHITECTURES = {"amd64": "X86_64", "x86_64": "X86_64", "arm64": "ARM64", "aarch64": "ARM64"}
# Keys that are about Docker Compose itself, or that ECS has no word for.
NO_EQUIVALENT = {
    "container_name": "ECS names containers itself; `ecsctl ps` shows them by task and container",
    "networks": "the containers of a task share one network, and all tasks that of the VPC",
    "pull_policy": "the agent decides it for the whole instance: ECS_IMAGE_PULL_BEHAVIOR",
    "pull_refresh_after": "the agent decides it for the whole instance: ECS_IMAGE_PULL_BEHAVIOR",
    "develop": "it is for work on one's own machine",
    "stop_signal": "ECS sends SIGTERM, or the image's own STOPSIGNAL",
    "domainname": "ECS has a hostname only",
    "mac_address": "ECS gives addresses itself",
    "attach": "`ecsctl logs` shows a container's output",
    "annotations": "ECS has labels only",
    "post_start": "ECS has no hooks: a container of its own, with dependsOn, can do that",
    "pre_stop": "ECS has no hooks: the container gets SIGTERM, and stopTimeout to end",
    "use_api_socket": "mount /var/run/docker.sock, if the instances are trusted with it",
    "provider": "no container stands behind it",
    "models": "ECS has no models: run the model as a container of its own, or call a service",
    "label_file": "write its lines under labels",
    "credential_spec": "ECS takes it as credentialSpecs, by the ARN of an S3 object or SSM parameter",
    "isolation": "it is for Windows",
    "runtime": "the instance's image decides it",
}


def read_service(key: str, section: Section, context: Context) -> Part:
    """What a Compose service becomes."""
    part = Part(key, safe_name(key), section)
    box = part.container
    box["name"] = part.name
    if part.name != key:
        section.note_here(f"a name in ECS has letters, digits, - and _ only: it is {part.name}")
    _image(section, part, context)
    _network(section, part, context)
    read_deploy(section, part, context)
    read_ports(section, part, context)
    for source, target in (("entrypoint", "entryPoint"), ("command", "command")):
        words = _words(section, source)
        if words is not None:
            box[target] = words
    for source, target in (("working_dir", "workingDirectory"), ("user", "user")):
        if text := section.text(source):
            box[target] = text
    read_environment(section, part, context)
    read_dependencies(section, part)
    read_health(section, part)
    read_volumes(section, part, context)
    _plain(section, part, context)
    without_lost_scripts(section, part)
    _logging(section, part, context)
    kernel_options.read_kernel(section, part, context)
    for name, why in NO_EQUIVALENT.items():
        section.note(name, why)
    part.container = ordered(box, CONTAINER_ORDER)
    if part.container.get("portMappings") == []:
        del part.container["portMappings"]
    return part


def _image(section: Section, part: Part, context: Context) -> None:
    image = section.text("image")
    if "build" in section:
        wanted = f"push what it builds as {image}" if image else "push what it builds, and name it as the image"
        section.note("build", f"ECS runs images and builds none: {wanted}")
    else:
        section.meaningless("build")
    if image is not None and settle(image) is not None:
        image = _tagged(image, section)
    if not image:
        if "build" not in section:
            section.note_here("it has neither an image nor a build")
        own = f"{context.project}-{part.name}".lower()
        part.container["image"] = Commented(own, beside="the name of the image that you push")
        return
    part.container["image"] = image
    platform = section.parsed("platform", str, "a platform")
    if platform:
        system, _, machine = platform.lower().partition("/")
        architecture = ARCHITECTURES.get(machine.split("/")[0] if machine else system)
        if system not in ("linux", *ARCHITECTURES) or architecture is None:
            section.note("platform", "ECS supports linux/amd64, linux/arm64 and Windows of its own versions")
        else:
            part.task["runtimePlatform"] = {"cpuArchitecture": architecture, "operatingSystemFamily": "LINUX"}


def _tagged(image: str, section: Section) -> str:
    """An image whose tag comes from a variable that is not set: ``latest`` then, as an empty tag is none."""
    for empty in (":-}",):
        if image.endswith(empty) and ":${" in image:
            section.note("image", "the variable of its tag is not set; using latest")
            return image[: -len("}")] + "latest}"
    return image


def _words(section: Section, key: str) -> Any:
    node = section.get(key)
    if node is None:
        return None
    if not isinstance(node, Scalar):
        return section.texts(key)
    text = section.text(key) or ""
    try:
        return shlex.split(text)
    except ValueError as error:
        section.note(key, f"it cannot be split into words ({error}): a shell runs it as it is")
        return ["/bin/sh", "-c", text]


def _network(section: Section, part: Part, context: Context) -> None:
    mode = section.parsed("network_mode", str, "a network mode") or section.parsed("net", str, "a network mode")
    key = "network_mode" if "network_mode" in section else "net"
    if mode and mode.startswith(("service:", "container:")):
        node = section.get(key)
        assert node is not None
        part.joins[mode.split(":", 1)[1]] = (node, section.at(key))
    elif mode and context.fargate:
        if mode not in ("bridge", "default"):
            section.note(key, "a Fargate task has a network of its own (awsvpc)")
    elif mode in ("host", "none", "bridge"):
        part.task["networkMode"] = mode
    elif mode and mode != "default":
        section.note(key, f"ECS does not support the network mode {mode}")


def _plain(section: Section, part: Part, context: Context) -> None:
    box = part.container
    for source, target in (
        ("privileged", "privileged"),
        ("read_only", "readonlyRootFilesystem"),
        ("tty", "pseudoTerminal"),
        ("stdin_open", "interactive"),
    ):
        if source == "privileged" and context.fargate and section.flag(source):
            section.note(source, "not on Fargate")
        elif section.flag(source):
            box[target] = True
    grace = section.parsed("stop_grace_period", duration, "a duration such as 1m30s")
    if grace is not None:
        box["stopTimeout"] = min(max(2, round(grace)), 120) if context.fargate else max(2, round(grace))
        if box["stopTimeout"] != grace:
            section.note(
                "stop_grace_period",
                f"ECS accepts whole seconds from 2 (on Fargate to 120); using {box['stopTimeout']}",
            )
    hostname = section.text("hostname")
    if hostname and (context.fargate or part.task.get("networkMode") == "host"):
        section.note("hostname", "a task with awsvpc or the host's network cannot choose its name")
    elif hostname:
        box["hostname"] = hostname
    labels = {name: text or "" for name, (text, *_) in section.pairs("labels").items()}
    if labels:
        box["dockerLabels"] = labels
    restart = section.plain("restart")
    if restart == "no" and "restart" in section:
        section.note("restart", "a service is started again whenever it ends; `ecsctl run` runs a task once")
    elif restart and restart.startswith("on-failure"):
        section.note("restart", "a service is started again whenever it ends, with success too")
    elif restart not in (None, "always", "unless-stopped"):
        section.note("restart", "Compose has no, always, on-failure and unless-stopped")
    for node, path in section.nodes("configs"):
        used: Node | None = node.entries.get("source") if isinstance(node, MapNode) else node
        if isinstance(used, Scalar):
            context.used.add(("configs", used.text))
            place = node.entries.get("target") if isinstance(node, MapNode) else None
            part.lost_mounts.append(place.text if isinstance(place, Scalar) else f"/{used.text}")
        section.report.note(
            node, path, "ECS puts no files into containers: put it into the image, or give it as a variable"
        )


def _logging(section: Section, part: Part, context: Context) -> None:
    if "logging" not in section:
        for key in ("log_driver", "log_opt"):
            section.note(key, "write it as logging: {driver: …, options: …}")
        section.meaningless("logging")
        return
    logging = section.section("logging")
    driver = logging.parsed("driver", str, "a log driver") or "json-file"
    options = logging.assignments("options")
    known = FARGATE_LOG_DRIVERS if context.fargate else LOG_DRIVERS
    if driver not in known:
        logging.note_here(f"ECS does not support the log driver {driver} here; use one of {', '.join(known)}")
        for key in logging:
            logging.note(key, "the log driver is omitted")
        return
    if driver == "awslogs":
        options.setdefault("awslogs-group", f"/ecs/{context.project}")
        if context.fargate:
            options.setdefault("awslogs-stream-prefix", part.name)
            part.needs_role = True
    configuration: dict[str, Any] = {"logDriver": driver}
    if options:
        configuration["options"] = options
    part.container["logConfiguration"] = configuration
