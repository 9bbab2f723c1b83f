"""How the suite asks an endpoint, and how it reads the answers: clients, refusals, deadlines, cleaning up."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

T = TypeVar("T")

INVALID = "InvalidParameterException"
CLIENT = "ClientException"
EITHER = (INVALID, CLIENT)
GONE = ("NotFound", "NoSuchEntity", "NotActive")

# Of the endpoint's time, between two looks where its clock can be stepped.
STEP_SECONDS = 0.25
# RFC 2606 keeps this name from ever existing, so nothing can be pulled from it anywhere.
ABSENT_IMAGE = "registry.invalid/absent:1"


def unreachable(why: str) -> NoReturn:
    """Leave the test: what the fact is about cannot be had at this endpoint."""
    pytest.skip(f"not reachable: {why}")


@dataclass
class Aws:
    """An endpoint.

    ``owned``: it is the suite's own, and goes away with all that was made in it. ``steps``: its clock may be stepped.
    """

    region: str
    endpoint: str | None
    image: str
    real: bool = False
    owned: bool = False
    steps: bool = False
    patience: float = 1.0
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str, *, fresh: bool = False) -> Any:
        """A boto3 client that sends what it is given, unchecked, and tries once (a real account: until it is let)."""
        if fresh or service not in self._clients:
            retries = {"mode": "standard", "max_attempts": 10 if self.real else 1}
            config = Config(parameter_validation=False, retries=retries, read_timeout=30)  # type: ignore[arg-type]
            # The credentials of the environment go to AWS only.
            keys = {} if self.real else {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
            made = boto3.client(service, region_name=self.region, endpoint_url=self.endpoint, config=config, **keys)
            if fresh:
                return made
            self._clients[service] = made
        return self._clients[service]

    def unique(self, prefix: str) -> str:
        """A name that nothing else has."""
        return f"conf-{prefix}-{uuid.uuid4().hex[:8]}"

    def until(self, probe: Callable[[], T | None], what: str, seconds: float = 10.0, *, every_state: bool = False) -> T:
        """What the probe answers as soon as that is true; the fact is missed where it is not in time.

        Args:
            what: what is waited for, as "the task is RUNNING".
            seconds: the deadline on a simulated endpoint; ``--patience`` multiplies it.
            every_state: no clock is stepped meanwhile: a step passes over what lasts no time.
        """
        deadline = time.monotonic() + seconds * self.patience
        while True:
            answer = probe()
            if answer:
                return answer
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds * self.patience:.0f} s: {what} (last seen: {answer!r})")
            self.pause(steps=not every_state)

    def advance(self, seconds: float) -> None:
        """Let the endpoint's time go on by so much, where its clock can be stepped; else the fact is not asked."""
        if not self._step(seconds):
            pytest.skip(f"not asked: it takes {seconds / 60:.0f} minutes, and this clock cannot be stepped")

    def sleep(self, seconds: float) -> None:
        """Let so much of the endpoint's own time pass."""
        if not self._step(seconds):
            threading.Event().wait(seconds)

    def _step(self, seconds: float) -> bool:
        """Step the clock of a sandbox of the suite's own, or of one that ``--step-clock`` allows it for."""
        if not self.steps:
            return False
        asked = urllib.request.Request(
            f"{self.endpoint}/_ecsctl/clock",
            data=json.dumps({"advance": seconds}).encode(),
            headers={"Content-Type": "application/json", "X-Ecsctl-Sandbox": "1"},
        )
        with urllib.request.urlopen(asked, timeout=120) as answer:
            return bool(answer.status == 200)

    def pause(self, *, steps: bool = True) -> None:
        """The time between two looks: of the endpoint's own, where its clock can be stepped."""
        if not (steps and self._step(STEP_SECONDS)):
            threading.Event().wait(3.0 if self.real else 0.05)


