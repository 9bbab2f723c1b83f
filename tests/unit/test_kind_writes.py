"""What each kind sends when it makes, changes and removes something: no more, no less, and in an order that is safe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecsctl.deploy.changes import REPLACE, UPDATE, Change, FieldChange
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.classic_load_balancer import ClassicLoadBalancer, Listener
from ecsctl.deploy.kinds.cluster import Cluster
from ecsctl.deploy.kinds.elbv2_listeners import Forward, ListenerRule
from ecsctl.deploy.kinds.instance_profile import InstanceProfile
from ecsctl.deploy.kinds.launch_template import LaunchTemplate
from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.kinds.security_group import Ingress, SecurityGroup
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.kinds.target_group import TargetGroup
from ecsctl.deploy.plan import decide
from ecsctl.deploy.resources import OWNER_TAG, Actual, Key, Scope
from ecsctl.errors import AwsError
from ecsctl.polling import Deadline
from tests.support.fake_aws import FakeAws, refused

Json = dict[str, Any]
SCOPE = Scope("shop", "home", "eu-west-1")
TAGS = {OWNER_TAG: "shop", "team": "web"}


def nothing(query: Json) -> Json:
    return {}


def delete(aws: FakeAws, actual: Actual, seconds: float = 60) -> None:
    TABLE[actual.key.kind].delete(aws, SCOPE, actual, Deadline.after(seconds, clock=aws.clock))


def sent(aws: FakeAws, operation: str) -> list[Json]:
    return [query for name, query in aws.calls if name == operation]


def test_the_tags_of_a_group_are_put_on_the_instances_that_it_launches_and_on_those_that_run() -> None:
    running = {"AutoScalingGroupName": "g", "Instances": [{"InstanceId": "i-1"}, {"InstanceId": "i-2"}]}
    machines = [{"InstanceId": id_, "Tags": [{"Key": OWNER_TAG, "Value": "shop"}]} for id_ in ("i-1", "i-2")]
    aws = FakeAws(
        {
            "autoscaling:CreateAutoScalingGroup": nothing,
            "autoscaling:DescribeAutoScalingGroups": lambda query: {"AutoScalingGroups": [running]},
            "autoscaling:CreateOrUpdateTags": nothing,
            "autoscaling:DeleteTags": nothing,
            "ec2:DescribeInstances": lambda query: {"Reservations": [{"Instances": machines}]},
            "ec2:CreateTags": nothing,
            "ec2:DeleteTags": nothing,
        }
    )
    kind, group = TABLE["auto-scaling-group"], AutoScalingGroup("g", TAGS)
    kind.create(aws, group)
    [made] = sent(aws, "autoscaling:CreateAutoScalingGroup")
    assert {tag["Key"]: tag["PropagateAtLaunch"] for tag in made["Tags"]} == dict.fromkeys(TAGS, True)
    kind.retag(aws, Actual(group.key, "arn:g", "shop"), {"team": "api"}, ["stage"])
    [put] = sent(aws, "autoscaling:CreateOrUpdateTags")
    assert [(tag["Key"], tag["Value"], tag["PropagateAtLaunch"]) for tag in put["Tags"]] == [("team", "api", True)]
    assert sent(aws, "ec2:CreateTags") == [{"Resources": ["i-1", "i-2"], "Tags": [{"Key": "team", "Value": "api"}]}]
    assert sent(aws, "ec2:DeleteTags") == [{"Resources": ["i-1", "i-2"], "Tags": [{"Key": "stage"}]}]


@pytest.mark.parametrize(
    ("code", "message", "borne"),
    [
        ("ValidationError", "AutoScalingGroup name not found - AutoScalingGroup 'g' not found", True),
        ("ValidationError", "The group is protected", False),
        ("ScalingActivityInProgress", "not found", False),
    ],
)
def test_a_group_that_has_gone_meanwhile_is_removed(code: str, message: str, borne: bool) -> None:
    aws = FakeAws(
        {
            "autoscaling:DescribeAutoScalingGroups": lambda query: {"AutoScalingGroups": []},
            "autoscaling:DeleteAutoScalingGroup": refused("autoscaling:DeleteAutoScalingGroup", code, message),
        }
    )
    actual = Actual(Key("auto-scaling-group", "g"), "arn:g", "shop", {"cluster": "home"})
    if borne:
        delete(aws, actual)
    else:
        with pytest.raises(AwsError, match=code):
            delete(aws, actual)


def test_a_classic_balancer_takes_a_listener_off_a_port_before_it_puts_another_there() -> None:
    old, new = Listener(80, "HTTP", 8080, "HTTP"), Listener(80, "HTTP", 9090, "HTTP")
    aws = FakeAws({"elb:DeleteLoadBalancerListeners": nothing, "elb:CreateLoadBalancerListeners": nothing})
    balancer = ClassicLoadBalancer("lb", listeners=(new, Listener(443, "TCP", 443, "TCP")))
    TABLE["load-balancer"].update(
        aws, balancer, Actual(balancer.key, "lb", "shop", {"listeners": {old}}), {"listeners"}
    )
    assert aws.operations() == ["elb:DeleteLoadBalancerListeners", "elb:CreateLoadBalancerListeners"]
    assert sent(aws, "elb:DeleteLoadBalancerListeners")[0]["LoadBalancerPorts"] == [80]
    [made] = sent(aws, "elb:CreateLoadBalancerListeners")
    assert [(item["LoadBalancerPort"], item["InstancePort"]) for item in made["Listeners"]] == [(80, 9090), (443, 443)]


@pytest.mark.parametrize(
    ("after", "action"),
    [
        ({"scheme": "internal"}, REPLACE),
        ({"subnets": ("subnet-b",)}, REPLACE),
        ({"security_groups": ("sg-2",)}, UPDATE),
    ],
)
def test_what_a_classic_balancer_cannot_change_in_place_is_a_new_one(after: Mapping[str, Any], action: str) -> None:
    has = ClassicLoadBalancer("lb", subnets=("subnet-a",), security_groups=("sg-1",))
    wanted = ClassicLoadBalancer("lb", **{"subnets": ("subnet-a",), "security_groups": ("sg-1",), **after})
    change = decide(wanted, Actual(has.key, "lb", "shop", has.fields(), {"address": "lb.example"}), {})
    assert change is not None
    assert change.action == action
    assert bool(change.interrupts) == (action == REPLACE)


def test_a_cluster_keeps_the_providers_and_the_strategy_that_somebody_gave_it() -> None:
    strategy = [{"capacityProvider": "mine", "weight": 1}]
    fields = {"capacityProviders": frozenset({"mine"}), "defaultCapacityProviderStrategy": strategy}
    aws = FakeAws({"ecs:PutClusterCapacityProviders": nothing})
    cluster = Cluster("home", providers=frozenset({"FARGATE"}))
    TABLE["cluster"].update(aws, cluster, Actual(cluster.key, "arn", "shop", fields), {"capacityProviders"})
    assert aws.calls == [
        (
            "ecs:PutClusterCapacityProviders",
            {
                "cluster": "home",
                "capacityProviders": ["FARGATE", "mine"],
                "defaultCapacityProviderStrategy": strategy,
            },
        )
    ]


@pytest.mark.parametrize(("code", "borne"), [("InvalidParameterException", True), ("AccessDeniedException", False)])
def test_a_task_that_ends_while_its_cluster_is_removed_is_no_error(code: str, borne: bool) -> None:
    cluster = {"clusterName": "home", "status": "ACTIVE", "tags": [{"key": OWNER_TAG, "value": "shop"}]}
    task = {
        "taskArn": "arn:aws:ecs:eu-west-1:1:task/home/" + "a" * 32,
        "group": "family:web",
        "lastStatus": "RUNNING",
        "tags": [{"key": OWNER_TAG, "value": "home"}],
    }
    aws = FakeAws(
        {
            "ecs:DescribeClusters": lambda query: {"clusters": [cluster]},
            "ecs:ListServices": lambda query: {"serviceArns": []},
            "ecs:ListTasks": lambda query: {"taskArns": [task["taskArn"]]},
            "ecs:DescribeTasks": lambda query: {"tasks": [task]},
            "ecs:ListContainerInstances": lambda query: {"containerInstanceArns": []},
            "ecs:StopTask": refused("ecs:StopTask", code),
            "ecs:DeleteCluster": nothing,
        }
    )
    actual = Actual(Key("cluster", "home"), "arn", "shop")
    if borne:
        delete(aws, actual)
    else:
        with pytest.raises(AwsError, match=code):
            delete(aws, actual)
    assert ("ecs:DeleteCluster" in aws.operations()) is borne


def rule(priority: int) -> ListenerRule:
    return ListenerRule(priority, (f"{priority}.example",), (), "arn:tg")


def balancer(*priorities: int, owner: str | None = "shop", **more: Any) -> FakeAws:
    """A balancer with one listener on port 80 and rules of these priorities, the nearer in number the alike."""
    forward = [{"Type": "forward", "TargetGroupArn": "arn:tg"}]
    row = {"ListenerArn": "l80", "Port": 80, "Protocol": "HTTP", "DefaultActions": forward, **more}
    rows = [
        {
            "RuleArn": f"rule-{priority}",
            "Priority": str(priority),
            "Actions": forward,
            "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": [f"old-{priority}.example"]}}],
        }
        for priority in priorities
    ]
    return FakeAws(
        {
            "elbv2:DescribeListeners": lambda query: {"Listeners": [row]},
            "elbv2:DescribeRules": lambda query: {"Rules": rows},
            "elbv2:DescribeTags": lambda query: {
                "TagDescriptions": [
                    {
                        "ResourceArn": arn,
                        "Tags": [
                            {"Key": OWNER_TAG, "Value": whose}
                            for whose in ["shop" if arn.startswith("rule") else owner]
                            if whose
                        ],
                    }
                    for arn in query["ResourceArns"]
                ]
            },
            "elbv2:CreateListener": lambda query: {"Listeners": [{"ListenerArn": "new"}]},
            **{f"elbv2:{name}": nothing for name in ("ModifyListener", "DeleteListener")},
            **{f"elbv2:{name}": nothing for name in ("CreateRule", "ModifyRule", "DeleteRule")},
        }
    )


def change_listeners(aws: FakeAws, *listeners: Forward) -> list[str]:
    """What is changed, each with the listener or the rule's priority."""
    resource = LoadBalancer("lb", TAGS, listeners=listeners)
    TABLE["load-balancer-v2"].update(aws, resource, Actual(resource.key, "arn:lb", "shop"), {"listeners"})
    told = []
    for name, query in aws.calls:
        if "Describe" not in name:
            which = next(query[key] for key in ("Priority", "RuleArn", "ListenerArn", "Port") if key in query)
            told.append(f"{name.partition(':')[2]} {which}")
    return told


