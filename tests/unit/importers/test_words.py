"""Durations, sizes, names, secrets, and what instances and Fargate tasks hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.importers.capacity import FARGATE, X86, Need, fargate_size, instances
from ecsctl.importers.report import escape, settle
from ecsctl.importers.units import cpu_units, looks_secret, mebibytes, project_name, safe_name, seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [("1m30s", 90), ("1.5h", 5400), ("500ms", 0.5), ("10", 10), ("2us", 2e-6), ("1h0m1s", 3601), ("1d", 86400)],
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "s", "1x", "m1", "-5s", "1m 30s", "9" * 30, "nan"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("512m", 512), ("1g", 1024), ("1.5GB", 1536), ("64MiB", 64), ("1048577", 2), ("300k", 1), ("1b", 1), ("0", 0)],
)
def test_sizes(text: str, value: int) -> None:
    assert mebibytes(text) == value


@pytest.mark.parametrize("text", ["", "m", "1x", "-1m", "1 2m", "9" * 40])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError):
        mebibytes(text)


def test_processors() -> None:
    assert [cpu_units(text) for text in ("0.5", "2", "0.0001")] == [512, 2048, 1]
    for text in ("0", "-1", "nan", "inf", "x", "1e9"):
        with pytest.raises(ValueError):
            cpu_units(text)


@given(st.text(max_size=300))
def test_names_are_such_as_aws_takes(text: str) -> None:
    import re

    assert re.fullmatch("[A-Za-z0-9_-]{1,255}", safe_name(text))
    assert re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]{0,39}", project_name(text))


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "POSTGRES_PASSWORD", "API_KEY", "github_token", "AWS_SECRET_ACCESS_KEY"]
)
def test_what_looks_like_a_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["LOG_LEVEL", "PASSWORD_FILE", "TOKEN_TTL", "KEYCLOAK_HOST", "COMPASS", "BYPASS_CACHE"]
)
def test_what_does_not(name: str) -> None:
    assert not looks_secret(name)


@given(st.text(alphabet="ab${}:-\\ ", max_size=20))
def test_an_escaped_text_means_itself(text: str) -> None:
    assert settle(escape(text)) == text


def test_templates_are_settled_by_their_defaults() -> None:
    assert settle("a${B:-c}d$$e") == "acd$e"
    assert settle("${B}") is None
    assert settle("${B:?must}") is None
    assert settle("${B-${C:-d}}") == "d"
    assert settle("${B:+x}y") == "y"
    assert settle("${B:-}") == ""


@given(st.integers(0, 16384), st.integers(0, 122880))
def test_a_fargate_task_is_of_a_size_there_is_and_holds_what_it_can(cpu: int, memory: int) -> None:
    units, size = fargate_size(cpu, memory)
    assert size in dict(FARGATE)[units]
    assert units >= cpu
    assert size >= memory or units == 16384


@given(
    st.lists(
        st.builds(Need, st.integers(0, 4096), st.integers(6, 8000), st.integers(0, 5), st.booleans(), st.just(False)),
        max_size=5,
    )
)
def test_instances_hold_the_tasks(needs: list[Need]) -> None:
    count, kind = instances(needs)
    sizes = {name: (cpu, memory) for name, cpu, memory in X86}
    cpu, memory = sizes[kind]
    assert count >= max([need.count for need in needs if need.apart], default=1)
    assert count * cpu >= sum(need.cpu * need.count for need in needs)
    assert count * memory >= sum(need.memory * need.count for need in needs)
    assert all(need.cpu <= cpu and need.memory <= memory for need in needs)
