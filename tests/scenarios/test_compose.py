"""A Compose file becomes services that find each other by the names that Compose has."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecsctl.aws.session import Aws
from tests.support.command import ecsctl
from tests.support.sandbox import Running

COMPOSE = """\
name: shop
services:
  web:
    image: example/web:1
    ports: ["8080:80"]
    environment: {API_URL: "http://api:3000/"}
  api:
    image: example/api:1
    environment: {DATABASE_URL: "postgres://app@db/app"}
    depends_on: [db]
  db:
    image: postgres:16
  worker:
    image: example/worker:1
"""


@pytest.fixture
def imported(sandbox: Running, tmp_path: Path) -> tuple[Aws, Path]:
    """An AWS, and the file that was made of the Compose file."""
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    aws, file = sandbox.aws(), tmp_path / "ecsctl.yaml"
    ended = ecsctl(aws, "init", "--from-compose", str(tmp_path / "compose.yaml"), str(file))
    assert ended.code == 0, ended.err
    told = "services: the services reach each other by Service Connect, under their names: web:80, api:3000, db:5432"
    assert told in ended.err
    return aws, file


def test_services_find_each_other_by_name(imported: tuple[Aws, Path]) -> None:
    aws, file = imported
    changes = ecsctl(aws, "plan", "-f", str(file), "-o", "json").json["changes"]
    # A deployment knows the names that there were when it began.
    assert [row["name"] for row in changes if row["kind"] == "service"] == ["db", "api", "web", "worker"]
    ended = ecsctl(aws, "up", "-f", str(file), "--yes")
    assert ended.code == 0, ended.err
    query = {"cluster": "shop", "services": ["web", "api", "db", "worker"]}
    found = {row["serviceName"]: row for row in aws.call("ecs", "DescribeServices", query)["services"]}
    names = {}
    for name, service in found.items():
        (deployment,) = service["deployments"]
        connect = deployment["serviceConnectConfiguration"]
        assert connect["enabled"]
        names[name] = [alias for row in connect.get("services", ()) for alias in row["clientAliases"]]
        assert service["runningCount"] == 1
    assert names == {
        "web": [{"port": 80, "dnsName": "web"}],
        "api": [{"port": 3000, "dnsName": "api"}],
        "db": [{"port": 5432, "dnsName": "db"}],
        "worker": [],
    }
    (cluster,) = aws.call("ecs", "DescribeClusters", {"clusters": ["shop"]})["clusters"]
    assert ":namespace/" in cluster["serviceConnectDefaults"]["namespace"]
    plan = ecsctl(aws, "plan", "-f", str(file), "--exit-code")
    assert plan.code == 0, plan.out
    down = ecsctl(aws, "down", "-f", str(file), "--yes")
    assert down.code == 0, down.err
    clusters = aws.call("ecs", "DescribeClusters", {"clusters": ["shop"]})["clusters"]
    assert [row["status"] for row in clusters] in ([], ["INACTIVE"])


@pytest.mark.slow
def test_the_instances_let_in_each_others_proxies(imported: tuple[Aws, Path]) -> None:
    aws, file = imported
    plan = ecsctl(aws, "plan", "-f", str(file)).out
    assert "32768-65535/tcp from the group itself" in plan
    assert ecsctl(aws, "up", "-f", str(file), "--yes").code == 0
    query = {"Filters": [{"Name": "group-name", "Values": ["ecsctl-shop-instances"]}]}
    (group,) = aws.call("ec2", "DescribeSecurityGroups", query)["SecurityGroups"]
    own = [pair["GroupId"] for rule in group["IpPermissions"] for pair in rule["UserIdGroupPairs"]]
    assert own == [group["GroupId"]]


@pytest.mark.slow
def test_a_cluster_of_somebody_else_without_a_namespace_is_in_the_way(imported: tuple[Aws, Path]) -> None:
    aws, file = imported
    aws.call("ecs", "CreateCluster", {"clusterName": "shop"})
    ended = ecsctl(aws, "up", "-f", str(file), "--yes")
    assert ended.code == 1
    assert "cluster shop, which is without a namespace for Service Connect" in ended.err
    assert "aws ecs update-cluster --cluster shop --service-connect-defaults namespace=shop" in ended.err
    assert aws.call("ecs", "ListTaskDefinitions", {})["taskDefinitionArns"] == []
    aws.call("ecs", "UpdateCluster", {"cluster": "shop", "serviceConnectDefaults": {"namespace": "shop"}})
    assert ecsctl(aws, "up", "-f", str(file), "--yes").code == 0


@pytest.mark.slow
def test_a_cluster_that_the_project_has_is_given_a_namespace(imported: tuple[Aws, Path]) -> None:
    aws, file = imported
    text = file.read_text()
    alone = text[: text.index("services:")].rstrip() + "\n"
    file.write_text(alone.partition("instances:")[0])
    assert ecsctl(aws, "up", "-f", str(file), "--yes").code == 0
    file.write_text(text)
    assert "serviceConnectDefaults" in ecsctl(aws, "plan", "-f", str(file)).out
    assert ecsctl(aws, "up", "-f", str(file), "--yes").code == 0
    (cluster,) = aws.call("ecs", "DescribeClusters", {"clusters": ["shop"]})["clusters"]
    assert ":namespace/" in cluster["serviceConnectDefaults"]["namespace"]
    assert ecsctl(aws, "plan", "-f", str(file), "--exit-code").code == 0
