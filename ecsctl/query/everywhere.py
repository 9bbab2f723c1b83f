"""Tasks wherever they run: in all clusters of a region, in several regions, asked side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ecsctl.aws import ecs
from ecsctl.aws.concurrency import map_concurrently
from ecsctl.aws.session import Aws, is_error
from ecsctl.errors import EcsctlError, NotFoundError, UsageError
from ecsctl.query import joins, selectors
from ecsctl.query.addresses import Found, Ports
from ecsctl.query.views import TaskView, name_of

AWS_OPERATIONS = ("ec2:DescribeRegions",)
ALL = "all"
# Regions and clusters that are asked at the same time.
WORKERS = 8


def split_regions(text: str | None) -> list[str]:
    """The regions of ``a,b`` or of ``all``; nothing where one region or none is named.

    Raises:
        UsageError: a name between the commas is empty.
    """
    if not text or (text != ALL and "," not in text):
        return []
    names = [name.strip() for name in text.split(",")]
    if "" in names or (ALL in names and len(names) > 1):
        raise UsageError(f"--region {text!r} does not name regions", hint="as --region eu-west-1,eu-west-3, or all")
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Place:
    """A cluster in a region."""

    aws: Aws
    cluster: str

    def __str__(self) -> str:
        return f"cluster {name_of(self.cluster)} of {self.aws.region}"


class Everywhere:
    """Where to look.

    Args:
        aws: the AWS that is asked for the regions.
        cluster: the cluster's name, the same in every region; None: all clusters.
        regions: names; ``all`` for those that the account has enabled (ec2:DescribeRegions); none: that of ``aws``.
        note: told of a region or cluster that could not be asked, while others could.
    """

    def __init__(self, aws: Aws, cluster: str | None, regions: Sequence[str], note: Callable[[str], None]) -> None:
        self._aws = aws
        self._cluster = cluster
        self._regions = list(regions)
        self._note = note
        self._noted: set[str] = set()

    def __str__(self) -> str:
        what = f"cluster {self._cluster}" if self._cluster else "any cluster"
        return f"{what} of {', '.join(self._regions) or self._aws.region}"

    def choose(self, tasks: Sequence[str], service: str | None, family: str | None) -> list[TaskView]:
        """The tasks that are named or selected, of all places.

        Raises:
            NotFoundError: a task that is named is nowhere.
            EcsctlError: no place could be asked.
        """

        def ask(place: Place) -> tuple[dict[str, list[TaskView]], EcsctlError | None]:
            try:
                if tasks:
                    return selectors.find_here(place.aws, place.cluster, tasks), None
                found = selectors.select(place.aws, place.cluster, service=service, family=family)
                return {"": list(found)}, None
            except EcsctlError as error:
                if is_error(error, "ClusterNotFoundException", "ServiceNotFoundException"):
                    return {}, None
                return {}, EcsctlError(f"{place}: {error.message}", hint=error.hint, code=error.code)

        chosen: dict[str, TaskView] = {}
        seen: set[str] = set()
        places = self._places()
        failures = []
        for found, failure in map_concurrently(ask, places, workers=WORKERS):
            for name, views in found.items():
                seen |= {name} if views else set()
                chosen.update((view.arn, view) for view in views)
            failures += [failure] if failure else []
        if failures and len(failures) == len(places):
            raise failures[0]
        for failure in failures:
            self._say(failure.message)
        missing = [name for name in tasks if name not in seen]
        if missing:
            raise NotFoundError(f"there is no task {missing[0]} in {self}", hint="`ecsctl ps --all` lists tasks")
        return list(chosen.values())

    def locate(self, tasks: Sequence[TaskView], *, private: bool = False) -> list[tuple[TaskView, Found, Ports]]:
        """As :func:`ecsctl.query.joins.locate_all`, each task asked of in its own region."""
        by_region: dict[str, list[TaskView]] = {}
        for task in tasks:
            by_region.setdefault(region_of(task), []).append(task)

        def ask(region: str) -> list[tuple[TaskView, Found, Ports]]:
            return joins.locate_all(self._aws.in_region(region), by_region[region], private=private)

        return [one for found in map_concurrently(ask, list(by_region), workers=WORKERS) for one in found]

    def _places(self) -> list[Place]:
        names = self._regions
        if names == [ALL]:
            described = self._aws.call("ec2", "DescribeRegions")["Regions"]
            names = sorted(str(row["RegionName"]) for row in described)
        regions = [self._aws.in_region(name) for name in names] or [self._aws]
        if self._cluster is not None:
            return [Place(aws, self._cluster) for aws in regions]
        return [place for found in map_concurrently(self._clusters, regions, workers=WORKERS) for place in found]

    def _clusters(self, aws: Aws) -> list[Place]:
        try:
            return [Place(aws, name_of(arn)) for arn in ecs.list_clusters(aws)]
        except EcsctlError as error:
            if len(self._regions) <= 1 and self._regions != [ALL]:
                raise
            self._say(f"{aws.region}: {error.message}")
            return []

    def _say(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._note(text)


def region_of(task: TaskView) -> str:
    """The region that a task's ARN names."""
    return task.arn.split(":")[3]
