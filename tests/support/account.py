"""What an account holds, asked of every API by plain boto3; the yardstick for "nothing else was touched"."""

from __future__ import annotations

from typing import Any

from ecsctl.aws.session import Aws
from tests.support.sandbox import Running

Holdings = dict[str, Any]


def holdings(sandbox: Running) -> Holdings:
    """Everything there is, by kind and name, with what ecsctl could change of it; the dead and the gone left out."""
    ecs, ec2, iam = sandbox.client("ecs"), sandbox.client("ec2"), sandbox.client("iam")
    found: Holdings = {}
    for cluster in ecs.list_clusters()["clusterArns"]:
        [described] = ecs.describe_clusters(clusters=[cluster], include=["TAGS"])["clusters"]
        found[f"cluster {described['clusterName']}"] = described.get("tags")
        for service in ecs.list_services(cluster=cluster)["serviceArns"]:
            [row] = ecs.describe_services(cluster=cluster, services=[service], include=["TAGS"])["services"]
            keys = ("status", "desiredCount", "taskDefinition", "loadBalancers", "tags")
            found[f"service {row['serviceName']}"] = {key: row.get(key) for key in keys}
    for status in ("ACTIVE", "INACTIVE"):
        for arn in ecs.list_task_definitions(status=status)["taskDefinitionArns"]:
            described = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
            found[f"task definition {arn}"] = (status, described.get("tags"))
    for group in ec2.describe_security_groups()["SecurityGroups"]:
        found[f"security group {group['GroupName']} {group['GroupId']}"] = (group["IpPermissions"], group.get("Tags"))
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        found[f"template {template['LaunchTemplateName']}"] = (template["LatestVersionNumber"], template.get("Tags"))
    for reservation in ec2.describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                found[f"instance {instance['InstanceId']}"] = instance["State"]["Name"]
    for asg in sandbox.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]:
        found[f"group {asg['AutoScalingGroupName']}"] = (asg["MinSize"], asg["DesiredCapacity"], asg["Tags"])
    logs = sandbox.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        tags = logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"]
        found[f"log group {group['logGroupName']}"] = (group.get("retentionInDays"), tags)
    elb = sandbox.client("elb")
    for row in elb.describe_load_balancers()["LoadBalancerDescriptions"]:
        tags = elb.describe_tags(LoadBalancerNames=[row["LoadBalancerName"]])["TagDescriptions"][0]["Tags"]
        found[f"balancer {row['LoadBalancerName']}"] = (row.get("HealthCheck"), row["ListenerDescriptions"], tags)
    second = sandbox.client("elbv2")
    for row in second.describe_load_balancers()["LoadBalancers"]:
        arn = row["LoadBalancerArn"]
        tags = second.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
        listeners = [
            (item["Port"], item["Protocol"]) for item in second.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        ]
        found[f"balancer {row['LoadBalancerName']}"] = (row["Type"], row.get("Scheme"), sorted(listeners), tags)
    for group in second.describe_target_groups()["TargetGroups"]:
        tags = second.describe_tags(ResourceArns=[group["TargetGroupArn"]])["TagDescriptions"][0]["Tags"]
        keys = ("TargetType", "Protocol", "HealthCheckProtocol", "HealthCheckPath")
        found[f"target group {group['TargetGroupName']}"] = ({key: group.get(key) for key in keys}, tags)
    for role in iam.list_roles()["Roles"]:
        if role["Path"].startswith("/aws-service-role/"):
            continue  # the first cluster brings it, as on AWS, and it stays
        policies = iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]
        found[f"role {role['RoleName']}"] = sorted(policy["PolicyArn"] for policy in policies)
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        found[f"profile {profile['InstanceProfileName']}"] = [role["RoleName"] for role in profile["Roles"]]
    return found


def door(sandbox: Running) -> Aws:
    """A door of ecsctl's own to a sandbox whose clock runs; waits take their time."""
    return Aws(sandbox.target)
