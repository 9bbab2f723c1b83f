"""Puts task definitions and services together into a project file, with the capacity that they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecsctl.aws.names import ARM_FAMILY
from ecsctl.importers.capacity import Need, instances
from ecsctl.importers.report import Imported, Note, Report
from ecsctl.importers.write import Commented, render

SSH = 22
# Of the right form, and no subnet of anybody.
NO_SUBNET = "subnet-00000000"


@dataclass(frozen=True)
class Target:
    """Where the project goes, as the command line says. None: the importer decides.

    ``launch_type`` is ``EC2`` or ``FARGATE``; ``subnets`` are those of Fargate tasks.
    """

    name: str | None = None
    cluster: str | None = None
    region: str | None = None
    launch_type: str = "EC2"
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    instance_type: str | None = None
    instance_count: int | None = None

    @property
    def fargate(self) -> bool:
        """Whether tasks run on Fargate."""
        return self.launch_type == "FARGATE"


@dataclass
class Draft:
    """A project on its way to a file.

    ``ports`` are what the instances' security group admits, ``architectures`` what the task definitions say of
    ``cpuArchitecture`` (``X86_64``, ``ARM64``).
    """

    name: str
    task_definitions: dict[str, Any] = field(default_factory=dict)
    load_balancers: dict[str, Any] = field(default_factory=dict)
    services: dict[str, Any] = field(default_factory=dict)
    needs: list[Need] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    architectures: set[str] = field(default_factory=set)
    gpu: bool = False

    def document(self, target: Target) -> dict[str, Any]:
        """The file's content, in its usual order."""
        made: dict[str, Any] = {"name": self.name}
        if target.region:
            made["region"] = target.region
        made["cluster"] = target.cluster or self.name
        if not target.fargate and self.services:
            made["instances"] = self._instances(target)
        for key, section in (
            ("taskDefinitions", self.task_definitions),
            ("loadBalancers", self.load_balancers),
            ("services", self.services),
        ):
            if section:
                made[key] = section
        return made

    def _instances(self, target: Target) -> Any:
        count, kind = instances(self.needs, arm="ARM64" in self.architectures, gpu=self.gpu)
        made: dict[str, Any] = {
            "count": target.instance_count if target.instance_count is not None else count,
            "type": target.instance_type or kind,
        }
        if self.ports:
            made["ingress"] = [int(port) if port.isdecimal() else port for port in self.ports]
        return Commented(made, above=("EC2 capacity for the tasks below; leave it out where the cluster has its own.",))


def note_architectures(draft: Draft, target: Target, report: Report) -> None:
    """Note where the instances' processors are not those that the images are built for."""
    if target.fargate or not draft.architectures:
        return
    if len(draft.architectures) > 1:
        text = "ARM64 and X86_64 do not run on one type of instance: put one of them into a project of its own"
        report.note(None, ("instances", "type"), text)
    elif target.instance_type:
        [wanted] = draft.architectures
        if (wanted == "ARM64") != bool(ARM_FAMILY.match(target.instance_type)):
            text = f"{target.instance_type} does not run images for {wanted}: choose another --instance-type"
            report.note(None, ("instances", "type"), text)


def network(target: Target, *, public: bool = True) -> dict[str, Any]:
    """The network configuration of a service on Fargate; ``public``: its tasks get addresses of the internet."""
    subnets: Any = list(target.subnets)
    if not subnets:
        subnets = Commented([NO_SUBNET], above=("Put the ids of your own subnets here (--subnet does).",))
    inner: dict[str, Any] = {"subnets": subnets}
    if target.security_groups:
        inner["securityGroups"] = list(target.security_groups)
    inner["assignPublicIp"] = "ENABLED" if public else "DISABLED"
    return {"awsvpcConfiguration": inner}


def finish(document: Mapping[str, Any], report: Report, header: Sequence[str], source: str) -> Imported:
    """The YAML of a document, with what was not carried over as comments at its end."""
    notes = report.ordered()
    return Imported(render(document, header=header, footer=footer(notes, source)), notes)


def footer(notes: Sequence[Note], source: str) -> list[str]:
    """The account of what was not carried over as it was, for the end of the file."""
    if not notes:
        return []
    return [f"What {source} says that is not, or not exactly, in this file:", *(f"  {note}" for note in notes)]
