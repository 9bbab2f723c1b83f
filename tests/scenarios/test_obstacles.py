"""What others put in the place of a part of what the project owns: in the way, named by the plan, and never changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.test_guards import Shop
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

FILE = """
name: shop
cluster: home
taskDefinitions:
  web:
    containerDefinitions: [{name: web, image: example/web, memory: 32, portMappings: [80]}]
loadBalancers:
  front: {type: application, listeners: ["80"]}
services:
  svc: {taskDefinition: web, desiredCount: 0, loadBalancer: "front:80"}
"""
TWO = FILE.replace('["80"]', '["80", "8080"]')
RULED = (
    FILE + '  api: {taskDefinition: web, desiredCount: 0, loadBalancer: {name: front, path: "/api/*", priority: 7}}\n'
)
OTHERS = [{"Key": "ecsctl:project", "Value": "other"}]
ANSWER = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]


class Front:
    """The project's balancer, asked by plain boto3."""

    def __init__(self, shop: Shop) -> None:
        self.client: Any = shop.sandbox.client("elbv2")
        [found] = self.client.describe_load_balancers()["LoadBalancers"]
        self.arn, self.vpc = str(found["LoadBalancerArn"]), str(found["VpcId"])

    def listeners(self) -> dict[int, Any]:
        rows = self.client.describe_listeners(LoadBalancerArn=self.arn)["Listeners"]
        return {row["Port"]: row for row in rows}

    def state(self) -> Any:
        """All listeners with their rules and tags."""
        return [
            (
                row,
                self.client.describe_rules(ListenerArn=row["ListenerArn"])["Rules"],
                self.client.describe_tags(ResourceArns=[row["ListenerArn"]])["TagDescriptions"],
            )
            for row in self.listeners().values()
        ]

    def listen(self, port: int, action: list[dict[str, Any]], tags: list[dict[str, str]] | None = None) -> str:
        more = {"Tags": tags} if tags else {}
        [made] = self.client.create_listener(
            LoadBalancerArn=self.arn, Port=port, Protocol="HTTP", DefaultActions=action, **more
        )["Listeners"]
        return str(made["ListenerArn"])


@pytest.fixture
def shop(sandbox: Running, tmp_path: Path) -> Shop:
    return Shop.made_of(sandbox, tmp_path, FILE)


def test_a_listener_of_others_on_a_wanted_port_is_in_the_way(shop: Shop) -> None:
    front = Front(shop)
    [group] = front.client.create_target_group(Name="theirs", Protocol="HTTP", Port=80, VpcId=front.vpc)["TargetGroups"]
    for action, tags, whose in (
        (ANSWER, OTHERS, "belongs to project other"),
        ([{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}], None, "was not made by ecsctl"),
    ):
        arn = front.listen(8080, action, tags)
        before = front.state()
        said = f"listener 8080 of load balancer front ({arn}) {whose}"
        planned = shop.run("plan", TWO)
        assert planned.code == 1
        assert f"! in the way: {said}" in planned.out
        assert shop.run("plan", TWO, "-o", "json").json["conflicts"] == [
            {
                "kind": "load-balancer-v2",
                "name": "front",
                "part": "listener 8080 of load balancer front",
                "id": arn,
                "owner": "other" if tags else None,
            }
        ]
        ended = shop.run("up", TWO, "--yes")
        assert ended.code == 1
        assert f"{said}: it is in the way of project shop; nothing was changed" in ended.err
        assert "give the listener another port" in ended.err
        assert ("aws elbv2 add-tags --resource-arns " + arn in ended.err) is (tags is None)
        assert front.state() == before
        front.client.delete_listener(ListenerArn=arn)
    assert shop.run("up", TWO, "--yes").code == 0
    assert sorted(front.listeners()) == [80, 8080]


def test_a_listener_of_nobody_that_does_what_the_file_says_is_left_as_it_is(shop: Shop) -> None:
    front = Front(shop)
    [group] = front.client.describe_target_groups()["TargetGroups"]
    front.listen(8080, [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}])
    rows = front.state()
    # The tags of the balancer go to what is the project's own, and to nothing else.
    tagged = TWO.replace("cluster: home", "cluster: home\ntags: {team: web}")
    ended = shop.run("up", tagged, "--yes")
    assert ended.code == 0, ended.err
    assert shop.run("plan", tagged, "--exit-code").code == 0
    assert front.state()[1] == rows[1]
    assert {"Key": "team", "Value": "web"} in front.state()[0][2][0]["Tags"]


