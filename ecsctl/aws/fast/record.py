"""What botocore decided for a configuration, recorded from a request of its own and read by the next command.

A record holds no secret: of credentials it only says where they stand.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecsctl import __version__
from ecsctl.aws.cache import cache_folder, write_atomically

if TYPE_CHECKING:
    from ecsctl.aws.target import Target

Json = dict[str, Any]

# The operations that are asked this way: reads, which may be asked again.
OPERATIONS: dict[str, tuple[str, ...]] = {
    "ecs": (
        "DescribeClusters", "DescribeContainerInstances", "DescribeServices", "DescribeTaskDefinition",
        "DescribeTasks", "ListClusters", "ListContainerInstances", "ListServices", "ListTasks",
    ),
    "ec2": ("DescribeInstances", "DescribeNetworkInterfaces"),
}  # fmt: skip
# Credentials that stand there to be read, as those of an assumed role do in the cache; all others have to be fetched,
# which is botocore's business.
STATIC = frozenset({"explicit", "env", "shared-credentials-file", "config-file"})
MAX_RECORDS = 40
# Goes up when a record says something else, or in another form.
FORMAT = 3
SECRETS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"})
# What botocore and the TLS libraries read of the environment besides AWS_*.
ALSO_READ = ("HOME", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def path_of(target: Target) -> Path | None:
    """Where the record of a target's configuration is kept; None where botocore is not a plain installation."""
    digest = _digest(target)
    return cache_folder() / f"fast-{digest}.json" if digest else None


def load(target: Target) -> Json | None:
    """The record of a target's configuration, or None where there is none."""
    path = path_of(target)
    if path is None:
        return None
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def config_files() -> tuple[str, str]:
    """The paths of the configuration file and of the credentials file."""
    config = os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    credentials = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    return os.path.expanduser(config), os.path.expanduser(credentials)


