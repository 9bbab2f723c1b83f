"""Services for the facts: made, watched, and gone after the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.conformance.asking import Aws


@dataclass
class Services:
    """Services of one test, in one cluster."""

    aws: Aws
    cluster: str
    made: list[str] = field(default_factory=list)

    def create(self, definition: str, count: int | None = 1, **params: Any) -> str:
        """CreateService; its name."""
        name = params.pop("serviceName", None) or self.aws.unique("service")
        given = {"serviceName": name, "taskDefinition": definition, "desiredCount": count, **params}
        given = {key: value for key, value in given.items() if value is not None}
        self.aws.client("ecs").create_service(cluster=self.cluster, **given)
        self.made.append(name)
        return name

    def update(self, name: str, **params: Any) -> dict[str, Any]:
        """UpdateService: the service as it answers it."""
        return dict(self.aws.client("ecs").update_service(cluster=self.cluster, service=name, **params)["service"])

    def look(self, name: str) -> dict[str, Any]:
        """The service as it is now."""
        answer = self.aws.client("ecs").describe_services(cluster=self.cluster, services=[name])
        return dict(answer["services"][0])

    def messages(self, name: str) -> list[str]:
        """Its events' messages, newest first."""
        return [event["message"] for event in self.look(name)["events"]]

    def tasks(self, name: str, status: str = "RUNNING") -> list[dict[str, Any]]:
        """Its tasks of this desired status."""
        ecs = self.aws.client("ecs")
        pages = ecs.get_paginator("list_tasks").paginate(cluster=self.cluster, serviceName=name, desiredStatus=status)
        arns = [arn for page in pages for arn in page["taskArns"]]
        return list(ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"]) if arns else []

    def until(
        self, name: str, met: Callable[[dict[str, Any]], object], what: str, seconds: float = 20.0
    ) -> dict[str, Any]:
        """The service as soon as something is so of it."""

        def probe() -> dict[str, Any] | None:
            found = self.look(name)
            return found if met(found) else None

        return self.aws.until(probe, what, seconds)

    def steady(self, name: str, seconds: float = 20.0) -> dict[str, Any]:
        """The service once all it wants runs, of one deployment, whose rollout is complete."""
        return self.until(name, _is_steady, f"the service {name} is steady", seconds)

    def told(self, name: str, phrase: str, seconds: float = 20.0) -> str:
        """The newest event that has the phrase, as soon as there is one."""
        return self.aws.until(
            lambda: next((text for text in self.messages(name) if phrase in text), None),
            f"an event tells: {phrase}",
            seconds,
        )

    def running(self, definition: str, count: int = 1, **params: Any) -> str:
        """A service once it is steady; its name."""
        name = self.create(definition, count, **params)
        self.steady(name)
        return name

    def drop(self) -> None:
        """Delete what was made."""
        ecs = self.aws.client("ecs")
        for name in self.made:
            try:
                ecs.delete_service(cluster=self.cluster, service=name, force=True)
            except ClientError:
                continue


def _is_steady(service: dict[str, Any]) -> bool:
    deployments = service["deployments"]
    return (
        len(deployments) == 1
        and service["runningCount"] == service["desiredCount"]
        and service["pendingCount"] == 0
        and deployments[0].get("rolloutState", "COMPLETED") == "COMPLETED"
    )
