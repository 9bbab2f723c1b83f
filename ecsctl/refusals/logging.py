"""RegisterTaskDefinition: log drivers and FireLens."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.refusals import limits, patterns
from ecsctl.refusals.containers import ARN_SYNTAX, REGISTER
from ecsctl.refusals.model import CLIENT, Data, Path, Violation, containers, fact, items, model, part, preflight

AWSLOGS_REQUIRED = fact(
    "awslogs-options-missing", REGISTER, CLIENT,
    "awslogs without awslogs-region or awslogs-group",
    "Log driver awslogs requires options: {options}",
    f"{preflight('awslogs-missing-group')}; aws-cloudformation/cfn-lint#1787",
)  # fmt: skip
AWSLOGS_UNKNOWN = fact(
    "awslogs-options-unknown", REGISTER, CLIENT,
    f"an option that awslogs does not know; the known ones are {', '.join(limits.AWSLOGS_OPTIONS)}",
    "Log driver awslogs disallows options: {options}",
    "aws-samples/amazon-ecs-firelens-examples#83; the known ones: cfn-lint E3046",
)  # fmt: skip
AWSLOGS_CREATE_GROUP = fact(
    "awslogs-create-group", REGISTER, CLIENT,
    "awslogs-create-group with another value than true",
    "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option.",
    "terraform-linters/tflint-ruleset-aws#348",
)  # fmt: skip
LOG_MODE = fact(
    "log-mode", REGISTER, CLIENT,
    "the option mode of a log driver with another value than blocking and non-blocking",
    "Log driver {driver} option 'mode' must be blocking or non-blocking.",
    basis=model("LogConfiguration.options, mode"),
)  # fmt: skip
SPLUNK_REQUIRED = fact(
    "splunk-options-missing", REGISTER, CLIENT,
    "splunk without splunk-token or splunk-url, in options or secretOptions",
    "Log driver splunk requires options: {options}",
    basis=model("LogConfiguration.options, splunk"),
)  # fmt: skip
FIRELENS_MISSING = fact(
    "firelens-router-missing", REGISTER, CLIENT,
    "the driver awsfirelens, and no firelensConfiguration in the task definition",
    "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured "
    "in one of the containers.",
    preflight("awsfirelens-without-router"),
)  # fmt: skip
FIRELENS_UNUSED = fact(
    "firelens-unused", REGISTER, CLIENT,
    "a firelensConfiguration, and no container that logs to it",
    "When a firelensConfiguration object is specified, at least one container has to be configured with the "
    "awsfirelens log driver.",
    "aws/amazon-cloudwatch-logs-for-fluent-bit#20; pulumi/pulumi-awsx#552",
)  # fmt: skip


def check_logging(definition: Data) -> Iterator[Violation]:
    """The log configurations of containers, and the routers of their logs."""
    senders, routers = [], []
    for path, box in containers(definition):
        if part(box, "logConfiguration").get("logDriver") == "awsfirelens":
            senders.append(path)
        if box.get("firelensConfiguration"):
            routers.append(path)
        yield from check_configuration((*path, "logConfiguration"), part(box, "logConfiguration"))
        options = part(box, "firelensConfiguration", "options")
        if options.get("config-file-type") == "s3" and not patterns.ARN.fits(str(options.get("config-file-value"))):
            place = (*path, "firelensConfiguration", "options", "config-file-value")
            yield ARN_SYNTAX.at(place, value=options.get("config-file-value"), noun=patterns.S3_OBJECT.noun)
    if senders and not routers:
        depends = tuple((*path, "firelensConfiguration") for path, _ in containers(definition))
        yield FIRELENS_MISSING.at((*senders[0], "logConfiguration", "logDriver"), depends=depends)
    elif routers and not senders:
        depends = tuple((*path, "logConfiguration") for path, _ in containers(definition))
        yield FIRELENS_UNUSED.at((*routers[0], "firelensConfiguration"), depends=depends)


def creates_group(options: Data) -> bool:
    """Whether the driver awslogs makes its log group: ``True`` is taken, too (the samples of AWS have it)."""
    return str(options.get("awslogs-create-group", "")).lower() == "true"


def check_configuration(path: Path, logs: Data) -> Iterator[Violation]:
    """One log configuration, of a container or of Service Connect."""
    driver, options = logs.get("logDriver"), part(logs, "options")
    place = (*path, "options")
    secret = {item.get("name") for _, item in items(logs, "secretOptions", path)}
    if driver == "awslogs":
        missing = [name for name in ("awslogs-region", "awslogs-group") if not options.get(name)]
        if missing:
            yield AWSLOGS_REQUIRED.at(place, options=", ".join(missing))
        for name, value in options.items():
            if name not in limits.AWSLOGS_OPTIONS:
                yield AWSLOGS_UNKNOWN.at((*place, name), options=name)
            elif name == "awslogs-create-group" and not creates_group(options):
                yield AWSLOGS_CREATE_GROUP.at((*place, name), value=value)
    if driver == "splunk":
        missing = [name for name in ("splunk-token", "splunk-url") if not options.get(name) and name not in secret]
        if missing:
            yield SPLUNK_REQUIRED.at(place, options=", ".join(missing), depends=(place, (*path, "secretOptions")))
    if driver and driver != "awsfirelens" and options.get("mode") not in (None, "blocking", "non-blocking"):
        yield LOG_MODE.at((*place, "mode"), driver=driver, value=options["mode"])
