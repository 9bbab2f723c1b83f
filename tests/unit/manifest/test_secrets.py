"""What looks like a secret, by name and by value."""

from __future__ import annotations

import pytest

from ecsctl.manifest.secrets import looks_secret


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASSWORD", "POSTGRES_PASSWORD", "DB_PASS", "MYSQL_PWD", "API_KEY", "apiKey", "github_token", "splunk-token",
        "AWS_SECRET_ACCESS_KEY", "SECRET_KEY_BASE", "SENTRY_DSN", "ConnectionString", "RSA_PRIVATE_KEY", "JWT_SECRET",
    ],
)  # fmt: skip
def test_by_its_name(name: str) -> None:
    assert looks_secret(name)
    assert looks_secret(name, "hunter2")


@pytest.mark.parametrize(
    "name",
    [
        "LOG_LEVEL", "PASSWORD_FILE", "TOKEN_TTL", "KEYCLOAK_HOST", "COMPASS", "BYPASS_CACHE", "PASS_THROUGH", "KEYS",
        "TOKENIZER_MODEL", "SECRET_ARN", "AWS_ACCESS_KEY_ID", "TOKEN_URL", "PWD_MODE",
    ],
)  # fmt: skip
def test_not_by_its_name(name: str) -> None:
    assert not looks_secret(name)
    assert not looks_secret(name, "hunter2")


@pytest.mark.parametrize(
    "value",
    [
        "postgres://app:hunter2@db:5432/app",
        "redis://:hunter2@cache",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN RSA PRIVATE KEY-----\nMII",
        "ghp_" + "a" * 36,
    ],
)
def test_by_its_value(value: str) -> None:
    assert looks_secret("DATABASE_URL", value)


@pytest.mark.parametrize(
    "value", ["", "true", "required", "30", "/run/secrets/db", "arn:aws:ssm:eu-west-1:1:parameter/x", "${T}"]
)
def test_some_values_are_none_under_any_name(value: str) -> None:
    assert not looks_secret("DB_PASSWORD", value)


@pytest.mark.parametrize("value", ["https://example.com:8443/a@b", "http://example.com/?next=a:b@c", "mailto:a@b"])
def test_not_every_url_has_a_password(value: str) -> None:
    assert not looks_secret("HOME_PAGE", value)
