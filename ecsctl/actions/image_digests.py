"""The digest of an image's name: asked of ECR, or of any registry that answers on Docker's HTTP API version 2."""

from __future__ import annotations

import base64
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ecsctl.ecs_definitions.image_names import DOCKER_HUB, ImageName, image_name
from ecsctl.errors import AwsError, EcsctlError, NotFoundError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = ("ecr:BatchGetImage",)

ECR = re.compile(r"(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)")
HUB_HOST = "registry-1.docker.io"
HUB_LOGIN = "https://index.docker.io/v1/"
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
TIMEOUT_SECONDS = 15.0
PARAMETER = re.compile(r'(\w+)="([^"]*)"')


def pinned(aws: Aws, image: str) -> str:
    """The image's name with its digest in the place of its tag: what it is now, it stays.

    Raises:
        NotFoundError: the registry has no such tag.
        EcsctlError: the registry does not answer, or refuses to.
    """
    name = image_name(image)
    if name.digest:
        return image
    tagged = replace(name, tag=name.tag or "latest")
    digest = _of_ecr(aws, tagged) if ECR.fullmatch(name.registry) else _of_registry(tagged)
    return str(ImageName(name.repository, None, digest))


def _of_ecr(aws: Aws, name: ImageName) -> str:
    """The digest of an image in ECR (ecr:BatchGetImage), in the registry's own region."""
    match = ECR.fullmatch(name.registry)
    assert match is not None
    account, region = match.groups()
    there = aws if region == aws.region else type(aws)(replace(aws.target, region=region))
    query = {"registryId": account, "repositoryName": name.path, "imageIds": [{"imageTag": name.tag}]}
    try:
        answer = there.call("ecr", "BatchGetImage", query, about=f"image {name}")
    except AwsError as error:
        if error.aws_code == "RepositoryNotFoundException":
            raise _missing(name) from error
        raise
    for row in answer.get("images", ()):
        digest = row.get("imageId", {}).get("imageDigest")
        if digest:
            return str(digest)
    raise _missing(name)


def _missing(name: ImageName) -> NotFoundError:
    return NotFoundError(
        f"the registry {name.registry} has no image {name}", hint="check its name and tag, or push it first"
    )


def _of_registry(name: ImageName) -> str:
    """The digest of an image by HEAD of its manifest, with the token that the registry asks for."""
    host = HUB_HOST if name.registry == DOCKER_HUB else name.registry
    # As Docker itself: a registry on this machine is asked without TLS.
    scheme = "http" if re.match(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|$)", host) else "https"
    url = f"{scheme}://{host}/v2/{name.path}/manifests/{name.tag}"
    headers = {"Accept": ", ".join(MANIFESTS)}
    login = _login(name.registry)
    try:
        try:
            return _digest(url, headers)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
            challenge = error.headers.get("WWW-Authenticate", "")
        return _digest(url, {**headers, "Authorization": _authorization(challenge, login, name)})
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise _missing(name) from error
        why = "it requires a login" if error.code in (401, 403) else f"HTTP status {error.code}"
        raise EcsctlError(
            f"the registry {name.registry} did not return the digest of {name}: {why}",
            hint="`docker login` first, or write the digest yourself: REPOSITORY@sha256:…",
        ) from error
    except (OSError, ValueError) as error:
        raise EcsctlError(
            f"the registry {name.registry} cannot be asked for the digest of {name}: {error}",
            hint="check the network, or write the digest yourself: REPOSITORY@sha256:…",
        ) from error


def _digest(url: str, headers: Mapping[str, str]) -> str:
    request = urllib.request.Request(url, headers=dict(headers), method="HEAD")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        digest = answer.headers.get("Docker-Content-Digest")
    if not digest:
        raise ValueError("it answers without a digest")
    return str(digest)


def _authorization(challenge: str, login: str | None, name: ImageName) -> str:
    """The ``Authorization`` that answers a registry's challenge.

    Raises:
        ValueError: it is a challenge of another kind, or the token service gives none.
    """
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() == "basic" and login:
        return f"Basic {login}"
    said = dict(PARAMETER.findall(rest))
    if scheme.lower() != "bearer" or "realm" not in said:
        raise ValueError("it requires a login, and `docker login` has not stored one on this machine")
    query = {"service": said.get("service", ""), "scope": said.get("scope") or f"repository:{name.path}:pull"}
    request = urllib.request.Request(f"{said['realm']}?{urlencode(query)}")
    if login:
        request.add_header("Authorization", f"Basic {login}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        told = json.load(answer)
    token = told.get("token") or told.get("access_token")
    if not token:
        raise ValueError("its token service returned no token")
    return f"Bearer {token}"


def _login(registry: str) -> str | None:
    """What ``docker login`` keeps for a registry in Docker's own file (base64 of user:password), where it does."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        known = json.loads((folder / "config.json").read_text()).get("auths", {})
        row = known.get(HUB_LOGIN if registry == DOCKER_HUB else registry) or known.get(f"https://{registry}") or {}
        auth = str(row.get("auth") or "")
        base64.b64decode(auth, validate=True)
    except (OSError, ValueError, AttributeError):
        return None
    return auth or None
