"""botocore's exceptions → ours: what failed, where, why, and what to type next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ecsctl.aws.answers import NotAnAnswerError, described
from ecsctl.aws.credentials import EXPIRED, sign_in
from ecsctl.aws.regions import region_hint
from ecsctl.errors import AwsError, EcsctlError, ExitCode, UsageError

# Codes of ours, for what AWS did not say.
PAGE = "UnreadableAnswer"
FOREIGN = "ForeignAnswer"
CUT = "IncompleteAnswer"
NO_AWS_HINT = "is the endpoint an AWS endpoint? check --endpoint-url, AWS_ENDPOINT_URL and HTTPS_PROXY"
LOST = "AnswerLost"
MISSING = "NotImplemented"
UNREACHABLE = "NoAnswer"
AGAIN_HINT = "run the same command again: it finds what has taken effect"

UNKNOWN_KEY = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure"})
BAD_SIGNATURE = frozenset(
    {"SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"}
)
CLOCK = re.compile(r"expired|not yet (current|valid)|earlier than|later than|skewed", re.IGNORECASE)
HINTS = {"ClusterNotFoundException": "`ecsctl cluster list` shows the clusters of this region"}
DENIED = re.compile(r"AccessDenied|UnauthorizedOperation|NotAuthorized|Forbidden", re.IGNORECASE)
NOT_FOUND = {"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"}
# Hosts of AWS's own endpoints, in all partitions.
AWS_HOST = re.compile(
    r"^https?://[^/]*\.(amazonaws\.(com(\.cn)?|eu)|api\.aws|c2s\.ic\.gov|sc2s\.sgov\.gov|[a-z.]+\.hci\.ic\.gov)(:|/|$)"
)


# The HTTP status of what has certainly not been done.
NOT_IMPLEMENTED = 501
# What endpoints say that do not have an operation: emulators, and AWS in some regions and partitions.
MISSING_OPERATION = re.compile(
    r"NotImplemented|NotYetImplemented|UnknownOperation|InvalidAction|UnsupportedOperation|NotSupported|501"
)


def cannot_be_asked(error: AwsError) -> bool:
    """Whether these credentials may not call the operation, or the endpoint does not have it.

    What only helps is done without then; any other error means that nobody knows, and is one.
    """
    return bool(DENIED.search(error.aws_code) or MISSING_OPERATION.search(error.aws_code))


def is_no_answer(error: AwsError) -> bool:
    """Whether AWS has not answered at all, so that nothing is known: not that it refused, or lacks the operation."""
    return error.aws_code in (CUT, FOREIGN, LOST, UNREACHABLE) or (error.aws_code == PAGE and error.ambiguous)


def can_go_without(error: AwsError) -> bool:
    """Whether a read that only helps to explain is done without, this time: it may not be asked, or got no answer.

    Any other refusal is a fault of the request, and is told.
    """
    return cannot_be_asked(error) or is_temporary(error)


@dataclass(frozen=True)
class Where:
    """Where a call went: the session (botocore's) and the endpoint."""

    session: Any
    endpoint_url: str = "AWS"

    @property
    def chosen(self) -> bool:
        """Whether somebody chose the endpoint: it is not AWS's own for the region."""
        return self.endpoint_url != "AWS" and not AWS_HOST.match(self.endpoint_url)


def translate(error: Exception, service: str, operation: str, about: str | None, where: Where) -> EcsctlError:
    """The error of ours for an exception that botocore raised in a call (or in making a client).

    An exception of another origin comes back unchanged in meaning: it is re-raised, as the bug it is.
    """
    from botocore import exceptions as boto

    if isinstance(error, EcsctlError):
        return error
    name = f"{service}:{operation}" if operation else service
    url = where.endpoint_url
    if isinstance(error, boto.ClientError):
        return _refused(error, service, operation, about, where)
    if isinstance(error, boto.NoRegionError):
        return UsageError("no AWS region is set", hint="add --region eu-west-1 or `export AWS_REGION=eu-west-1`")
    if isinstance(error, (boto.InvalidRegionError, boto.InvalidEndpointDiscoveryConfigurationError)):
        hint = region_hint(where.session) or "`aws ec2 describe-regions` lists the regions"
        return UsageError(str(error), hint=hint)
    if isinstance(error, ValueError) and "endpoint" in str(error).lower():
        return UsageError(f"{error}", hint="--endpoint-url takes a URL such as http://127.0.0.1:4599")
    if isinstance(error, (boto.ParamValidationError,)):
        return UsageError(f"{name}: {error}", hint="correct the definition; `ecsctl validate` names the line")
    unanswered = (
        boto.EndpointConnectionError,
        boto.ConnectTimeoutError,
        boto.ProxyConnectionError,
        boto.SSLError,
    )
    if isinstance(error, unanswered):
        hint = (
            "is it running? `ecsctl sandbox status` tells of the sandbox; --endpoint-url and AWS_ENDPOINT_URL choose"
            if where.chosen
            else region_hint(where.session) or "check the network, the region's name and AWS_ENDPOINT_URL"
        )
        return AwsError(name, UNREACHABLE, f"{url} cannot be reached: {error}", resource=about, hint=hint)
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError)):
        return AwsError(
            name,
            LOST,
            f"the answer of {url} was lost: {error}",
            resource=about,
            hint=AGAIN_HINT,
            ambiguous=True,
        )
    if isinstance(error, NotAnAnswerError):
        return AwsError(
            name,
            CUT if error.cut else FOREIGN,
            f"{url} answered with {described(error.answer)}, which {error.problem}",
            resource=about,
            hint=AGAIN_HINT if error.cut else NO_AWS_HINT,
            ambiguous=True,
        )
    if isinstance(error, boto.BotoCoreError):
        return EcsctlError(f"{name}: {error}", hint="check the AWS configuration: `aws configure list`")
    raise error


