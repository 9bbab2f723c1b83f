"""Random requests: whatever is asked, the sandbox answers or refuses, and never fails."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.sandbox.fuzzing import requests
from tests.support.sandbox import Running


def failures(sandbox: Running, seed: int, count: int) -> list[str]:
    """What is answered by a status of 500 and above."""
    found: list[str] = []
    for client, operation, given, values in requests(sandbox, seed, count):
        try:
            values.learn(client._make_api_call(operation, given))
        except EndpointConnectionError:
            continue  # its host has a prefix, which does not resolve
        except ClientError as refused:
            status = refused.response["ResponseMetadata"]["HTTPStatusCode"]
            if status >= 500:
                found.append(f"{status} {client.meta.service_model.service_name}:{operation} {given}: {refused}")
    return found


def test_a_few_random_requests(sandbox: Running) -> None:
    assert failures(sandbox, 0, 100) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_two_thousand_random_requests(sandbox: Running, seed: int) -> None:
    assert failures(sandbox, seed, 2000) == []


def test_a_classic_balancer_s_name_exists_once(sandbox: Running) -> None:
    elb = sandbox.client("elb")
    subnet = sandbox.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    query = {"LoadBalancerName": "front", "Listeners": [listener], "Subnets": [subnet]}
    first = elb.create_load_balancer(**query)["DNSName"]
    assert elb.create_load_balancer(**query)["DNSName"] == first
    for other in ({"Listeners": [{**listener, "InstancePort": 81}]}, {"Scheme": "internal"}):
        with pytest.raises(ClientError, match="DuplicateLoadBalancerName"):
            elb.create_load_balancer(**{**query, **other})
    assert len(elb.describe_load_balancers()["LoadBalancerDescriptions"]) == 1


def test_what_is_not_there_is_said_as_aws_does(sandbox: Running) -> None:
    with pytest.raises(ClientError, match="LoadBalancerNotFound"):
        sandbox.client("elb").describe_load_balancer_attributes(LoadBalancerName="none")
    with pytest.raises(ClientError, match=r"ValidationError.*AutoScalingGroup name not found"):
        sandbox.client("autoscaling").set_desired_capacity(AutoScalingGroupName="none", DesiredCapacity=1)
