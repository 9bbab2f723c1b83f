"""A blue/green deployment moves a real listener rule."""

from __future__ import annotations

from typing import Any

from tests.sandbox.support import Account, until


def test_a_rule_follows_the_deployment(account: Account, name: str) -> None:
    account.ecs.create_cluster(clusterName=name)
    account.profile(name)
    account.instance(name, name)
    until(lambda: len(account.members(name)) == 1, "an instance")
    subnets = account.ec2.describe_subnets()["Subnets"][:2]
    balancer = account.elbv2.create_load_balancer(Name=name, Subnets=[row["SubnetId"] for row in subnets])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    blue, green = (
        account.elbv2.create_target_group(
            Name=f"{name}-{colour}",
            Protocol="HTTP",
            Port=80,
            VpcId=subnets[0]["VpcId"],
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        for colour in ("blue", "green")
    )
    listener = account.elbv2.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTP",
        Port=8080,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )["Listeners"][0]["ListenerArn"]
    shared = [{"TargetGroupArn": blue, "Weight": 100}, {"TargetGroupArn": green, "Weight": 0}]
    rule = account.elbv2.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": shared}}],
    )["Rules"][0]["RuleArn"]

    def weights() -> dict[str, int]:
        (found,) = account.elbv2.describe_rules(RuleArns=[rule])["Rules"]
        return {g["TargetGroupArn"]: g["Weight"] for g in found["Actions"][0]["ForwardConfig"]["TargetGroups"]}

    def register(image: str) -> None:
        ports = [{"containerPort": 80, "hostPort": 0}]
        container: dict[str, Any] = {"name": "app", "image": image, "memory": 64, "portMappings": ports}
        account.ecs.register_task_definition(family=name, containerDefinitions=[container])

    register("nginx:1")
    advanced = {"alternateTargetGroupArn": green, "productionListenerRule": rule, "roleArn": "arn:aws:iam::1:role/ecs"}
    account.ecs.create_service(
        cluster=name,
        serviceName=name,
        taskDefinition=name,
        desiredCount=1,
        deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0},
        loadBalancers=[
            {"targetGroupArn": blue, "containerName": "app", "containerPort": 80, "advancedConfiguration": advanced}
        ],
    )

    def done() -> bool:
        service = account.ecs.describe_services(cluster=name, services=[name])["services"][0]
        return [d["rolloutState"] for d in service["deployments"]] == ["COMPLETED"] and service["runningCount"] == 1

    until(done, "the first deployment")
    assert weights() == {blue: 100, green: 0}
    register("nginx:2")
    account.ecs.update_service(cluster=name, service=name, taskDefinition=name)
    until(done, "the second deployment")
    assert weights() == {blue: 0, green: 100}
    healths = account.elbv2.describe_target_health(TargetGroupArn=green)["TargetHealthDescriptions"]
    assert [row["TargetHealth"]["State"] for row in healths] == ["healthy"]
