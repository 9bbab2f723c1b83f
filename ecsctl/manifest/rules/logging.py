"""Log drivers, their options, and FireLens."""

from __future__ import annotations

from ecsctl.manifest.rules import Tell, cites
from ecsctl.refusals import launch_types, limits
from ecsctl.refusals import logging as facts

ROLE = "executionRoleArn: arn:aws:iam::…:role/…, or executionRole: {{}}, which up makes"

cites(
    "ECS034",
    "The log driver awslogs names its region and group, and splunk its URL and token.",
    Tell(
        facts.AWSLOGS_REQUIRED, "the log driver awslogs has no {options}", "awslogs-group: /ecs/NAME, awslogs-region: …"
    ),
    Tell(facts.SPLUNK_REQUIRED, "the log driver splunk has no {options}", "in options or secretOptions"),
    why="The driver does not know where to write otherwise.",
    looks_at="logConfiguration.options: awslogs-region, awslogs-group, splunk-url, splunk-token",
)
cites(
    "ECS036",
    "awsfirelens and a firelensConfiguration need each other.",
    Tell(
        facts.FIRELENS_MISSING,
        "awsfirelens without a container that has a firelensConfiguration",
        "firelensConfiguration: {{type: fluentbit}} on the log router",
    ),
    Tell(facts.FIRELENS_UNUSED, "no container logs to it", "logDriver: awsfirelens on another container"),
    why="The driver hands the logs to the container that has the firelensConfiguration, which sends them on.",
    looks_at="logConfiguration.logDriver and firelensConfiguration",
)
cites(
    "ECS038",
    "A log driver gets options that it knows, with values that it takes.",
    Tell(facts.AWSLOGS_UNKNOWN, "awslogs has no option {options}", f"known: {', '.join(limits.AWSLOGS_OPTIONS)}"),
    Tell(facts.AWSLOGS_CREATE_GROUP, "awslogs-create-group is {value!r}", '"true", or leave it out'),
    Tell(facts.LOG_MODE, "the mode is {value!r}", "blocking or non-blocking"),
    why="ECS refuses what the driver would not understand, so that no log is lost without a word.",
    looks_at="logConfiguration.options",
)
cites(
    "ECS075",
    "Fargate logs by awslogs, splunk or awsfirelens.",
    Tell(
        launch_types.FARGATE_DRIVER,
        "Fargate does not support the log driver {driver}",
        f"one of {', '.join(limits.FARGATE_LOG_DRIVERS)}",
    ),
    why="The other drivers write to the host.",
    looks_at="logConfiguration.logDriver",
)
cites(
    "ECS076",
    "On Fargate awslogs names the prefix of its streams.",
    Tell(launch_types.FARGATE_PREFIX, "awslogs on Fargate has no awslogs-stream-prefix", "awslogs-stream-prefix: NAME"),
    why="A stream is named prefix/container/task; without a prefix it could not be found.",
    looks_at="logConfiguration.options.awslogs-stream-prefix",
)
cites(
    "ECS077",
    "On Fargate, awslogs and images of ECR need an execution role.",
    Tell(launch_types.FARGATE_LOGS_ROLE, "Fargate requires an executionRoleArn to support {what}", ROLE),
    Tell(launch_types.FARGATE_ECR_ROLE, "Fargate requires an executionRoleArn to support {what}", ROLE),
    why="There is no instance role that could write the logs or pull the image.",
    looks_at="executionRoleArn",
)
cites(
    "ECS093",
    "On Fargate, FireLens takes its configuration from a file of the image.",
    Tell(
        launch_types.FARGATE_FIRELENS,
        "Fargate does not support a FireLens configuration of S3",
        "config-file-type: file",
    ),
    why="The router's image can fetch it itself: the init images of AWS for Fluent Bit do.",
    looks_at="firelensConfiguration.options.config-file-type",
)
