"""A cluster in memory, as ECS and EC2 describe it: what the reading side is tested on."""

from __future__ import annotations

from typing import Any

from ecsctl.errors import AwsError, ExitCode
from ecsctl.polling import Clock
from tests.support.fake_aws import Answer, FakeAws

Json = dict[str, Any]
ARN = "arn:aws:ecs:eu-west-1:123456789012"


def task_id(number: int) -> str:
    """A whole task id; no two share their first six digits."""
    return f"{number:06x}" + "0123456789abcdef0123456789"


class World:
    """Clusters with tasks and hosts. Limits and failures are the real service's; pages have ``page`` items."""

    def __init__(self, page: int = 100) -> None:
        self.page = page
        self.tasks: dict[str, list[Json]] = {"web": []}
        self.instances: dict[str, list[Json]] = {"web": []}
        self.services: dict[str, list[Json]] = {"web": []}
        self.hosts: list[Json] = []
        self.interfaces: list[Json] = []
        # By family: the input of its one revision, or every revision in order as described.
        self.definitions: dict[str, Json] = {}
        self.revisions: list[Json] = []
        self.balancers: dict[str, Json] = {}
        # What becomes of tasks that are run: members of DescribeTasks' answer, from the first look on.
        self.outcome: Json = {"lastStatus": "RUNNING"}
        self.room: int | None = None

    def instance(
        self, number: int, *, cluster: str = "web", public: bool = True, ec2_id: str | None = None, **more: Any
    ) -> str:
        """Add a container instance with its EC2 instance; gives its ARN."""
        arn = f"{ARN}:container-instance/{cluster}/{number:032x}"
        ec2_id = ec2_id or f"i-{number:017x}"
        integers = {"CPU": 2048, "MEMORY": 1900}
        resources = [{"name": name, "type": "INTEGER", "integerValue": value} for name, value in integers.items()]
        self.instances.setdefault(cluster, []).append(
            {
                "containerInstanceArn": arn,
                "ec2InstanceId": ec2_id,
                "status": "ACTIVE",
                "agentConnected": True,
                "registeredResources": resources,
                "remainingResources": [
                    *resources,
                    {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "80"]},
                ],
                "attributes": [
                    {"name": "ecs.instance-type", "value": "t3.small"},
                    {"name": "ecs.availability-zone", "value": "eu-west-1a"},
                ],
                **more,
            }
        )
        if ec2_id.startswith("i-"):
            host: Json = {"InstanceId": ec2_id, "PrivateIpAddress": f"10.0.0.{number}", "InstanceType": "t3.small"}
            if public:
                host["PublicIpAddress"] = f"198.51.100.{number}"
            self.hosts.append(host)
        return arn

    def task(
        self,
        number: int,
        *,
        cluster: str = "web",
        on: str | None = None,
        ports: list[Json] | None = None,
        family: str = "nginx",
        status: str = "RUNNING",
        **more: Any,
    ) -> Json:
        """Add a task of one container; ``ports`` are its networkBindings."""
        arn = f"{ARN}:task/{cluster}/{task_id(number)}"
        task: Json = {
            "taskArn": arn,
            "clusterArn": f"{ARN}:cluster/{cluster}",
            "taskDefinitionArn": f"{ARN}:task-definition/{family}:1",
            "lastStatus": status,
            "desiredStatus": "STOPPED" if status == "STOPPED" else "RUNNING",
            "launchType": "EC2",
            "group": f"family:{family}",
            "containers": [
                {
                    "name": family,
                    "lastStatus": status,
                    "runtimeId": f"{number:012x}" + "e" * 52,
                    "networkBindings": ports or [],
                }
            ],
            **more,
        }
        if on:
            task["containerInstanceArn"] = on
        self.tasks.setdefault(cluster, []).append(task)
        return task

    def aws(self, clock: Clock | None = None) -> FakeAws:
        """An AWS that answers of this world."""
        answers: dict[str, Answer] = {
            "ecs:ListClusters": lambda query: {"clusterArns": [f"{ARN}:cluster/{name}" for name in self.tasks]},
            "ecs:ListTasks": self._list_tasks,
            "ecs:DescribeTasks": lambda q: self._describe(q, "DescribeTasks", "tasks", self.tasks, "taskArn", 100),
            "ecs:ListContainerInstances": self._list_instances,
            "ecs:DescribeContainerInstances": lambda q: self._describe(
                q,
                "DescribeContainerInstances",
                "containerInstances",
                self.instances,
                "containerInstanceArn",
                100,
            ),
            "ecs:DescribeServices": lambda q: self._describe(
                q, "DescribeServices", "services", self.services, "serviceArn", 10
            ),
            "ecs:ListServices": lambda q: {
                "serviceArns": [s["serviceArn"] for s in self.services.get(self._known(q, "ListServices"), [])]
            },
            "ecs:ListTaskDefinitionFamilies": lambda q: {
                "families": sorted(
                    {
                        name
                        for name in [
                            *self.definitions,
                            *(r["family"] for r in self.revisions if r["status"] == "ACTIVE"),
                        ]
                        if name.startswith(q.get("familyPrefix", ""))
                    }
                )
            },
            "ecs:DescribeTaskDefinition": self._definition,
            "ecs:ListTaskDefinitions": self._list_definitions,
            "ecs:RegisterTaskDefinition": self._register,
            "ecs:DeregisterTaskDefinition": lambda q: {"taskDefinition": self._revision(q, "INACTIVE")},
            "ecs:DeleteTaskDefinitions": lambda q: {"taskDefinitions": []},
            "elb:DescribeLoadBalancers": self._describe_balancers,
            "ecs:RunTask": self._run,
            "ecs:StopTask": self._stop,
            "ecs:DescribeClusters": self._clusters,
            "ec2:DescribeInstances": self._hosts,
            "ec2:DescribeNetworkInterfaces": self._interfaces,
        }
        return FakeAws(answers, clock=clock)

    def _known(self, query: Json, operation: str) -> str:
        cluster = _name(query["cluster"])
        if cluster not in self.tasks:
            raise AwsError(
                f"ecs:{operation}", "ClusterNotFoundException", "Cluster not found.", code=ExitCode.NOT_FOUND
            )
        return cluster

    def _describe(self, query: Json, operation: str, what: str, of: dict[str, list[Json]], key: str, most: int) -> Json:
        cluster = self._known(query, operation)
        assert 0 < len(query[what]) <= most, "more than one call of the real service takes"
        known = {_name(item[key]): item for item in of.get(cluster, [])}
        found = [known[_name(name)] for name in query[what] if _name(name) in known]
        missing = [{"arn": name, "reason": "MISSING"} for name in query[what] if _name(name) not in known]
        return {what: found, "failures": missing}

    def _list_tasks(self, query: Json) -> Json:
        cluster = self._known(query, "ListTasks")
        wanted = [
            task["taskArn"]
            for task in self.tasks[cluster]
            if ("startedBy" in query or task["desiredStatus"] == query.get("desiredStatus", "RUNNING"))
            and ("serviceName" not in query or task["group"] == f"service:{_name(query['serviceName'])}")
            and ("family" not in query or f"/{query['family']}:" in task["taskDefinitionArn"])
            and ("startedBy" not in query or task.get("startedBy") == query["startedBy"])
            and ("containerInstance" not in query or task.get("containerInstanceArn") == query["containerInstance"])
        ]
        return self._page(query, wanted, "taskArns")

    def _list_instances(self, query: Json) -> Json:
        cluster = self._known(query, "ListContainerInstances")
        wanted = query.get("filter", "").rpartition("== ")[2]
        arns = [
            row["containerInstanceArn"]
            for row in self.instances.get(cluster, [])
            if not wanted or row["ec2InstanceId"] == wanted
        ]
        return self._page(query, arns, "containerInstanceArns")

    def _page(self, query: Json, items: list[str], result: str) -> Json:
        start = int(query.get("nextToken", 0))
        answer: Json = {result: items[start : start + self.page]}
        if start + self.page < len(items):
            answer["nextToken"] = str(start + self.page)
        return answer

    def _register(self, query: Json) -> Json:
        tags = query.pop("tags", [])
        number = 1 + sum(row["family"] == query["family"] for row in self.revisions)
        name = f"{query['family']}:{number}"
        described = {
            **query,
            "taskDefinitionArn": f"{ARN}:task-definition/{name}",
            "revision": number,
            "status": "ACTIVE",
            "tags": tags,
        }
        self.revisions.append(described)
        return {"taskDefinition": {key: value for key, value in described.items() if key != "tags"}, "tags": tags}

    def _revision(self, query: Json, status: str) -> Json:
        for row in self.revisions:
            if row["taskDefinitionArn"].endswith("/" + _name(query["taskDefinition"])):
                row["status"] = status
                return row
        raise AwsError("ecs:DeregisterTaskDefinition", "ClientException", "Unable to describe task definition.")

    def _list_definitions(self, query: Json) -> Json:
        found = [
            row["taskDefinitionArn"]
            for row in self.revisions
            if row["status"] == query["status"] and row["family"].startswith(query.get("familyPrefix", ""))
        ]
        return {"taskDefinitionArns": found}

    def _describe_balancers(self, query: Json) -> Json:
        missing = [name for name in query["LoadBalancerNames"] if name not in self.balancers]
        if missing:
            raise AwsError("elb:DescribeLoadBalancers", "LoadBalancerNotFound", f"Cannot find {missing}")
        return {"LoadBalancerDescriptions": [self.balancers[name] for name in query["LoadBalancerNames"]]}

    def _definition(self, query: Json) -> Json:
        wanted = _name(query["taskDefinition"])
        for row in reversed(self.revisions):
            if wanted in (row["family"], f"{row['family']}:{row['revision']}") and row["status"] == "ACTIVE":
                return {"taskDefinition": {k: v for k, v in row.items() if k != "tags"}, "tags": row["tags"]}
        family = _name(query["taskDefinition"]).partition(":")[0]
        if family not in self.definitions:
            raise AwsError("ecs:DescribeTaskDefinition", "ClientException", "Unable to describe task definition.")
        return {"taskDefinition": self.definitions[family], "tags": []}

    def _run(self, query: Json) -> Json:
        cluster = self._known(query, "RunTask")
        assert 1 <= query["count"] <= 10, "more than one call of the real service takes"
        family = query["taskDefinition"].partition(":")[0]
        if family not in self.definitions:
            raise AwsError("ecs:RunTask", "ClientException", "TaskDefinition not found.")
        if not self.instances.get(cluster):
            message = "No Container Instances were found in your cluster."
            raise AwsError("ecs:RunTask", "InvalidParameterException", message)
        count = query["count"] if self.room is None else min(self.room, query["count"])
        started = []
        for _ in range(count):
            task = self.task(1000 + len(self.tasks[cluster]), cluster=cluster, family=family, status="PENDING")
            task.update(startedBy=query["startedBy"], tags=query["tags"], overrides=query.get("overrides", {}))
            started.append({**task})
            containers = [{**container, **self.outcome.get("container", {})} for container in task["containers"]]
            task.update(self.outcome, containers=containers)
        if self.room is not None:
            self.room -= count
        arns = [row["containerInstanceArn"] for row in self.instances[cluster]]
        failures = [{"arn": arn, "reason": "RESOURCE:MEMORY"} for arn in arns] if count < query["count"] else []
        return {"tasks": started, "failures": failures}

    def _stop(self, query: Json) -> Json:
        cluster = self._known(query, "StopTask")
        for task in self.tasks[cluster]:
            if task["taskArn"] == query["task"]:
                task.update(lastStatus="STOPPED", desiredStatus="STOPPED", stoppedReason=query["reason"])
                task.update(stopCode="UserInitiated")
                return {"task": task}
        raise AwsError("ecs:StopTask", "InvalidParameterException", "The referenced task was not found.")

    def _clusters(self, query: Json) -> Json:
        assert len(query["clusters"]) <= 100
        known = {
            name: {
                "clusterName": name,
                "clusterArn": f"{ARN}:cluster/{name}",
                "status": "ACTIVE",
                "registeredContainerInstancesCount": len(self.instances.get(name, [])),
                "runningTasksCount": sum(task["lastStatus"] == "RUNNING" for task in tasks),
                "pendingTasksCount": sum(task["lastStatus"] == "PENDING" for task in tasks),
                "activeServicesCount": len(self.services.get(name, [])),
            }
            for name, tasks in self.tasks.items()
        }
        asked = [_name(name) for name in query["clusters"]]
        return {
            "clusters": [known[name] for name in asked if name in known],
            "failures": [{"arn": name, "reason": "MISSING"} for name in asked if name not in known],
        }

    def _hosts(self, query: Json) -> Json:
        wanted = _filter(query, "instance-id")
        assert all(name.startswith("i-") for name in wanted), "not an EC2 id"
        return {"Reservations": [{"Instances": [h]} for h in self.hosts if h["InstanceId"] in wanted]}

    def _interfaces(self, query: Json) -> Json:
        wanted = _filter(query, "network-interface-id")
        return {"NetworkInterfaces": [row for row in self.interfaces if row["NetworkInterfaceId"] in wanted]}


def _filter(query: Json, name: str) -> list[str]:
    assert "InstanceIds" not in query, "one unknown id would fail the whole call"
    values: list[str] = query["Filters"][0]["Values"]
    assert query["Filters"][0]["Name"] == name
    assert len(values) <= 200
    return values


def _name(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
