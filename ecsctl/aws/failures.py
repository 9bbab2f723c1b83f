"""botocore's exceptions → ours: what failed, where, why, and what to type next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ecsctl.aws.credentials import EXPIRED, sign_in
from ecsctl.aws.regions import region_hint
from ecsctl.errors import AwsError, EcsctlError, ExitCode, UsageError

NO_AWS_HINT = "is the endpoint an AWS endpoint? check --endpoint-url and AWS_ENDPOINT_URL"
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
    from botocore.parsers import ResponseParserError

    if isinstance(error, EcsctlError):
        return error
    name = f"{service}:{operation}" if operation else service
    url = where.endpoint_url
    if isinstance(error, boto.ClientError):
        return _refused(error, name, about, where)
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
        return AwsError(name, "NoAnswer", f"{url} cannot be reached: {error}", resource=about, hint=hint)
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError)):
        return AwsError(
            name,
            "AnswerLost",
            f"the answer of {url} was lost: {error}",
            resource=about,
            hint=AGAIN_HINT,
            ambiguous=True,
        )
    if isinstance(error, ResponseParserError):
        # The lines after the first repeat the body.
        reason = str(error).partition("\n")[0]
        return AwsError(
            name,
            "UnreadableAnswer",
            f"{url} answered something that is not an AWS answer: {reason}",
            resource=about,
            hint=NO_AWS_HINT,
            ambiguous=True,
        )
    if isinstance(error, boto.BotoCoreError):
        return EcsctlError(f"{name}: {error}", hint="check the AWS configuration: `aws configure list`")
    raise error


def _refused(error: Exception, name: str, about: str | None, where: Where) -> AwsError:
    response = getattr(error, "response", {})
    detail = response.get("Error", {})
    code = str(detail.get("Code") or "Unknown")
    message = str(detail.get("Message") or detail.get("message") or "no message")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    hint = HINTS.get(code)
    if code == str(status):
        # botocore found no error code of AWS's in the body, and gives the whole of it: a web server's page, often.
        code, hint = "UnreadableAnswer", NO_AWS_HINT
        message = f"{where.endpoint_url} answered with HTTP status {status}, but not as AWS does"
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
        ambiguous=status >= 500,
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
