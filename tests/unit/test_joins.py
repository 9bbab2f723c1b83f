"""Tasks joined with their hosts, their interfaces and their zones."""

from __future__ import annotations

from ecsctl.query.joins import join
from ecsctl.query.views import task_view
from tests.support.world import World

PORT = [{"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp"}]


def attachment(*details: tuple[str, str]) -> dict[str, object]:
    rows = [{"name": name, "value": value} for name, value in details]
    return {"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": rows}


def test_ec2_is_asked_of_the_hosts_of_published_ports_only() -> None:
    world = World()
    public, silent = world.instance(1), world.instance(2)
    tasks = [
        world.task(1, on=public, ports=PORT),
        world.task(2, on=public),
        world.task(3, on=silent),
    ]
    aws = world.aws()
    joined = join(aws, [task_view(task) for task in tasks])
    assert [task.instance.public_address if task.instance else None for task in joined] == [
        "198.51.100.1",
        "198.51.100.1",
        None,
    ]
    asked = [query["Filters"][0]["Values"] for name, query in aws.calls if name == "ec2:DescribeInstances"]
    assert asked == [["i-00000000000000001"]]


def test_a_task_is_in_the_zone_of_its_host_where_it_says_none() -> None:
    world = World()
    here = world.instance(1)
    tasks = [world.task(1, on=here), world.task(2, on=here, availabilityZone="eu-west-1c"), world.task(3)]
    assert [task.zone for task in join(world.aws(), [task_view(task) for task in tasks])] == [
        "eu-west-1a",
        "eu-west-1c",
        None,
    ]


def test_what_ec2_does_not_say_of_an_interface_stays_as_the_task_says_it() -> None:
    world = World()
    world.interfaces = [{"NetworkInterfaceId": "eni-1", "Association": {"PublicIp": "198.51.100.9"}}]
    said = attachment(("networkInterfaceId", "eni-1"), ("privateIPv4Address", "10.0.0.9"))
    unknown = attachment(("networkInterfaceId", "eni-2"), ("privateIPv4Address", "10.0.0.8"))
    tasks = [world.task(1, attachments=[said]), world.task(2, attachments=[unknown])]
    first, second = join(world.aws(), [task_view(task) for task in tasks])
    assert first.interface is not None
    assert (first.interface.public_address, first.interface.private_address) == ("198.51.100.9", "10.0.0.9")
    assert second.interface is not None
    assert (second.interface.public_address, second.interface.private_address) == (None, "10.0.0.8")
