"""Load balancers, target groups and listeners for the facts, by the API."""

from __future__ import annotations

import uuid
from typing import Any

from tests.conformance.asking import Aws, Ledger
from tests.conformance.made import Network


def name() -> str:
    """A name that any balancer may have."""
    return f"conf-{uuid.uuid4().hex[:12]}"


def make_target_group(aws: Aws, ledger: Ledger, network: Network, **params: Any) -> str:
    """A target group for HTTP, quick to find its targets healthy and to let them go: its ARN."""
    elb = aws.client("elbv2")
    given = {
        "Name": name(),
        "Protocol": "HTTP",
        "Port": 80,
        "VpcId": network.vpc,
        "TargetType": "instance",
        "HealthCheckIntervalSeconds": 5,
        "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2,
        **params,
    }
    arn = str(elb.create_target_group(**given)["TargetGroups"][0]["TargetGroupArn"])
    ledger.note(elb.delete_target_group, TargetGroupArn=arn)
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "2"}]
    )
    return arn


def make_alb(aws: Aws, ledger: Ledger, network: Network) -> str:
    """An internal application load balancer: its ARN."""
    elb = aws.client("elbv2")
    answer = elb.create_load_balancer(
        Name=name(), Subnets=list(network.subnets[:2]), SecurityGroups=[network.group], Scheme="internal"
    )
    arn = str(answer["LoadBalancers"][0]["LoadBalancerArn"])
    ledger.note(elb.delete_load_balancer, LoadBalancerArn=arn)
    return arn


def make_listener(aws: Aws, ledger: Ledger, balancer: str, group: str, port: int = 80) -> str:
    """A listener that forwards to the group: its ARN."""
    elb = aws.client("elbv2")
    answer = elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    arn = str(answer["Listeners"][0]["ListenerArn"])
    ledger.note(elb.delete_listener, ListenerArn=arn)
    return arn


def make_classic(aws: Aws, ledger: Ledger, network: Network, instance_port: int = 8080) -> str:
    """An internal classic load balancer that forwards to one port of its instances, checked as fast as can be."""
    elb = aws.client("elb")
    named = name()
    elb.create_load_balancer(
        LoadBalancerName=named,
        Listeners=[
            {
                "Protocol": "HTTP",
                "LoadBalancerPort": 80,
                "InstanceProtocol": "HTTP",
                "InstancePort": instance_port,
            }
        ],
        Subnets=list(network.subnets[:2]),
        SecurityGroups=[network.group],
        Scheme="internal",
    )
    ledger.note(elb.delete_load_balancer, LoadBalancerName=named)
    elb.configure_health_check(
        LoadBalancerName=named,
        HealthCheck={
            "Target": f"TCP:{instance_port}",
            "Interval": 5,
            "Timeout": 2,
            "HealthyThreshold": 2,
            "UnhealthyThreshold": 2,
        },
    )
    return named
