"""Who uses what a change takes away, kind by kind: others are told with what ends their use, nobody else is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecsctl.deploy.changes import REMOVE, REPLACE, UPDATE, Change
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.elbv2_listeners import Forward
from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.resources import OWNER_TAG, Actual, Key, Resource, Scope
from ecsctl.deploy.usage import Usage
from tests.support.fake_aws import Answer, FakeAws, refused

Json = dict[str, Any]
SCOPE = Scope("shop", "home", "eu-west-1")
ARN = "arn:aws:ecs:eu-west-1:123456789012"
MINE, THEIRS = ([{"Key": OWNER_TAG, "Value": project}] for project in ("shop", "other"))


def users(
    aws: FakeAws, kind: str, action: str, fields: Mapping[str, Any], resource: Resource | None = None
) -> list[str]:
    """The users of ``x``, whose id is ``id-x``, in words."""
    actual = Actual(Key(kind, "x"), "id-x", "shop", fields, {"name": "x"})
    change = Change(action, actual.key, resource=resource, actual=actual)
    return [str(use) for use in TABLE[kind].users(Usage(aws, SCOPE), change)]


def services(*rows: Json) -> dict[str, Answer]:
    """An account with one cluster and these services, each of project other."""
    tags = [{"key": OWNER_TAG, "value": "other"}]
    found = [
        {"serviceName": f"s{n}", "serviceArn": f"{ARN}:service/home/s{n}", "status": "ACTIVE", "tags": tags, **row}
        for n, row in enumerate(rows)
    ]
    return {
        "ecs:ListClusters": lambda query: {"clusterArns": [f"{ARN}:cluster/home"]},
        "ecs:ListServices": lambda query: {"serviceArns": [item["serviceArn"] for item in found]},
        "ecs:DescribeServices": lambda query: {"services": found},
    }


def one_task_a_host(**subnets: str) -> dict[str, Answer]:
    """Instances ``i-1`` … with a task that somebody ran on each; ``subnets``: theirs, by ``i1``."""
    ids = [f"i-{number}" for number in range(1, 4)]
    rows = [{"containerInstanceArn": f"{ARN}:container-instance/home/{id_}", "ec2InstanceId": id_} for id_ in ids]
    tasks = [
        {
            "taskArn": f"{ARN}:task/home/{id_[-1] * 32}",
            "group": "family:web",
            "lastStatus": "RUNNING",
            "containerInstanceArn": f"{ARN}:container-instance/home/{id_}",
        }
        for id_ in ids
    ]
    machines = [
        {
            "InstanceId": id_,
            "State": {"Name": "running"},
            "SubnetId": subnets.get(id_.replace("-", ""), "subnet-a"),
            "Tags": MINE,
        }
        for id_ in ids
    ]
    return {
        **services(),
        "ecs:DescribeClusters": lambda query: {"clusters": [{"clusterName": "home", "status": "ACTIVE"}]},
        "ecs:ListTasks": lambda query: {"taskArns": [task["taskArn"] for task in tasks]},
        "ecs:DescribeTasks": lambda query: {"tasks": tasks},
        "ecs:ListContainerInstances": lambda query: {
            "containerInstanceArns": [row["containerInstanceArn"] for row in rows]
        },
        "ecs:DescribeContainerInstances": lambda query: {"containerInstances": rows},
        "ec2:DescribeInstances": lambda query: {"Reservations": [{"Instances": machines}]},
    }


GROUP = {
    "cluster": "home",
    "desiredCapacity": 3,
    "subnets": frozenset({"subnet-a", "subnet-b"}),
    "instances": {"i-1": False, "i-2": True, "i-3": False},
}


def hosts(told: list[str]) -> list[str]:
    return [line.rpartition("(on ")[2].rstrip(")") for line in told]


@pytest.mark.parametrize(
    ("desired", "maximum", "subnets", "scaled", "ending"),
    [
        (3, 3, ("subnet-a", "subnet-b"), False, []),
        (2, 3, ("subnet-a", "subnet-b"), False, ["i-1", "i-3"]),
        # The greatest size ends instances, whatever is desired.
        (3, 2, ("subnet-a", "subnet-b"), False, ["i-1", "i-3"]),
        # Something else says how many there are.
        (0, 3, ("subnet-a", "subnet-b"), True, []),
        # What runs in a subnet that the group leaves is moved, spared from scaling in or not.
        (3, 3, ("subnet-a",), False, ["i-2"]),
    ],
)
def test_a_smaller_group_ends_only_instances_that_auto_scaling_may_end(
    desired: int, maximum: int, subnets: tuple[str, ...], scaled: bool, ending: list[str]
) -> None:
    group = AutoScalingGroup(
        "x", desired=desired, maximum=maximum, subnets=subnets, template="lt-1", cluster="home", scaled=scaled
    )
    aws = FakeAws(one_task_a_host(i2="subnet-b"))
    assert hosts(users(aws, "auto-scaling-group", UPDATE, GROUP, group)) == ending


def test_a_group_that_goes_ends_all_of_its_instances_and_is_missed_by_capacity_providers() -> None:
    through = {"autoScalingGroupProvider": {"autoScalingGroupArn": "arn:aws:autoscaling:x:1:autoScalingGroup:y/id-x"}}
    other = {"autoScalingGroupProvider": {"autoScalingGroupArn": "arn:aws:autoscaling:x:1:autoScalingGroup:y/else"}}
    home = {"clusterName": "home", "status": "ACTIVE", "capacityProviders": ["FARGATE", "mine", "away"]}
    aws = FakeAws(
        {
            **one_task_a_host(),
            "ecs:DescribeClusters": lambda query: {"clusters": [home]},
            "ecs:DescribeCapacityProviders": lambda query: {
                "capacityProviders": [{"name": "mine", **through}, {"name": "away", **other}]
            },
        }
    )
    for action in (REMOVE, REPLACE):
        told = users(aws, "auto-scaling-group", action, GROUP)
        assert hosts(told[:3]) == ["i-1", "i-2", "i-3"]
        assert told[3:] == ["capacity-provider mine, which ecsctl did not make"]
    asked = next(query for name, query in aws.calls if name == "ecs:DescribeCapacityProviders")
    assert asked["capacityProviders"] == ["away", "mine"]


def test_a_classic_balancer_is_missed_by_the_services_that_name_it() -> None:
    aws = FakeAws(
        services({"loadBalancers": [{"loadBalancerName": "x"}]}, {"loadBalancers": [{"loadBalancerName": "y"}]})
    )
    assert users(aws, "load-balancer", REMOVE, {}) == ["service s0 of project other"]
    assert users(aws, "load-balancer", UPDATE, {}) == []


def test_a_target_group_is_missed_where_a_deployment_shifts_to_it_as_well() -> None:
    shifting = {"targetGroupArn": "other", "advancedConfiguration": {"alternateTargetGroupArn": "id-x"}}
    aws = FakeAws(
        services({"loadBalancers": [{"targetGroupArn": "id-x"}]}, {"loadBalancers": [shifting]}, {"loadBalancers": []})
    )
    assert users(aws, "target-group", REMOVE, {"balancers": ()}) == [
        "service s0 of project other",
        "service s1 of project other",
    ]


def test_a_cluster_is_missed_by_instances_of_others_that_still_run() -> None:
    rows = {
        "i-1": ("running", THEIRS),
        "i-2": ("terminated", THEIRS),
        "i-3": ("running", MINE),
        "i-4": ("running", []),
    }
    listed = [{"containerInstanceArn": f"{ARN}:container-instance/x/{id_}", "ec2InstanceId": id_} for id_ in rows]
    machines = [{"InstanceId": id_, "State": {"Name": state}, "Tags": tags} for id_, (state, tags) in rows.items()]
    cluster = {"clusterName": "x", "status": "ACTIVE", "capacityProviders": ["FARGATE", "theirs"]}
    aws = FakeAws(
        {
            **one_task_a_host(),
            "ecs:ListTasks": lambda query: {"taskArns": []},
            "ecs:DescribeClusters": lambda query: {"clusters": [cluster]},
            "ecs:ListContainerInstances": lambda query: {
                "containerInstanceArns": [row["containerInstanceArn"] for row in listed]
            },
            "ecs:DescribeContainerInstances": lambda query: {"containerInstances": listed},
            "ec2:DescribeInstances": lambda query: {"Reservations": [{"Instances": machines}]},
        }
    )
    assert users(aws, "cluster", REMOVE, {}) == [
        "instance i-1 of project other",
        "instance i-4, which ecsctl did not make",
        "capacity-provider theirs, which ecsctl did not make",
    ]
    assert users(aws, "cluster", UPDATE, {}) == []


def test_an_instance_profile_is_missed_by_instances_that_are_stopped_too() -> None:
    having = {"IamInstanceProfile": {"Arn": "id-x"}}
    aws = FakeAws(
        {
            "ec2:DescribeInstances": lambda query: {
                "Reservations": [
                    {
                        "Instances": [
                            {"InstanceId": "i-1", "Tags": THEIRS, **having},
                            {"InstanceId": "i-2", "IamInstanceProfile": {"Arn": "id-y"}},
                            {"InstanceId": "i-3"},
                        ]
                    }
                ]
            }
        }
    )
    assert users(aws, "instance-profile", REMOVE, {}) == ["instance i-1 of project other"]
    [(_, query)] = aws.calls
    assert query["Filters"] == [
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
    ]


def test_a_launch_template_is_missed_by_groups_with_a_mix_of_instances_too() -> None:
    groups = [
        {"AutoScalingGroupName": "plain", "LaunchTemplate": {"LaunchTemplateId": "id-x"}, "Tags": THEIRS},
        {"AutoScalingGroupName": "named", "LaunchTemplate": {"LaunchTemplateName": "x"}},
        {
            "AutoScalingGroupName": "mixed",
            "MixedInstancesPolicy": {
                "LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateId": "id-x"}},
            },
        },
        {"AutoScalingGroupName": "other", "LaunchTemplate": {"LaunchTemplateId": "id-y"}},
        {"AutoScalingGroupName": "old", "LaunchConfigurationName": "l"},
    ]
    aws = FakeAws({"autoscaling:DescribeAutoScalingGroups": lambda query: {"AutoScalingGroups": groups}})
    assert users(aws, "launch-template", REMOVE, {}) == [
        "auto-scaling-group plain of project other",
        "auto-scaling-group named, which ecsctl did not make",
        "auto-scaling-group mixed, which ecsctl did not make",
    ]
    assert users(aws, "launch-template", UPDATE, {}) == []


def test_a_security_group_is_missed_by_rules_that_name_it_either_way() -> None:
    def rules(query: Json) -> Json:
        member = "IpPermissionsEgress" if query["Filters"][0]["Name"].startswith("egress") else "IpPermissions"
        pair = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": "id-x"}]}
        name = "out" if member == "IpPermissionsEgress" else "in"
        own = {"GroupId": "id-x", "GroupName": "x", member: [pair]}
        unfiltered = {"GroupId": "sg-9", "GroupName": "unfiltered", member: []}
        return {"SecurityGroups": [own, unfiltered, {"GroupId": f"sg-{name}", "GroupName": name, member: [pair]}]}

    awsvpc = {"networkConfiguration": {"awsvpcConfiguration": {"securityGroups": ["id-x"]}}}
    nothing: dict[str, Answer] = {
        "ec2:DescribeNetworkInterfaces": lambda query: {"NetworkInterfaces": []},
        "ec2:DescribeInstances": lambda query: {"Reservations": []},
        "elb:DescribeLoadBalancers": lambda query: {"LoadBalancerDescriptions": []},
        "elbv2:DescribeLoadBalancers": lambda query: {"LoadBalancers": []},
    }
    aws = FakeAws({**services(awsvpc, {}), **nothing, "ec2:DescribeSecurityGroups": rules})
    assert users(aws, "security-group", REMOVE, {}) == [
        "service s0 of project other (its tasks are in it)",
        "security-group in (sg-in), which ecsctl did not make (a rule of it allows traffic from it)",
        "security-group out (sg-out), which ecsctl did not make (a rule of it allows traffic to it)",
    ]


def test_a_log_group_is_missed_by_what_logs_there_in_the_cluster() -> None:
    logging = {"containerDefinitions": [{"logConfiguration": {"options": {"awslogs-group": "x"}}}]}
    silent = {"containerDefinitions": [{"name": "c"}]}
    rows = services({"taskDefinition": "web:1"}, {"taskDefinition": "api:1"})
    aws = FakeAws(
        {
            **one_task_a_host(),
            **rows,
            "ecs:ListTasks": lambda query: {"taskArns": []},
            "ecs:DescribeTaskDefinition": lambda query: {
                "taskDefinition": logging if query["taskDefinition"] == "web:1" else silent
            },
        }
    )
    assert users(aws, "log-group", REMOVE, {}) == ["service s0 of project other (it logs there)"]
    assert users(aws, "log-group", UPDATE, {}) == []


def balancer(listeners: dict[str, tuple[int, str | None]], rules: dict[str, list[str | None]]) -> FakeAws:
    """A balancer. ``listeners``: port and owner by ARN; ``rules``: the owners of its rules, by the listener's ARN."""
    owners: dict[str, str | None] = {arn: owner for arn, (_, owner) in listeners.items()}
    owners.update({f"{arn}/{n}": owner for arn, some in rules.items() for n, owner in enumerate(some)})
    forward = [{"Type": "forward", "TargetGroupArn": "id-x"}]

    def describe_rules(query: Json) -> Json:
        arn = query["ListenerArn"]
        own = [
            {"RuleArn": f"{arn}/{n}", "Priority": str(n + 1), "Actions": forward}
            for n in range(len(rules.get(arn, ())))
        ]
        return {"Rules": [*own, {"RuleArn": f"{arn}/d", "Priority": "default", "IsDefault": True}]}

    def describe_tags(query: Json) -> Json:
        return {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": [{"Key": OWNER_TAG, "Value": owners[arn]}] if owners[arn] else []}
                for arn in query["ResourceArns"]
            ]
        }

    rows = [
        {"ListenerArn": arn, "Port": port, "Protocol": "HTTP", "DefaultActions": forward}
        for arn, (port, _) in listeners.items()
    ]
    return FakeAws(
        {
            **services(),
            "elbv2:DescribeListeners": lambda query: {"Listeners": rows},
            "elbv2:DescribeRules": describe_rules,
            "elbv2:DescribeTags": describe_tags,
        }
    )