def words(text: str) -> str:
    """The text without what varies: case, punctuation, quotes, white space."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower().replace("’", "'").replace("'", "")))


def says(message: str, phrase: str) -> bool:
    """Whether the message has the phrase's words in a row; ``…`` in the phrase stands for any words."""
    rest = f" {words(message)} "
    for part in phrase.split("…"):
        _before, found, rest = rest.partition(f" {words(part)} ")
        if not found:
            return False
        rest = f" {rest}"
    return True


@dataclass
class Refusal:
    """What a refused call was answered."""

    code: str = ""
    message: str = ""
    status: int = 0


@contextmanager
def refused(code: str | Sequence[str], *phrases: str, status: int = 400) -> Iterator[Refusal]:
    """The call within is refused, with this code and HTTP status and a message that has these phrases."""
    codes = (code,) if isinstance(code, str) else tuple(code)
    refusal = Refusal()
    try:
        yield refusal
    except ClientError as error:
        refusal.code = error.response["Error"]["Code"]
        refusal.message = error.response["Error"].get("Message", "")
        refusal.status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    else:
        pytest.fail(f"accepted, where {' or '.join(codes)} is the answer: {'; '.join(phrases)}")
    told = f"{refusal.status} {refusal.code}: {refusal.message}"
    assert refusal.code in codes, f"expected {' or '.join(codes)}, got {told}"
    assert refusal.status == status, f"expected HTTP {status}, got {told}"
    for phrase in phrases:
        assert says(refusal.message, phrase), f"expected {phrase!r}, got {told}"


class Ledger:
    """What was made, to be undone at the end: last made, first undone."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._undo: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []

    def note(self, undo: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Remember how to undo something; nothing need be undone in an endpoint of the suite's own."""
        if not self._aws.owned:
            self._undo.append((undo, args, kwargs))

    def settle(self) -> None:
        """Undo everything. What does not go is told, not hidden: someone may be paying for it."""
        while self._undo:
            undo, args, kwargs = self._undo.pop()
            deadline = time.monotonic() + 10 * self._aws.patience
            while True:
                try:
                    undo(*args, **kwargs)
                    break
                except ClientError as error:
                    gone = error.response["Error"]["Code"]
                    if any(word in gone for word in GONE) or "not found" in str(error):
                        break
                    if time.monotonic() > deadline:
                        warnings.warn(f"left behind: {getattr(undo, '__name__', undo)} {kwargs} {error}", stacklevel=1)
                        break
                    threading.Event().wait(3.0 if self._aws.real else 0.2)

    def family(self, name: str) -> None:
        """Remember a family of task definitions."""
        self.note(self._drop_family, name)

    def _drop_family(self, name: str) -> None:
        ecs = self._aws.client("ecs")
        for arn in ecs.list_task_definitions(familyPrefix=name)["taskDefinitionArns"]:
            ecs.deregister_task_definition(taskDefinition=arn)
        old = ecs.list_task_definitions(familyPrefix=name, status="INACTIVE")["taskDefinitionArns"]
        for first in range(0, len(old), 10):
            ecs.delete_task_definitions(taskDefinitions=old[first : first + 10])

    def cluster(self, name: str) -> None:
        """Remember a cluster, with all that will be in it."""
        self.note(self._drop_cluster, name)

    def _drop_cluster(self, name: str) -> None:
        ecs = self._aws.client("ecs")
        for arn in ecs.list_services(cluster=name, maxResults=100)["serviceArns"]:
            ecs.delete_service(cluster=name, service=arn, force=True)
        for arn in ecs.list_tasks(cluster=name)["taskArns"]:
            ecs.stop_task(cluster=name, task=arn)
        for arn in ecs.list_container_instances(cluster=name)["containerInstanceArns"]:
            ecs.deregister_container_instance(cluster=name, containerInstance=arn, force=True)
        ecs.put_cluster_capacity_providers(cluster=name, capacityProviders=[], defaultCapacityProviderStrategy=[])
        ecs.delete_cluster(cluster=name)