def _digest(target: Target) -> str | None:
    botocore = next(
        (p for p in (os.path.join(folder, "botocore", "__init__.py") for folder in sys.path) if _stat(p)), ""
    )
    if not botocore:
        return None
    parts = [__version__, str(FORMAT), botocore, str(_stat(botocore)), str(OPERATIONS)]
    parts += [repr((target.region, target.profile, target.endpoint_url, target.credentials is not None))]
    for name in sorted(os.environ):
        if name in SECRETS:
            parts.append(f"{name} is set" if os.environ[name] else name)
        elif name.startswith("AWS_") or name.upper().endswith("_PROXY") or name in ALSO_READ:
            parts.append(f"{name}={os.environ[name]}")
    parts += [f"{file} {_stat(file)}" for file in config_files()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _stat(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def record_requests(target: Target, session: Any, service: str, client: Any) -> None:
    """Record what a botocore client decides when it makes its next request of ``service``.

    Args:
        session: the botocore session that made ``client``.
    """
    path = path_of(target)
    if service not in OPERATIONS or path is None:
        return
    done: list[bool] = []

    def take(request: Any, **more: Any) -> None:
        if done:
            return
        done.append(True)
        try:
            part = _service_part(request, client)
            found = load(target) or {"services": {}, **_common_part(session, client, target)}
            found["services"][service] = part
            write_atomically(path, json.dumps(found, separators=(",", ":")).encode())
            _prune(path.parent)
        except (_NotPlainError, OSError):
            return

    client.meta.events.register_first(f"before-send.{client.meta.service_model.service_id.hyphenize()}", take)


class _NotPlainError(Exception):
    """The configuration is not the plain case."""


def _common_part(session: Any, client: Any, target: Target) -> Json:
    http = client._endpoint.http_session
    credentials = client._request_signer._credentials
    method = "explicit" if target.credentials else getattr(credentials, "method", None)
    role = None if method in STATIC else _role_file(credentials)
    if (method not in STATIC and role is None) or os.environ.get("AWS_CREDENTIAL_EXPIRATION"):
        raise _NotPlainError
    if http._proxy_config._proxies or http._cert_file or http._verify is False:
        raise _NotPlainError
    from botocore.httpsession import get_cert_path

    return {
        "region": client.meta.region_name,
        "partition": client.meta.partition,
        "credentials": method,
        "role": role,
        "profile": session.profile or "default",
        "ca": str(get_cert_path(http._verify)),
    }


def _role_file(credentials: Any) -> str | None:
    """Where botocore keeps the keys of an assumed role (by a profile, web identity or IAM Identity Center)."""
    refresh = getattr(credentials, "_refresh_using", None)
    # What asks for an MFA code is put around it.
    fetcher = getattr(getattr(refresh, "_refresh", refresh), "__self__", None)
    path_of_key = getattr(getattr(fetcher, "_cache", None), "_convert_cache_key", None)
    return str(path_of_key(fetcher._cache_key)) if fetcher is not None and path_of_key else None


def _service_part(request: Any, client: Any) -> Json:
    authorization = request.headers.get("Authorization", b"")
    text = authorization.decode() if isinstance(authorization, bytes) else str(authorization)
    if request.method != "POST" or not text.startswith("AWS4-HMAC-SHA256 Credential="):
        raise _NotPlainError
    _, _, region, service, _ = text.split(",")[0].split("=", 1)[1].rsplit("/", 4)
    model = client.meta.service_model
    part: Json = {
        "url": request.url,
        "region": region,
        "name": service,
        "protocol": model.resolved_protocol,
        "operations": {},
    }
    operations = {name: model.operation_model(name) for name in OPERATIONS[model.service_name]}
    if part["protocol"] == "json":
        part |= {"json": model.metadata["jsonVersion"], "target": model.metadata["targetPrefix"]}
        for name, operation in operations.items():
            output = operation.output_shape
            taken = {"members": list(output.members), "times": times_of(output)}
            part["operations"][name] = [list(operation.input_shape.members), taken]
    elif part["protocol"] == "ec2":
        part |= {"version": model.metadata["apiVersion"], "shapes": {}}
        for name, operation in operations.items():
            shapes = (operation.input_shape, operation.output_shape)
            part["operations"][name] = [_shape(shape, part["shapes"]) for shape in shapes]
    else:
        raise _NotPlainError
    return part


def times_of(shape: Any) -> Json:
    """Where the times are in a shape: by each member that is one ``{}``, by each that holds some the same of itself.

    A list is as its items are.
    """
    while shape.type_name == "list":
        shape = shape.member
    found: Json = {}
    for name, member in getattr(shape, "members", {}).items():
        inner = times_of(member)
        if inner or member.type_name == "timestamp":
            found[name] = inner
    return found


def _shape(shape: Any, shapes: Json) -> str:
    """The name of a shape, which is added to ``shapes`` with all that it is made of.

    A structure is ``{"members": {name: [name in the query, name in the answer, shape]}}``, a list ``{"item": [element,
    shape]}``, anything else ``{"type": …}``.
    """
    if shape.name in shapes:
        return str(shape.name)
    made: Json = {"type": shape.type_name}
    shapes[shape.name] = made
    if shape.type_name == "structure":
        made["members"] = {
            name: [
                member.serialization.get("queryName") or _capitalized(member.serialization.get("name", name)),
                member.serialization.get("name", name),
                _shape(member, shapes),
            ]
            for name, member in shape.members.items()
        }
    elif shape.type_name == "list":
        made["item"] = [shape.member.serialization.get("name", "member"), _shape(shape.member, shapes)]
    return str(shape.name)


def _capitalized(name: str) -> str:
    return name[:1].upper() + name[1:]


def _prune(folder: Path) -> None:
    """Forget the records that have not been written for the longest time."""
    found = sorted(folder.glob("fast-*.json"), key=lambda path: path.stat().st_mtime)
    for path in found[:-MAX_RECORDS]:
        path.unlink(missing_ok=True)
