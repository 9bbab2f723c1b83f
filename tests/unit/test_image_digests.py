"""Digests of images: of ECR, and of a registry that speaks Docker's HTTP API, with and without a login."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ecsctl.actions.image_digests import pinned
from ecsctl.errors import EcsctlError, ExitCode, NotFoundError
from tests.support.fake_aws import FakeAws, refused

DIGEST = f"sha256:{'ab' * 32}"
LOGIN = base64.b64encode(b"me:secret").decode()


class Registry(BaseHTTPRequestHandler):
    """``open`` is for anybody, ``team`` for a token, ``mine`` for a token got by login, ``basic`` for the login."""

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        repository, _, tag = self.path.removeprefix("/v2/").partition("/manifests/")
        kind = repository.partition("/")[0]
        given = self.headers.get("Authorization")
        wanted = {"open": None, "team": "Bearer anonymous", "mine": "Bearer me", "basic": f"Basic {LOGIN}"}.get(
            kind, "no"
        )
        if wanted is not None and given != wanted:
            self.send_response(401)
            realm = f"http://127.0.0.1:{self.server.server_port}/token"  # type: ignore[attr-defined]
            bearer = f'Bearer realm="{realm}",service="here",scope="repository:{repository}:pull"'
            self.send_header("WWW-Authenticate", 'Basic realm="here"' if kind == "basic" else bearer)
            self.end_headers()
            return
        assert "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
        self.send_response(200 if tag in ("1", "latest") else 404)
        self.send_header("Docker-Content-Digest", DIGEST)
        self.end_headers()

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        assert query["service"] == ["here"]
        assert query["scope"][0].endswith(":pull")
        who = "me" if self.headers.get("Authorization") == f"Basic {LOGIN}" else "anonymous"
        body = json.dumps({"token": who}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "config.json"


@pytest.mark.parametrize("repository", ["open/web", "team/web"])
def test_the_digest_takes_the_place_of_the_tag(registry: str, repository: str) -> None:
    expected = f"{registry}/{repository}@{DIGEST}"
    assert pinned(FakeAws({}), f"{registry}/{repository}:1") == expected
    assert pinned(FakeAws({}), f"{registry}/{repository}") == expected, "without a tag it is latest"


@pytest.mark.parametrize("repository", ["mine/web", "basic/web"])
def test_what_docker_login_left_is_used(registry: str, docker_config: Path, repository: str) -> None:
    with pytest.raises(EcsctlError, match="login"):
        pinned(FakeAws({}), f"{registry}/{repository}:1")
    docker_config.write_text(json.dumps({"auths": {registry: {"auth": LOGIN}}}))
    assert pinned(FakeAws({}), f"{registry}/{repository}:1").endswith(DIGEST)


def test_what_is_not_there_and_what_does_not_answer(registry: str) -> None:
    with pytest.raises(NotFoundError, match=f"has no image {registry}/open/web:2") as raised:
        pinned(FakeAws({}), f"{registry}/open/web:2")
    assert raised.value.code == ExitCode.NOT_FOUND
    with pytest.raises(EcsctlError, match=r"the registry 127\.0\.0\.1:1 cannot be asked"):
        pinned(FakeAws({}), "127.0.0.1:1/web:1")


def test_what_has_a_digest_is_asked_of_nobody() -> None:
    assert pinned(FakeAws({}), f"nowhere.invalid/web@{DIGEST}") == f"nowhere.invalid/web@{DIGEST}"


def test_ecr_is_asked_as_aws_is() -> None:
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    asked = FakeAws({"ecr:BatchGetImage": lambda query: {"images": [{"imageId": {"imageDigest": DIGEST}}]}})
    assert pinned(asked, f"{host}/team/web:7") == f"{host}/team/web@{DIGEST}"
    [(_, query)] = asked.calls
    assert query == {"registryId": "123456789012", "repositoryName": "team/web", "imageIds": [{"imageTag": "7"}]}
    with pytest.raises(NotFoundError, match="team/web:7"):
        pinned(FakeAws({"ecr:BatchGetImage": lambda query: {"images": []}}), f"{host}/team/web:7")
    gone = refused("ecr:BatchGetImage", "RepositoryNotFoundException")
    with pytest.raises(NotFoundError, match="team/web:7"):
        pinned(FakeAws({"ecr:BatchGetImage": gone}), f"{host}/team/web:7")
