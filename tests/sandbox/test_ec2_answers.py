"""DescribeInstances' answer is moto's own, to the last character."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ecsctl.sandbox.moto_patches.ec2_answers import OPERATIONS, Writer


@pytest.fixture(scope="module")
def reservations() -> list[Any]:
    """Instances of many kinds: plain, tagged, with a profile, of Spot, with interfaces and volumes, ended."""
    from moto.ec2.models import ec2_backends

    backend = ec2_backends["210987654321"]["eu-west-1"]
    subnet = next(iter(next(iter(backend.subnets.values())).values()))
    volume = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": False}}
    kinds: list[dict[str, Any]] = [
        {},
        {"tags": {"instance": {"Name": 'a <b> & "c"', "empty": ""}}},
        {"subnet_id": subnet.id, "private_ip": None, "associate_public_ip": True},
        {"instance_market_options": "spot", "ebs_optimized": True},
        {"block_device_mappings": [volume]},
        {"nics": [{"DeviceIndex": 0, "SubnetId": subnet.id, "DeleteOnTermination": False}]},
        {"key_name": "key", "monitoring_state": "enabled", "hibernation_options": {"Configured": True}},
    ]
    for kind in kinds:
        backend.run_instances(
            "ami-12c6146b", 2, None, [], instance_type="t3.small", is_instance_type_default=False, **kind
        )
    backend.terminate_instances([backend.all_instances()[0].id])
    backend.stop_instances([backend.all_instances()[3].id])
    return list(backend.reservations.values())


def serializer(operation: str) -> Any:
    from moto.core.serialize import EC2Serializer, XFormedAttributePicker
    from moto.core.utils import get_service_model
    from moto.ec2.responses._base_response import EC2BaseResponse

    picker = XFormedAttributePicker(response_transformers=EC2BaseResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER)
    return EC2Serializer(operation_model=get_service_model("ec2").operation_model(operation), value_picker=picker)


@pytest.mark.parametrize("token", [None, "r-1"])
def test_the_answer_is_motos(reservations: list[Any], token: str | None) -> None:
    result = {"Reservations": reservations, "NextToken": token}
    for operation, wanted in itertools.product(OPERATIONS, (result, {"Reservations": []})):
        theirs = serializer(operation)
        expected = theirs.serialize(wanted)["body"]
        ours = Writer(serializer(operation)).write(wanted, theirs.context.request_id)
        assert ours == expected
        # What is known of a class of objects by now gives the same once more.
        writer = Writer(serializer(operation))
        assert writer.write(wanted, theirs.context.request_id) == writer.write(wanted, theirs.context.request_id)
