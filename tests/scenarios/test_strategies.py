"""Deployments that shift traffic, from the file: made, deployed, seen, planned in between, and removed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.account import holdings
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

CANARY: dict[str, Any] = {"type": "canary", "percent": "20%", "interval": "1m", "bake": "1m", "testListener": 9000}


def project(strategy: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "instances": {"count": 1},
        "taskDefinitions": {"web": {"image": "example/web:1", "memory": 32, "portMappings": [8080]}},
        "loadBalancers": {"front": {"type": "application", "healthCheck": "fast", "listeners": [80]}},
        "services": {
            "web": {
                "taskDefinition": "web",
                "desiredCount": 1,
                "loadBalancer": "front",
                "strategy": strategy,
            }
        },
    }


def shares(sandbox: Running, port: int) -> dict[str, int]:
    """How a listener's first rule shares the traffic, by the beginning of each target group's name."""
    elb = sandbox.client("elbv2")
    [balancer] = elb.describe_load_balancers()["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    [listener] = [item for item in listeners if item["Port"] == port]
    rules = [item for item in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"] if not item["IsDefault"]]
    [rule] = rules
    groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
    return {item["TargetGroupArn"].split("/")[-2]: round(item["Weight"]) for item in groups}


def test_a_canary_from_the_file(sandbox: Running, tmp_path: Path) -> None:
    file, aws, before = tmp_path / "ecsctl.yaml", sandbox.aws(), holdings(sandbox)

    def run(data: dict[str, Any], *arguments: str) -> Ended:
        file.write_text(yaml.safe_dump(data))
        return ecsctl(aws, *arguments, "-f", str(file))

    data = project(CANARY)
    ended = run(data, "up", "--yes")
    assert ended.code == 0, ended.err
    [service] = sandbox.client("ecs").describe_services(cluster="shop", services=["web"])["services"]
    advanced = service["loadBalancers"][0]["advancedConfiguration"]
    assert advanced["roleArn"].endswith(":role/ecsctl/shop/eu-west-1/ecsctl-shop-eu-west-1-deployments")
    assert advanced["productionListenerRule"] != advanced["testListenerRule"]
    first = shares(sandbox, 80)
    assert sorted(first.values()) == [0, 100]
    assert run(data, "plan", "--exit-code").code == 0

    data["taskDefinitions"]["web"]["image"] = "example/web:2"
    ended = run(data, "up", "--yes")
    assert ended.code == 0, ended.err
    told = re.findall(r"deployment IN_PROGRESS: (\w+), (\d+)% of the traffic", ended.err)
    assert ("CANARY", "20") in [(stage[:6], share) for stage, share in told] or "20" in {share for _, share in told}
    assert "BAKE_TIME" in {stage for stage, _ in told}
    after = shares(sandbox, 80)
    assert {name: 100 - share for name, share in after.items()} == first
    # The deployments have moved the traffic to the other group, and that is no difference.
    assert run(data, "plan", "--exit-code").code == 0, run(data, "plan").out

    ended = run(data, "down", "--yes")
    assert ended.code == 0, ended.err
    left = {name for name in holdings(sandbox) if name not in before and "task definition" not in name}
    assert left == set()


def test_hooks_are_called_by_a_role_of_their_own(sandbox: Running, tmp_path: Path) -> None:
    file, aws = tmp_path / "ecsctl.yaml", sandbox.aws()
    hook = "arn:aws:lambda:eu-west-1:123456789012:function:check"
    file.write_text(yaml.safe_dump(project({"type": "blueGreen", "hooks": {"PRE_SCALE_UP": hook}})))
    ended = ecsctl(aws, "plan", "-f", str(file), "-o", "json")
    [role] = [change for change in ended.json["changes"] if change["kind"] == "service-role"]
    assert role["name"] == "ecsctl-shop-eu-west-1-deployments"
    shown = json.dumps(role)
    assert "lambda:InvokeFunction" in shown
    assert hook in shown
