"""Durations, memory and CPU as people write them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.units import cores_cpu_units, cpu_units, docker_memory_mib, duration, memory_mib, seconds

PARSERS: list[Callable[[str], float]] = [
    duration, seconds, memory_mib, docker_memory_mib, cpu_units, cores_cpu_units,
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5m", 90), ("0", 0), ("1m30s", 90), ("1.5h", 5400),
        ("500ms", 0.5), ("2us", 2e-6), ("2µs", 2e-6), ("3ns", 3e-9), ("1h0m1s", 3601), ("1d", 86400), ("1s500ms", 1.5),
        (" 5s ", 5),
    ],
)  # fmt: skip
def test_durations(text: str, value: float) -> None:
    assert duration(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", " ", "s", "soon", "10x", "-5", "-5s", "m1", "1m1h", "1m 30s", "9" * 30, "1e3"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 30s, 10m or 1h30m"):
        duration(text)


def test_whole_seconds() -> None:
    assert seconds("1m30s") == 90
    with pytest.raises(ValueError, match="not a whole number of seconds"):
        seconds("1500ms")


@pytest.mark.parametrize(
    ("text", "value"),
    [("512MB", 512), ("1GB", 1024), ("1GiB", 1024), ("0.5 GB", 512), (".5gb", 512), ("512m", 512), ("512", 512),
     ("1048576b", 1), ("1T", 1024**2)],
)  # fmt: skip
def test_memory_as_ecs_has_it(text: str, value: int) -> None:
    assert memory_mib(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("512m", 512), ("1g", 1024), ("1.5GB", 1536), ("64MiB", 64), ("1048577", 2), ("300k", 1), ("1b", 1), ("0", 0)],
)
def test_memory_as_docker_has_it(text: str, value: int) -> None:
    assert docker_memory_mib(text) == value


@pytest.mark.parametrize("text", ["", "m", "1x", "-1m", "1 2m", "9" * 40, "1e3MB", "MB1", "1MBB"])
def test_what_is_no_memory(text: str) -> None:
    for parse in (memory_mib, docker_memory_mib):
        with pytest.raises(ValueError, match="write it"):
            parse(text)


def test_a_part_of_a_mebibyte_is_none_in_ecs() -> None:
    with pytest.raises(ValueError, match="not a whole number of MiB"):
        memory_mib("1.0001MB")


def test_processors() -> None:
    assert [cpu_units(text) for text in ("0.25vCPU", "2 vcpu", ".5 vCPUs", "256")] == [256, 2048, 512, 256]
    assert [cores_cpu_units(text) for text in ("0.5", "2", "0.0001")] == [512, 2048, 1]
    for text in ("", "0.3333vCPU", "1.5", "x"):
        with pytest.raises(ValueError):
            cpu_units(text)
    for text in ("0", "-1", "nan", "inf", "x", "1e9", "193"):
        with pytest.raises(ValueError):
            cores_cpu_units(text)


@given(st.integers(0, 10**6))
def test_amounts_are_read_as_they_are_written(number: int) -> None:
    assert memory_mib(f"{number}MB") == memory_mib(f"{number} MiB") == memory_mib(str(number)) == number
    assert memory_mib(f"{number}g") == number * 1024
    assert seconds(f"{number}s") == seconds(str(number)) == number
    assert seconds(f"{number}h{number}m{number}s") == number * 3661
    assert cpu_units(f"{number}vCPU") == number * 1024


@given(st.text(max_size=12), st.sampled_from(PARSERS))
def test_any_text_is_an_amount_or_a_value_error(text: str, parse: Callable[[str], float]) -> None:
    with contextlib.suppress(ValueError):
        assert parse(text) >= 0