def test_rules_that_come_in_between_move_the_others_down_from_the_last_one_on() -> None:
    wanted = Forward(80, "HTTP", "arn:tg", rules=(rule(100), rule(200), rule(300)))
    assert change_listeners(balancer(100, 200), wanted) == [
        "CreateRule 300",
        "ModifyRule rule-200",
        "ModifyRule rule-100",
    ]


def test_rules_that_go_let_the_others_move_up_from_the_first_one_on() -> None:
    wanted = Forward(80, "HTTP", "arn:tg", rules=(rule(100), rule(200)))
    assert change_listeners(balancer(100, 200, 300), wanted) == [
        "ModifyRule rule-100",
        "ModifyRule rule-200",
        "DeleteRule rule-300",
    ]


def test_a_listener_that_is_not_wanted_goes_only_where_it_is_the_projects() -> None:
    wanted = Forward(81, "HTTP", "arn:tg")
    assert change_listeners(balancer(), wanted) == ["DeleteListener l80", "CreateListener 81"]
    assert change_listeners(balancer(owner="other"), wanted) == ["CreateListener 81"]


def test_what_somebody_has_a_listener_do_instead_is_changed_back() -> None:
    instead = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]
    aws = balancer(DefaultActions=instead)
    assert change_listeners(aws, Forward(80, "HTTP")) == ["ModifyListener l80"]
    [query] = sent(aws, "elbv2:ModifyListener")
    assert query["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] == "404"
    assert change_listeners(balancer(), Forward(80, "HTTP", "arn:tg")) == []


def test_a_profile_gives_its_old_role_back_before_it_gets_another() -> None:
    aws = FakeAws({"iam:RemoveRoleFromInstanceProfile": nothing, "iam:AddRoleToInstanceProfile": nothing})
    profile = InstanceProfile("p", role="new")
    TABLE["instance-profile"].update(aws, profile, Actual(profile.key, "arn", "shop", {"role": "old"}), {"role"})
    assert [(name.partition(":")[2], query["RoleName"]) for name, query in aws.calls] == [
        ("RemoveRoleFromInstanceProfile", "old"),
        ("AddRoleToInstanceProfile", "new"),
    ]
    aws.calls.clear()
    TABLE["instance-profile"].update(aws, profile, Actual(profile.key, "arn", "shop", {"role": ""}), {"role"})
    assert aws.operations() == ["iam:AddRoleToInstanceProfile"]


def test_instances_and_their_volumes_carry_the_tags() -> None:
    aws = FakeAws({"ec2:CreateLaunchTemplate": lambda query: {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}})
    TABLE["launch-template"].create(aws, LaunchTemplate("t", TAGS))
    [query] = sent(aws, "ec2:CreateLaunchTemplate")
    tagged = {item["ResourceType"]: len(item["Tags"]) for item in query["LaunchTemplateData"]["TagSpecifications"]}
    assert tagged == {"instance": 2, "volume": 2}
    assert query["TagSpecifications"][0]["ResourceType"] == "launch-template"


def test_running_instances_keep_the_old_template_unless_their_group_is_replaced() -> None:
    template, group = Key("launch-template", "t"), Key("auto-scaling-group", "g")
    wanted = LaunchTemplate("t", TAGS, instance_type="m7g.large")
    has = LaunchTemplate("t", TAGS, instance_type="t3.small")
    update = decide(wanted, Actual(template, "lt-1", "shop", has.fields(), tags=TAGS), {})
    assert update is not None
    notes = TABLE["launch-template"].notes
    assert [text.partition(";")[0] for text in notes([update])] == ["running instances keep the old launch template"]
    assert list(notes([update, Change(REPLACE, group, (FieldChange("cluster", "home", "away"),))])) == []


INGRESS = (Ingress(80, 80, "tcp", "0.0.0.0/0"), Ingress(443, 443, "tcp", "pl-1234"), Ingress(53, 53, "udp", "::/0"))


def test_one_rule_that_exists_already_keeps_no_other_from_being_made() -> None:
    made: list[int] = []

    def authorize(query: Json) -> Json:
        ports = [item["FromPort"] for item in query["IpPermissions"]]
        if 80 in ports:
            raise AwsError("ec2:AuthorizeSecurityGroupIngress", "InvalidPermission.Duplicate", "already exists")
        made.extend(ports)
        return {}

    aws = FakeAws(
        {"ec2:CreateSecurityGroup": lambda query: {"GroupId": "sg-1"}, "ec2:AuthorizeSecurityGroupIngress": authorize}
    )
    TABLE["security-group"].create(aws, SecurityGroup("g", TAGS, ingress=INGRESS))
    assert made == [443, 53]


def test_a_rule_names_a_network_of_either_family_a_group_or_a_prefix_list() -> None:
    aws = FakeAws(
        {"ec2:CreateSecurityGroup": lambda query: {"GroupId": "sg-1"}, "ec2:AuthorizeSecurityGroupIngress": nothing}
    )
    of_group = Ingress(1, 2, "tcp", "sg-2")
    TABLE["security-group"].create(aws, SecurityGroup("g", TAGS, ingress=(*INGRESS, of_group)))
    [query] = sent(aws, "ec2:AuthorizeSecurityGroupIngress")
    sources = [
        {key: value[0] for key, value in item.items() if isinstance(value, list)} for item in query["IpPermissions"]
    ]
    assert sources == [
        {"IpRanges": {"CidrIp": "0.0.0.0/0", "Description": "ecsctl"}},
        {"PrefixListIds": {"PrefixListId": "pl-1234", "Description": "ecsctl"}},
        {"Ipv6Ranges": {"CidrIpv6": "::/0", "Description": "ecsctl"}},
        {"UserIdGroupPairs": {"GroupId": "sg-2", "Description": "ecsctl"}},
    ]


def test_a_rule_that_somebody_added_by_hand_is_not_asked_for_again() -> None:
    aws = FakeAws({"ec2:AuthorizeSecurityGroupIngress": nothing})
    fields = {"vpc": "v", "ingress": frozenset(), "unmarked": frozenset(INGRESS[:1])}
    group = SecurityGroup("g", vpc="v", ingress=INGRESS[:2])
    TABLE["security-group"].update(aws, group, Actual(group.key, "sg-1", "shop", fields), {"ingress"})
    [query] = sent(aws, "ec2:AuthorizeSecurityGroupIngress")
    assert [item["FromPort"] for item in query["IpPermissions"]] == [443]


def test_another_strategy_comes_with_a_new_deployment() -> None:
    aws = FakeAws({"ecs:UpdateService": lambda query: {"service": {}}})
    strategy = [{"capacityProvider": "FARGATE", "weight": 1}]
    service = Service("s", cluster="c", definition={"desiredCount": 1, "capacityProviderStrategy": strategy})
    actual = Actual(service.key, "arn", "shop")
    TABLE["service"].update(aws, service, actual, {"capacityProviderStrategy"})
    TABLE["service"].update(aws, service, actual, {"desiredCount"})
    assert [query.get("forceNewDeployment") for query in sent(aws, "ecs:UpdateService")] == [True, None]


def test_a_service_is_deleted_with_its_tasks_and_one_that_drains_only_waited_for() -> None:
    aws = FakeAws(
        {
            "ecs:DeleteService": nothing,
            "ecs:DescribeServices": lambda query: {"services": [{"serviceName": "s", "status": "INACTIVE"}]},
        }
    )
    arn = "arn:aws:ecs:eu-west-1:1:service/away/s"
    delete(aws, Actual(Key("service", "s"), arn, "shop"))
    assert sent(aws, "ecs:DeleteService") == [{"cluster": "away", "service": "s", "force": True}]
    aws.calls.clear()
    delete(aws, Actual(Key("service", "s"), arn, "shop", status="DRAINING"))
    assert aws.operations() == ["ecs:DescribeServices"]


def test_the_token_of_a_service_tells_it_from_the_newest_one_that_was_deleted() -> None:
    def token(*created: str) -> str:
        rows = [{"status": "INACTIVE", "createdAt": at} for at in created]
        aws = FakeAws(
            {
                "ecs:DescribeServices": lambda query: {"services": rows},
                "ecs:CreateService": lambda query: {"service": {"serviceArn": "arn"}},
            }
        )
        TABLE["service"].create(aws, Service("s", cluster="c", definition={"taskDefinition": "t"}))
        return str(sent(aws, "ecs:CreateService")[0]["clientToken"])

    assert token("2026-01-01", "2026-02-01") == token("2026-02-01")
    assert len({token(), token("2026-01-01"), token("2026-01-01", "2026-02-01")}) == 3


@pytest.mark.parametrize(
    ("live", "interrupts"),
    [
        ({"desiredCount": 2, "schedulingStrategy": "REPLICA"}, True),
        ({"desiredCount": 0, "schedulingStrategy": "REPLICA"}, False),
        ({"desiredCount": 0, "schedulingStrategy": "DAEMON"}, True),
    ],
)
def test_replacing_a_service_interrupts_what_runs(live: Json, interrupts: bool) -> None:
    told = TABLE["service"].interruption(Actual(Key("service", "s"), "arn", "shop", live))
    assert bool(told) is interrupts


@pytest.mark.parametrize(
    ("before", "after", "sent_rows"),
    [
        (0, {"slow_start": 30}, {"slow_start.duration_seconds": "30"}),
        (0, {"stickiness": 0}, {"stickiness.enabled": "false"}),
        (0, {"stickiness": 60}, {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "60"}),
    ],
)
def test_the_attributes_of_a_target_group_are_sent_as_they_are_said(
    before: int, after: Mapping[str, int], sent_rows: Mapping[str, str]
) -> None:
    aws = FakeAws({"elbv2:ModifyTargetGroupAttributes": nothing})
    group = TargetGroup("t", **after)  # type: ignore[arg-type]
    changed = {"stickiness" if "stickiness" in after else "slowStart"}
    TABLE["target-group"].update(aws, group, Actual(group.key, "arn:t", "shop"), changed)
    [query] = sent(aws, "elbv2:ModifyTargetGroupAttributes")
    rows = {row["Key"]: row["Value"] for row in query["Attributes"]}
    assert rows == {"deregistration_delay.timeout_seconds": "300", **sent_rows}
    TABLE["target-group"].update(aws, group, Actual(group.key, "arn:t", "shop"), {"tags"})
    assert len(aws.calls) == 1
