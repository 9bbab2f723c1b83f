"""The door to AWS: one session a command, clients made when first used, one way to call and one way to fail.

botocore's session is used rather than boto3's: the same credential chain, configuration files and environment
variables, at two thirds of the start-up time. Everything here is safe to use from several threads.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ecsctl import __version__
from ecsctl.aws.credentials import (
    EXPIRED,
    find_credentials,
    install_credential_chain,
    new_session,
    ready_credentials,
)
from ecsctl.aws.failures import Where, translate
from ecsctl.aws.rate_limits import RateLimits
from ecsctl.aws.regions import require_region
from ecsctl.aws.retry import Retrier
from ecsctl.aws.server_clock import ServerClock
from ecsctl.aws.target import Target
from ecsctl.errors import AwsError, EcsctlError, UsageError
from ecsctl.polling import MACHINE, Clock, Deadline, quiet

if TYPE_CHECKING:
    from datetime import datetime

    from botocore.client import BaseClient

    from ecsctl.aws.attempts import Attempts
    from ecsctl.aws.fast import FastClient

AWS_OPERATIONS = ("sts:GetCallerIdentity",)

Json = dict[str, Any]

# How many calls a bug report has.
MAX_CALLS_KEPT = 100


class Aws:
    """One AWS account and region.

    ``report`` is told what is being tried again, and why: each thing once. ``deadline`` is until when that may go on;
    None: as long as the table of retries says.

    Args:
        target: where to call.
        clock: the time by which everything that waits for this AWS goes.
        fast: reads may go without botocore's client (see :mod:`ecsctl.aws.fast`).

    Raises:
        UsageError: the profile does not exist, or the AWS configuration cannot be read.
    """

    def __init__(self, target: Target, *, clock: Clock = MACHINE, fast: bool = True) -> None:
        self.target = target
        self.clock = clock
        self._retrier = Retrier(clock.sleep)
        self._limits = RateLimits(clock=clock)
        self._lock = threading.RLock()
        self._clients: dict[str, BaseClient] = {}
        self._session: Any = None
        # How often other credentials have taken the place of refused ones.
        self._renewals = 0
        self._account: str | None = None
        self._elsewhere: dict[str, Aws] = {}
        self.report: Callable[[str], None] = quiet
        self.deadline: Deadline | None = None
        self._clock = ServerClock(lambda: self.clock.now())
        self._attempts: Attempts | None = None
        self._calls: deque[tuple[str, Mapping[str, Any], str]] = deque(maxlen=MAX_CALLS_KEPT)
        self._fast: FastClient | None = None
        self._fast_allowed = fast and not target.debug
        self._fast_asked = not self._fast_allowed

    @property
    def fast(self) -> FastClient | None:
        """The client that reads without botocore, or None where this configuration has not been recorded yet."""
        if not self._fast_asked:
            from ecsctl.aws.fast import FastClient

            self._fast = FastClient.of(self.target)
            self._fast_asked = True
        return self._fast

    def in_region(self, region: str | None) -> Aws:
        """The same account in another region; itself where that is None or its own."""
        if region is None or region == self.region:
            return self
        with self._lock:
            if region not in self._elsewhere:
                self._elsewhere[region] = Aws(replace(self.target, region=region), clock=self.clock)
            other = self._elsewhere[region]
            other.report, other.deadline = self.report, self.deadline
            return other

    @property
    def session(self) -> Any:
        """The botocore session (made at first use)."""
        with self._lock:
            if self._session is None:
                self._session = self._new_session()
            return self._session

    def _new_session(self, *, cached_roles: bool = True) -> Any:
        from ecsctl.aws.answers import install_parsers
        from ecsctl.aws.loader import install_loader

        target = self.target
        session = new_session(target.profile)
        session.user_agent_name = "ecsctl"
        session.user_agent_version = __version__
        region = target.region or os.environ.get("AWS_REGION")
        if region:
            # Also for the clients that botocore makes by itself to get credentials.
            session.set_config_variable("region", region)
        install_loader(session)
        install_parsers(session)
        if target.credentials:
            session.set_credentials(*target.credentials)
        else:
            install_credential_chain(session, session.get_config_variable("region"), cached=cached_roles)
        return session

    @property
    def region(self) -> str:
        """The region in force.

        Raises:
            UsageError: neither the command, the file, the environment nor the profile names one.
        """
        if self.fast is not None:
            return self.fast.region
        region = self.session.get_config_variable("region")
        if not region:
            raise UsageError(
                "no AWS region is set",
                hint="add --region eu-west-1, `region:` in the file, or `export AWS_REGION=eu-west-1`",
            )
        return cast(str, region)

    def client(self, service: str, operation: str | None = None) -> Any:
        """The botocore client of a service, made at its first use and then kept.

        Where the trimmed model lacks ``operation``, a client of the full model takes its place.

        Raises:
            UsageError: no region; or a service that has no endpoint there.
            EcsctlError: no credentials.
        """
        made = self._clients.get(service)
        if made is not None and (operation is None or operation in made.meta.service_model.operation_names):
            # Not under the lock: a call goes on while another service's client is being made.
            return made
        with self._lock:
            for trimmed in (True, False):
                made = self._clients.get(service)
                if made is None or (operation and operation not in made.meta.service_model.operation_names):
                    self._clients[service] = self._new_client(service, trimmed=trimmed and made is None)
            return self._clients[service]

    def _new_client(self, service: str, *, trimmed: bool) -> Any:
        from botocore.config import Config

        from ecsctl.aws.loader import TRIMMED

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 6},
            connect_timeout=5,
            # A server that does not answer at all takes no longer than the command may; each call has an attempt.
            read_timeout=60 if self.deadline is None else max(5.0, min(60.0, self.deadline.left())),
            max_pool_connections=16,
        )
        region, session = self.region, self.session
        find_credentials(session)
        version = session.get_config_variable("api_versions").get(service)
        try:
            client = session.create_client(
                service,
                region_name=region,
                api_version=version or (TRIMMED if trimmed else None),
                endpoint_url=self.target.endpoint_url,
                config=config,
            )
        except Exception as error:
            raise translate(error, service, "", None, Where(session)) from error
        require_region(session, client.meta.endpoint_url)
        self._watch(client)
        if self._fast_allowed:
            from ecsctl.aws.fast import record_requests

            record_requests(self.target, session, service, client)
        return client

    def call(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any] | None = None,
        *,
        about: str | None = None,
    ) -> Json:
        """Call one API operation.

        Args:
            service: botocore's name of the service, as ``ecs``.
            operation: the operation, as ``DescribeTasks``.
            params: its input, in the API's own names.
            about: the resource, for the error message.

        Returns:
            the answer without ``ResponseMetadata``.

        Raises:
            AwsError: AWS refused it, or did not answer (``ambiguous`` where it may have taken effect).
            EcsctlError: no credentials, or the parameters do not fit the API.
        """

        name, given = f"{service}:{operation}", params or {}
        if self.target.debug:
            self._debug_call(name, given)
        try:
            answer = self._answer(service, operation, given, about)
        except BaseException as error:
            self._calls.append((name, given, f"{type(error).__name__}: {error}"))
            raise
        self._calls.append((name, given, "answered"))
        return answer

    def _answer(self, service: str, operation: str, params: Mapping[str, Any], about: str | None) -> Json:
        self._limits.take(service, operation)
        if self.fast is not None and self.fast.knows(service, operation):
            from ecsctl.aws.fast import Surprise

            try:
                answer, headers = self.fast.call(service, operation, params)
            except Surprise:
                pass
            else:
                self._clock.note(headers)
                return answer

        def once() -> Json:
            renewals = self._renewals
            try:
                return self._once(service, operation, params, about)
            except AwsError as error:
                if error.aws_code not in EXPIRED or not self._renew(renewals):
                    raise
            return self._once(service, operation, params, about)

        return self._retrier.run(service, operation, once, self.deadline, self._told_once)

    def _once(self, service: str, operation: str, params: Mapping[str, Any], about: str | None) -> Json:
        client = self.client(service, operation)
        ready_credentials(self.session)
        try:
            answer = client._make_api_call(operation, dict(params))
        except EcsctlError:
            raise
        except Exception as error:
            where = Where(self.session, client.meta.endpoint_url)
            raise translate(error, service, operation, about, where) from error
        answer.pop("ResponseMetadata", None)
        return cast(Json, answer)

    def _watch(self, client: Any) -> None:
        from ecsctl.aws.attempts import Attempts, to_stderr

        with self._lock:
            if self._attempts is None:
                debug = to_stderr if self.target.debug else None
                self._attempts = Attempts(lambda: self.deadline, self._say, self._clock, debug)
            self._attempts.watch(client)

    def _say(self, line: str) -> None:
        (self.report if self.deadline is None else self.deadline.report)(line)

    def _told_once(self, subject: str, line: str) -> None:
        if self._attempts is not None:
            self._attempts.tell(subject, line)

    def _debug_call(self, name: str, params: Mapping[str, Any]) -> None:
        import json

        from ecsctl.aws.attempts import to_stderr
        from ecsctl.aws.redaction import redacted

        to_stderr(f"{name} {json.dumps(redacted(params), default=str, ensure_ascii=False)}")

    @contextmanager
    def within(self, deadline: Deadline) -> Iterator[None]:
        """Bound every call and retry of the block by a deadline; retries are told to its report.

        For the calls of all threads: one command has one deadline.
        """
        before, self.deadline = self.deadline, deadline
        try:
            yield
        finally:
            self.deadline = before

    def now(self) -> datetime:
        """AWS's time in UTC: this machine's, put right by the Date of the last answer."""
        return self._clock.now()

    def recent_calls(self) -> list[Json]:
        """The last calls, for a bug report: their inputs without what may be a secret, and what came of them."""
        from ecsctl.aws.redaction import redacted, redacted_text

        return [
            {"call": name, "input": redacted(params), "outcome": redacted_text(outcome)}
            for name, params, outcome in list(self._calls)
        ]

    def _renew(self, renewals: int) -> bool:
        """Look for other credentials than those that AWS calls expired; whether there are any.

        Args:
            renewals: how often that had been done before the refused call.

        Raises:
            EcsctlError: there are none any more; its hint is the command to type.
        """
        with self._lock:
            if self._renewals == renewals:
                refused = ready_credentials(self.session)
                session = self._new_session(cached_roles=False)
                found = ready_credentials(session)
                if (found.access_key, found.token) == (refused.access_key, refused.token):
                    return False
                self._session = session
                self._clients = {}
                self._fast, self._fast_asked = None, True
                self._renewals += 1
            return True

    def pages(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        result: str,
        *,
        about: str | None = None,
    ) -> Iterator[Any]:
        """All items of a List or Describe operation, page by page.

        The token's name is the service's own (``nextToken``, ``NextToken``, ``Marker``), tried in this order.

        Raises:
            AwsError: as :meth:`call`; or a token came again (``RepeatedPage``).
        """
        query = dict(params)
        seen: set[str] = set()
        while True:
            answer = self.call(service, operation, query, about=about)
            yield from answer.get(result, ())
            token, asked = next(((answer[given], asked) for given, asked in TOKENS if answer.get(given)), (None, ""))
            if token is None:
                return
            if token in seen:
                raise AwsError(
                    f"{service}:{operation}",
                    "RepeatedPage",
                    "the same page token came again, so that the list would never end",
                    resource=about,
                    hint="is the endpoint an AWS endpoint? check --endpoint-url and AWS_ENDPOINT_URL",
                )
            seen.add(token)
            query[asked] = token

    def close(self) -> None:
        """Close the connections."""
        for other in self._elsewhere.values():
            other.close()
        for client in list(self._clients.values()):
            client.close()
        if self._fast is not None:
            self._fast.close()

    def account_id(self) -> str:
        """The account of the credentials (sts:GetCallerIdentity), asked once."""
        if self._account is None:
            self._account = str(self.call("sts", "GetCallerIdentity")["Account"])
        return self._account

    def partition(self) -> str:
        """``aws``, ``aws-cn`` or ``aws-us-gov``: the partition of the region."""
        if self.fast is not None:
            return self.fast.partition
        try:
            return cast(str, self.session.get_partition_for_region(self.region))
        except Exception:
            return "aws"

    def require_account(self, expected: str | None) -> None:
        """Refuse to go on in another account than the file's ``account``.

        Raises:
            EcsctlError: the credentials belong to another account.
        """
        if expected and self.account_id() != expected:
            raise EcsctlError(
                f"these credentials belong to account {self.account_id()}, but the file is for account {expected}",
                hint="choose the right profile with --profile, or correct `account:`",
            )


TOKENS = (
    ("nextToken", "nextToken"),
    ("NextToken", "NextToken"),
    ("NextMarker", "Marker"),
    ("Marker", "Marker"),
    ("PaginationToken", "PaginationToken"),
)


def batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Cut ``items`` into runs of at most ``size``, for calls with a limit."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def is_error(error: BaseException, *codes: str) -> bool:
    """Whether ``error`` is an AwsError of one of these codes."""
    return isinstance(error, AwsError) and error.aws_code in codes
