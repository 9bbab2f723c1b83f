"""Task definitions as a whole: sizes, and what Fargate, EC2 and the other launch types take."""

from __future__ import annotations

from ecsctl.manifest.rules import Tell, cites
from ecsctl.refusals import launch_types as facts
from ecsctl.refusals import task_definition

LEAVE_OUT = "leave it out, or use EC2"
NAMES = {
    "constraints": "placement constraints",
    "sourcePath": "a path of the host",
    "dockerVolumeConfiguration": "Docker volumes",
}

cites(
    "ECS070",
    "Fargate needs cpu and memory of the task.",
    Tell(facts.FARGATE_CPU, "Fargate requires that cpu be defined at the task level", "cpu: 0.25vCPU"),
    Tell(facts.FARGATE_MEMORY, "Fargate requires that memory be defined at the task level", "memory: 512MB"),
    why="The task's size is what Fargate provides and bills.",
    looks_at="cpu and memory",
)
cites(
    "ECS071",
    "Fargate has certain sizes.",
    Tell(facts.FARGATE_SIZE, "Fargate has no size of {what}", "{allowed}"),
    why="Memory goes with CPU: 256 has 512, 1024 or 2048 MiB; 512 1-4 GB; 1024 2-8 GB; 2048 4-16 GB; 4096 8-30 GB; "
    "8192 16-60 GB in steps of 4; 16384 32-120 GB in steps of 8; 32768 60, 120 or 244 GB. Windows begins with 1024.",
    looks_at="Pairs of cpu and memory",
)
cites(
    "ECS072",
    "Fargate tasks have the network mode awsvpc.",
    Tell(
        facts.FARGATE_NETWORK,
        lambda values: (
            f"Fargate only supports network mode awsvpc, not {values['mode']}"
            if values["mode"]
            else "Fargate only supports network mode awsvpc, and bridge is what it is when left out"
        ),
        "networkMode: awsvpc",
    ),
    why="A Fargate task has no instance to share a network with; it has an interface of its own.",
    looks_at="networkMode",
)
cites(
    "ECS073",
    "Fargate tasks ask for nothing of an instance.",
    Tell(
        facts.FARGATE_BARS,
        lambda values: f"Fargate does not support {NAMES.get(values['name'], values['name'])}",
        LEAVE_OUT,
    ),
    Tell(facts.FARGATE_SWAPPINESS, "Fargate does not support {name}", LEAVE_OUT),
    Tell(facts.FARGATE_PRIVILEGED, "Fargate does not support privileged containers", LEAVE_OUT),
    Tell(facts.FARGATE_PID, "Fargate does not support pidMode host", "pidMode: task, or use EC2"),
    Tell(facts.FARGATE_GPU, "Fargate does not support GPUs", LEAVE_OUT),
    Tell(facts.FARGATE_CAPABILITY, "Fargate does not support the capability {name} (only SYS_PTRACE)", LEAVE_OUT),
    why="There is no instance that the task could choose, change or reach into.",
    looks_at="What only instances have",
)
cites(
    "ECS074",
    "Fargate starts and stops a container within two minutes.",
    Tell(facts.FARGATE_TIMEOUT, "Fargate does not take a {member} of {value} s", "{least} to {most}"),
    why="After that the container is killed in any case.",
    looks_at="startTimeout and stopTimeout",
)
cites(
    "ECS078",
    "Ephemeral storage is of Fargate, 21 to 200 GiB.",
    Tell(facts.EC2_STORAGE, "EC2 tasks do not support ephemeralStorage", "FARGATE"),
    Tell(facts.STORAGE_LEAST, "{value} GiB is out of bounds", "21 to 200"),
    Tell(facts.STORAGE_MOST, "{value} GiB is out of bounds", "21 to 200"),
    why="On EC2 the disk is the instance's. Fargate gives 20 GiB without asking.",
    looks_at="ephemeralStorage.sizeInGiB",
)
cites(
    "ECS079",
    "ARM64 is not for Windows.",
    Tell(facts.WINDOWS_ARM, "Windows does not run on ARM64", "X86_64"),
    why="There are no such instances.",
    looks_at="runtimePlatform",
)
cites(
    "ECS080",
    "On EC2 a task's cpu is 128 to 196608 units.",
    Tell(facts.EC2_CPU, "{value} CPU units of a task are out of bounds", "{allowed}"),
    why="1024 units are one core. A container may have less; then leave the task's cpu out.",
    looks_at="cpu of the task",
)
cites(
    "ECS081",
    "A task's size is a number above 0.",
    Tell(facts.CPU_SETTING, "{value!r} is not a size of a task", "a number above 0"),
    Tell(facts.MEMORY_SETTING, "{value!r} is not a size of a task", "a number above 0"),
    why="cpu is in units (1024 a core) or vCPU, memory in MiB or GB.",
    looks_at="cpu and memory of the task",
)
cites(
    "ECS082",
    "Tasks on external instances have no network mode awsvpc and no shared GPU.",
    Tell(facts.EXTERNAL_NETWORK, "external instances have no awsvpc", "networkMode: bridge or host"),
    Tell(facts.EXTERNAL_GPU_SHARING, "external instances do not share GPUs", "value"),
    why="An interface of its own can only be given in a VPC.",
    looks_at="networkMode and requiresCompatibilities or a service's launchType",
)
cites(
    "ECS094",
    "A task definition has no Elastic Inference accelerators.",
    Tell(facts.INFERENCE, "ECS no longer takes inferenceAccelerators", "leave it out"),
    why="AWS has given up Elastic Inference, and refuses task definitions with it.",
    looks_at="inferenceAccelerators",
)
cites(
    "ECS095",
    "What only Managed Instances have is asked of them, and logs there by a driver that they have.",
    Tell(facts.MANAGED_ONLY, "{name} is for Managed Instances only", "requiresCompatibilities: [MANAGED_INSTANCES]"),
    Tell(
        facts.MANAGED_DRIVER,
        "Managed Instances do not have the log driver {driver}",
        f"one of {', '.join(facts.MANAGED_LOG_DRIVERS)}",
    ),
    Tell(task_definition.ATTESTATION, "CONFIDENTIAL_SANDBOX without an attestationPolicy", "attestationPolicy"),
    why="Neuron devices, sandboxes and attested tasks are features of Amazon ECS Managed Instances.",
    looks_at="resourceRequirements, trustedExecutionConfiguration, logConfiguration.logDriver",
)
