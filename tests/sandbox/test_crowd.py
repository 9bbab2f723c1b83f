"""Many clients at once, of many services, on one sandbox."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import botocore.exceptions
import pytest

from tests.sandbox.support import Account, until
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

CLIENTS = 20


def test_twenty_clients_at_once_are_all_answered(running: Running, account: Account) -> None:
    account.ecs.create_cluster(clusterName="crowd")
    account.member("crowd", account.instance("crowd", account.profile("crowd")))
    together = threading.Barrier(CLIENTS)

    def work(number: int) -> tuple[str, str]:
        own = Account(running.client)
        together.wait(60)
        name = f"client-{number}"
        own.register(name, memory=16)
        task = own.run("crowd", name, startedBy=name)
        own.ecs.create_service(cluster="crowd", serviceName=name, taskDefinition=name, desiredCount=1)
        own.ssm.put_parameter(Name=f"/crowd/{number}", Value=name, Type="String")
        group = own.ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
        own.ecs.update_service(cluster="crowd", service=name, desiredCount=0)
        # The name that all of them want is had by one.
        try:
            own.iam.create_role(RoleName="wanted", AssumeRolePolicyDocument="{}")
            had = "made"
        except botocore.exceptions.ClientError as refused:
            had = refused.response["Error"]["Code"]
        own.ecs.stop_task(cluster="crowd", task=task)
        own.ecs.delete_service(cluster="crowd", service=name, force=True)
        own.ec2.delete_security_group(GroupId=group)
        return own.task(task)["startedBy"], had

    with ThreadPoolExecutor(CLIENTS) as pool:
        done = list(pool.map(work, range(CLIENTS)))
    assert sorted(name for name, _ in done) == sorted(f"client-{number}" for number in range(CLIENTS))
    assert sorted(had for _, had in done) == ["EntityAlreadyExists"] * (CLIENTS - 1) + ["made"]
    failed = [row for row in running.sandbox.requests(limit=5000) if row["status"] >= 500]
    assert failed == []
    until(lambda: not account.ecs.list_tasks(cluster="crowd")["taskArns"], "all tasks to be stopped")
    kept = account.ssm.get_paginator("get_parameters_by_path").paginate(Path="/crowd")
    assert sum(len(page["Parameters"]) for page in kept) == CLIENTS
