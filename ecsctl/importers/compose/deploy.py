"""How many of a service run, what each may take, and how it is renewed."""

from __future__ import annotations

from typing import Any

from ecsctl.importers.compose.converted_service import Context, Part
from ecsctl.importers.report import Section
from ecsctl.importers.write import Commented
from ecsctl.manifest.yaml.nodes import MapNode, plain
from ecsctl.units import cores_cpu_units, docker_memory_mib

LEAST_MIB = 6
DEFAULT_MIB = 256


def read_deploy(section: Section, part: Part, context: Context) -> None:
    """``deploy``, ``scale`` and the older keys for memory and CPU."""
    deploy = section.section("deploy")
    resources = deploy.section("resources")
    limits, reservations = resources.section("limits"), resources.section("reservations")
    _count(section, deploy, part, context)
    _memory(section, limits, reservations, part, context)
    _cpu(section, limits, reservations, part, context)
    limits.note("pids", "ECS sets it for a whole instance: ECS_TASK_PIDS_LIMIT")
    _gpus(reservations, part, context)
    reservations.note("generic_resources", "ECS reserves CPU, memory and GPUs")
    _update(deploy, part)
    _placement(deploy, part, context)
    for key in ("labels", "endpoint_mode", "rollback_config"):
        deploy.note(key, "ECS has no equivalent; tags mark a service" if key == "labels" else "ECS has no equivalent")
    policy = deploy.section("restart_policy")
    if policy.plain("condition") in ("none", "on-failure"):
        policy.note("condition", "a service is started again whenever it ends")
    for key in policy:
        if key != "condition":
            policy.note(key, "ECS decides by itself how often it tries, more slowly each time")


def _count(section: Section, deploy: Section, part: Part, context: Context) -> None:
    replicas = deploy.integer("replicas")
    scale = section.integer("scale")
    if replicas is None:
        replicas = scale
    mode = deploy.parsed("mode", str, "a mode") or "replicated"
    if mode in ("global", "global-job") and not context.fargate:
        part.service["schedulingStrategy"] = "DAEMON"
        if replicas is not None:
            deploy.note("replicas", "a DAEMON service has one task on each instance")
    else:
        if mode in ("global", "global-job"):
            deploy.note("mode", "Fargate has no instances to put one task on each")
        part.service["desiredCount"] = 1 if replicas is None else replicas
    if mode.endswith("-job"):
        deploy.note("mode", "a job: it gets no service; `ecsctl run` runs it")
        part.runs_once = True
    elif mode not in ("global", "replicated"):
        deploy.note("mode", "ECS supports replicated and global (DAEMON)")


def _memory(section: Section, limits: Section, reservations: Section, part: Part, context: Context) -> None:
    size = "a size such as 512m"
    limit = limits.parsed("memory", docker_memory_mib, size)
    older = section.parsed("mem_limit", docker_memory_mib, size)
    limit = older if limit is None else limit
    reserved = reservations.parsed("memory", docker_memory_mib, size)
    older = section.parsed("mem_reservation", docker_memory_mib, size)
    reserved = older if reserved is None else reserved
    if limit is not None and limit > 0:
        part.container["memory"] = limit = max(LEAST_MIB, limit)
    else:
        limit = None
    if reserved is not None and reserved > 0:
        reserved = max(LEAST_MIB, reserved)
        if limit is not None and reserved > limit:
            reserved = limit
            section.note_here("it reserves more memory than it may have: the limit is used for both")
        part.container["memoryReservation"] = reserved
    if limit is None and not reserved:
        part.container["memoryReservation"] = Commented(
            DEFAULT_MIB, beside="MiB; Compose sets no limit, ECS needs a number: measure it"
        )
    part.memory = reserved or limit or DEFAULT_MIB
    total = section.parsed("memswap_limit", docker_memory_mib, size)
    if total is not None and limit is not None and not context.fargate:
        part.linux()["maxSwap"] = max(0, total - limit)
    elif total is not None:
        section.note("memswap_limit", "ECS limits swap for a container of a memory limit, and not on Fargate")


