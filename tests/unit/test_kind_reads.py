"""What each kind finds and how it reads it, of answers that a small AWS gives."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.elbv2_listeners import Forward, ListenerRule
from ecsctl.deploy.kinds.iam_role import InstanceRole
from ecsctl.deploy.kinds.launch_template import LaunchTemplate
from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.kinds.security_group import Ingress
from ecsctl.deploy.resources import CLUSTER_TAG, OWNER_TAG, Actual, Scope
from ecsctl.errors import AwsError
from tests.support.fake_aws import Answer, FakeAws, refused

Json = dict[str, Any]
SCOPE = Scope("shop", "home", "eu-west-1")
MINE, THEIRS = ([{"Key": OWNER_TAG, "Value": project}] for project in ("shop", "other"))
UNTAGGED: dict[str, Answer] = {
    "resourcegroupstaggingapi:GetResources": lambda query: {"ResourceTagMappingList": []},
}


def find(aws: FakeAws, kind: str, names: Collection[str] = (), scope: Scope = SCOPE) -> dict[str, Actual]:
    """What a kind finds, by name."""
    return {actual.key.name: actual for actual in TABLE[kind].find(aws, scope, names)}


@pytest.mark.parametrize(
    ("kind", "operation", "code", "message", "race"),
    [
        ("auto-scaling-group", "autoscaling:CreateAutoScalingGroup", "AlreadyExists", "", True),
        ("cluster", "ecs:DeleteCluster", "ClusterNotFoundException", "", True),
        ("cluster", "ecs:DeleteCluster", "ClusterContainsServicesException", "", False),
        ("iam-role", "iam:CreateRole", "EntityAlreadyExists", "", True),
        ("iam-role", "iam:DeleteRole", "NoSuchEntity", "", True),
        ("iam-role", "iam:DeleteRole", "DeleteConflict", "", False),
        ("instance-profile", "iam:AddRoleToInstanceProfile", "LimitExceeded", "", True),
        ("launch-template", "ec2:CreateLaunchTemplate", "InvalidLaunchTemplateName.AlreadyExistsException", "", True),
        ("launch-template", "ec2:DeleteLaunchTemplate", "InvalidLaunchTemplateId.NotFound", "", True),
        ("load-balancer", "elb:CreateLoadBalancer", "DuplicateLoadBalancerName", "", True),
        ("load-balancer", "elb:CreateLoadBalancerListeners", "DuplicateListener", "", True),
        ("load-balancer", "elb:ConfigureHealthCheck", "LoadBalancerNotFound", "", True),
        ("load-balancer-v2", "elbv2:CreateRule", "PriorityInUse", "", True),
        ("load-balancer-v2", "elbv2:DeleteRule", "RuleNotFound", "", True),
        ("log-group", "logs:CreateLogGroup", "OperationAbortedException", "", True),
        ("security-group", "ec2:DeleteSecurityGroup", "InvalidGroup.NotFound", "", True),
        ("security-group", "ec2:DeleteSecurityGroup", "DependencyViolation", "", False),
        ("service", "ecs:CreateService", "InvalidParameterException", "Creation of service was not idempotent.", True),
        ("service", "ecs:UpdateService", "ServiceNotActiveException", "", True),
        ("service", "ecs:CreateService", "InvalidParameterException", "TaskDefinition not found.", False),
        ("target-group", "elbv2:CreateTargetGroup", "DuplicateTargetGroupName", "", True),
        ("target-group", "elbv2:DeleteTargetGroup", "ResourceInUse", "", False),
        ("task-definition", "ecs:DeregisterTaskDefinition", "ClientException", "", True),
        ("task-definition", "ecs:DeleteTaskDefinitions", "InvalidParameterException", "", True),
        ("task-definition", "ecs:RegisterTaskDefinition", "ClientException", "", False),
    ],
)
def test_which_refusals_mean_that_somebody_else_was_faster(
    kind: str, operation: str, code: str, message: str, race: bool
) -> None:
    assert TABLE[kind].is_race(AwsError(operation, code, message)) is race
    assert TABLE[kind].is_race(AwsError(operation, code, message, ambiguous=True))


def test_instances_that_leave_a_group_are_none_of_its_and_a_pinned_version_is_told() -> None:
    states = {"i-1": "InService", "i-2": "Terminating:Wait", "i-3": "Detaching", "i-4": "Pending", "i-5": "Terminated"}
    group = {
        "AutoScalingGroupName": "g",
        "AutoScalingGroupARN": "arn:g",
        "VPCZoneIdentifier": "subnet-a, subnet-b",
        "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "3"},
        "Instances": [
            {"InstanceId": id_, "LifecycleState": state, "ProtectedFromScaleIn": id_ == "i-4"}
            for id_, state in states.items()
        ],
        "Tags": [*MINE, {"Key": CLUSTER_TAG, "Value": "home"}],
    }
    newest = {
        **group,
        "AutoScalingGroupName": "h",
        "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "$Latest"},
    }
    aws = FakeAws({"autoscaling:DescribeAutoScalingGroups": lambda query: {"AutoScalingGroups": [group, newest]}})
    found = find(aws, "auto-scaling-group", ["h"])
    assert found["g"].fields["instances"] == {"i-1": False, "i-4": True}
    assert found["g"].fields["subnets"] == {"subnet-a", "subnet-b"}
    assert found["g"].fields["cluster"] == "home"
    wanted = AutoScalingGroup("g", template="lt-1", cluster="home")

    def template_of(name: str) -> list[str | None]:
        told = TABLE["auto-scaling-group"].differences(wanted, found[name], {})
        return [item.before for item in told if item.field == "launchTemplate"]

    assert template_of("g") == ["lt-1 version 3"]
    assert template_of("h") == []


def test_the_count_is_left_alone_where_something_else_says_it() -> None:
    actual = Actual(AutoScalingGroup("g").key, "arn:g", "shop", {"minSize": 1, "maxSize": 4, "desiredCapacity": 3})
    for scaled, paths in ((True, []), (False, ["desiredCapacity"])):
        group = AutoScalingGroup("g", minimum=1, desired=1, maximum=4, scaled=scaled, placed=False)
        assert [item.path for item in TABLE["auto-scaling-group"].differences(group, actual, {})] == paths


def classic(count: int, gone: str = "") -> FakeAws:
    names = [f"lb{number:02}" for number in range(count)]

    def tags(query: Json) -> Json:
        asked = query["LoadBalancerNames"]
        assert len(asked) <= 20, "the most that one call takes"
        if gone in asked:
            raise AwsError(
                "elb:DescribeTags", "LoadBalancerNotFound", f"There is no ACTIVE Load Balancer named '{gone}'"
            )
        return {"TagDescriptions": [{"LoadBalancerName": name, "Tags": MINE} for name in asked]}

    return FakeAws(
        {
            "elb:DescribeLoadBalancers": lambda query: {
                "LoadBalancerDescriptions": [{"LoadBalancerName": name} for name in names]
            },
            "elb:DescribeTags": tags,
        }
    )


def test_the_tags_of_many_balancers_are_asked_in_full_calls_and_all_of_them() -> None:
    aws = classic(45)
    assert len(find(aws, "load-balancer")) == 45
    assert [len(query["LoadBalancerNames"]) for name, query in aws.calls if name == "elb:DescribeTags"] == [20, 20, 5]


def test_a_balancer_that_goes_while_it_is_read_hides_no_other() -> None:
    assert sorted(find(classic(3, "lb01"), "load-balancer")) == ["lb00", "lb02"]


def test_a_deleted_cluster_is_none_and_one_that_is_made_ready_is_not_usable_yet() -> None:
    rows = [
        {"clusterName": name, "clusterArn": f"arn:{name}", "status": status}
        for name, status in (("home", "ACTIVE"), ("old", "INACTIVE"), ("new", "PROVISIONING"))
    ]
    found = find(
        FakeAws({"ecs:DescribeClusters": lambda query: {"clusters": rows}, **UNTAGGED}), "cluster", ["old", "new"]
    )
    assert {name: actual.status for name, actual in found.items()} == {"home": "", "new": "PROVISIONING"}


def loose(*rows: tuple[str, str, list[Json], str], grouped: Mapping[str, str]) -> FakeAws:
    """EC2 instances (id, state, tags, cluster); ``grouped``: the states of those that a group has, by id."""
    machines = [
        {"InstanceId": id_, "State": {"Name": state}, "Tags": [*tags, {"Key": CLUSTER_TAG, "Value": cluster}]}
        for id_, state, tags, cluster in rows
    ]
    return FakeAws(
        {
            "ec2:DescribeInstances": lambda query: {"Reservations": [{"Instances": machines}]},
            "autoscaling:DescribeAutoScalingInstances": lambda query: {
                "AutoScalingInstances": [
                    {"InstanceId": id_, "LifecycleState": state}
                    for id_, state in grouped.items()
                    if id_ in query["InstanceIds"]
                ]
            },
        }
    )


def test_an_instance_by_itself_is_one_of_the_projects_that_no_group_has() -> None:
    aws = loose(
        ("i-1", "running", MINE, "home"),
        ("i-2", "running", MINE, "home"),
        ("i-3", "running", MINE, "home"),
        ("i-4", "terminated", MINE, "home"),
        ("i-5", "running", THEIRS, "home"),
        ("i-6", "running", MINE, "away"),
        grouped={"i-2": "InService", "i-3": "Detaching"},
    )
    assert sorted(find(aws, "instance")) == ["i-1", "i-3", "i-6"]
    alone = Scope("shop", "home", "eu-west-1", alone=True)
    assert sorted(find(aws, "instance", scope=alone)) == ["i-1", "i-3"]
    assert sorted(find(aws, "instance", ["i-5", "i-6"], scope=alone)) == ["i-1", "i-3", "i-5", "i-6"]


def test_groups_are_asked_of_fifty_instances_a_call_and_of_all() -> None:
    ids = [f"i-{number:03}" for number in range(120)]
    aws = loose(*((id_, "running", MINE, "home") for id_ in ids), grouped={ids[-1]: "InService"})
    assert sorted(find(aws, "instance")) == ids[:-1]
    asked = [len(query["InstanceIds"]) for name, query in aws.calls if name.startswith("autoscaling")]
    assert asked == [50, 50, 20]


def test_the_newest_version_of_a_template_is_read_and_a_key_that_the_file_drops_differs() -> None:
    versions = {"$Latest": {"KeyName": "admin", "InstanceType": "m7g.large"}, "$Default": {"InstanceType": "t3.small"}}
    template = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "t", "Tags": MINE}
    aws = FakeAws(
        {
            "ec2:DescribeLaunchTemplates": lambda query: {"LaunchTemplates": [template]},
            "ec2:DescribeLaunchTemplateVersions": lambda query: {
                "LaunchTemplateVersions": [{"LaunchTemplateData": versions[name]} for name in query["Versions"]]
            },
        }
    )
    actual = find(aws, "launch-template")["t"]
    assert actual.fields["instanceType"] == "m7g.large"
    wanted = LaunchTemplate("t", instance_type="m7g.large", metadata={})
    told = {item.path: (item.before, item.after) for item in TABLE["launch-template"].differences(wanted, actual, {})}
    assert told == {"keyName": ("admin", None)}


def test_a_log_group_is_the_one_of_that_very_name() -> None:
    names = ["/ecs/web-old", "/ecs/web", "/ecs/webhook"]
    groups = [{"logGroupName": name, "arn": f"arn:aws:logs:x:1:log-group:{name}:*"} for name in names]
    aws = FakeAws(
        {
            **UNTAGGED,
            "logs:DescribeLogGroups": lambda query: {"logGroups": groups},
            "logs:ListTagsForResource": lambda query: {"tags": {OWNER_TAG: "shop"}},
        }
    )
    found = find(aws, "log-group", ["/ecs/web"])
    assert {name: actual.id for name, actual in found.items()} == {"/ecs/web": "arn:aws:logs:x:1:log-group:/ecs/web"}


def families(*owners: str | None, inactive: int = 0) -> FakeAws:
    """Family ``web`` with a revision of each owner, of which the first ``inactive`` are deregistered."""
    rows = {
        number: {
            "family": "web",
            "revision": number,
            "taskDefinitionArn": f"arn:aws:ecs:x:1:task-definition/web:{number}",
            "status": "INACTIVE" if number <= inactive else "ACTIVE",
        }
        for number in range(1, len(owners) + 1)
    }

    def describe(query: Json) -> Json:
        _, _, number = query["taskDefinition"].rpartition("web:")
        active = [n for n, row in rows.items() if row["status"] == "ACTIVE"]
        if not number.isdigit() and not active:
            raise AwsError("ecs:DescribeTaskDefinition", "ClientException", "Unable to describe task definition.")
        chosen = int(number) if number.isdigit() else active[-1]
        owner = owners[chosen - 1]
        return {"taskDefinition": rows[chosen], "tags": [{"key": OWNER_TAG, "value": owner}] if owner else []}

    return FakeAws(
        {
            "ecs:DescribeTaskDefinition": describe,
            "ecs:ListTaskDefinitions": lambda query: {
                "taskDefinitionArns": [
                    row["taskDefinitionArn"] for row in rows.values() if row["status"] == query.get("status", "ACTIVE")
                ]
            },
            "resourcegroupstaggingapi:GetResources": lambda query: {
                "ResourceTagMappingList": [{"ResourceARN": row["taskDefinitionArn"]} for row in rows.values()]
            },
        }
    )


def test_a_family_is_the_projects_own_by_its_newest_revision_or_one_before_an_untagged_one() -> None:
    assert find(families("shop"), "task-definition")["web"].owner == "shop"
    assert find(families("shop", None), "task-definition", ["web"])["web"].owner == "shop"
    assert find(families("shop", "other"), "task-definition") == {}
    assert find(families("shop", "other"), "task-definition", ["web"])["web"].owner == "other"
    assert find(families("other", None), "task-definition", ["web"])["web"].owner is None


def test_what_an_interrupted_removal_left_deregistered_is_found_only_where_leftovers_are_looked_for() -> None:
    assert find(families("shop", "shop", inactive=2), "task-definition") == {}
    leftovers = Scope("shop", "home", "eu-west-1", leftovers=True)
    found = find(families("shop", "shop", inactive=2), "task-definition", scope=leftovers)
    assert found["web"].id.endswith("web:2")


def listener(*rules: tuple[int, str, list[str]], **more: Any) -> FakeAws:
    """A balancer with one listener; ``rules`` are (priority, owner, hosts)."""
    owners = {f"rule-{priority}": owner for priority, owner, _ in rules}
    forward = [{"Type": "forward", "TargetGroupArn": "arn:tg"}]
    rows = [
        {
            "RuleArn": f"rule-{priority}",
            "Priority": str(priority),
            "Actions": forward,
            "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": hosts}}],
        }
        for priority, _, hosts in rules
    ]
    row = {"ListenerArn": "l80", "Port": 80, "Protocol": "HTTP", "DefaultActions": forward, **more}
    balancer = {"LoadBalancerArn": "arn:lb", "LoadBalancerName": "lb"}
    return FakeAws(
        {
            "elbv2:DescribeLoadBalancers": lambda query: {"LoadBalancers": [balancer]},
            "elbv2:DescribeListenerCertificates": lambda query: {"Certificates": []},
            "elbv2:DescribeListeners": lambda query: {"Listeners": [row]},
            "elbv2:DescribeRules": lambda query: {"Rules": rows},
            "elbv2:DescribeTags": lambda query: {
                "TagDescriptions": [
                    {"ResourceArn": arn, "Tags": [{"Key": OWNER_TAG, "Value": owners.get(arn, "shop")}]}
                    for arn in query["ResourceArns"]
                ]
            },
        }
    )


def listened(aws: FakeAws) -> Forward:
    """The only listener of the balancer."""
    [found] = find(aws, "load-balancer-v2")["lb"].fields["listeners"]
    assert isinstance(found, Forward)
    return found


def test_a_listener_has_its_certificate_and_the_projects_own_rules_in_order() -> None:
    aws = listener(
        (20, "shop", ["b.example", "a.example"]),
        (10, "shop", ["c.example"]),
        (15, "other", ["d.example"]),
        Protocol="HTTPS",
        Certificates=[{"CertificateArn": "arn:cert"}],
    )
    found = listened(aws)
    assert (found.certificate, found.protocol) == ("arn:cert", "HTTPS")
    assert found.rules == (
        ListenerRule(10, ("c.example",), (), "arn:tg"),
        ListenerRule(20, ("a.example", "b.example"), (), "arn:tg"),
    )


@pytest.mark.parametrize(
    ("action", "instead"),
    [
        ({"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}, ""),
        (
            {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_302"}},
            "redirect to HTTPS://…:443",
        ),
        (
            {
                "Type": "redirect",
                "RedirectConfig": {
                    "Protocol": "HTTPS",
                    "Port": "443",
                    "StatusCode": "HTTP_301",
                    "Host": "else.example",
                },
            },
            "redirect to HTTPS://else.example:443",
        ),
        ({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}, ""),
        ({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}, "fixed response 503"),
        ({"Type": "authenticate-oidc"}, "authenticate-oidc"),
    ],
)
def test_what_a_listener_does_that_no_file_asks_for_is_told(action: Json, instead: str) -> None:
    found = listened(listener(DefaultActions=[action]))
    assert found.instead == instead
    assert (found.redirect == 443) is (action["Type"] == "redirect" and not instead)


@pytest.mark.parametrize(("group", "differs"), [("arn:tg", []), ("arn:other", ["listeners"])])
def test_a_listener_of_nobody_that_does_what_the_file_wants_is_no_difference(group: str, differs: list[str]) -> None:
    aws = listener()
    aws.answers["elbv2:DescribeTags"] = lambda query: {
        "TagDescriptions": [
            {"ResourceArn": arn, "Tags": MINE if arn == "arn:lb" else []} for arn in query["ResourceArns"]
        ]
    }
    actual = find(aws, "load-balancer-v2")["lb"]
    wanted = LoadBalancer("lb", listeners=(Forward(80, "HTTP", group),), placed=False)
    told = TABLE["load-balancer-v2"].differences(wanted, actual, {})
    assert [item.path for item in told] == differs


SSM = "AmazonSSMManagedInstanceCore"


def role(arn: str, attached: list[str], inline: dict[str, Json]) -> FakeAws:
    return FakeAws(
        {
            "iam:GetRole": lambda query: {"Role": {"Arn": arn, "Tags": MINE}},
            "iam:ListAttachedRolePolicies": lambda query: {
                "AttachedPolicies": [{"PolicyArn": policy} for policy in attached]
            },
            "iam:ListRolePolicies": lambda query: {"PolicyNames": list(inline)},
            "iam:GetRolePolicy": lambda query: {"PolicyDocument": inline[query["PolicyName"]]},
        }
    )


def whole() -> Json:
    """The inline policy that ecsctl puts in the place of the managed one."""
    put: list[Json] = []
    missing = f"Policy arn:aws:iam::aws:policy/{SSM} does not exist or is not attachable."
    aws = FakeAws(
        {
            "iam:CreateRole": lambda query: {"Role": {"Arn": "arn"}},
            "iam:AttachRolePolicy": refused("iam:AttachRolePolicy", "NoSuchEntity", missing),
            "iam:PutRolePolicy": lambda query: put.append(query) or {},
        }
    )
    TABLE["iam-role"].create(aws, InstanceRole("r", policies=(f"arn:aws:iam::aws:policy/{SSM}",)))
    document: Json = json.loads(put[0]["PolicyDocument"])
    return document


@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
def test_an_inline_policy_stands_for_the_managed_one_only_where_it_allows_the_same(partition: str) -> None:
    arn, managed = f"arn:{partition}:iam::1:role/r", f"arn:{partition}:iam::aws:policy/{SSM}"
    same = find(role(arn, [], {SSM: whole()}), "iam-role", ["r"])["r"]
    assert (same.fields["policies"], same.fields["inline"]) == ({managed}, frozenset())
    less = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}]}
    other = find(role(arn, [], {SSM: less, "mine": less}), "iam-role", ["r"])["r"]
    assert (other.fields["policies"], other.fields["inline"]) == (frozenset(), {"mine"})


def test_a_role_that_is_not_there_yet_is_not_given_the_rights_inline() -> None:
    gone = refused("iam:AttachRolePolicy", "NoSuchEntity", "The role with name r cannot be found.")
    aws = FakeAws({"iam:CreateRole": lambda query: {"Role": {"Arn": "arn"}}, "iam:AttachRolePolicy": gone})
    with pytest.raises(AwsError, match="cannot be found"):
        TABLE["iam-role"].create(aws, InstanceRole("r", policies=(f"arn:aws:iam::aws:policy/{SSM}",)))
    assert "iam:PutRolePolicy" not in aws.operations()


def test_policies_that_somebody_attached_are_no_difference_but_told() -> None:
    wanted = InstanceRole("r", policies=("arn:own",))
    fields = {**wanted.fields(), "policies": frozenset({"arn:own", "arn:theirs"}), "inline": frozenset()}
    actual = Actual(wanted.key, "arn", "shop", fields)
    assert list(TABLE["iam-role"].differences(wanted, actual, {})) == []
    [told] = TABLE["iam-role"].drift(wanted, actual, {})
    assert "arn:theirs" in told


def test_only_rules_with_ecsctls_own_mark_are_its_own() -> None:
    def rule(port: int, said: str) -> Json:
        ranges = [{"CidrIp": "10.0.0.0/8", **({"Description": said} if said else {})}]
        return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}

    row = {"GroupId": "sg-1", "GroupName": "g", "Tags": MINE}
    rules = [rule(80, "ecsctl"), rule(22, "for the admins"), rule(443, "")]
    aws = FakeAws({"ec2:DescribeSecurityGroups": lambda query: {"SecurityGroups": [{**row, "IpPermissions": rules}]}})
    found = find(aws, "security-group")["g"]
    assert found.fields["ingress"] == {Ingress(80, 80, "tcp", "10.0.0.0/8")}
    assert {item.from_port for item in found.fields["unmarked"]} == {22, 443}
