"""What is replaced, removed and told where more than one thing is to be minded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ecsctl.deploy.apply import apply, conflict
from ecsctl.deploy.changes import REPLACE, Change, Conflict, Plan
from ecsctl.deploy.guards import Refusal, Use
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroup
from ecsctl.deploy.kinds.classic_load_balancer import ClassicLoadBalancer
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.observe import Snapshot
from ecsctl.deploy.plan import decide
from ecsctl.deploy.resources import OWNER_TAG, Actual, Key, Scope
from ecsctl.polling import Deadline
from ecsctl.query.diagnosis import meaning_of, task_causes
from ecsctl.query.target_health import of_service
from ecsctl.query.views import task_view
from tests.support.fake_aws import FakeAws, refused
from tests.support.world import World

Json = dict[str, Any]
SCOPE = Scope("shop", "home", "eu-west-1")
TAGS = {OWNER_TAG: "shop"}


def nothing(query: Json) -> Json:
    return {}


def delete(aws: FakeAws, actual: Actual) -> None:
    TABLE[actual.key.kind].delete(aws, SCOPE, actual, Deadline.after(60, clock=aws.clock))


def test_what_is_on_its_way_out_is_made_anew_whatever_its_status_is_called() -> None:
    group = AutoScalingGroup("g", TAGS)
    change = decide(group, Actual(group.key, "arn", "shop", group.fields(), status="being deleted", tags=TAGS), {})
    assert change is not None
    assert (change.action, change.reason) == (REPLACE, "the old one is being deleted")


def test_a_new_deployment_that_is_asked_for_is_a_change_by_itself() -> None:
    live = {"taskDefinition": "web:1", "schedulingStrategy": "REPLICA", "launchType": "EC2"}
    service = Service("svc", TAGS, cluster="home", definition={})
    actual = Actual(service.key, "arn:…/home/svc", "shop", live, tags=TAGS)
    assert decide(service, actual, {}) is None
    change = decide(replace(service, anew=True), actual, {})
    assert change is not None
    assert (change.action, change.changed) == ("update", {"forceNewDeployment"})


def test_what_is_replaced_goes_before_its_successor_is_made() -> None:
    balancer = ClassicLoadBalancer("lb", TAGS, scheme="internal")
    old = Actual(balancer.key, "lb", "shop", {}, {"name": "lb"})
    aws = FakeAws(
        {
            "elb:DeleteLoadBalancer": nothing,
            "elb:CreateLoadBalancer": lambda query: {"DNSName": "lb.example"},
            "elb:ConfigureHealthCheck": nothing,
        }
    )
    plan = Plan("shop", "home", (Change(REPLACE, balancer.key, resource=balancer, actual=old),))
    assert apply(aws, plan, Snapshot(SCOPE, {old.key: old})).whole
    assert aws.operations() == ["elb:DeleteLoadBalancer", "elb:CreateLoadBalancer", "elb:ConfigureHealthCheck"]
    assert aws.calls[1][1]["Scheme"] == "internal"


def test_what_is_in_the_way_is_told_before_what_others_use() -> None:
    key = Key("cluster", "home")
    refusal = Refusal("remove", key, Use("service oweb", "other"))
    error = conflict(Plan("shop", "home", conflicts=(Conflict(key, "arn:home", "other"),), refusals=(refusal,)))
    assert error.message.startswith("cluster home (arn:home) belongs to project other: it is in the way")


def test_the_certificate_of_a_classic_listener_is_read() -> None:
    listener = {"LoadBalancerPort": 443, "Protocol": "HTTPS", "InstancePort": 80, "SSLCertificateId": "arn:cert"}
    row = {"LoadBalancerName": "lb", "ListenerDescriptions": [{"Listener": listener}]}
    aws = FakeAws(
        {
            "elb:DescribeLoadBalancers": lambda query: {"LoadBalancerDescriptions": [row]},
            "elb:DescribeTags": lambda query: {"TagDescriptions": []},
        }
    )
    [found] = TABLE["load-balancer"].find(aws, SCOPE, ["lb"])
    assert [(item.port, item.certificate) for item in found.fields["listeners"]] == [(443, "arn:cert")]


def test_a_role_goes_after_its_policies_attached_and_inline() -> None:
    aws = FakeAws(
        {
            "iam:ListAttachedRolePolicies": lambda query: {"AttachedPolicies": [{"PolicyArn": "arn:p"}]},
            "iam:ListRolePolicies": lambda query: {"PolicyNames": ["mine"]},
            "iam:DetachRolePolicy": nothing,
            "iam:DeleteRolePolicy": nothing,
            "iam:DeleteRole": nothing,
        }
    )
    delete(aws, Actual(Key("iam-role", "r"), "arn:r", "shop"))
    changes = [name.partition(":")[2] for name in aws.operations() if "List" not in name]
    assert changes == ["DetachRolePolicy", "DeleteRolePolicy", "DeleteRole"]


def test_a_reason_means_something_by_its_first_word_only() -> None:
    assert meaning_of("CannotPullContainerError: pull access denied") is not None
    assert meaning_of("my program says CannotPullContainerError") is None


def test_a_task_that_has_stopped_is_not_told_to_be_unhealthy_as_well() -> None:
    stopped = World().task(1, status="STOPPED", healthStatus="UNHEALTHY", stoppedReason="enough")
    assert task_causes(task_view(stopped)) == ["enough"]
    running = World().task(1, healthStatus="UNHEALTHY")
    assert task_causes(task_view(running)) == ["health checks fail"]


def test_one_missing_group_of_two_that_take_turns_is_told() -> None:
    arn = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{}/1"
    gone = refused("elbv2:DescribeTargetHealth", "TargetGroupNotFound")

    def health(query: Json) -> Json:
        return gone(query) if "green" in query["TargetGroupArn"] else {"TargetHealthDescriptions": []}

    advanced = {"alternateTargetGroupArn": arn.format("green")}
    service = {"loadBalancers": [{"targetGroupArn": arn.format("blue"), "advancedConfiguration": advanced}]}
    [found] = of_service(FakeAws({"elbv2:DescribeTargetHealth": health}), service)
    assert found.shortage(0) == "target group green does not exist"


def test_a_cluster_goes_when_its_own_tasks_have_stopped_and_pending_ones_have_ended() -> None:
    arn, owner = "arn:aws:ecs:eu-west-1:1", [{"key": OWNER_TAG, "value": "shop"}]
    counts = iter([{"runningTasksCount": 0, "pendingTasksCount": 1}, {}])
    tasks = [
        {"taskArn": f"{arn}:task/home/{letter * 32}", "group": group, "lastStatus": "RUNNING", "tags": owner}
        for letter, group in (("a", "family:web"), ("b", "service:svc"))
    ]
    row = {"serviceName": "svc", "serviceArn": f"{arn}:service/home/svc", "status": "DRAINING", "tags": owner}

    def clusters(query: Json) -> Json:
        # The tags are read once; then how many tasks are left.
        return {"clusters": [{"clusterName": "home", "status": "ACTIVE", "tags": owner, **next(counts, {})}]}

    aws = FakeAws(
        {
            "ecs:DescribeClusters": lambda query: {"clusters": [{"clusterName": "home", "tags": owner}]},
            "ecs:ListServices": lambda query: {"serviceArns": []},
            "ecs:DescribeServices": lambda query: {"services": [row]},
            "ecs:ListTasks": lambda query: {"taskArns": [task["taskArn"] for task in tasks]},
            "ecs:DescribeTasks": lambda query: {"tasks": tasks},
            "ecs:ListContainerInstances": lambda query: {"containerInstanceArns": []},
            "ecs:DeleteCluster": nothing,
        }
    )

    def stop(query: Json) -> Json:
        aws.answers["ecs:DescribeClusters"] = clusters
        return {}

    aws.answers["ecs:StopTask"] = stop
    delete(aws, Actual(Key("cluster", "home"), "arn:home", "shop"))
    assert [query["task"] for name, query in aws.calls if name == "ecs:StopTask"] == [tasks[0]["taskArn"]]
    assert aws.operations()[-3:] == ["ecs:DescribeClusters", "ecs:DescribeClusters", "ecs:DeleteCluster"]
