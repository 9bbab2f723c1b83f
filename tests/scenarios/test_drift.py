"""What somebody changes by hand on what ecsctl made: repaired where ecsctl says it, told where it leaves it alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.test_guards import Shop
from tests.support.account import holdings
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

FILE = """
name: shop
cluster: home
instances: {count: 1}
taskDefinitions:
  web:
    containerDefinitions: [{name: web, image: example/web, cpu: 1, memory: 32, portMappings: ["80"]}]
loadBalancers:
  front: {type: application, listeners: ["80"]}
services:
  svc: {taskDefinition: web, desiredCount: 1, loadBalancer: "front:80"}
"""
ROLE = "ecsctl-shop-eu-west-1"
SECRET = "not-to-be-shown"
ALLOW = [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]


@pytest.fixture
def shop(sandbox: Running, tmp_path: Path) -> Shop:
    return Shop.made_of(sandbox, tmp_path, FILE)


def document(**principal: str) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def open_by_hand(shop: Shop) -> dict[str, Any]:
    """Change something of every kind; returns what was made of it besides."""
    ec2, iam, elbv2 = (shop.sandbox.client(name) for name in ("ec2", "iam", "elbv2"))
    [group] = ec2.describe_security_groups(GroupNames=["ecsctl-shop-instances"])["SecurityGroups"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": SECRET}]}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule, everything])
    all_out = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=[all_out])
    iam.put_role_permissions_boundary(RoleName=ROLE, PermissionsBoundary="arn:aws:iam::123456789012:policy/bounds")
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=document(AWS="*"))
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": f"arn:aws:s3:::{SECRET}"}],
    }
    iam.put_role_policy(RoleName=ROLE, PolicyName="by-hand", PolicyDocument=json.dumps(policy))
    scaling = shop.sandbox.client("autoscaling")
    scaling.suspend_processes(AutoScalingGroupName="ecsctl-shop", ScalingProcesses=["Launch", "ReplaceUnhealthy"])
    scaling.update_auto_scaling_group(
        AutoScalingGroupName="ecsctl-shop",
        HealthCheckType="ELB",
        NewInstancesProtectedFromScaleIn=True,
    )
    ec2.create_launch_template_version(
        LaunchTemplateName="ecsctl-shop",
        SourceVersion="$Latest",
        LaunchTemplateData={"MetadataOptions": {"HttpTokens": "optional", "HttpPutResponseHopLimit": 2}},
    )
    [target] = elbv2.describe_target_groups()["TargetGroups"]
    elbv2.modify_target_group(
        TargetGroupArn=target["TargetGroupArn"], Matcher={"HttpCode": "200-499"}, HealthCheckPort="9999"
    )
    [balancer] = elbv2.describe_load_balancers()["LoadBalancers"]
    [listener] = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    elbv2.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[answer])
    elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Port=9000, Protocol="HTTP", DefaultActions=[answer]
    )
    return {"group": group["GroupId"], "balancer": balancer["LoadBalancerArn"], "target": target["TargetGroupArn"]}


def test_what_was_changed_by_hand_is_repaired_or_told(shop: Shop) -> None:
    ids = open_by_hand(shop)
    notes = [
        "security-group ecsctl-shop-instances lets in 22/tcp from 0.0.0.0/0 by a rule that ecsctl did not make",
        "security-group ecsctl-shop-instances lets in everything from 10.0.0.0/8 by a rule",
        f"`aws ec2 revoke-security-group-ingress --group-id {ids['group']} …`",
        "security-group ecsctl-shop-instances lets nothing out, which ecsctl leaves alone: `aws ec2 authorize-",
        f"iam-role {ROLE} has the permissions boundary arn:aws:iam::123456789012:policy/bounds, which ecsctl did not",
        "auto-scaling-group ecsctl-shop has the health check ELB, which ecsctl did not set",
        "auto-scaling-group ecsctl-shop has new instances protected from scale-in, which ecsctl did not set",
        f"iam-role {ROLE} has the inline policy by-hand, which ecsctl did not make",
        "auto-scaling-group ecsctl-shop: Launch, ReplaceUnhealthy suspended by hand",
        "load-balancer-v2 front listens on 9000 by a listener that ecsctl did not make",
    ]
    planned = shop.run("plan", FILE, "--exit-code")
    assert planned.code == 3, planned.err
    for note in notes:
        assert note in planned.err
    for update in (
        f"~ update iam-role {ROLE}",
        "~ update launch-template ecsctl-shop",
        "metadataOptions.HttpTokens: optional → required",
        "healthCheck.Matcher.HttpCode: 200-499 → 200",
        "healthCheck.HealthCheckPort: 9999 → traffic-port",
        "~ update load-balancer-v2 front",
        "HTTP:80 → fixed response 503",
    ):
        assert update in planned.out
    assert '"AWS": "*"' in planned.out
    assert SECRET not in planned.out + planned.err

    ended = shop.run("up", FILE, "--yes")
    assert ended.code == 0, ended.err
    again = shop.run("plan", FILE, "--exit-code")
    assert again.code == 0, again.out
    assert all(note in again.err for note in notes), "what is not ecsctl's is left alone, and told again"
    iam, elbv2 = shop.sandbox.client("iam"), shop.sandbox.client("elbv2")
    assert iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"] == json.loads(
        document(Service="ec2.amazonaws.com")
    )
    assert iam.list_role_policies(RoleName=ROLE)["PolicyNames"].count("by-hand") == 1
    listeners = elbv2.describe_listeners(LoadBalancerArn=ids["balancer"])["Listeners"]
    actions = {item["Port"]: item["DefaultActions"][0] for item in listeners}
    assert actions[80]["TargetGroupArn"] == ids["target"]
    assert actions[9000]["Type"] == "fixed-response"

    [theirs] = [item["ListenerArn"] for item in listeners if item["Port"] == 9000]
    elbv2.delete_listener(ListenerArn=theirs)
    ended = shop.run("down", FILE, "--yes")
    assert ended.code == 0, ended.err
    assert not [name for name in holdings(shop.sandbox) if "shop" in name or "home" in name]


def test_a_policy_attached_by_hand_is_told_and_one_detached_is_attached_again(shop: Shop) -> None:
    iam = shop.sandbox.client("iam")
    own = [item["PolicyArn"] for item in iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"]]
    for arn in own:
        iam.detach_role_policy(RoleName=ROLE, PolicyArn=arn)
    made = iam.create_policy(
        PolicyName="by-hand", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": ALLOW})
    )
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=made["Policy"]["Arn"])
    ended = shop.run("up", FILE, "--yes")
    assert ended.code == 0, ended.err
    assert f"iam-role {ROLE} has the policy {made['Policy']['Arn']}, which ecsctl did not attach" in ended.err
    attached = {item["PolicyArn"] for item in iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"]}
    assert attached == {*own, made["Policy"]["Arn"]}
    assert shop.run("plan", FILE, "--exit-code").code == 0


def test_a_group_pinned_to_an_old_template_launches_by_the_newest_again(shop: Shop) -> None:
    scaling = shop.sandbox.client("autoscaling")
    template = {"LaunchTemplateName": "ecsctl-shop", "Version": "1"}
    scaling.update_auto_scaling_group(AutoScalingGroupName="ecsctl-shop", LaunchTemplate=template)
    planned = shop.run("plan", FILE)
    assert "~ update auto-scaling-group ecsctl-shop" in planned.out
    assert " version 1 → lt-" in planned.out
    assert shop.run("up", FILE, "--yes").code == 0
    [group] = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["LaunchTemplate"]["Version"] == "$Latest"