ON_X = {"l80": (80, "shop"), "l81": (81, "other"), "l82": (82, None)}
RULES: dict[str, list[str | None]] = {"l80": ["shop", "other"], "l81": ["shop"], "l82": []}
EVERY = [
    "rule 2 of listener 80 of load balancer id-x of project other",
    "listener 81 of load balancer id-x of project other",
    "listener 82 of load balancer id-x, which ecsctl did not make",
]


def test_a_balancer_is_missed_by_the_listeners_and_rules_of_others() -> None:
    assert users(balancer(ON_X, RULES), "load-balancer-v2", REMOVE, {}) == EVERY


def test_an_update_takes_only_rules_on_listeners_that_go() -> None:
    without = LoadBalancer("x", listeners=())
    keeping = LoadBalancer("x", listeners=(Forward(80, "HTTP", "id-x"),))
    assert users(balancer(ON_X, RULES), "load-balancer-v2", UPDATE, {}, without) == EVERY[:1]
    assert users(balancer(ON_X, RULES), "load-balancer-v2", UPDATE, {}, keeping) == []


def test_a_target_group_is_missed_by_listeners_of_others_that_forward_there() -> None:
    assert users(balancer(ON_X, RULES), "target-group", REMOVE, {"balancers": ("id-lb",)}) == [
        line.replace("id-x", "id-lb") for line in EVERY
    ]


def test_a_balancer_that_has_gone_meanwhile_has_no_users() -> None:
    aws = FakeAws({"elbv2:DescribeListeners": refused("elbv2:DescribeListeners", "LoadBalancerNotFound")})
    assert users(aws, "load-balancer-v2", REMOVE, {}) == []
