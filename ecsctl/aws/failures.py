"""botocore's exceptions → ours: what failed, why, and what to type next."""

from __future__ import annotations

import re

from ecsctl.errors import AwsError, EcsctlError, ExitCode, UsageError

NO_CREDENTIALS_HINT = "run `aws configure` or set AWS_PROFILE; to try without an account: `ecsctl --sandbox COMMAND`"

NO_AWS_HINT = "is the endpoint an AWS endpoint? check --endpoint-url and AWS_ENDPOINT_URL"

HINTS = {
    "ExpiredToken": "sign in again (`aws sso login`), then run the same command",
    "ExpiredTokenException": "sign in again (`aws sso login`), then run the same command",
    "UnrecognizedClientException": "the access key is not known to AWS: check AWS_PROFILE or `aws configure list`",
    "InvalidClientTokenId": "the access key is not known to AWS: check AWS_PROFILE or `aws configure list`",
    "SignatureDoesNotMatch": "the secret key is wrong: check `aws configure list`",
    "ClusterNotFoundException": "`ecsctl cluster list` shows the clusters of this region",
}
DENIED = re.compile(r"AccessDenied|UnauthorizedOperation|NotAuthorized|Forbidden", re.IGNORECASE)
NOT_FOUND = {"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"}


def translate(
    error: Exception, service: str, operation: str, about: str | None, endpoint_url: str | None
) -> EcsctlError:
    """The error of ours for an exception that botocore raised in a call (or in making a client).

    An exception of another origin comes back unchanged in meaning: it is re-raised, as the bug it is.
    """
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError

    if isinstance(error, EcsctlError):
        return error
    name = f"{service}:{operation}" if operation else service
    where = endpoint_url or "AWS"
    if isinstance(error, boto.ClientError):
        return _refused(error, name, about, where)
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError)):
        return EcsctlError(f"no AWS credentials: {error}", hint=NO_CREDENTIALS_HINT)
    if isinstance(
        error,
        (
            boto.CredentialRetrievalError,
            boto.TokenRetrievalError,
            boto.SSOError,
            boto.UnauthorizedSSOTokenError,
            boto.MetadataRetrievalError,
        ),
    ):
        return EcsctlError(f"AWS credentials cannot be had: {error}", hint=NO_CREDENTIALS_HINT)
    if isinstance(error, boto.NoRegionError):
        return UsageError("no AWS region is set", hint="add --region eu-west-1 or `export AWS_REGION=eu-west-1`")
    if isinstance(error, (boto.InvalidRegionError, boto.InvalidEndpointDiscoveryConfigurationError)):
        return UsageError(str(error), hint="`aws ec2 describe-regions` lists the regions")
    if isinstance(error, ValueError) and "endpoint" in str(error).lower():
        return UsageError(f"{error}", hint="--endpoint-url wants a URL as http://127.0.0.1:4599")
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
            if endpoint_url
            else "check the network, the region's name and AWS_ENDPOINT_URL"
        )
        return AwsError(name, "NoAnswer", f"{where} cannot be reached: {error}", resource=about, hint=hint)
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError)):
        return AwsError(
            name,
            "AnswerLost",
            f"the answer of {where} was lost: {error}",
            resource=about,
            hint="run the same command again: it finds what has taken effect",
            ambiguous=True,
        )
    if isinstance(error, ResponseParserError):
        # The lines after the first repeat the body.
        reason = str(error).partition("\n")[0]
        return AwsError(
            name,
            "UnreadableAnswer",
            f"{where} answered something that is not an AWS answer: {reason}",
            resource=about,
            hint=NO_AWS_HINT,
            ambiguous=True,
        )
    if isinstance(error, boto.BotoCoreError):
        return EcsctlError(f"{name}: {error}", hint="check the AWS configuration: `aws configure list`")
    raise error


def _refused(error: Exception, name: str, about: str | None, where: str) -> AwsError:
    response = getattr(error, "response", {})
    detail = response.get("Error", {})
    code = str(detail.get("Code") or "Unknown")
    message = str(detail.get("Message") or detail.get("message") or "no message")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    hint = HINTS.get(code)
    if code == str(status):
        # botocore found no error code of AWS's in the body, and gives the whole of it: a web server's page, often.
        code, hint = "UnreadableAnswer", NO_AWS_HINT
        message = f"{where} answered with HTTP status {status}, but not as AWS does"
    if DENIED.search(code):
        hint = f"the credentials lack the right to {name.replace(':', ': ')}; the README lists the IAM rights needed"
    return AwsError(
        name,
        code,
        message,
        resource=about,
        hint=hint,
        ambiguous=status >= 500,
        code=ExitCode.NOT_FOUND if code in NOT_FOUND else None,
    )
