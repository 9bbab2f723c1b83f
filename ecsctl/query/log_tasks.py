"""Whose logs are meant: tasks by name, of a service or of a family; those that come while following join in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecsctl.aws import ecs, logs
from ecsctl.aws.failures import is_temporary
from ecsctl.aws.session import Aws, is_error
from ecsctl.errors import AwsError, EcsctlError, NotFoundError, UsageError
from ecsctl.query import selectors
from ecsctl.query.diagnosis import task_causes
from ecsctl.query.log_sources import LogSource, destinations, stream_of
from ecsctl.query.views import TaskView, name_of, task_view

# ECS tells of a task for about an hour after its end; CloudWatch is as late to say when a stream was last written.
FORGETS = 3300.0
LATE = 3_600_000


class LogTasks:
    """The tasks whose logs are asked for, and where they log to.

    Args:
        tasks: as a user names them; none where ``service`` or ``family`` says which.
        container: only the containers of this name.
        since: seconds ago; from an hour on, tasks that ECS has forgotten are looked for among the log streams.
        now: seconds of the epoch, for the same.
    """

    def __init__(
        self,
        aws: Aws,
        cluster: str,
        tasks: Sequence[str] = (),
        *,
        service: str | None = None,
        family: str | None = None,
        container: str | None = None,
        since: float | None = None,
        now: float = 0.0,
    ) -> None:
        self._aws, self._cluster = aws, cluster
        self._named = tuple(tasks)
        self._service, self._family, self._container = service, family, container
        self._since, self._now = since, now
        self._definitions: dict[str, Mapping[str, Any]] = {}
        self._views: dict[str, TaskView] = {}
        self._old: list[LogSource] = []
        self._began = False
        self._told = 0
        self.known_elsewhere: list[str] = []
        self.news: list[str] = []

    @property
    def open(self) -> bool:
        """Whether further tasks may come: those of a service or a family."""
        return not self._named

    @property
    def elsewhere(self) -> list[str]:
        """Where lines go that cannot be read here: what has not been told yet."""
        return self.known_elsewhere[self._told :]

    def told(self) -> None:
        """Take it that all of :attr:`elsewhere` is known now."""
        self._told = len(self.known_elsewhere)

    def look(self) -> list[LogSource]:
        """The log streams of the tasks that there are now; ``elsewhere`` and ``news`` say what else there is to tell.

        Raises:
            NotFoundError: a task, the service or the family does not exist.
            UsageError: none of the tasks has a container of that name.
        """
        views = self._look_again() if self._began else self._first_look()
        self._tell(views)
        self._began = True
        sources = list(self._old)
        names: set[str] = set()
        for view in views:
            definition = self._definition(view.definition_arn)
            names.update(row["name"] for row in definition.get("containerDefinitions", ()))
            found = destinations(view, definition, self._aws.region, self._container)
            sources += found.sources
            self.known_elsewhere += [line for line in found.elsewhere if line not in self.known_elsewhere]
        if self._container and views and self._container not in names:
            raise UsageError(
                f"there is no container {self._container} in these tasks", hint=f"they have {', '.join(sorted(names))}"
            )
        return sources

    def causes(self, source: LogSource) -> list[str]:
        """Why the task of a stream that is not there has stopped; nothing where it runs."""
        view = self._views.get(source.task_arn)
        return task_causes(view) if view is not None and view.stopped else []

    def _first_look(self) -> list[TaskView]:
        if self._named:
            return self._find()
        views = list(
            selectors.select(self._aws, self._cluster, service=self._service, family=self._family, stopped=True)
        )
        if self._service:
            if not views:
                selectors.require_service(self._aws, self._cluster, self._service)
        elif self._family and not views:
            selectors.require_family(self._aws, self._family)
        if self._since is not None and self._since >= FORGETS:
            known = {view.id for view in views}
            self._old = [source for source in self._of_streams() if source.task_id not in known]
        return views

    def _find(self) -> list[TaskView]:
        found: list[TaskView] = []
        for text in self._named:
            try:
                found += selectors.find(self._aws, self._cluster, [text])
            except NotFoundError as error:
                selector = selectors.parse(text)
                if not (self._family and selector.full):
                    if selector.full and not (error.hint or "").startswith("add -c"):
                        error.hint = "ECS forgets a task an hour after its end: add --family NAME to read its streams"
                    raise
                self._old += self._forgotten(selector.id)
        return list({view.arn: view for view in found}.values())

    def _look_again(self) -> list[TaskView]:
        """The same tasks as they are now, and those that have come meanwhile. What cannot be asked stays as it was."""
        try:
            if not self._named:
                return list(
                    selectors.select(self._aws, self._cluster, service=self._service, family=self._family, stopped=True)
                )
            views = dict(self._views)
            running = [view for view in views.values() if not view.stopped]
            for cluster in {view.cluster for view in running}:
                arns = [view.arn for view in running if view.cluster == cluster]
                views.update((v.arn, v) for v in map(task_view, ecs.describe_tasks(self._aws, cluster, arns).found))
        except AwsError as error:
            if not is_temporary(error):
                raise
            self.news.append(f"{error.message}; it is tried again")
            return list(self._views.values())
        return list(views.values())

    def _tell(self, views: Sequence[TaskView]) -> None:
        for view in views:
            before = self._views.get(view.arn)
            if before is None and self._began and not view.stopped:
                self.news.append(f"task {view.short_id} ({view.definition}) is {view.last_status}: its lines join in")
            elif before is not None and view.stopped and not before.stopped:
                why = "; ".join(task_causes(view))
                self.news.append(f"task {view.short_id} ({view.definition}) has stopped{f': {why}' if why else ''}")
            self._views[view.arn] = view

    def _definition(self, arn: str) -> Mapping[str, Any]:
        if arn not in self._definitions:
            self._definitions[arn] = ecs.describe_task_definition(self._aws, arn) or {}
        return self._definitions[arn]

    def _latest(self) -> Mapping[str, Any]:
        """The definition of the family, or the one that the service runs now."""
        name = self._family
        if self._service:
            found = ecs.describe_services(self._aws, self._cluster, [self._service]).found
            name = str(found[0].get("taskDefinition")) if found else name
        return self._definition(name) if name else {}

    def _rows(self) -> list[tuple[str, Mapping[str, Any]]]:
        rows = []
        for row in self._latest().get("containerDefinitions", ()):
            settings = row.get("logConfiguration") or {}
            options = settings.get("options") or {}
            wanted = self._container in (None, row["name"])
            if wanted and settings.get("logDriver") == "awslogs" and options.get("awslogs-stream-prefix"):
                rows.append((row["name"], options))
        return rows

    def _forgotten(self, task_id: str) -> list[LogSource]:
        """The streams of a task that ECS tells of no more, by its family's definition."""
        rows = self._rows()
        return [self._source(task_id, name, options, len(rows) > 1) for name, options in rows]

    def _of_streams(self) -> list[LogSource]:
        """The streams that were written since then, of whatever tasks of the family."""
        first = int((self._now - (self._since or 0)) * 1000)
        rows = self._rows()
        found = []
        for name, options in rows:
            other = self._aws.in_region(options.get("awslogs-region"))
            prefix = f"{options['awslogs-stream-prefix']}/{name}/"
            try:
                streams = list(logs.list_streams(other, str(options.get("awslogs-group")), prefix))
            except EcsctlError as error:
                if not is_error(error, "ResourceNotFoundException"):
                    raise
                continue
            for row in streams:
                task_id = name_of(row["logStreamName"])
                last = max(int(row.get("lastEventTimestamp") or 0), int(row.get("lastIngestionTime") or 0))
                if selectors.FULL_ID.fullmatch(task_id) and last and last + LATE >= first:
                    found.append(self._source(task_id, name, options, len(rows) > 1))
        return found

    def _source(self, task_id: str, container: str, options: Mapping[str, Any], several: bool) -> LogSource:
        other = options.get("awslogs-region")
        return LogSource(
            task_id=task_id,
            task_arn="",
            container=container,
            group=str(options.get("awslogs-group", "")),
            stream=str(stream_of(options, container, task_id, None)),
            region=str(other) if other and other != self._aws.region else None,
            service=self._service,
            family=str(self._latest().get("family", "")),
            several=several,
            ended=True,
        )
