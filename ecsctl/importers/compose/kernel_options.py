"""What a Compose service asks of the machine: capabilities, devices, limits, kernel parameters, names and addresses."""

from __future__ import annotations

import ipaddress
from typing import Any

from ecsctl.importers.compose.converted_service import Context, Part
from ecsctl.importers.report import Section, settle
from ecsctl.importers.write import Flow
from ecsctl.manifest.yaml.nodes import MapNode, Scalar
from ecsctl.units import docker_memory_mib

ULIMITS = ("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
           "rttime", "sigpending", "stack")  # fmt: skip
PERMISSIONS = {"r": "read", "w": "write", "m": "mknod"}
NO_EQUIVALENT = {
    "blkio_config": "ECS does not limit disk traffic",
    "cgroup": "the agent decides it",
    "cgroup_parent": "the agent decides it",
    "cpu_count": "it is for Windows",
    "cpu_percent": "it is for Windows",
    "cpu_period": "on EC2, cpu is a share; on Fargate the task's cpu is the limit",
    "cpu_quota": "on EC2, cpu is a share; on Fargate the task's cpu is the limit",
    "cpu_rt_period": "ECS has no real-time shares",
    "cpu_rt_runtime": "ECS has no real-time shares",
    "cpuset": "ECS pins no containers to processors",
    "device_cgroup_rules": "ECS has devices only",
    "dns_opt": "ECS has dnsServers and dnsSearchDomains only",
    "group_add": "ECS has a user only; user may name a group too, as 1000:1000",
    "oom_kill_disable": "a container that takes more than its memory is killed",
    "oom_score_adj": "a container that takes more than its memory is killed",
    "pids_limit": "ECS sets it for a whole instance: ECS_TASK_PIDS_LIMIT",
    "storage_opt": "the instance's disk is shared; Fargate has ephemeralStorage",
    "userns_mode": "the instance's Docker decides it",
    "uts": "ECS shares no host names",
    "external_links": "ECS finds no containers by name outside of a task",
    "gpus": "the number of GPUs is a resourceRequirement: see deploy",
}


def read_kernel(section: Section, part: Part, context: Context) -> None:
    """Everything of a service that is about the machine below it."""
    _capabilities(section, part, context)
    _namespaces(section, part, context)
    _names(section, part, context)
    _ulimits(section, part, context)
    if section.flag("init"):
        part.linux()["initProcessEnabled"] = True
    shared = section.parsed("shm_size", docker_memory_mib, "a size such as 64m")
    if shared and context.fargate:
        section.note("shm_size", "not on Fargate")
    elif shared:
        part.linux()["sharedMemorySize"] = shared
    swappiness = section.integer("mem_swappiness", most=100)
    if swappiness is not None and not context.fargate:
        part.linux()["swappiness"] = swappiness
    elif swappiness is not None:
        section.note("mem_swappiness", "not on Fargate")
    controls = section.assignments("sysctls")
    if controls:
        part.container["systemControls"] = [{"namespace": name, "value": value} for name, value in controls.items()]
    options = [text.replace("=", ":", 1) if text.startswith(("apparmor=", "label=")) else text
               for text in section.texts("security_opt")]  # fmt: skip
    if options and context.fargate:
        section.note("security_opt", "not on Fargate")
    elif options:
        part.container["dockerSecurityOptions"] = options
    _devices(section, part, context)
    for key, why in NO_EQUIVALENT.items():
        section.note(key, why)


def _capabilities(section: Section, part: Part, context: Context) -> None:
    made: dict[str, Any] = {}
    for key, target in (("cap_add", "add"), ("cap_drop", "drop")):
        names = [text.upper().removeprefix("CAP_") for text in section.texts(key)]
        if context.fargate and target == "add":
            refused = [name for name in names if name != "SYS_PTRACE"]
            if refused:
                section.note(key, f"Fargate adds SYS_PTRACE only, not {', '.join(refused)}")
            names = [name for name in names if name == "SYS_PTRACE"]
        if names:
            made[target] = names
    if made:
        part.linux()["capabilities"] = made