def _refused(error: Exception, service: str, operation: str, about: str | None, where: Where) -> AwsError:
    name = f"{service}:{operation}"
    response = getattr(error, "response", {})
    detail = response.get("Error", {})
    code = str(detail.get("Code") or "Unknown")
    message = str(detail.get("Message") or detail.get("message") or "no message")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    hint = HINTS.get(code)
    if code == str(status):
        # botocore found no error code of AWS's in the body, and gives the whole of it: a web server's page, often.
        code, hint = PAGE, NO_AWS_HINT
        message = f"{where.endpoint_url} answered with HTTP status {status}, but not as AWS does"
    elif status == NOT_IMPLEMENTED:
        code = MISSING
    elif DENIED.search(code):
        hint = f"the credentials lack the right to {name.replace(':', ': ')}; the README lists the IAM rights needed"
    elif code in EXPIRED:
        hint = sign_in(where.session)
    elif code in UNKNOWN_KEY or code in BAD_SIGNATURE:
        hint = _signature_hint(code, message, where)
    return AwsError(
        name,
        code,
        message,
        resource=about,
        hint=hint,
        ambiguous=status >= 500 and status != NOT_IMPLEMENTED,
        code=ExitCode.NOT_FOUND if code in NOT_FOUND else None,
    )


def _signature_hint(code: str, message: str, where: Where) -> str:
    """Why AWS does not know a key or refuses a signature: the region's name, the clock, or the keys."""
    region = region_hint(where.session)
    if region or "scoped to a valid region" in message:
        name = where.session.get_config_variable("region")
        return f"is the region {name} right? {region or ''}".rstrip()
    if code in BAD_SIGNATURE and CLOCK.search(f"{code} {message}"):
        return "this machine's clock is off: compare `date -u` with the time in the message"
    if code in BAD_SIGNATURE:
        return f"the secret key does not belong to the access key: {sign_in(where.session)}"
    region = where.session.get_config_variable("region")
    return f"the access key is not known in {region}: check AWS_PROFILE and `aws configure list`"


TEMPORARY = re.compile(
    r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ServiceUnavailable|InternalError|InternalFailure"
    r"|ServerException|NoAnswer|AnswerLost|^5\d\d$"
)


def is_temporary(error: EcsctlError) -> bool:
    """Whether the same read may succeed a little later: a throttle, an outage, a lost answer."""
    return isinstance(error, AwsError) and (error.ambiguous or TEMPORARY.search(error.aws_code) is not None)
