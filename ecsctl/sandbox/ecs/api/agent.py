"""The operations that only container agents call: the sandbox has agents of its own, which need none of them.

Another program may play the agent as far as registering: its instance is there, and nothing starts on it unless it is
a machine of the sandbox's EC2.
"""

from __future__ import annotations

import json

from ecsctl.sandbox.ecs.api.container_instances import instance_view
from ecsctl.sandbox.ecs.api.references import cluster_name, find_cluster, instance_of
from ecsctl.sandbox.ecs.api.tags import checked_tags
from ecsctl.sandbox.ecs.errors import client_error
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.scheduler import agents
from ecsctl.sandbox.interfaces import InstanceDetails

# The model leaves totalResources optional: what is not told is that of a machine with room, as moto has it.
UNSAID_CPU = 4096
UNSAID_MEMORY_MIB = 7482
ACKNOWLEDGED = {"acknowledgment": "ACK"}


def _identity(document: str | None) -> dict[str, str]:
    """The instance identity document, as EC2 signs it."""
    try:
        identity = json.loads(document or "")
    except ValueError:
        identity = None
    if not isinstance(identity, dict) or not identity.get("instanceId"):
        raise client_error("Instance identity document is not valid.")
    return {key: str(value) for key, value in identity.items() if value is not None}


@operation("RegisterContainerInstance", simulated=True)
def register_container_instance(region: Region, request: Request) -> Response:
    """RegisterContainerInstance: the signature of the identity document is not looked at."""
    tags = checked_tags(request.get("tags"))
    known = request.get("containerInstanceArn")
    if known:
        name = find_cluster(region, request).name
        again = instance_of(region, name, known)
        if again is None:
            raise client_error("Container instance not found.")
        identity = {"instanceId": again.facts.ec2_instance_id}
    else:
        identity = _identity(request.get("instanceIdentityDocument"))
    sizes = {row["name"]: int(row.get("integerValue") or 0) for row in request.get("totalResources", ())}
    versions = request.get("versionInfo", {})
    facts = again.facts if known and again else InstanceDetails(
        ec2_instance_id=identity["instanceId"],
        instance_type=identity.get("instanceType", "unknown"),
        availability_zone=identity.get("availabilityZone", f"{region.store.region}a"),
        cpu_units=sizes.get("CPU", UNSAID_CPU),
        memory_mib=sizes.get("MEMORY", UNSAID_MEMORY_MIB),
        ami_id=identity.get("imageId", ""),
        cpu_architecture=identity.get("architecture", "x86_64"),
        attributes={row["name"]: row.get("value") for row in request.get("attributes", ())},
        agent_version=versions.get("agentVersion", InstanceDetails.agent_version),
    )  # fmt: skip
    cluster = cluster_name(request.get("cluster")) if request.get("cluster") else ""
    # An agent that names no container instance of its own has forgotten it: it gets a new one, wherever it registers.
    arn = agents.register_agent(region, cluster, facts, anew=not known)
    instance = region.store.instances[arn]
    instance.tags |= tags
    return {"containerInstance": instance_view(region.store, instance, frozenset({"TAGS"}), region.now)}


@operation("SubmitTaskStateChange", simulated=True)
def submit_task_state_change(region: Region, request: Request) -> Response:
    """SubmitTaskStateChange: acknowledged; what a task's state is the sandbox's own agents say."""
    find_cluster(region, request)
    return ACKNOWLEDGED


@operation("SubmitContainerStateChange", simulated=True)
def submit_container_state_change(region: Region, request: Request) -> Response:
    """SubmitContainerStateChange: as SubmitTaskStateChange."""
    find_cluster(region, request)
    return ACKNOWLEDGED


@operation("SubmitAttachmentStateChanges", simulated=True)
def submit_attachment_state_changes(region: Region, request: Request) -> Response:
    """SubmitAttachmentStateChanges: as SubmitTaskStateChange."""
    find_cluster(region, request)
    return ACKNOWLEDGED
