"""Loopback addresses: one an owner, never shared, kept over a restart where nobody else has taken them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecsctl.sandbox.ec2.loopback_addresses import CLAIM_PORT, HOSTS, LoopbackAddresses
from tests.sandbox.support import Account, fetch, until
from tests.support.engine import IMAGE, build_images
from tests.support.sandbox import start_sandbox

pytestmark = pytest.mark.slow

NETS = (77, 78)


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[LoopbackAddresses]:
    made = LoopbackAddresses(NETS, str(tmp_path))
    yield made
    made.release_all()


@contextmanager
def taken(address: str) -> Iterator[None]:
    """Another sandbox has this address."""
    with socket.create_server((address, CLAIM_PORT)):
        yield


def test_an_owner_keeps_its_address(addresses: LoopbackAddresses) -> None:
    assert addresses.of("a") == addresses.of("a") == addresses.get("a")
    assert addresses.of("b") != addresses.of("a")


def test_an_address_that_was_given_back_is_free(addresses: LoopbackAddresses) -> None:
    first = addresses.of("a")
    addresses.release("a")
    assert addresses.get("a") is None
    assert addresses.of("b") == first


def test_a_net_that_is_full_is_followed_by_the_next(addresses: LoopbackAddresses) -> None:
    given = [addresses.of(f"i-{number}") for number in range(HOSTS + 2)]
    assert len(set(given)) == HOSTS + 2
    assert {address.rsplit(".", 1)[0] for address in given} == {"127.0.77", "127.0.78"}
    assert given[-1].startswith("127.0.78.")


def test_the_wish_is_granted_where_it_is_a_free_loopback_address(addresses: LoopbackAddresses) -> None:
    assert addresses.of("a", "127.0.77.123") == "127.0.77.123"
    assert addresses.of("b", "127.0.77.123") != "127.0.77.123"
    assert addresses.of("c", "54.1.2.3").startswith("127.0.77.")


def test_what_another_sandbox_has_is_not_given_out(tmp_path: Path, addresses: LoopbackAddresses) -> None:
    first = addresses.of("a")
    neighbour = LoopbackAddresses(NETS, str(tmp_path))
    assert neighbour.of("a") != first
    neighbour.release_all()


def test_two_sandboxes_begin_elsewhere() -> None:
    first, second = LoopbackAddresses(NETS, "/one"), LoopbackAddresses(NETS, "/two")
    assert first.of("a") != second.of("a")
    first.release_all()
    second.release_all()


def test_an_address_that_was_taken_while_the_sandbox_was_stopped(tmp_path: Path) -> None:
    moved(tmp_path, "never", "web:1")


@pytest.mark.docker
def test_a_container_moves_with_its_instance_to_another_address(tmp_path: Path) -> None:
    build_images(IMAGE)
    moved(tmp_path, "always", IMAGE)


def moved(folder: Path, docker: str, image: str) -> None:
    """A task answers at another address after a restart, where its instance's own was taken."""
    with start_sandbox(folder, docker=docker) as sandbox:
        account = Account(sandbox.client)
        account.ecs.create_cluster(clusterName="moved")
        account.profile("moved")
        instance = account.instance("moved", "moved")
        account.member("moved", instance)
        account.register("moved", image, portMappings=[{"containerPort": 80, "hostPort": 8060}])
        arn = account.run("moved", "moved")
        account.reached(arn, "RUNNING")
        before = account.public_address(instance)
        until(lambda: fetch(f"http://{before}:8060/")[0] == 200, "an answer")
        sandbox.sandbox.stop()
        with taken(before):
            port = int(sandbox.endpoint.rsplit(":", 1)[1])
            sandbox.sandbox.start(port=port, docker=docker)
            after = account.public_address(instance)
            assert after != before
            assert account.task(arn)["lastStatus"] == "RUNNING"
            until(lambda: fetch(f"http://{after}:8060/")[0] == 200, "an answer at the new address")
            assert fetch(f"http://{before}:8060/")[0] == 0
            assert account.task(arn)["lastStatus"] == "RUNNING"
