"""CreateService and UpdateService: how a service is deployed."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.refusals import limits
from ecsctl.refusals.model import CLIENT, INVALID, Data, Path, Violation, fact, guide, items, model, part, preflight
from ecsctl.refusals.service_context import CREATE, Context, controller

MAXIMUM_LEAST = fact(
    "maximum-percent-least", CREATE, INVALID, "maximumPercent below 100",
    "maximumPercent must be at least 100", preflight("service-deployment-percent"),
)  # fmt: skip
MINIMUM_MOST = fact(
    "minimum-percent-most", CREATE, INVALID, "minimumHealthyPercent above 100",
    "minimumHealthyPercent must be at most 100", preflight("service-deployment-percent"),
)  # fmt: skip
MINIMUM_LEAST = fact(
    "minimum-percent-least", CREATE, INVALID, "minimumHealthyPercent below 0",
    "minimumHealthyPercent must be at least 0", basis=model("DeploymentConfiguration.minimumHealthyPercent"),
)  # fmt: skip
BOTH_PERCENTS = fact(
    "percents-both-100", CREATE, INVALID,
    "maximumPercent and minimumHealthyPercent both 100; a minimum left out is 100",
    "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
    preflight("svc-min-healthy-over-max-percent", "service-deployment-percent"),
)  # fmt: skip
DAEMON_MAXIMUM = fact(
    "daemon-maximum-percent", CREATE, INVALID, "DAEMON with maximumPercent above 100",
    "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment "
    "configuration. Change the maximumPercent value to 100, and try again",
    preflight("svc-daemon-max-percent"),
)  # fmt: skip
DAEMON_MINIMUM = fact(
    "daemon-minimum-percent", CREATE, INVALID, "DAEMON with minimumHealthyPercent 100 or more",
    "minimumHealthyPercent must be below 100 for the daemon scheduling strategy.",
    basis=model("DeploymentConfiguration.minimumHealthyPercent"),
)  # fmt: skip
REBALANCING_PERCENT = fact(
    "rebalancing-maximum-percent", CREATE, INVALID,
    "availabilityZoneRebalancing ENABLED, or unsaid on create, with maximumPercent of 100 or less",
    "Availability Zone Rebalancing does not support maximumPercent <= 100 % as deployment configuration.",
    "reports of deployments with maximumPercent 100",
)  # fmt: skip
REBALANCING_DAEMON = fact(
    "rebalancing-daemon", CREATE, INVALID, "availabilityZoneRebalancing ENABLED with DAEMON",
    "The service couldn't be {verb} because Availability Zone Rebalancing does not support DAEMON as scheduling "
    "strategy. Update scheduling strategy and try again.",
    preflight("svc-az-rebalancing-with-daemon"),
)  # fmt: skip
REBALANCING_INCOMPATIBLE = fact(
    "rebalancing-incompatible", CREATE, INVALID,
    "availabilityZoneRebalancing ENABLED with a constraint on zones, a first strategy other than spread over zones, "
    "a classic load balancer, or the launch type EXTERNAL",
    "Availability Zone Rebalancing does not support {what}.", basis=guide("balancing a service across zones"),
)  # fmt: skip
BREAKER_CONTROLLER = fact(
    "circuit-breaker-controller", CREATE, INVALID,
    "deploymentCircuitBreaker or alarms with the controller CODE_DEPLOY or EXTERNAL",
    "{feature} feature is only supported with ECS deployment controller. Update to ECS deployment controller and try "
    "again.",
    f"{guide('deployment circuit breaker')}; aws/aws-cdk#26307",
)  # fmt: skip
BREAKER_THRESHOLD = fact(
    "circuit-breaker-threshold", CREATE, INVALID, "a threshold below 1, or above 100 percent bounded by the count",
    "The value of the thresholdConfiguration is out of range.", basis=model("ThresholdConfiguration"),
)  # fmt: skip
BREAKER_MEMBERS = fact(
    "circuit-breaker-members", CREATE, INVALID, "deploymentCircuitBreaker without enable or rollback",
    "The deployment circuit breaker needs both enable and rollback.", basis=model("DeploymentCircuitBreaker"),
)  # fmt: skip
ALARM_NAMES = fact(
    "alarm-names", CREATE, INVALID, "alarms that are enabled without alarmNames",
    "At least one alarm name must be specified when deployment alarms are enabled.",
    basis=model("DeploymentAlarms.alarmNames"),
)  # fmt: skip
DAEMON_CONTROLLER = fact(
    "daemon-controller", CREATE, INVALID, "DAEMON with the controller CODE_DEPLOY or EXTERNAL",
    "The {kind} deployment controller type is not supported for services using the DAEMON scheduling strategy.",
    f"{guide('deployment controllers')}; cfn-lint E3044",
)  # fmt: skip
EXTERNAL_DEFINITION = fact(
    "external-task-definition", "CreateService", INVALID, "the controller EXTERNAL with taskDefinition",
    "TaskDefinition must be blank.", preflight("svc-external-with-taskdef"),
)  # fmt: skip
EXTERNAL_MEMBERS = fact(
    "external-members", "CreateService", INVALID,
    "the controller EXTERNAL with launchType, capacityProviderStrategy, platformVersion or networkConfiguration",
    "{member} must be blank with the EXTERNAL deployment controller.", basis=guide("external deployment controller"),
)  # fmt: skip
EXTERNAL_BALANCERS = fact(
    "external-load-balancers", "CreateService", INVALID, "the controller EXTERNAL with loadBalancers",
    "LoadBalancers must be empty or null.", preflight("svc-external-with-load-balancers"),
)  # fmt: skip
DEFINITION_MISSING = fact(
    "service-task-definition-missing", "CreateService", INVALID,
    "no taskDefinition with the controller ECS or CODE_DEPLOY",
    "TaskDefinition can not be blank.", basis=model("CreateService.taskDefinition"),
)  # fmt: skip
STRATEGY_CONTROLLER = fact(
    "deployment-strategy-controller", CREATE, INVALID,
    "a deployment strategy with the controller CODE_DEPLOY or EXTERNAL",
    "A deployment strategy is only supported with the ECS deployment controller.", basis=model("DeploymentController"),
)  # fmt: skip
BAKE_TIME = fact(
    "bake-time-missing", CREATE, INVALID, "BLUE_GREEN without bakeTimeInMinutes",
    "bakeTimeInMinutes must be specified with the deployment strategy BLUE_GREEN.",
    basis=model("DeploymentConfiguration.bakeTimeInMinutes"),
)  # fmt: skip
BAKE_BOUNDS = fact(
    "bake-time-bounds", CREATE, INVALID, "a bake time outside of 0 to 1440 minutes",
    "{member} must be between 0 and {most}.", basis=model("LinearConfiguration; CanaryConfiguration"),
)  # fmt: skip
SHIFT_PERCENT = fact(
    "shift-percent", CREATE, INVALID, "a stepPercent outside of 3 to 100, a canaryPercent outside of 0.1 to 100",
    "{member} must be between {least} and 100.0, in steps of 0.1.",
    basis=model("LinearConfiguration; CanaryConfiguration"),
)  # fmt: skip
SHIFT_CONFIGURATION = fact(
    "shift-configuration", CREATE, INVALID, "linearConfiguration or canaryConfiguration with another strategy",
    "{member} is only valid with the deployment strategy {strategy}.",
    basis=model("DeploymentConfiguration.linearConfiguration"),
)  # fmt: skip
SHIFT_DAEMON = fact(
    "shift-daemon", CREATE, INVALID, "BLUE_GREEN, LINEAR or CANARY with DAEMON",
    "The deployment strategy {strategy} does not support the daemon scheduling strategy.",
    basis=guide("blue/green deployments"),
)  # fmt: skip
HOOK_TYPE = fact(
    "hook-target-type", CREATE, CLIENT, "lifecycleHooks with an unknown targetType",
    "Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE", guide("lifecycle hooks"),
)  # fmt: skip
HOOK_PAUSE = fact(
    "hook-pause-stage", CREATE, CLIENT, "a PAUSE hook at TEST_TRAFFIC_SHIFT or PRODUCTION_TRAFFIC_SHIFT",
    "Invalid lifecycle stage provided for Pause Hook", guide("lifecycle hooks"),
)  # fmt: skip
HOOK_MEMBERS = fact(
    "hook-members", CREATE, INVALID, "a lifecycle hook without stages, or of AWS_LAMBDA without hookTargetArn",
    "A lifecycle hook has no {member}.", basis=model("DeploymentLifecycleHook"),
)  # fmt: skip
EARLY_SUCCESS = fact(
    "early-success", CREATE, INVALID,
    "earlySuccessCriteria with another strategy than ROLLING, or enabled without its members, or below the minimum",
    "The earlySuccessCriteria are not valid: {what}.", basis=model("DeploymentEarlySuccessCriteria"),
)  # fmt: skip

SHIFTING = ("BLUE_GREEN", "LINEAR", "CANARY")
PAUSELESS = ("TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")
BY_ZONE = "attribute:ecs.availability-zone"


def check_deployment(service: Data, context: Context) -> Iterator[Violation]:
    """``deploymentConfiguration``, ``deploymentController`` and ``availabilityZoneRebalancing``."""
    configuration = part(service, "deploymentConfiguration")
    yield from _percents(service, configuration)
    yield from check_rebalancing(service, context)
    yield from _controller(service, configuration)
    yield from _strategy(service, configuration)
    yield from _hooks(configuration)
    yield from _early_success(configuration)


def _percents(service: Data, configuration: Data) -> Iterator[Violation]:
    path: Path = ("deploymentConfiguration",)
    low, high = configuration.get("minimumHealthyPercent"), configuration.get("maximumPercent")
    if low is not None and low < 0:
        yield MINIMUM_LEAST.at((*path, "minimumHealthyPercent"), value=low)
    if service.get("schedulingStrategy") == "DAEMON":
        if high is not None and high > 100:
            yield DAEMON_MAXIMUM.at((*path, "maximumPercent"), value=high)
        if low is not None and low >= 100:
            yield DAEMON_MINIMUM.at((*path, "minimumHealthyPercent"), value=low)
        return
    if low is not None and low > 100:
        yield MINIMUM_MOST.at((*path, "minimumHealthyPercent"), value=low)
    if high is not None and high < 100:
        yield MAXIMUM_LEAST.at((*path, "maximumPercent"), value=high)
    if high == 100 and low in (100, None):
        yield BOTH_PERCENTS.at((*path, "maximumPercent"), depends=((*path, "minimumHealthyPercent"),))


def check_rebalancing(service: Data, context: Context) -> Iterator[Violation]:
    """``availabilityZoneRebalancing``, with what it does not go together with."""
    configuration = part(service, "deploymentConfiguration")
    state, high = service.get("availabilityZoneRebalancing"), configuration.get("maximumPercent")
    place: Path = ("availabilityZoneRebalancing",)
    daemon = service.get("schedulingStrategy") == "DAEMON"
    if state == "ENABLED" and daemon:
        yield REBALANCING_DAEMON.at(place, verb="updated" if context.update else "created")
        return
    reason = rebalancing_problem(service)
    if state == "ENABLED" and reason:
        yield REBALANCING_INCOMPATIBLE.at(place, what=reason)
    unsaid = state is None and not context.update and not daemon and reason is None and controller(service) == "ECS"
    if high is not None and high <= 100 and (state == "ENABLED" or unsaid):
        on = "is ENABLED and" if state else "is on by default and"
        yield REBALANCING_PERCENT.at(("deploymentConfiguration", "maximumPercent"), on=on, value=high)


def rebalancing_problem(service: Data) -> str | None:
    """Why a service cannot be rebalanced between zones; None where it can."""
    strategy = list(items(service, "placementStrategy"))
    if strategy and not (strategy[0][1].get("type") == "spread" and strategy[0][1].get("field") == BY_ZONE):
        return f"a placement strategy that begins with {strategy[0][1].get('type')}"
    if any(BY_ZONE in str(item.get("expression")) for _, item in items(service, "placementConstraints")):
        return "a placement constraint on Availability Zones"
    if any(item.get("loadBalancerName") for _, item in items(service, "loadBalancers")):
        return "Classic Load Balancers"
    if service.get("launchType") == "EXTERNAL":
        return "the launch type EXTERNAL"
    return None


def _controller(service: Data, configuration: Data) -> Iterator[Violation]:
    kind = controller(service)
    path: Path = ("deploymentConfiguration",)
    breaker = part(configuration, "deploymentCircuitBreaker")
    if "deploymentCircuitBreaker" in configuration and not {"enable", "rollback"} <= breaker.keys():
        yield BREAKER_MEMBERS.at((*path, "deploymentCircuitBreaker"))
    threshold = part(breaker, "thresholdConfiguration")
    most = 100 if threshold.get("type") == "BOUNDED_PERCENT" else 10000
    if threshold.get("value") is not None and not 1 <= threshold["value"] <= most:
        inner = (*path, "deploymentCircuitBreaker", "thresholdConfiguration", "value")
        yield BREAKER_THRESHOLD.at(inner, value=threshold["value"], most=most)
    alarms = part(configuration, "alarms")
    if alarms.get("enable") and not alarms.get("alarmNames"):
        yield ALARM_NAMES.at((*path, "alarms", "alarmNames"))
    if kind == "ECS":
        return
    if service.get("schedulingStrategy") == "DAEMON":
        yield DAEMON_CONTROLLER.at(("schedulingStrategy",), kind=kind)
    if breaker.get("enable"):
        place = (*path, "deploymentCircuitBreaker")
        yield BREAKER_CONTROLLER.at(place, feature="Deployment circuit breaker", member=place[-1], kind=kind)
    if alarms.get("enable"):
        yield BREAKER_CONTROLLER.at((*path, "alarms"), feature="Alarm based rollback", member="alarms", kind=kind)
    if configuration.get("strategy") in SHIFTING:
        yield STRATEGY_CONTROLLER.at((*path, "strategy"), member="strategy", kind=kind)


def check_external(request: Data) -> Iterator[Violation]:
    """What CreateService takes or not by its controller: the task definition, and what task sets say."""
    if controller(request) != "EXTERNAL":
        if not request.get("taskDefinition"):
            yield DEFINITION_MISSING.at(("taskDefinition",))
        return
    if request.get("loadBalancers"):
        yield EXTERNAL_BALANCERS.at(("loadBalancers",))
    if request.get("taskDefinition"):
        yield EXTERNAL_DEFINITION.at(("taskDefinition",))
    for member in ("launchType", "capacityProviderStrategy", "platformVersion", "networkConfiguration"):
        if request.get(member):
            yield EXTERNAL_MEMBERS.at((member,), member=member)


def _strategy(service: Data, configuration: Data) -> Iterator[Violation]:
    kind = configuration.get("strategy") or "ROLLING"
    path: Path = ("deploymentConfiguration",)
    if kind == "BLUE_GREEN" and configuration.get("bakeTimeInMinutes") is None:
        yield BAKE_TIME.at((*path, "bakeTimeInMinutes"))
    if kind in SHIFTING and service.get("schedulingStrategy") == "DAEMON":
        yield SHIFT_DAEMON.at((*path, "strategy"), strategy=kind)
    bakes: list[tuple[Path, int | None]] = [((*path, "bakeTimeInMinutes"), configuration.get("bakeTimeInMinutes"))]
    for name, percent, least, bake in (
        ("linear", "stepPercent", 3.0, "stepBakeTimeInMinutes"),
        ("canary", "canaryPercent", 0.1, "canaryBakeTimeInMinutes"),
    ):
        member = f"{name}Configuration"
        inner = part(configuration, member)
        if inner and kind != name.upper():
            yield SHIFT_CONFIGURATION.at((*path, member), member=member, strategy=name.upper())
        value = inner.get(percent)
        if value is not None and (not least <= value <= 100 or abs(value * 10 - round(value * 10)) > 1e-6):
            yield SHIFT_PERCENT.at((*path, member, percent), member=percent, least=least, value=value)
        bakes.append(((*path, member, bake), inner.get(bake)))
    for place, minutes in bakes:
        if minutes is not None and not 0 <= minutes <= limits.MAX_BAKE_MINUTES:
            yield BAKE_BOUNDS.at(place, member=place[-1], value=minutes, most=limits.MAX_BAKE_MINUTES)


def _hooks(configuration: Data) -> Iterator[Violation]:
    for place, hook in items(configuration, "lifecycleHooks", ("deploymentConfiguration",)):
        kind, stages = hook.get("targetType") or "AWS_LAMBDA", hook.get("lifecycleStages") or ()
        if kind not in ("AWS_LAMBDA", "PAUSE"):
            yield HOOK_TYPE.at((*place, "targetType"), value=kind)
        if kind == "PAUSE":
            for index, stage in enumerate(stages):
                if stage in PAUSELESS:
                    yield HOOK_PAUSE.at((*place, "lifecycleStages", index), stage=stage)
        elif kind == "AWS_LAMBDA" and not hook.get("hookTargetArn"):
            yield HOOK_MEMBERS.at((*place, "hookTargetArn"), member="hookTargetArn")
        if not stages:
            yield HOOK_MEMBERS.at((*place, "lifecycleStages"), member="lifecycleStages")


def _early_success(configuration: Data) -> Iterator[Violation]:
    criteria, path = part(configuration, "earlySuccessCriteria"), ("deploymentConfiguration", "earlySuccessCriteria")
    if not criteria.get("enable"):
        return
    healthy, low = criteria.get("healthyPercent"), configuration.get("minimumHealthyPercent", 100)
    if configuration.get("strategy", "ROLLING") != "ROLLING":
        yield EARLY_SUCCESS.at(path, what="they are for the deployment strategy ROLLING")
    for member in ("healthyPercent", "sourceServiceRevisionCleanup"):
        if criteria.get(member) is None:
            yield EARLY_SUCCESS.at((*path, member), what=f"{member} is missing")
    if healthy is not None and healthy < low:
        yield EARLY_SUCCESS.at(
            (*path, "healthyPercent"), what=f"healthyPercent {healthy} is below the minimum of {low}"
        )
