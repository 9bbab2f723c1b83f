"""Containers: what one container definition may say, by itself and beside the others of its task."""

from __future__ import annotations

from ecsctl.manifest.rules import Tell, cites
from ecsctl.refusals import containers as facts
from ecsctl.refusals import patterns, task_definition

cites(
    "ECS014",
    "Container names are unique within a task definition.",
    Tell(facts.NAMES_UNIQUE, "the name {name} is taken by another container of the task definition"),
    why="Balancers, dependencies, links, overrides and logs find a container by its name.",
    looks_at="containerDefinitions[].name",
)
cites(
    "ECS020",
    "A container has memory, memoryReservation, or a share of the task's memory.",
    Tell(
        facts.MEMORY_MISSING,
        "the container {container} has neither memory nor memoryReservation",
        "memory: 512MB, here or for the task",
    ),
    why="The scheduler must know how much of an instance a task takes. A task-level memory says it for all containers.",
    looks_at="memory or memoryReservation, unless the task has memory",
)
cites(
    "ECS021",
    "A container's memory is not below its memoryReservation.",
    Tell(
        facts.MEMORY_BELOW_RESERVATION,
        "the memory of {limit} MiB is below the memoryReservation of {reserved} MiB",
        "at least {reserved}",
    ),
    why="memory is the limit at which the container is killed, memoryReservation what it is placed by.",
    looks_at="memory ≥ memoryReservation",
)
cites(
    "ECS022",
    "A container's memory is not above the task's.",
    Tell(
        task_definition.MEMORY_ABOVE_TASK,
        "the {member} of {own} MiB is above the task's memory of {whole} MiB",
        "at most {whole}",
    ),
    Tell(
        task_definition.RESERVATION_SUM,
        "the containers' memoryReservation adds up to {total} MiB, the task has {memory}",
        "at least {total}",
    ),
    why="The task's memory is the limit of all its containers together.",
    looks_at="memory and memoryReservation ≤ the task's memory",
)
cites(
    "ECS023",
    "The containers' CPU units add up to no more than the task's.",
    Tell(task_definition.CPU_SUM, "the containers' cpu adds up to {total}, the task has {cpu}"),
    why="The task's cpu is what all its containers share.",
    looks_at="Sum of cpu ≤ the task's cpu",
)
cites(
    "ECS024",
    "At least one container is essential.",
    Tell(task_definition.NO_ESSENTIAL, "no container is essential", "essential: true on one of them"),
    Tell(task_definition.NO_CONTAINERS, "there is no container", "containerDefinitions: [{{name: …, image: …}}]"),
    why="A task lives as long as its essential containers do.",
    looks_at="essential is true, or left out, somewhere",
)
cites(
    "ECS025",
    "A container's health check stays within its bounds.",
    Tell(facts.HEALTH_ABOVE, "the {member} of {value}{unit} is out of bounds", "{least} to {most}{unit}"),
    Tell(facts.HEALTH_BELOW, "the {member} of {value}{unit} is out of bounds", "{least} to {most}{unit}"),
    Tell(facts.HEALTH_COMMAND, "the command is empty", '["CMD-SHELL", "…"]'),
    why="The agent runs the check inside of the container at this pace.",
    looks_at="healthCheck of containers",
)
cites(
    "ECS031",
    "Secrets need an execution role.",
    Tell(
        facts.SECRETS_ROLE,
        "secrets without an executionRoleArn of the task definition",
        "executionRoleArn: arn:aws:iam::…:role/…, or executionRole: {{}}, which up makes",
    ),
    Tell(
        facts.SECRET_OPTIONS_ROLE,
        "secrets without an executionRoleArn of the task definition",
        "executionRoleArn: arn:aws:iam::…:role/…, or executionRole: {{}}, which up makes",
    ),
    why="The agent reads the secrets with this role before the container starts; the task's own role comes later.",
    looks_at="secrets and logConfiguration.secretOptions",
)
cites(
    "ECS032",
    "Variables and secrets have names; that of a secret is not that of a variable too, and comes once.",
    Tell(facts.VARIABLE_NAME, "a variable has no name", "name: NAME"),
    Tell(facts.SECRETS_DUPLICATE, "the name {name} is that of a secret already"),
    Tell(facts.SECRET_SHARED, "the name {name} is that of a variable of environment already"),
    why="Both become environment variables of the container.",
    looks_at="environment and secrets",
)
cites(
    "ECS033",
    "A soft limit is not above its hard limit.",
    Tell(facts.ULIMIT_ORDER, "the softLimit of {soft} is above the hardLimit of {hard}", "at most {hard}"),
    why="The hard limit is the ceiling of the soft one.",
    looks_at="ulimits; -1 is unlimited",
)
cites(
    "ECS035",
    "A restart policy waits one minute to half an hour, and ignores 50 exit codes at most.",
    Tell(facts.RESTART_PERIOD, "{value} s is out of bounds", "60 to 1800 s"),
    Tell(facts.RESTART_CODES, "{count} exit codes are too many", "at most {most}"),
    why="A container that ends earlier than this is not restarted again.",
    looks_at="restartPolicy",
)
cites(
    "ECS037",
    "A secret is named by an ARN, or by the name of a parameter.",
    Tell(
        facts.SECRET_PARAMETER,
        "the secret {name} is neither an ARN nor the name of a parameter: {value!r}",
        "a full ARN, or letters, digits and / _ . -",
    ),
    why="A name means a parameter of Systems Manager, so a secret of Secrets Manager is named by its ARN, and one key "
    "of it by the ARN with the key.",
    looks_at="secrets[].valueFrom",
)
cites(
    "ECS039",
    "Environment files are ten objects of S3 at most, named by their ARNs.",
    Tell(facts.ENVIRONMENT_FILES_COUNT, "{count} environment files are too many", "at most {most}"),
    Tell(facts.ARN_SYNTAX, "{value!r} is not {noun}", f"as {patterns.S3_OBJECT.like}"),
    why="The agent reads the file from S3 before the container starts.",
    looks_at="environmentFiles, and the config-file-value of FireLens",
)
cites(
    "ECS096",
    "A container asks for a GPU or a Neuron device in one way, and says how much.",
    Tell(facts.RESOURCE_VALUE, "{kind} has no valid value", "a number above 0, or ALL"),
    Tell(facts.GPU_SHARING, "value and sharingStrategy together", "one of them"),
    why="The agent reserves that many devices of the instance.",
    looks_at="resourceRequirements",
)
cites(
    "ECS097",
    "Kernel parameters are the container's own.",
    Tell(
        facts.SYSTEM_CONTROL,
        "{namespace!r} is a parameter of the whole instance",
        "net.*, fs.mqueue.*, kernel.msg*, kernel.sem or kernel.shm*",
    ),
    Tell(
        facts.SYSTEM_CONTROL_MODE, "{namespace} would be set for the whole instance", "another networkMode or ipcMode"
    ),
    Tell(facts.SWAPPINESS, "the {member} of {value} is out of bounds", "swappiness 0 to 100, maxSwap 0 or more"),
    why="What is not namespaced would change the instance for all its tasks; Docker refuses to start such a container.",
    looks_at="systemControls, linuxParameters.swappiness and maxSwap",
)
cites(
    "ECS157",
    "A container's memory is 4 MiB or more, its cpu 0 or more, and it has one credential spec at most.",
    Tell(facts.MEMORY_LEAST, "{value} MiB are too few", "at least {least}"),
    Tell(facts.CPU_NEGATIVE, "{cpu} CPU units", "0 or more"),
    Tell(facts.CREDENTIAL_SPECS, "more than one credential spec", "one"),
    why="Docker itself takes no less; newer versions want 6 MiB.",
    looks_at="memory, memoryReservation, cpu and credentialSpecs",
)
