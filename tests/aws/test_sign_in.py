"""Signing in by a person: MFA, IAM Identity Center, and the sessions of ``aws login``."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pty
import select
import sys
import time
from typing import Any

import pytest

from tests.aws.program import Program, iso, static

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::111122223333:role"
LOGIN = "arn:aws:iam::111122223333:user/me"
SSO = """
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_registration_scopes = sso:account:access

[profile dev]
sso_session = corp
sso_account_id = 111122223333
sso_role_name = Admin
"""


def mfa(program: Program) -> dict[str, str]:
    program.write("credentials", static("base", "AKIABASE"))
    program.write(
        "config",
        f"[profile mfa]\nrole_arn = {ROLE}/mfa\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/me\n",
    )
    return {**program.environment, "AWS_PROFILE": "mfa"}


def on_terminal(program: Program, environment: dict[str, str], answer: bytes) -> tuple[int, str]:
    """Run ``cluster list -q`` on a terminal of its own, its stdout too, and type ``answer`` when it asks."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(program.home)
        os.execve(sys.executable, [sys.executable, "-m", "ecsctl", "cluster", "list", "-q"], environment)
    seen, deadline, asked = b"", time.monotonic() + 120, False
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                break
        if not asked and b"MFA code" in seen:
            asked = True
            os.write(terminal, answer)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()


def test_mfa_is_asked_for_on_a_terminal_and_not_again(program: Program) -> None:
    environment = mfa(program)
    code, seen = on_terminal(program, environment, b"123456\n")
    assert code == 0, seen
    assert "Enter MFA code for arn:aws:iam::111122223333:mfa/me" in seen
    assert "AKIABASE.mfa" in seen
    assert "123456" not in seen, "not echoed"
    assert program.key(AWS_PROFILE="mfa") == "AKIABASE.mfa", "no terminal is needed while the role is valid"


def test_a_wrong_mfa_code(program: Program) -> None:
    code, seen = on_terminal(program, mfa(program), b"000000\n")
    assert code == 1
    assert "MultiFactorAuthentication failed" in seen


def test_mfa_without_a_terminal_is_a_clear_error(installed: Program) -> None:
    mfa(installed)
    said = installed.fails(AWS_PROFILE="mfa")
    assert "needs an MFA code of arn:aws:iam::111122223333:mfa/me, and there is no terminal" in said
    assert "interrupted" not in said


def sso_token(program: Program, name: str, **token: Any) -> None:
    key = hashlib.sha1(name.encode()).hexdigest()
    program.write(f"sso/cache/{key}.json", json.dumps({"startUrl": "https://corp.awsapps.com/start", **token}))


def test_an_sso_session(installed: Program) -> None:
    installed.write("config", SSO)
    sso_token(installed, "corp", accessToken="good", expiresAt=iso(7200))
    assert installed.key(AWS_PROFILE="dev") == "ASIASSOAdmin"
    assert ("sso:GetRoleCredentials", "good", "") in installed.identity.calls


def test_an_sso_session_that_is_over_is_refreshed_by_its_refresh_token(installed: Program) -> None:
    installed.write("config", SSO)
    registered = {"clientId": "c", "clientSecret": "s", "registrationExpiresAt": iso(86400)}
    sso_token(installed, "corp", accessToken="expired", expiresAt=iso(-60), refreshToken="again", **registered)
    assert installed.key(AWS_PROFILE="dev") == "ASIASSOAdmin"
    assert ("sso-oidc:CreateToken", "again", "") in installed.identity.calls
    assert ("sso:GetRoleCredentials", "refreshed-token", "") in installed.identity.calls


@pytest.mark.parametrize("token", [None, {"accessToken": "expired", "expiresAt": iso(-60)}, {"unreadable": 1}])
def test_an_sso_session_that_is_missing_or_over_names_the_command_to_type(installed: Program, token: Any) -> None:
    installed.write("config", SSO + f"[profile role]\nrole_arn = {ROLE}/x\nsource_profile = dev\n")
    if token:
        sso_token(installed, "corp", **token)
    for profile in ("dev", "role"):
        said = installed.fails(AWS_PROFILE=profile)
        assert "run `aws sso login --profile dev`" in said, "also where a role is assumed from it"


def test_an_sso_session_that_ended_early(installed: Program) -> None:
    installed.write("config", SSO)
    sso_token(installed, "corp", accessToken="expired-early", expiresAt=iso(7200))
    assert "run `aws sso login --profile dev`" in installed.fails(AWS_PROFILE="dev")


def test_the_older_way_to_sso(installed: Program) -> None:
    installed.write(
        "config",
        "[default]\nsso_start_url = https://old.awsapps.com/start\nsso_region = us-east-1\n"
        "sso_account_id = 111122223333\nsso_role_name = Reader\n",
    )
    assert "run `aws sso login`, then the same command again" in installed.fails()
    sso_token(installed, "https://old.awsapps.com/start", accessToken="good", expiresAt=iso(7200))
    assert installed.key() == "ASIASSOReader"


def login_token(program: Program, expires: float) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    key = hashlib.sha256(LOGIN.encode()).hexdigest()
    token = {
        "accessToken": {
            "accessKeyId": "ASIACACHED",
            "secretAccessKey": "s",
            "sessionToken": "t",
            "accountId": "111122223333",
            "expiresAt": iso(expires),
        },
        "refreshToken": "refresh-me",
        "clientId": "arn:aws:signin:::devtools/same-device",
        "dpopKey": pem.decode(),
        "idToken": base64.b64encode(b"{}").decode(),
    }
    program.write(f"login/cache/{key}.json", json.dumps(token))


def test_a_login_session(installed: Program) -> None:
    installed.write("config", f"[profile console]\nlogin_session = {LOGIN}\n")
    login_token(installed, 3000)
    assert installed.key(AWS_PROFILE="console") == "ASIACACHED"
    login_token(installed, -60)
    assert installed.key(AWS_PROFILE="console") == "ASIALOGIN"
    assert ("signin:CreateOAuth2Token", "refresh-me", "") in installed.identity.calls


def test_a_login_session_that_is_missing_or_over_names_the_command_to_type(installed: Program) -> None:
    installed.write("config", f"[profile console]\nlogin_session = {LOGIN}\n")
    assert "run `aws login --profile console`" in installed.fails(AWS_PROFILE="console")
    login_token(installed, -60)
    installed.identity.oauth_error = "TOKEN_EXPIRED"
    said = installed.fails(AWS_PROFILE="console")
    assert "run `aws login --profile console`" in said
    assert "has expired" in said


def test_a_login_session_without_the_library_that_it_needs(installed: Program) -> None:
    installed.write("config", f"[profile console]\nlogin_session = {LOGIN}\n")
    login_token(installed, 3000)
    said = installed.fails(AWS_PROFILE="console", BOTO_DISABLE_CRT="true")
    assert "pip install 'ecsctl[login]'" in said
