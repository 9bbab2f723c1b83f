"""Application Auto Scaling of services, from the file: made, changed, left alone where it rules, removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.account import holdings
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow


def targets(sandbox: Running) -> list[dict[str, Any]]:
    api = sandbox.client("application-autoscaling")
    return list(api.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"])


def policies(sandbox: Running) -> dict[str, dict[str, Any]]:
    rows = sandbox.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="ecs")
    return {row["PolicyName"]: row["TargetTrackingScalingPolicyConfiguration"] for row in rows["ScalingPolicies"]}


def test_scaling_from_the_file(sandbox: Running, tmp_path: Path) -> None:
    file, aws, before = tmp_path / "ecsctl.yaml", sandbox.aws(), holdings(sandbox)
    ecs, api = sandbox.client("ecs"), sandbox.client("application-autoscaling")
    scaling: dict[str, Any] = {"min": 2, "max": 4, "cpu": 60, "requestsPerTarget": 1000, "scaleInCooldown": "2m"}
    data: dict[str, Any] = {
        "name": "shop",
        "instances": {"count": 1},
        "taskDefinitions": {"web": {"image": "example/web:1", "memory": 32, "portMappings": [8080]}},
        "loadBalancers": {"front": {"type": "application", "healthCheck": "fast"}},
        "services": {"web": {"taskDefinition": "web", "loadBalancer": "front:8080", "scaling": scaling}},
    }

    def run(*arguments: str) -> Ended:
        file.write_text(yaml.safe_dump(data))
        return ecsctl(aws, *arguments, "-f", str(file))

    def count() -> int:
        return int(ecs.describe_services(cluster="shop", services=["web"])["services"][0]["desiredCount"])

    ended = run("up", "--yes")
    assert ended.code == 0, ended.err
    [target] = targets(sandbox)
    assert (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) == ("service/shop/web", 2, 4)
    assert api.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"]["ecsctl:project"] == "shop"
    assert count() == 2
    made = policies(sandbox)
    assert made["ecsctl-cpu"] == {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        "ScaleInCooldown": 120,
    }
    label = made["ecsctl-requests"]["PredefinedMetricSpecification"]["ResourceLabel"]
    [group] = sandbox.client("elbv2").describe_target_groups()["TargetGroups"]
    assert label == "/".join(
        [group["LoadBalancerArns"][0].partition(":loadbalancer/")[2], group["TargetGroupArn"].rpartition(":")[2]]
    )
    assert run("plan", "--exit-code").code == 0, run("plan").out

    # What it moves is not brought back, by no command but one that says a number.
    ecs.update_service(cluster="shop", service="web", desiredCount=3)
    assert run("plan", "--exit-code").code == 0
    shown = ecsctl(aws, "service", "show", "web", "-c", "shop", "-o", "json").json["scaling"]
    assert (shown["min"], shown["max"], shown["suspended"]) == (2, 4, False)
    assert shown["policies"]["ecsctl-cpu"] == "CPU at 60%"
    assert "2 to 4 tasks" in ecsctl(aws, "service", "show", "web", "-c", "shop").out
    ended = ecsctl(aws, "service", "scale", "web", "6", "-c", "shop")
    assert "note: Application Auto Scaling keeps web between 2 and 4 tasks" in ended.err

    ended = ecsctl(aws, "service", "scale", "web", "--suspend", "-c", "shop")
    assert (ended.code, ended.err) == (
        0,
        "scaling of service web is suspended: `ecsctl service scale web --resume` resumes it\n",
    )
    assert all(targets(sandbox)[0]["SuspendedState"].values())
    assert "scaling is suspended" in run("plan").err
    assert ecsctl(aws, "service", "scale", "web", "--resume", "-c", "shop").code == 0
    assert not any(targets(sandbox)[0]["SuspendedState"].values())

    # Others' policies stay, the file's go with it.
    api.put_scaling_policy(
        PolicyName="theirs",
        ServiceNamespace="ecs",
        ResourceId="service/shop/web",
        ScalableDimension="ecs:service:DesiredCount",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 1.0},
    )
    scaling.pop("requestsPerTarget")
    night = {"schedule": "cron(0 22 * * ? *)", "timezone": "Europe/Paris", "min": 0, "max": 1}
    scaling.update(max=5, memory=70, schedules={"night": night})
    ended = run("up", "--yes")
    assert ended.code == 0, ended.err
    assert "has theirs, which ecsctl did not make" in ended.err
    assert set(policies(sandbox)) == {"ecsctl-cpu", "ecsctl-memory", "theirs"}
    [action] = api.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]
    assert action["ScheduledActionName"] == "ecsctl-night"
    assert action["ScalableTargetAction"] == {"MinCapacity": 0, "MaxCapacity": 1}
    assert run("plan", "--exit-code").code == 0, run("plan").out

    data["services"]["web"].pop("scaling")
    ended = run("up", "--yes")
    assert ended.code == 0, ended.err
    assert targets(sandbox) == []
    assert policies(sandbox) == {}
    assert ecsctl(aws, "service", "scale", "web", "--suspend", "-c", "shop").code == 6
    data["services"]["web"]["scaling"] = scaling
    assert run("up", "--yes").code == 0
    ended = run("down", "--yes")
    assert ended.code == 0, ended.err
    assert targets(sandbox) == []
    assert {name for name in holdings(sandbox) if name not in before and "task definition" not in name} == set()
