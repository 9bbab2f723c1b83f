"""What depends on what else there is in the account: only the sandbox, or AWS, can find it."""

from __future__ import annotations

from ecsctl.refusals.model import CLIENT, INVALID, fact, guide, model, preflight

# Services.
NOT_IDEMPOTENT = fact(
    "service-not-idempotent", "CreateService", INVALID, "an ACTIVE service of the same name with other parameters",
    "Creation of service was not idempotent.", "hashicorp/terraform-provider-aws#2283",
)  # fmt: skip
STILL_DRAINING = fact(
    "service-draining", "CreateService", INVALID, "a service of the same name that is DRAINING",
    "Unable to Start a service that is still Draining.", "spinnaker/spinnaker#5476",
)  # fmt: skip
NOT_ACTIVE = fact(
    "service-not-active", "UpdateService", "ServiceNotActiveException", "a service that is INACTIVE or DRAINING",
    "Service was not ACTIVE.", "hashicorp/terraform#3582",
)  # fmt: skip
STRATEGY_CHANGED = fact(
    "update-strategy-without-force", "UpdateService", INVALID,
    "a capacityProviderStrategy given, changed or taken away without forceNewDeployment",
    "When switching from launch type to capacity provider strategy on an existing service, or making a change to a "
    "capacity provider strategy on a service that is already using one, you must force a new deployment.",
    "kayac/ecspresso#977",
)  # fmt: skip
CODE_DEPLOY_UPDATE = fact(
    "update-code-deploy", "UpdateService", INVALID,
    "a service of CODE_DEPLOY: taskDefinition, or networkConfiguration even unchanged",
    "Unable to update {what} on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new "
    "deployment.",
    "boto/boto3#1936; hashicorp/terraform-provider-aws#8005",
)  # fmt: skip
CODE_DEPLOY_FORCE = fact(
    "update-code-deploy-force", "UpdateService", INVALID, "a service of CODE_DEPLOY with forceNewDeployment",
    "Cannot force a new deployment on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to "
    "trigger a new deployment.",
    "public reports of UpdateService on services that CodeDeploy deploys",
)  # fmt: skip
EXTERNAL_FORCE = fact(
    "update-external-force", "UpdateService", INVALID, "a service of EXTERNAL with forceNewDeployment",
    "Cannot force a new deployment on services with a EXTERNAL deployment controller.", "pipe-cd/pipecd#6384",
)  # fmt: skip
EXTERNAL_UPDATE = fact(
    "update-external", "UpdateService", INVALID, "a service of EXTERNAL: what its task sets say",
    "Unable to update {what} on services with an EXTERNAL deployment controller. Create a task set instead.",
    basis=guide("external deployment controller"),
)  # fmt: skip
SCALED = fact(
    "delete-service-scaled", "DeleteService", INVALID, "desiredCount above 0, and no force",
    "The service cannot be stopped while it is scaled above 0.",
    "hashicorp/terraform-provider-aws, which waits for it to pass; getmoto/moto",
)  # fmt: skip
# Task definitions and tasks.
DEFINITION_NOT_FOUND = fact(
    "task-definition-not-found", "CreateService, UpdateService, RunTask", CLIENT,
    "a task definition that does not exist",
    "TaskDefinition not found.", "Cloud-CV/EvalAI#2419",
)  # fmt: skip
DEFINITION_INACTIVE = fact(
    "task-definition-inactive", "CreateService, UpdateService, RunTask", INVALID, "a revision that is INACTIVE",
    "TaskDefinition is inactive", "DefangLabs/defang#775",
)  # fmt: skip
DESCRIBE_DEFINITION = fact(
    "task-definition-describe", "DescribeTaskDefinition", CLIENT, "a task definition that does not exist or is deleted",
    "Unable to describe task definition.", "hashicorp/terraform-provider-aws#29749",
)  # fmt: skip
NO_INSTANCES = fact(
    "no-container-instances", "RunTask", INVALID, "launchType EC2, and no instance in the cluster",
    "No Container Instances were found in your cluster.", "aws/aws-cdk#30171; boto/boto3#2862",
)  # fmt: skip
OVERRIDES_LENGTH = fact(
    "overrides-length", "RunTask, StartTask", INVALID, "overrides longer than 8192 characters",
    "Container Overrides length must be at most {most}", "artilleryio/artillery#2584",
)  # fmt: skip
OVERRIDE_CONTAINER = fact(
    "override-container", "RunTask, StartTask", INVALID,
    "an override of a container that the task definition does not have",
    "Override for container named {name} is not a container in the TaskDefinition.",
    "public reports of RunTask with overrides",
)  # fmt: skip
RUN_EXEC_ROLE = fact(
    "run-execute-command-role", "RunTask, StartTask", INVALID, "enableExecuteCommand without a task role",
    "The execute command failed because a valid task role is not being used. Specify a valid task role in your task "
    "definition or as a task override and try again.",
    "boto/boto3#3173",
)  # fmt: skip
EXEC_OFF = fact(
    "execute-command-off", "ExecuteCommand", INVALID, "a task that was run without enableExecuteCommand",
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.",
    "fabfuel/ecs-deploy#193", cut=True,
)  # fmt: skip
EXEC_AGENT = fact(
    "execute-command-agent", "ExecuteCommand", "TargetNotConnectedException",
    "a container whose agent is not connected",
    "The execute command failed due to an internal error. Try again later.", "aws/aws-cli#9070",
)  # fmt: skip
# Clusters and their providers.
CLUSTER_NAME = fact(
    "cluster-name", "CreateCluster", INVALID, "a clusterName that is not of 1 to 255 letters, digits, - and _",
    "ClusterName must match ^[a-zA-Z0-9\\-_]{{1,255}}$", preflight("cluster-name"),
)  # fmt: skip
CLUSTER_REFERENCE = fact(
    "cluster-reference", "every operation of a cluster", INVALID, "a cluster that is neither a name nor an ARN",
    "Cluster must match ^[a-zA-Z0-9\\-_]{{1,255}}$, but was {name}", "awslabs/amazon-ecs-nodejs-microservices#18",
)  # fmt: skip
INSIGHTS = fact(
    "cluster-setting", "CreateCluster, UpdateCluster", INVALID,
    "containerInsights with another value than enabled, disabled, enhanced",
    "Invalid setting '{value}'", "terraform-aws-modules/terraform-aws-ecs#264", cut=True,
)  # fmt: skip
DEFAULT_BASES = fact(
    "default-strategy-bases", "CreateCluster, PutClusterCapacityProviders", INVALID,
    "a defaultCapacityProviderStrategy with two bases",
    "The specified capacity provider strategy contains multiple capacity providers with a base value defined. Only one "
    "capacity provider per strategy can have a base value defined.",
    preflight("cluster-default-strategy-multiple-base"),
)  # fmt: skip
NOT_ASSOCIATED = fact(
    "strategy-provider-not-associated", "CreateCluster, PutClusterCapacityProviders, CreateService, RunTask", INVALID,
    "a strategy that names a provider which the cluster does not have",
    "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the "
    "cluster. Associate the capacity provider with the cluster or specify a valid capacity provider and try again.",
    preflight("cluster-default-strategy-provider-not-listed"),
)  # fmt: skip
PROVIDERS_COUNT = fact(
    "cluster-providers-count", "CreateCluster, PutClusterCapacityProviders", INVALID,
    "more than 20 providers of a cluster",
    "The maximum number of capacity providers per cluster has been exceeded.",
    "aws-cloudformation/cloudformation-coverage-roadmap#1086, when it was 10",
)  # fmt: skip
PROVIDER_UNKNOWN = fact(
    "provider-unknown", "CreateCluster, PutClusterCapacityProviders", INVALID, "a provider that does not exist",
    "The specified capacity provider was not found. Specify a valid capacity provider and try again",
    "terraform-aws-modules/terraform-aws-ecs#53", cut=True,
)  # fmt: skip
PROVIDER_IN_USE = fact(
    "provider-in-use", "PutClusterCapacityProviders", "ResourceInUseException", "a provider left out that is in use",
    "The specified capacity provider is in use and cannot be removed.", "aws/aws-cdk#15366",
)  # fmt: skip
EXEC_LOGGING = fact(
    "cluster-exec-logging", "CreateCluster, UpdateCluster", INVALID,
    "an executeCommand logConfiguration with another logging than OVERRIDE",
    "You must set logging to 'OVERRIDE' when you supply a log configuration.",
    preflight("cluster-execute-command-default-with-log-config"),
)  # fmt: skip
EXEC_LOG_CONFIGURATION = fact(
    "cluster-exec-log-configuration", "CreateCluster, UpdateCluster", INVALID,
    "an executeCommand logging of OVERRIDE without a log group and a bucket",
    "A CloudWatch log group name or S3 bucket name must be specified when overriding the default log configuration.",
    preflight("cluster-execute-command-override-without-log-config"),
)  # fmt: skip
HAS_INSTANCES = fact(
    "delete-cluster-instances", "DeleteCluster", "ClusterContainsContainerInstancesException",
    "a cluster with instances",
    "The Cluster cannot be deleted while Container Instances are active or draining.",
    "gruntwork-io/cloud-nuke#1131",
)  # fmt: skip
HAS_SERVICES = fact(
    "delete-cluster-services", "DeleteCluster", "ClusterContainsServicesException", "a cluster with services",
    "The Cluster cannot be deleted while Services are active.", "rebuy-de/aws-nuke#231",
)  # fmt: skip
HAS_PROVIDERS = fact(
    "delete-cluster-managed-providers", "DeleteCluster", CLIENT, "a cluster with providers of Managed Instances",
    "The Cluster cannot be deleted while Cluster Scoped Capacity Providers are attached to the cluster.",
    "hashicorp/terraform-provider-aws#45794",
)  # fmt: skip
# Capacity providers.
PROVIDER_NAME = fact(
    "provider-name", "CreateCapacityProvider", CLIENT,
    "a name that begins with aws, ecs or fargate, or of other characters",
    "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and "
    'lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with "aws", "ecs", or "fargate". '
    "Specify a valid name and try again.",
    preflight("cp-name-reserved-prefix"),
)  # fmt: skip
GROUP_IN_USE = fact(
    "provider-group-in-use", "CreateCapacityProvider", CLIENT, "the Auto Scaling group of another provider",
    "The specified Auto Scaling group ARN is already being used by another capacity provider.",
    "aws/containers-roadmap#632", cut=True,
)  # fmt: skip
TERMINATION_PROTECTION = fact(
    "provider-termination-protection", "CreateCapacityProvider", CLIENT,
    "managedTerminationProtection, and a group without scale-in protection",
    "The managed termination protection setting for the capacity provider is invalid. To enable managed termination "
    "protection for a capacity provider, the Auto Scaling group must have instance protection from scale in enabled.",
    f"{preflight('cp-managed-termination-scale-in-protection')}; aws/containers-roadmap#653",
)  # fmt: skip
TERMINATION_SCALING = fact(
    "provider-termination-scaling", "CreateCapacityProvider", CLIENT,
    "managedTerminationProtection without managed scaling",
    "To enable managed termination protection for a capacity provider, managed scaling must be enabled.",
    basis=model("AutoScalingGroupProvider.managedTerminationProtection"),
)  # fmt: skip
STEP_SIZE = fact(
    "provider-minimum-step", "CreateCapacityProvider", CLIENT, "a minimumScalingStepSize of 0",
    "The specified minimum scaling step size is invalid.", "aws/aws-cli#4781", cut=True,
)  # fmt: skip
STEP_ORDER = fact(
    "provider-step-order", "CreateCapacityProvider", CLIENT,
    "a minimumScalingStepSize above the maximumScalingStepSize",
    "The minimum or maximum scaling step size value is invalid. Specify a minimum scaling step size value that is less "
    "than or equal to the maximum scaling step size value and try again.",
    preflight("cp-scaling-step-order"),
)  # fmt: skip
SCALING_BOUNDS = fact(
    "provider-scaling-bounds", "CreateCapacityProvider", CLIENT,
    "a targetCapacity outside of 1 to 100, a maximumScalingStepSize above 10000, an instanceWarmupPeriod above 10000",
    "The {member} must be between {least} and {most}.", basis=model("ManagedScaling"),
)  # fmt: skip
MANAGED_ASSOCIATE = fact(
    "managed-provider-associate", "PutClusterCapacityProviders", INVALID, "a provider of Managed Instances",
    "Cannot associate Managed Instances capacity provider to clusters using this API. Managed Instances capacity "
    "providers are already",
    "hashicorp/terraform-provider-aws#44783", cut=True,
)  # fmt: skip
MANAGED_DAEMONS = fact(
    "managed-provider-daemons", "DeleteCapacityProvider", CLIENT, "a provider of Managed Instances that daemons use",
    "Cannot delete capacity provider. Daemon services are still associated with this capacity provider.",
    "ekristen/aws-nuke#990",
)  # fmt: skip
