"""Credentials: every way to them that the ``aws`` command has, and what to type where they are missing or expired.

botocore's own chain finds them. Added here is what the ``aws`` command adds: its cache of assumed roles (so that a
profile with ``mfa_serial`` asks once an hour, not once a command), and a question for the code on a terminal only.
"""

from __future__ import annotations

import os
from typing import Any

from ecsctl.errors import EcsctlError, UsageError

# The aws command's own cache: what either of the two has assumed, the other finds.
ROLE_CACHE = os.path.join("~", ".aws", "cli", "cache")
NO_CREDENTIALS_HINT = "run `aws configure` or set AWS_PROFILE; to try without an account: `ecsctl --sandbox COMMAND`"
MAX_PROFILES_NAMED = 6
# What AWS says of credentials that were good once.
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})


def new_session(profile: str | None) -> Any:
    """A botocore session of the AWS configuration.

    Args:
        profile: of the command line: it goes before keys in the environment; None: AWS_PROFILE, else ``default``.

    Raises:
        UsageError: there is no such profile, or the configuration files cannot be read.
    """
    from botocore.exceptions import BotoCoreError, ProfileNotFound
    from botocore.session import Session

    session = Session(profile=profile)
    try:
        session.get_scoped_config()
    except ProfileNotFound:
        import difflib

        name = session.get_config_variable("profile")
        known = sorted(session.full_config.get("profiles", {}))
        hint = f"the profiles are: {', '.join(known)}" if known else "`aws configure --profile NAME` makes one"
        if near := difflib.get_close_matches(name, known, n=1):
            hint = f"did you mean {near[0]}? {hint}"
        raise UsageError(f"there is no profile {name} in the AWS configuration", hint=hint) from None
    except BotoCoreError as error:
        raise UsageError(f"the AWS configuration cannot be read: {error}", hint="correct the file") from None
    return session


def install_credential_chain(session: Any, region: str | None, *, cached: bool = True) -> None:
    """Make ``session`` (botocore's) find credentials as the ``aws`` command does.

    Args:
        region: where roles are assumed (the regional STS endpoint).
        cached: False takes no role that was assumed before.
    """
    from botocore.credentials import create_credential_resolver
    from botocore.utils import JSONFileCache

    cache: Any = JSONFileCache(os.path.expanduser(ROLE_CACHE)) if cached else {}
    resolver = create_credential_resolver(session, cache=cache, region_name=region)
    resolver.get_provider("assume-role")._prompter = ask_for_code
    session.register_component("credential_provider", resolver)


def ask_for_code(prompt: str) -> str:
    """Ask for an MFA code on the terminal, whatever stdin and stdout are connected to.

    Raises:
        EcsctlError: there is no terminal.
    """
    import getpass

    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        device = prompt.removeprefix("Enter MFA code for ").rstrip(": ")
        raise EcsctlError(
            f"the role needs an MFA code of {device}, and there is no terminal to ask for it",
            hint="run `aws sts get-caller-identity` with the same profile on a terminal first: the role that it assumes"
            " is used here until it expires",
        ) from None
    return getpass.getpass(prompt)


def find_credentials(session: Any) -> Any:
    """The credentials of ``session``'s chain, not refreshed yet.

    Raises:
        EcsctlError: there are none, or the configuration contradicts itself; its hint is the command to type.
    """
    try:
        credentials = session.get_credentials()
    except Exception as error:
        raise _failure(error, session) from error
    if credentials is None:
        name = session.get_config_variable("profile")
        whose = f" for profile {name}" if name else ""
        raise EcsctlError(f"no AWS credentials were found{whose}", hint=sign_in(session))
    return credentials


def ready_credentials(session: Any) -> Any:
    """The credentials to sign with now, refreshed where that is due (botocore's ``ReadOnlyCredentials``).

    May call sts:AssumeRole, sts:AssumeRoleWithWebIdentity, sso:GetRoleCredentials, sso-oidc:CreateToken,
    signin:CreateOAuth2Token, the instance's or the container's metadata.

    Raises:
        EcsctlError: there are none, or they cannot be refreshed; its hint is the command to type.
    """
    credentials = find_credentials(session)
    try:
        return credentials.get_frozen_credentials()
    except Exception as error:
        raise _failure(error, session) from error


def _failure(error: Exception, session: Any) -> EcsctlError:
    # Whatever a profile, a token file or a credential process makes of the chain is no bug of ecsctl's.
    if isinstance(error, EcsctlError):
        return error
    return EcsctlError(f"cannot get AWS credentials: {_reason(error)}", hint=_hint(error, session))


def sign_in(session: Any) -> str:
    """What to type to get credentials, or new ones: by where those of the session's profile come from."""
    try:
        profiles = session.full_config.get("profiles", {})
    except Exception:
        return NO_CREDENTIALS_HINT
    name = session.get_config_variable("profile")
    if not session.instance_variables().get("profile") and os.environ.get("AWS_ACCESS_KEY_ID"):
        instead = f", or unset them to use profile {name}" if name else ""
        return f"export new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN{instead}"
    name = name or "default"
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        profile = profiles.get(name, {})
        option = "" if name == "default" else f" --profile {name}"
        if "sso_session" in profile or "sso_start_url" in profile:
            return f"run `aws sso login{option}`, then the same command again"
        if "login_session" in profile:
            return f"run `aws login{option}`, then the same command again"
        if "credential_process" in profile:
            return f"run the credential_process of profile {name} yourself to see what it says"
        if "web_identity_token_file" in profile:
            return f"the token is read from {profile['web_identity_token_file']} (profile {name})"
        if "aws_access_key_id" in profile:
            return f"renew the keys of profile {name}: `aws configure{option}`"
        if "credential_source" in profile:
            return f"profile {name} takes its credentials from {profile['credential_source']}"
        if "role_arn" not in profile:
            break
        name = profile.get("source_profile", name)
    if name == "default" and profiles:
        named = ", ".join(sorted(profiles)[:MAX_PROFILES_NAMED])
        return f"choose a profile with --profile or AWS_PROFILE ({named}), or run `aws configure`"
    return NO_CREDENTIALS_HINT


def _reason(error: Exception) -> str:
    from botocore.exceptions import BotoCoreError, ClientError, MissingDependencyException

    if isinstance(error, MissingDependencyException):
        return "credentials of `aws login` need the AWS Common Runtime, which is not installed"
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        return f"{error.operation_name}: {detail.get('Code', 'Unknown')}: {detail.get('Message') or 'no message'}"
    if isinstance(error, BotoCoreError):
        return " ".join(str(error).split())
    return f"{type(error).__name__}: {error}"


def _hint(error: Exception, session: Any) -> str:
    from botocore import exceptions as boto

    if isinstance(error, boto.MissingDependencyException):
        return "pip install 'ecsctl[login]'"
    if isinstance(error, boto.RefreshWithMFAUnsupportedError):
        return "the role has expired: run the same command again, which asks for a new code"
    if isinstance(error, (boto.ConnectionError, boto.HTTPClientError)):
        return "check the network, the region's name and AWS_ENDPOINT_URL"
    if isinstance(error, (boto.InvalidConfigError, boto.ParamValidationError, boto.PartialCredentialsError)):
        return "correct the AWS configuration: `aws configure list` shows where each value comes from"
    if isinstance(error, boto.ClientError) and error.response.get("Error", {}).get("Code") not in EXPIRED:
        return "check the profile's role_arn, and that the role's trust policy allows these credentials to assume it"
    return sign_in(session)
