"""Application and network balancers through a project's life: made, answering, changed, replaced, removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.account import holdings
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

Json = dict[str, Any]


class Project:
    def __init__(self, sandbox: Running, file: Path, kind: str, port: str) -> None:
        self.aws, self.file = sandbox.aws(), file
        box = {"name": "web", "image": "example/web", "cpu": 1, "memory": 32, "portMappings": [port]}
        check = {"interval": 5, "timeout": 2}
        self.data: Json = {
            "name": "shop",
            "cluster": "shop",
            "instances": {"count": 2},
            "taskDefinitions": {"web": {"containerDefinitions": [box]}},
            "loadBalancers": {"front": {"type": kind, "listeners": ["80:8080"], "healthCheck": check}},
            "services": {"svc": {"taskDefinition": "web", "desiredCount": 2, "loadBalancer": "front:8080"}},
        }

    @property
    def front(self) -> Json:
        found: Json = self.data["loadBalancers"]["front"]
        return found

    def run(self, command: str, *arguments: str) -> Ended:
        self.file.write_text(yaml.safe_dump(self.data))
        ended = ecsctl(self.aws, command, "-f", str(self.file), *arguments)
        assert ended.code == 0, ended.err
        return ended

    def up(self) -> list[Json]:
        """The addresses; nothing is left to plan."""
        addresses: list[Json] = self.run("up", "--yes", "-o", "json").json
        assert self.run("plan", "-o", "json").json["changes"] == []
        return addresses


@pytest.mark.parametrize(
    ("kind", "port", "ports", "protocol"),
    [("application", "8080", (32768, 65535), "HTTP"), ("network", "9090:8080", (9090, 9090), "TCP")],
)
def test_a_balancer_through_its_life(
    sandbox: Running, tmp_path: Path, kind: str, port: str, ports: tuple[int, int], protocol: str
) -> None:
    elb, ec2 = sandbox.client("elbv2"), sandbox.client("ec2")
    # A stranger's balancer and group are there all the time.
    subnets = [row["SubnetId"] for row in ec2.describe_subnets()["Subnets"]][:2]
    elb.create_load_balancer(Name=f"other-{kind}", Subnets=subnets)
    elb.create_target_group(
        Name=f"other-{kind}", Protocol="HTTP", Port=80, VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    )
    project = Project(sandbox, tmp_path / "ecsctl.yaml", kind, port)
    before = holdings(sandbox)

    rows = project.up()
    assert [row["through"] for row in rows if "load balancer" in row["through"]] == ["load balancer front"]
    [balancer] = elb.describe_load_balancers(Names=["front"])["LoadBalancers"]
    assert rows[0]["address"] == balancer["DNSName"]
    [service] = ecsctl(project.aws, "service", "list", "-c", "shop", "-o", "json").json
    assert service["loadBalancers"][0]["address"] == balancer["DNSName"]
    group = service["loadBalancers"][0]["targetGroupArn"]
    states = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [state["TargetHealth"]["State"] for state in states] == ["healthy", "healthy"]
    [described] = elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
    assert (described["Protocol"], described["TargetType"]) == (protocol, "instance")
    attributes = elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in attributes
    # The instances admit the balancer where it sends to, and nobody else.
    [instances] = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["ecsctl-shop-instances"]}])[
        "SecurityGroups"
    ]
    [rule] = instances["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"]) == ports
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == balancer["SecurityGroups"]
    assert rule["IpRanges"] == []

    project.front["listeners"] = ["81:8080", "82:8080"]
    project.front["deregistrationDelay"] = 5
    project.front["healthCheck"]["interval"] = 7
    assert {row["address"] for row in project.up() if "load" in row["through"]} == {f"{balancer['DNSName']}:81"}
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert sorted(row["Port"] for row in listeners) == [81, 82]
    assert elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["HealthCheckIntervalSeconds"] == 7

    project.front["scheme"] = "internal"
    plan = project.run("plan", "-o", "json").json
    assert [(row["action"], row["kind"]) for row in plan["changes"]] == [("replace", "load-balancer-v2")]
    assert any("load balancer front" in row["through"] for row in project.up())
    assert elb.describe_load_balancers(Names=["front"])["LoadBalancers"][0]["Scheme"] == "internal"

    # Another container port is another target group; the old one goes when nothing needs it.
    project.data["taskDefinitions"]["web"]["containerDefinitions"][0]["portMappings"] = ["9000"]
    project.data["services"]["svc"]["loadBalancer"] = "front:9000"
    project.front["listeners"] = ["80:9000"]
    project.up()
    own = [key for key in holdings(sandbox) if key.startswith("target group ecsctl-")]
    assert len(own) == 1
    assert group not in json.dumps(elb.describe_target_groups()["TargetGroups"])

    project.run("down", "--yes")
    after = {key: value for key, value in holdings(sandbox).items() if not key.startswith("task definition")}
    assert {key: value for key, value in after.items() if before.get(key) != value} == {}
    assert set(before) <= set(holdings(sandbox))


def test_what_has_the_name_already_stays_as_it_is(sandbox: Running, tmp_path: Path) -> None:
    elb, ec2 = sandbox.client("elbv2"), sandbox.client("ec2")
    subnets = [row["SubnetId"] for row in ec2.describe_subnets()["Subnets"]][:2]
    elb.create_load_balancer(Name="front", Subnets=subnets)
    project = Project(sandbox, tmp_path / "ecsctl.yaml", "application", "8080")
    before = holdings(sandbox)
    project.file.write_text(yaml.safe_dump(project.data))
    ended = ecsctl(project.aws, "up", "-f", str(project.file), "--yes")
    assert ended.code == 1
    assert "load-balancer-v2 front" in ended.err
    assert holdings(sandbox) == before


EXAMPLE = Path(__file__).parents[2] / "examples" / "fargate" / "ecsctl.yaml"


def test_fargate_tasks_get_a_network_of_their_own(sandbox: Running, tmp_path: Path) -> None:
    aws, ec2, elb = sandbox.aws(), sandbox.client("ec2"), sandbox.client("elbv2")
    before = holdings(sandbox)

    def run(command: str, *arguments: str) -> Ended:
        ended = ecsctl(aws, command, "-f", str(file), *arguments)
        assert ended.code == 0, ended.err
        return ended

    file = EXAMPLE
    up = run("up", "--yes", "-o", "json").json
    assert run("plan", "-o", "json").json["changes"] == []
    [balancer] = [row for row in up if "load balancer web-lb" in row["through"]]
    [described] = elb.describe_load_balancers(Names=["web-lb"])["LoadBalancers"]
    assert balancer["address"] == described["DNSName"]
    [service] = ecsctl(aws, "service", "list", "-c", "fargate", "-o", "json").json
    group = service["loadBalancers"][0]["targetGroupArn"]
    assert elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["TargetType"] == "ip"
    states = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [row["TargetHealth"]["State"] for row in states] == ["healthy", "healthy"]
    # Two tasks, each at the public address of its own interface, which stands in the service's own group.
    located = ecsctl(aws, "locate", "-c", "fargate", "-o", "json").json
    interfaces = ec2.describe_network_interfaces()["NetworkInterfaces"]
    public = {row["Association"]["PublicIp"] for row in interfaces if row.get("Association", {}).get("PublicIp")}
    assert len({row["address"].partition(":")[0] for row in located} & public) == 2
    own = [{"Name": "group-name", "Values": ["ecsctl-fargate-web-tasks"]}]
    [tasks] = ec2.describe_security_groups(Filters=own)["SecurityGroups"]
    [rule] = tasks["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"]) == (80, 80, [])
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == described["SecurityGroups"]

    file = tmp_path / "ecsctl.yaml"
    file.write_text(EXAMPLE.read_text().replace("ingress: []", "ingress: [80]"))
    changes = run("plan", "-o", "json").json["changes"]
    assert [(row["action"], row["name"]) for row in changes] == [("update", "ecsctl-fargate-web-tasks")]
    run("up", "--yes")
    assert run("plan", "-o", "json").json["changes"] == []

    run("down", "--yes")
    left = {key for key in set(holdings(sandbox)) - set(before) if not key.startswith("task definition")}
    assert left == set()