def test_a_rule_of_others_at_a_wanted_priority_is_in_the_way(shop: Shop) -> None:
    front = Front(shop)
    listener = front.listeners()[80]["ListenerArn"]
    condition = [{"Field": "path-pattern", "Values": ["/x"]}]
    [rule] = front.client.create_rule(ListenerArn=listener, Priority=7, Conditions=condition, Actions=ANSWER)["Rules"]
    before = front.state()
    said = f"rule 7 of listener 80 of load balancer front ({rule['RuleArn']}) was not made by ecsctl"
    assert f"! in the way: {said}" in shop.run("plan", RULED).out
    ended = shop.run("up", RULED, "--yes")
    assert ended.code == 1
    assert said in ended.err
    assert "the rule another `priority`" in ended.err
    assert front.state() == before
    assert shop.run("up", RULED.replace("priority: 7", "priority: 8"), "--yes").code == 0


def test_a_listener_that_comes_between_plan_and_execution_is_not_changed(shop: Shop) -> None:
    from ecsctl.deploy.pipeline import execute, prepare
    from ecsctl.errors import EcsctlError
    from ecsctl.manifest import check

    front = Front(shop)
    (shop.folder / "ecsctl.yaml").write_text(TWO)
    spec, _ = check([str(shop.folder / "ecsctl.yaml")])
    assert spec is not None
    prepared = prepare(shop.aws, spec)
    assert not prepared.plan.blocked
    front.listen(8080, ANSWER, OTHERS)
    before = front.state()
    with pytest.raises(
        EcsctlError, match="listener 8080 of load balancer front is in the way, and was made by project"
    ):
        execute(shop.aws, prepared)
    assert front.state() == before


def test_a_target_group_of_others_under_the_wanted_name_is_in_the_way(shop: Shop) -> None:
    front = Front(shop)
    data = json.loads(shop.run("plan", RULED, "-o", "json").out)
    [name] = [item["name"] for item in data["changes"] if item["kind"] == "target-group"]
    front.client.create_target_group(Name=name, Protocol="HTTP", Port=9, VpcId=front.vpc, Tags=OTHERS)
    ended = shop.run("up", RULED, "--yes")
    assert ended.code == 1
    assert f"target-group {name} (" in ended.err
    assert "belongs to project other: it is in the way of project shop; nothing was changed" in ended.err


def test_drift_of_own_listeners_and_rules_is_seen(shop: Shop) -> None:
    """Weights, other actions and conditions are brought back."""
    assert shop.run("up", RULED, "--yes").code == 0
    front = Front(shop)
    groups = [row["TargetGroupArn"] for row in front.client.describe_target_groups()["TargetGroups"]]
    shares = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(groups, (60, 40), strict=True)]
    listener = front.listeners()[80]["ListenerArn"]
    own = front.state()
    [rule] = [row for row in own[0][1] if row["Priority"] == "7"]
    weighted = [{"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}]
    header = {"HttpHeaderName": "X-Beta", "Values": ["1"]}
    for change in (
        lambda: front.client.modify_listener(ListenerArn=listener, DefaultActions=weighted),
        lambda: front.client.modify_rule(RuleArn=rule["RuleArn"], Actions=weighted),
        lambda: front.client.modify_rule(RuleArn=rule["RuleArn"], Actions=ANSWER),
        lambda: front.client.modify_rule(
            RuleArn=rule["RuleArn"],
            Conditions=[*rule["Conditions"], {"Field": "http-header", "HttpHeaderConfig": header}],
        ),
    ):
        change()
        planned = shop.run("plan", RULED, "--exit-code")
        assert planned.code == 3
        assert "~ update load-balancer-v2 front" in planned.out
        assert shop.run("up", RULED, "--yes").code == 0
        assert shop.run("plan", RULED, "--exit-code").code == 0
    groups_of = [row["Actions"][0].get("TargetGroupArn") for row in front.state()[0][1]]
    assert groups_of == [row["Actions"][0].get("TargetGroupArn") for row in own[0][1]]
