"""How services are deployed: percents, strategies, daemons."""

from __future__ import annotations

from ecsctl.manifest.rules import Tell, cites
from ecsctl.refusals import deployments as facts
from ecsctl.refusals import load_balancers, service

LEAVE_OUT = "leave it out"

cites(
    "ECS103",
    "minimumHealthyPercent is at most 100, maximumPercent at least 100.",
    Tell(facts.MINIMUM_LEAST, "{value} is out of bounds", "0 to 100"),
    Tell(facts.MINIMUM_MOST, "{value} is out of bounds", "0 to 100"),
    Tell(facts.MAXIMUM_LEAST, "{value} is out of bounds", "100 or more"),
    why="A deployment keeps between these shares of the desired tasks running.",
    looks_at="deploymentConfiguration",
)
cites(
    "ECS104",
    "The two percents leave room for a deployment.",
    Tell(
        facts.BOTH_PERCENTS,
        "maximumPercent and minimumHealthyPercent of 100 block any deployment",
        "more than 100, or a minimumHealthyPercent below 100",
    ),
    why="No task may be stopped, and none started.",
    looks_at="deploymentConfiguration; a minimum that is left out is 100",
)
cites(
    "ECS105",
    "Rebalancing between zones needs a maximumPercent above 100.",
    Tell(
        facts.REBALANCING_PERCENT,
        "availabilityZoneRebalancing {on} does not support a maximumPercent of {value}",
        "availabilityZoneRebalancing: DISABLED, or a maximumPercent above 100",
    ),
    why="A task is started in the other zone before one is stopped. Rebalancing is on unless it is said otherwise.",
    looks_at="availabilityZoneRebalancing and maximumPercent",
)
cites(
    "ECS106",
    "A daemon is one task an instance: it has no count, no strategy, no rebalancing.",
    Tell(service.DAEMON_COUNT, "a DAEMON service has no desiredCount", LEAVE_OUT),
    Tell(service.DAEMON_STRATEGY, "a DAEMON service has no placementStrategy", LEAVE_OUT),
    Tell(service.DAEMON_PROVIDERS, "a DAEMON service has no capacityProviderStrategy", "launchType: EC2"),
    Tell(service.DAEMON_FARGATE, "Fargate does not support DAEMON", "REPLICA"),
    Tell(facts.DAEMON_CONTROLLER, "the deployment controller {kind} does not support DAEMON", "REPLICA"),
    Tell(facts.REBALANCING_DAEMON, "a DAEMON service is not rebalanced", "DISABLED, or leave it out"),
    Tell(facts.DAEMON_MINIMUM, "a DAEMON service with a minimumHealthyPercent of {value} is never replaced", "0 to 99"),
    Tell(facts.DAEMON_MAXIMUM, "a DAEMON service takes a maximumPercent of 100 at most, not {value}", LEAVE_OUT),
    why="The scheduler places one task on each instance that fits, and replaces it in place.",
    looks_at="schedulingStrategy: DAEMON",
)
cites(
    "ECS113",
    "Only the deployment controller ECS has a deployment strategy, a circuit breaker and alarms.",
    Tell(facts.STRATEGY_CONTROLLER, "{member} is not for the deployment controller {kind}", LEAVE_OUT),
    Tell(facts.BREAKER_CONTROLLER, "{member} is not for the deployment controller {kind}", LEAVE_OUT),
    Tell(load_balancers.CODE_DEPLOY, "CODE_DEPLOY needs a target group", "loadBalancers: [{{targetGroupArn: …}}]"),
    Tell(facts.EXTERNAL_BALANCERS, "EXTERNAL has no loadBalancers; its task sets do", LEAVE_OUT),
    Tell(facts.EXTERNAL_DEFINITION, "EXTERNAL has no taskDefinition; its task sets do", LEAVE_OUT),
    Tell(facts.EXTERNAL_MEMBERS, "EXTERNAL has no {member}; its task sets do", LEAVE_OUT),
    Tell(facts.DEFINITION_MISSING, "taskDefinition is missing", "a family, family:revision or an ARN"),
    why="CODE_DEPLOY and EXTERNAL deploy in their own way: the one needs two target groups to shift between, the other "
    "says everything in task sets.",
    looks_at="deploymentController, deploymentConfiguration, taskDefinition and loadBalancers",
)
cites(
    "ECS114",
    "A deployment that shifts traffic says how: a bake time, percents, and an alternate target group.",
    Tell(facts.BAKE_TIME, "BLUE_GREEN needs bakeTimeInMinutes", "bakeTimeInMinutes: 5"),
    Tell(facts.BAKE_BOUNDS, "{value} minutes are out of bounds", "0 to {most}"),
    Tell(facts.SHIFT_PERCENT, "{value} percent are out of bounds", "{least} to 100, in steps of 0.1"),
    Tell(facts.SHIFT_CONFIGURATION, "{member} is for the strategy {strategy}", LEAVE_OUT),
    Tell(facts.SHIFT_DAEMON, "{strategy} is not for a DAEMON service", "ROLLING"),
    Tell(load_balancers.ADVANCED_MISSING, "{kind} needs advancedConfiguration", "in each of loadBalancers"),
    Tell(load_balancers.ADVANCED_MEMBERS, "{kind} needs {member} in advancedConfiguration"),
    Tell(load_balancers.ADVANCED_SOME, "other entries have an advancedConfiguration", "all of them, or none"),
    Tell(load_balancers.ADVANCED_CLASSIC, "a classic load balancer has no advancedConfiguration", "a target group"),
    Tell(load_balancers.ADVANCED_RULE, "the rule is that of production: {arn}", "another one"),
    why="Traffic moves to the alternate target group by the production rule, and back if need be.",
    looks_at="strategy: BLUE_GREEN and its like",
)
cites(
    "ECS122",
    "Rebalancing between zones is for services that may run in any of them.",
    Tell(
        facts.REBALANCING_INCOMPATIBLE,
        "availabilityZoneRebalancing does not support {what}",
        "availabilityZoneRebalancing: DISABLED",
    ),
    why="A constraint, another first strategy or a classic load balancer would move the tasks back.",
    looks_at="availabilityZoneRebalancing: ENABLED",
)
cites(
    "ECS125",
    "A lifecycle hook has stages and a target that ECS knows.",
    Tell(facts.HOOK_TYPE, "{value!r} is not a target type", "AWS_LAMBDA or PAUSE"),
    Tell(facts.HOOK_PAUSE, "the deployment cannot pause at {stage}", "a stage before or after it"),
    Tell(facts.HOOK_MEMBERS, "{member} is missing"),
    why="It is called, or waited at, at these stages of a deployment.",
    looks_at="deploymentConfiguration.lifecycleHooks",
)
cites(
    "ECS127",
    "What ends a deployment is said in full: the circuit breaker, the alarms, early success.",
    Tell(facts.BREAKER_MEMBERS, "enable and rollback are both needed", "{{enable: true, rollback: true}}"),
    Tell(facts.BREAKER_THRESHOLD, "the threshold of {value} is out of bounds", "1 to {most}"),
    Tell(facts.ALARM_NAMES, "alarms are enabled, and none is named", "alarmNames: [NAME]"),
    Tell(facts.EARLY_SUCCESS, "{what}"),
    why="A deployment that nothing can end would hold the next one up.",
    looks_at="deploymentCircuitBreaker, alarms and earlySuccessCriteria",
)