def _namespaces(section: Section, part: Part, context: Context) -> None:
    for key, target, known in (("pid", "pidMode", ("host", "task")), ("ipc", "ipcMode", ("host", "none", "task"))):
        value = section.parsed(key, str, "a mode")
        if value is None or (key == "ipc" and value == "private"):
            continue
        if value.startswith(("service:", "container:")):
            node = section.get(key)
            assert node is not None
            part.joins[value.split(":", 1)[1]] = (node, section.at(key))
            part.task[target] = "task"
        elif value == "shareable" and key == "ipc":
            part.task[target] = "task"
        elif value in known and not (context.fargate and (value == "host" or key == "ipc")):
            part.task[target] = value
        else:
            section.note(
                key, f"ECS supports {', '.join(known)} ({'less on Fargate' if context.fargate else 'of a whole task'})"
            )


def _names(section: Section, part: Part, context: Context) -> None:
    own_network = context.fargate or part.task.get("networkMode") == "awsvpc"
    for key, target in (("dns", "dnsServers"), ("dns_search", "dnsSearchDomains")):
        values = section.texts(key)
        if values and own_network:
            section.note(key, "not for a task with a network of its own (awsvpc)")
        elif values:
            part.container[target] = values
    hosts = []
    node = section.get("extra_hosts")
    if isinstance(node, MapNode):
        pairs = [
            (f"{name}={text}" if text else name, item, path)
            for name, (text, item, path) in section.pairs("extra_hosts").items()
        ]
    else:
        pairs = [
            (text, item, path) for item, path in section.nodes("extra_hosts") if (text := section.scalar(item, path))
        ]
    for text, item, path in pairs:
        separator = "=" if "=" in text else ":"
        name, _, address = text.partition(separator)
        address = (settle(address) or "").strip("[]")
        if own_network:
            section.report.note(item, path, "not for a task with a network of its own (awsvpc)")
        elif address == "host-gateway":
            section.report.note(
                item,
                path,
                "ECS does not support host-gateway: the instance's address is in its metadata (169.254.169.254)",
            )
        elif not _is_address(address):
            section.report.note(item, path, "a name and an address are expected, as db:10.0.0.5")
        else:
            hosts.append({"hostname": name, "ipAddress": address})
    if hosts:
        part.container["extraHosts"] = hosts


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ulimits(section: Section, part: Part, context: Context) -> None:
    node = section.get("ulimits")
    if node is None:
        return
    made = []
    limits = section.section("ulimits")
    for name in limits:
        value = limits.get(name)
        if isinstance(value, Scalar):
            soft = hard = limits.integer(name, least=-1)
        else:
            inner = limits.section(name)
            soft, hard = inner.integer("soft", least=-1), inner.integer("hard", least=-1)
            soft, hard = (hard if soft is None else soft), (soft if hard is None else hard)
        if name not in ULIMITS or (context.fargate and name != "nofile"):
            limits.note(
                name, "Fargate supports nofile only" if context.fargate else f"ECS supports {', '.join(ULIMITS)}"
            )
        elif soft is not None and hard is not None:
            if 0 <= hard < soft or (soft == -1 and hard != -1):
                limits.note(name, "its soft limit is above its hard one; using the hard one for both")
                soft = hard
            made.append(Flow({"name": name, "softLimit": soft, "hardLimit": hard}))
    if made:
        part.container["ulimits"] = made


def _devices(section: Section, part: Part, context: Context) -> None:
    made = []
    for node, path in section.nodes("devices"):
        if isinstance(node, MapNode):
            inner = Section(node, path, section.report, section.dialect)
            host, target = inner.text("source") or "", inner.text("target")
            permissions = inner.text("permissions")
            inner.close()
        else:
            text = section.scalar(node, path) or ""
            host, _, rest = text.partition(":")
            target, _, permissions = rest.partition(":")
        if context.fargate:
            section.report.note(node, path, "Fargate has no devices")
        elif not host.startswith("/"):
            section.report.note(node, path, "ECS takes devices by their path")
        else:
            device: dict[str, Any] = {"hostPath": host}
            if target:
                device["containerPath"] = target
            letters = [PERMISSIONS[letter] for letter in permissions or "" if letter in PERMISSIONS]
            if letters:
                device["permissions"] = letters
            made.append(device)
    if made:
        part.linux()["devices"] = made
