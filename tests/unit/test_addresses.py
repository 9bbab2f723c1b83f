from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ecsctl.query.addresses import locate, ports_of, silent_containers
from ecsctl.query.views import age, instance_view, interface_view, task_view
from tests.support.world import World


def on_instance(bindings, public=True, **host):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    world = World()
    arn = world.instance(7, public=public, **host)
    view = task_view(world.task(1, on=arn, ports=bindings))
    ec2 = world.hosts[0] if world.hosts else None
    return replace(view, instance=instance_view(world.instances["web"][0], ec2))


def test_ipv4_and_ipv6_bindings_of_one_port_are_one_location() -> None:
    both = [
        {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 32768, "protocol": "tcp"},
        {"bindIP": "::", "containerPort": 80, "hostPort": 32768, "protocol": "tcp"},
    ]
    assert [one.bare for one in locate(on_instance(both)).locations] == ["198.51.100.7:32768"]


def test_a_port_bound_to_one_address_answers_there() -> None:
    bound = [
        {"bindIP": "10.9.9.9", "containerPort": 80, "hostPort": 80},
        {"bindIP": "127.0.0.1", "containerPort": 81, "hostPort": 81},
    ]
    found = locate(on_instance(bound))
    assert [one.endpoint for one in found.locations] == ["10.9.9.9:80", "127.0.0.1:81"]
    assert found.notes == ("port 81 of task 00000101 answers on i-00000000000000007 itself only",)


def test_ranges_are_ports_one_by_one() -> None:
    ranges = [{"bindIP": "0.0.0.0", "containerPortRange": "7000-7002", "hostPortRange": "32770-32772"}]
    found = locate(on_instance(ranges)).locations
    assert [(one.container_port, one.port) for one in found] == [(7000, 32770), (7001, 32771), (7002, 32772)]
    mappings = [{"containerPortRange": "7000-7001", "protocol": "udp"}]
    definition = {"containerDefinitions": [{"name": "web", "portMappings": mappings}]}
    assert ports_of(definition) == {"web": [(7000, "udp"), (7001, "udp")]}


def test_urls() -> None:
    bindings = [
        {"bindIP": "0.0.0.0", "containerPort": 443, "hostPort": 32768},
        {"bindIP": "0.0.0.0", "containerPort": 53, "hostPort": 53, "protocol": "udp"},
    ]
    https, dns = locate(on_instance(bindings)).locations
    assert https.url == "https://198.51.100.7:32768/"
    assert (dns.url, dns.endpoint, dns.bare) == (None, "198.51.100.7:53", "198.51.100.7:53/udp")


def test_an_interface_with_ipv6_only_is_bracketed() -> None:
    from dataclasses import replace

    view = task_view(World().task(1))
    interface = interface_view({"NetworkInterfaceId": "eni-1", "Ipv6Addresses": [{"Ipv6Address": "2001:db8::1"}]})
    view = replace(view, interface=interface)
    [found] = locate(view, {"nginx": [(80, "tcp")]}).locations
    assert (found.endpoint, found.url) == ("[2001:db8::1]:80", "http://[2001:db8::1]:80/")
    assert silent_containers(view, {"nginx": [(80, "tcp")]}) == []
    assert silent_containers(view, {}) == ["nginx"]


def test_any_loopback_address_answers_on_its_host_only() -> None:
    bound = [{"bindIP": "127.0.0.53", "containerPort": 53, "hostPort": 53, "protocol": "udp"}]
    found = locate(on_instance(bound))
    assert [one.endpoint for one in found.locations] == ["127.0.0.53:53"]
    assert found.notes == ("port 53 of task 00000101 answers on i-00000000000000007 itself only",)


def test_one_port_of_two_protocols_is_two_locations() -> None:
    both = [
        {"bindIP": "0.0.0.0", "containerPort": 53, "hostPort": 53, "protocol": protocol} for protocol in ("tcp", "udp")
    ]
    assert [one.bare for one in locate(on_instance(both)).locations] == ["198.51.100.7:53", "198.51.100.7:53/udp"]


def test_an_external_instance_has_its_ports_and_no_address() -> None:
    port = [{"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 8080, "protocol": "tcp"}]
    found = locate(on_instance(port, ec2_id="mi-0123456789abcdef0"))
    assert [(one.port, one.address) for one in found.locations] == [(8080, None)]
    [note] = found.notes
    assert note.startswith("task 00000101 runs on mi-0123456789abcdef0, an external instance whose address AWS does")
    assert note.endswith("its port there: 8080")


def test_nothing_is_said_of_the_address_of_a_task_that_publishes_nothing() -> None:
    view = replace(
        task_view(World().task(1)),
        interface=interface_view({"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.0.9"}),
    )
    assert locate(view, {}).notes == ()
    [note] = locate(view, {"nginx": [(80, "tcp")]}).notes
    assert "no public address: 10.0.0.9 is the private one" in note
    assert locate(view, {"nginx": [(80, "tcp")]}, private=True).notes == ()


def test_ages() -> None:
    from datetime import datetime, timedelta, timezone

    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    ages = [age(now - timedelta(seconds=seconds), now) for seconds in (0, 59, 60, 3600, 86400, -5)]
    assert ages == ["0s", "59s", "1m", "1h", "1d", "0s"]
    assert age(None, now) == "-"


ports = st.integers(1, 65535)
bindings = st.lists(
    st.fixed_dictionaries(
        {
            "containerPort": ports,
            "hostPort": ports,
            "protocol": st.sampled_from(["tcp", "udp"]),
            "bindIP": st.sampled_from(["0.0.0.0", "::"]),
        }
    ),
    max_size=6,
)


@given(bindings, st.booleans(), st.booleans())
def test_every_published_port_is_located_once(given_bindings, public, private) -> None:  # type: ignore[no-untyped-def]
    found = locate(on_instance(given_bindings, public), private=private)
    address = "198.51.100.7" if public and not private else "10.0.0.7"
    expected = {(row["containerPort"], row["hostPort"], row["protocol"]) for row in given_bindings}
    assert len(found.locations) == len(expected)
    assert {(one.container_port, one.port, one.protocol) for one in found.locations} == expected
    assert {one.address for one in found.locations} <= {address}
    assert bool(found.notes) is (bool(expected) and not public and not private)