def _cpu(section: Section, limits: Section, reservations: Section, part: Part, context: Context) -> None:
    what = "a number of processors such as 0.5"
    reserved = reservations.parsed("cpus", cores_cpu_units, what)
    limit = limits.parsed("cpus", cores_cpu_units, what)
    older = section.parsed("cpus", cores_cpu_units, what)
    limit = older if limit is None else limit
    shares = section.integer("cpu_shares")
    if reserved is not None and limit is not None and limit != reserved:
        (limits if "cpus" in limits else section).note(
            "cpus", "ECS has one number for a container's CPU, its share; using the reservation"
        )
    elif shares is not None and (reserved or limit):
        section.note("cpu_shares", "ECS has one number for a container's CPU; using cpus")
    cpu = reserved or limit or shares
    if cpu:
        part.container["cpu"] = part.cpu = cpu


def _gpus(reservations: Section, part: Part, context: Context) -> None:
    for node, path in reservations.nodes("devices"):
        inner = Section(node, path, reservations.report, reservations.dialect)
        names = [text.lower() for text in inner.texts("capabilities")]
        driver = inner.plain("driver")
        count_text = inner.plain("count")
        ids = inner.get("device_ids")
        inner.note("options", "ECS has no options for devices")
        count = int(count_text) if count_text and count_text.isdecimal() and len(count_text) < 4 else 1
        if ids is not None:
            listed = plain(ids)
            count = len(listed) if isinstance(listed, list) and listed else 1
            inner.note("device_ids", "ECS chooses the GPUs itself; using their number")
        elif count_text == "all":
            inner.note("count", "ECS needs the number of GPUs; using 1")
        if context.fargate or not ({"gpu", "nvidia"} & {*names, driver or ""}):
            inner.note_here("Fargate has no GPUs" if context.fargate else "of devices, ECS reserves GPUs only")
        elif count > 0:
            part.gpu = True
            part.container["resourceRequirements"] = [{"type": "GPU", "value": str(count)}]
        inner.close()


def _update(deploy: Section, part: Part) -> None:
    if "update_config" not in deploy:
        deploy.meaningless("update_config")
        return
    update = deploy.section("update_config")
    made: dict[str, Any] = {}
    order, action = update.plain("order"), update.plain("failure_action")
    daemon = part.service.get("schedulingStrategy") == "DAEMON"
    if order == "start-first" and not daemon:
        made |= {"minimumHealthyPercent": 100, "maximumPercent": 200}
    elif order == "stop-first" and not daemon:
        made["minimumHealthyPercent"] = 0 if part.service.get("desiredCount") == 1 else 50
    elif order:
        update.note(
            "order",
            "a DAEMON service stops the old task first" if daemon else "ECS supports start-first and stop-first",
        )
    if action in ("rollback", "pause") and not daemon:
        made["deploymentCircuitBreaker"] = {"enable": True, "rollback": action == "rollback"}
    elif action and action != "continue":
        update.note("failure_action", "ECS supports rollback, pause and continue")
    for key in ("parallelism", "delay", "monitor", "max_failure_ratio"):
        update.note(key, "ECS renews as many at a time as minimumHealthyPercent and maximumPercent allow")
    if made:
        part.service["deploymentConfiguration"] = made


def _placement(deploy: Section, part: Part, context: Context) -> None:
    if "placement" not in deploy:
        deploy.meaningless("placement")
        return
    placement = deploy.section("placement")
    most = placement.integer("max_replicas_per_node")
    if most == 1 and not context.fargate and "desiredCount" in part.service:
        part.service["placementConstraints"] = [{"type": "distinctInstance"}]
    elif most is not None:
        placement.note(
            "max_replicas_per_node", "ECS supports one on an instance, of a service on EC2 (distinctInstance)"
        )
    for key in ("constraints", "preferences"):
        node = placement.get(key)
        if node is not None and not (isinstance(node, MapNode) and not node.entries):
            placement.note(
                key, "Swarm's nodes are not ECS's instances: placementConstraints have a language of their own"
            )
