"""Everything that hands out AWS credentials, on one loopback port, and an ECS that tells with whose it was called.

STS, the portals of ``aws sso login`` and ``aws login``, the metadata of an instance (IMDSv2) and of a container. An
access key says where it came from: ``AKIABASE`` that assumed the role ``deploy`` is ``AKIABASE.deploy``; the one
cluster of the ECS has the name of the caller's key.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
ACCOUNT = "111122223333"
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
IMDS_TOKEN = "imds-session"


class Identity:
    """``calls`` has every (operation, access key or token, region of the signature).

    ``lifetime``: for how many seconds what is handed out is valid. ``refused``: access keys that ECS calls expired;
    ``revoke_after``: those it calls expired after that many calls. ``mfa_code``: the code that roles with MFA want.
    ``oauth_error``: what the portal of ``aws login`` says instead of a new token.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.lifetime = 3600.0
        self.refused: set[str] = set()
        self.revoke_after: dict[str, int] = {}
        self.mfa_code = "123456"
        self.oauth_error: str | None = None
        self.valid_region: str | None = None
        self.endpoint = ""
        self._issued: Counter[str] = Counter()
        self._lock = threading.Lock()

    def operations(self) -> list[str]:
        """The operations called, in order."""
        return [operation for operation, _, _ in self.calls]

    def issue(self, name: str) -> Json:
        """New keys of that name; those after the first have a number."""
        with self._lock:
            self._issued[name] += 1
            key = name if self._issued[name] == 1 else f"{name}.{self._issued[name]}"
        until = datetime.now(timezone.utc) + timedelta(seconds=self.lifetime)
        return {
            "AccessKeyId": key,
            "SecretAccessKey": f"secret-of-{key}",
            "Token": f"token-of-{key}",
            "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    identity: Identity

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path.startswith("/latest/meta-data/"):
            if self.headers.get("x-aws-ec2-metadata-token") != IMDS_TOKEN:
                self._answer("IMDSv2 only", 401)
            elif path.endswith("/security-credentials/"):
                self._answer("instance-role")
            else:
                self._note("imds", "")
                self._answer({"Code": "Success", **self.identity.issue("ASIAINSTANCE")})
        elif path == "/container":
            self._note("container", self.headers.get("Authorization", ""))
            self._answer(self.identity.issue("ASIACONTAINER"))
        elif path == "/federation/credentials":
            token = self.headers["x-amz-sso_bearer_token"]
            self._note("sso:GetRoleCredentials", token)
            if token.startswith("expired"):
                self._answer(
                    {"message": "Session token not found or invalid"},
                    401,
                    {"x-amzn-ErrorType": "UnauthorizedException"},
                )
                return
            keys = self.identity.issue(f"ASIASSO{query['role_name'][0]}")
            until = (datetime.now(timezone.utc).timestamp() + self.identity.lifetime) * 1000
            names = {"accessKeyId": "AccessKeyId", "secretAccessKey": "SecretAccessKey", "sessionToken": "Token"}
            found = {name: keys[key] for name, key in names.items()}
            self._answer({"roleCredentials": {**found, "expiration": int(until)}})
        else:
            self._answer("no such page", 404)

    def do_PUT(self) -> None:
        self._read()
        self._answer(IMDS_TOKEN, headers={"X-aws-ec2-metadata-token-ttl-seconds": "21600"})

    def do_POST(self) -> None:
        body = self._read()
        if "X-Amz-Target" in self.headers:
            self._ecs(self.headers["X-Amz-Target"].rpartition(".")[2], json.loads(body))
        elif self.path == "/token":
            self._note("sso-oidc:CreateToken", json.loads(body)["refreshToken"])
            self._answer({"accessToken": "refreshed-token", "expiresIn": 3600, "tokenType": "Bearer"})
        elif self.path == "/v1/token":
            self._login(json.loads(body))
        else:
            self._sts({name: values[0] for name, values in parse_qs(body.decode()).items()})

    def _login(self, asked: Json) -> None:
        self._note("signin:CreateOAuth2Token", asked["refreshToken"])
        if not self.headers.get("DPoP"):
            self._answer({"error": "invalid_request", "message": "no proof of possession"}, 400)
        elif self.identity.oauth_error:
            fault = {"error": self.identity.oauth_error, "message": "The refresh token has expired"}
            self._answer(fault, 403, {"x-amzn-ErrorType": "AccessDeniedException"})
        else:
            keys = self.identity.issue("ASIALOGIN")
            names = {"accessKeyId": "AccessKeyId", "secretAccessKey": "SecretAccessKey", "sessionToken": "Token"}
            token = {name: keys[key] for name, key in names.items()}
            self._answer({"accessToken": token, "tokenType": "aws_sigv4", "expiresIn": 900, "refreshToken": "next"})

    def _sts(self, query: dict[str, str]) -> None:
        action, (caller, region) = query["Action"], self._caller()
        self._note(f"sts:{action}", caller, region)
        if action == "GetCallerIdentity":
            arn = f"arn:aws:iam::{ACCOUNT}:user/{caller}"
            self._xml(action, f"<Arn>{arn}</Arn><UserId>{caller}</UserId><Account>{ACCOUNT}</Account>")
            return
        role = query["RoleArn"].rpartition("/")[2]
        if caller in self.identity.refused:
            self._xml_fault("ExpiredToken", "The security token included in the request is expired")
        elif "SerialNumber" in query and query.get("TokenCode") != self.identity.mfa_code:
            self._xml_fault(
                "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", 403
            )
        elif role == "forbidden":
            self._xml_fault(
                "AccessDenied", f"User {caller} is not authorized to perform: sts:AssumeRole on {role}", 403
            )
        elif "SerialNumber" in query and query.get("TokenCode") != self.identity.mfa_code:
            self._xml_fault(
                "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", 403
            )
        else:
            base = caller or f"web.{query['WebIdentityToken']}"
            keys = self.identity.issue(f"{base}.{role}")
            arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session"
            self._xml(
                action,
                f"<Credentials><AccessKeyId>{keys['AccessKeyId']}</AccessKeyId>"
                f"<SecretAccessKey>{keys['SecretAccessKey']}</SecretAccessKey>"
                f"<SessionToken>{keys['Token']}</SessionToken><Expiration>{keys['Expiration']}</Expiration></Credentials>"
                f"<AssumedRoleUser><AssumedRoleId>A:session</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>",
            )

    def _ecs(self, operation: str, asked: Json) -> None:
        caller, region = self._caller()
        self._note(f"ecs:{operation}", caller, region)
        identity = self.identity
        token = self.headers.get("X-Amz-Security-Token")
        if identity.valid_region not in (None, region):
            message = f"Credential should be scoped to a valid region, not '{region}'. "
            self._answer({"__type": "InvalidSignatureException", "message": message}, 400)
        elif caller in identity.refused:
            message = "The security token included in the request is expired"
            self._answer({"__type": "ExpiredTokenException", "message": message}, 400)
        elif caller.startswith("ASIA") and token is None:
            message = "The security token included in the request is invalid."
            self._answer({"__type": "UnrecognizedClientException", "message": message}, 400)
        elif operation == "ListClusters":
            self._answer({"clusterArns": [f"arn:aws:ecs:{region}:{ACCOUNT}:cluster/{caller}"]})
        else:
            [arn] = asked["clusters"]
            row = {"clusterArn": arn, "clusterName": caller, "status": "ACTIVE"}
            self._answer({"clusters": [row], "failures": []})
        if caller in identity.revoke_after:
            identity.revoke_after[caller] -= 1
            if not identity.revoke_after[caller]:
                identity.refused.add(caller)

    def _caller(self) -> tuple[str, str]:
        match = CREDENTIAL.search(self.headers.get("Authorization", ""))
        return (match[1], match[2]) if match else ("", "")

    def _note(self, operation: str, caller: str, region: str = "") -> None:
        self.identity.calls.append((operation, caller, region))

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _xml(self, action: str, result: str) -> None:
        self._answer(
            f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{result}</{action}Result>'
            f"<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></{action}Response>"
        )

    def _xml_fault(self, code: str, message: str, status: int = 400) -> None:
        fault = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        self._answer(f'<ErrorResponse xmlns="{NAMESPACE}">{fault}<RequestId>r-1</RequestId></ErrorResponse>', status)

    def _answer(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *told: Any) -> None:
        return


@contextmanager
def serve_identity() -> Iterator[Identity]:
    """Serve an :class:`Identity` on a free port of loopback."""
    identity = Identity()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"identity": identity}))
    server.daemon_threads = True
    identity.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield identity
    finally:
        server.shutdown()
        server.server_close()
