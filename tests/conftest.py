"""What pytest must know wherever it is started from: the options of the conformance suite, how hypothesis draws."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.support.sandbox import Running

# A shell starts background jobs with Ctrl-C ignored, and their children inherit that: the commands under test, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# So does nohup with a hang-up.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Commands under test that keep no bytecode take three times as long.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A run's verdict depends on the code alone, not on how busy the machine is. HYPOTHESIS_PROFILE=default draws other
# examples each time.
settings.register_profile("same", derandomize=True, deadline=None)
# A fifth of the examples of the properties that say no number of their own, for `make test`.
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=20)


@pytest.fixture(scope="session")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    from tests.support.sandbox import start_sandbox

    with start_sandbox(tmp_path_factory.mktemp("sandbox"), docker="never", speed=0) as running:
        yield running


@pytest.fixture
def sandbox(_sandbox: Running) -> Running:
    """An empty AWS: this worker's sandbox, which simulates containers. Its clock stands still (``Running.aws``)."""
    _sandbox.renew()
    return _sandbox


@pytest.fixture(scope="session")
def _containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    from tests.support.engine import IMAGE, build_images
    from tests.support.sandbox import start_sandbox

    build_images(IMAGE)
    with start_sandbox(tmp_path_factory.mktemp("containers"), docker="always") as running:
        yield running


@pytest.fixture(scope="module")
def containers(_containers: Running) -> Running:
    """This worker's sandbox that runs containers, emptied for the module; its clock is the real one."""
    _containers.sandbox.reset()
    _containers.run(1)
    return _containers


def pytest_collection_finish() -> None:
    # Python goes through all that it has collected again and again, for longer than most tests take.
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "the facts of the ECS API (tests/conformance)")
    group.addoption("--endpoint-url", metavar="URL", help="ask this endpoint; else a sandbox of the suite's own")
    group.addoption(
        "--real-account",
        metavar="ID",
        help="ask AWS: the environment's credentials must be of this account",
    )
    group.addoption("--allow-costs", action="store_true", help="on a real account, ask also what costs money")
    group.addoption("--step-clock", action="store_true", help="the endpoint is a sandbox, and its clock may be stepped")
    group.addoption("--facts-json", metavar="FILE", help="write which facts held and which were missed")
    group.addoption("--patience", type=float, metavar="FACTOR", help="multiply every deadline (real account: 30)")
    group.addoption(
        "--image",
        default="public.ecr.aws/docker/library/busybox:stable",
        help="the image of the suite's tasks: any that has sh and sleep",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
    config.addinivalue_line("markers", "costs: costs money on a real account, where it needs --allow-costs")
