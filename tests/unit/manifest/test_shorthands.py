"""Every shorthand of the table becomes what the table says, and what cannot be read is told at its place."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.manifest import check
from ecsctl.manifest.schema.api import definitions
from ecsctl.manifest.shorthands.expand import Expander
from ecsctl.manifest.shorthands.table import SHORTHANDS, markdown
from ecsctl.manifest.yaml.nodes import Scalar, made, plain
from ecsctl.manifest.yaml.reader import read

AT = Scalar("f.yaml", 1, 1, None)


def container(text: str) -> tuple[Any, list[str]]:
    """A container definition of this YAML, expanded, and the faults."""
    root, faults = read("f.yaml", text.encode())
    assert root is not None
    assert not faults
    expander = Expander(definitions())
    return plain(expander.expand(root, "ContainerDefinition")), [str(fault) for fault in expander.faults]


def expanded(shape: str, member: str | None, value: Any) -> Any:
    """``value`` expanded where the shape, or this member of it, stands."""
    expander = Expander(definitions())
    data = {member: value} if member else value
    result = plain(expander.expand(made(data, AT), shape, key="web"))
    assert not expander.faults, [str(fault) for fault in expander.faults]
    return result[member] if member else result


# Short forms among the members of a shape, which have tests of their own.
WHOLE = ("TaskDefinition", "ContainerDefinition")


@pytest.mark.parametrize("name", [name for name in SHORTHANDS if name not in WHOLE])
def test_the_short_form_of_the_table_becomes_its_long_form(name: str) -> None:
    shorthand = SHORTHANDS[name]
    shape, _, member = name.partition(".")
    short, long = yaml.safe_load(shorthand.short), yaml.safe_load(shorthand.long)
    if shape in ("Ingress", "Listener"):
        assert [expanded(shape, None, item) for item in short] == [expanded(shape, None, item) for item in long] or [
            {**item, **expanded(shape, None, given)} for item, given in zip(long, short, strict=True)
        ] == [expanded(shape, None, item) for item in short]
        return
    assert expanded(shape, member or None, short) == long
    assert expanded(shape, member or None, long) == long


def test_a_family_of_one_container_becomes_a_list_of_one() -> None:
    shorthand = SHORTHANDS["TaskDefinition"]
    short, long = yaml.safe_load(shorthand.short)["web"], yaml.safe_load(shorthand.long)["web"]
    assert expanded("TaskDefinition", None, short) == long
    assert expanded("TaskDefinition", None, long) == long


def task(text: str, region: str | None = None) -> tuple[Any, list[str]]:
    """The task definition ``web`` of this YAML, expanded, and the faults."""
    root, _ = read("f.yaml", text.encode())
    assert root is not None
    expander = Expander(definitions())
    expanded = expander.expand(root, "TaskDefinition", key="web")
    expander.settle(expanded, region)
    return plain(expanded), [str(fault) for fault in expander.faults]


def test_logs_become_a_log_configuration_that_makes_its_group() -> None:
    options = {"awslogs-group": "/ecs/web", "awslogs-stream-prefix": "c"}
    data, faults = task("containerDefinitions: [{name: c, image: x, logs: awslogs}]")
    assert not faults
    assert data["containerDefinitions"][0] == {
        "name": "c",
        "image": "x",
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }
    data, _ = task("{image: x, logs: awslogs}", "eu-west-1")
    assert data["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-region"] == "eu-west-1"
    _, faults = task("{image: x, logs: splunk}")
    assert faults[0].startswith(
        "f.yaml:1:18: containerDefinitions[0].logs: the string 'splunk' is not an allowed value of logs (awslogs"
    )
    _, faults = task("{image: x, logs: awslogs, logConfiguration: {logDriver: splunk}}")
    assert "logs and logConfiguration cannot be used together" in faults[0]


def test_volumes_of_a_container_are_mounts_and_declare_what_they_name() -> None:
    mounts = [
        {"sourceVolume": "data", "containerPath": "/d", "readOnly": True},
        {"sourceVolume": "run-x-sock", "containerPath": "/x"},
    ]
    volumes = [{"name": "data"}, {"name": "run-x-sock", "host": {"sourcePath": "/run/x.sock"}}]
    box = "{name: c, image: x, volumes: ['data:/d:ro', '/run/x.sock:/x']}"
    data, faults = task(f"containerDefinitions: [{box}]")
    assert not faults
    assert data["containerDefinitions"][0]["mountPoints"] == mounts
    assert data["volumes"] == volumes
    data, _ = task("{image: x, volumes: ['data:/d:ro', '/run/x.sock:/x']}")
    assert (data["containerDefinitions"][0]["mountPoints"], data["volumes"]) == (mounts, volumes)
    data, _ = task(f"volumes: {{data: /srv}}\ncontainerDefinitions: [{box}]")
    assert data["volumes"] == [{"name": "data", "host": {"sourcePath": "/srv"}}, volumes[1]]
    data, _ = task(f"volumes: [{{name: data, host: {{sourcePath: /srv}}}}]\ncontainerDefinitions: [{box}]")
    assert data["volumes"] == [{"name": "data", "host": {"sourcePath": "/srv"}}, volumes[1]]
    _, faults = task("containerDefinitions: [{name: c, image: x, volumes: ['./a:/b']}]")
    assert "./a is not an absolute path" in faults[0] or ". is not an absolute path" in faults[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('portMappings: ["80"]', [{"containerPort": 80}]),
        ("portMappings: [80]", [{"containerPort": 80}]),
        ('portMappings: ["8080:80/udp"]', [{"containerPort": 80, "hostPort": 8080, "protocol": "udp"}]),
        ('portMappings: ["0:80"]', [{"containerPort": 80, "hostPort": 0}]),
        ("portMappings: [8000-8002]", [{"containerPortRange": "8000-8002"}]),
        (
            'portMappings: ["9000-9001:8000-8001/tcp"]',
            [
                {"containerPort": 8000, "hostPort": 9000, "protocol": "tcp"},
                {"containerPort": 8001, "hostPort": 9001, "protocol": "tcp"},
            ],
        ),
        ("portMappings: [22:22]", [{"containerPort": 22, "hostPort": 22}]),
        ("portMappings: [{containerPort: 80}]", [{"containerPort": 80}]),
        ("environment: {A: 1, B: x}", [{"name": "A", "value": "1"}, {"name": "B", "value": "x"}]),
        ("environment: {MODE: 0755}", [{"name": "MODE", "value": "0755"}]),
        ('environment: ["A=b=c"]', [{"name": "A", "value": "b=c"}]),
        ("environment: [{name: A, value: 1}]", [{"name": "A", "value": "1"}]),
        ("command: echo 'a b' c", ["echo", "a b", "c"]),
        ("healthCheck: [curl, -f, localhost]", {"command": ["CMD", "curl", "-f", "localhost"]}),
        ("healthCheck: [CMD-SHELL, exit 0]", {"command": ["CMD-SHELL", "exit 0"]}),
        ("healthCheck: {command: exit 0, interval: 1m}", {"command": ["CMD-SHELL", "exit 0"], "interval": 60}),
        ("memory: 1GiB", 1024),
        ("memory: 512m", 512),
        ("memory: .5 gb", 512),
        ("cpu: .25 vcpu", 256),
        ("cpu: .5 vcpu", 512),
        ("stopTimeout: 1m30s", 90),
        ('mountPoints: ["data:/d:ro"]', [{"sourceVolume": "data", "containerPath": "/d", "readOnly": True}]),
        ("dependsOn: [db]", [{"containerName": "db", "condition": "START"}]),
        ("essential: yes", True),
    ],
)
def test_short_forms_of_a_container(text: str, expected: Any) -> None:
    result, faults = container(text)
    assert not faults
    assert result == {text.partition(":")[0]: expected}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('portMappings: ["80", "x"]', "f.yaml:1:22: portMappings[1]: the string 'x' is not a valid port mapping"),
        (
            'portMappings: ["127.0.0.1:80:80"]',
            "f.yaml:1:16: portMappings[0]: the string '127.0.0.1:80:80' binds an address",
        ),
        ('portMappings: ["80:70000"]', "f.yaml:1:16: portMappings[0]: the string '80:70000' names a port above 65535"),
        ('portMappings: ["90-80"]', "f.yaml:1:16: portMappings[0]: the range 90-80 ends before it starts"),
        (
            'portMappings: ["1-2:80-85"]',
            "f.yaml:1:16: portMappings[0]: the two ranges of the string '1-2:80-85' differ",
        ),
        ('portMappings: ["1-2:80"]', "f.yaml:1:16: portMappings[0]: the string '1-2:80' has a range of host ports"),
        (
            'portMappings: ["1-1000:1-1000"]',
            "f.yaml:1:16: portMappings[0]: the string '1-1000:1-1000' has more than 100",
        ),
        ("portMappings: [0]", "f.yaml:1:16: portMappings[0]: 0 is not a valid container port"),
        ("environment: {A: NO}", "f.yaml:1:18: environment.A: the value of variable A is NO without quotes"),
        ("environment: {A: true}", "f.yaml:1:18: environment.A: the value of variable A is true without quotes"),
        ("environment: {A: [1]}", "f.yaml:1:18: environment.A: the value of variable A must be a string, not a list"),
        (
            "environment: {name: LOG, value: x}",
            "f.yaml:1:14: environment: expected a list, got a single item of it ([{name: …, value: …}], with brackets)",
        ),
        ("secrets: {name: A, valueFrom: b}", "f.yaml:1:10: secrets: expected a list, got a single item"),
        ("secrets: {name: A}", "f.yaml:1:10: secrets: expected a list, got a single item"),
        ("dependsOn: {containerName: a, condition: START}", "f.yaml:1:12: dependsOn: expected a list, got a single"),
        (
            "mountPoints: {sourceVolume: a, containerPath: /a}",
            "f.yaml:1:14: mountPoints: expected a list, got a single",
        ),
        ("portMappings: {containerPort: 80}", "f.yaml:1:15: portMappings: expected a list, got a single item"),
        ("environment: [AB]", "f.yaml:1:15: environment[0]: the string 'AB' is not a valid variable (NAME=value"),
        ("memory: 1GX", "f.yaml:1:9: memory: the string '1GX' is not valid: write it with its unit"),
        (
            "memory: 1.0001MB",
            "f.yaml:1:9: memory: the string '1.0001MB' is not valid: it is not a whole number of MiB",
        ),
        ("cpu: 0.3333vCPU", "f.yaml:1:6: cpu: the string '0.3333vCPU' is not valid: it is not a whole number"),
        ("stopTimeout: 1x", "f.yaml:1:14: stopTimeout: the string '1x' is not valid: write it as 30s"),
        ('command: "a \'b"', 'f.yaml:1:10: command: the string "a \'b" cannot be split into words'),
        ('mountPoints: ["a"]', "f.yaml:1:15: mountPoints[0]: the string 'a' is not a valid mount"),
        ('mountPoints: ["a:/b:rx"]', "f.yaml:1:15: mountPoints[0]: 'rx' is not a valid mount mode (ro or rw)"),
    ],
)
def test_what_is_no_short_form_is_told_at_its_place(text: str, fault: str) -> None:
    _, faults = container(text)
    assert len(faults) == 1
    assert faults[0].startswith(fault), faults[0]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('portMappings: [80, "x", {hostPort: 1}, "90-80"]', ["portMappings[1]", "portMappings[3]"]),
        ("environment: {A: NO, B: b, C: on}", ["environment.A", "environment.C"]),
        ("environment: [A, B=b, C]", ["environment[0]", "environment[2]"]),
        ("secrets: {A: {}, B: [1]}", ["secrets.A", "secrets.B"]),
        ('mountPoints: ["a", "b:/b", "c:/c:x"]', ["mountPoints[0]", "mountPoints[2]"]),
    ],
)
def test_every_part_that_cannot_be_read_is_told(text: str, paths: list[str]) -> None:
    _, faults = container(text)
    assert [fault.split(": ")[1] for fault in faults] == paths


def test_a_wrong_word_for_logs_hides_no_other_fault() -> None:
    text = (
        "name: p\ntaskDefinitions:\n  t:\n    image: x:1\n    memory: 64\n    logs: yes\n    essential: maybe\n"
        "    portMappings: 80\ninstances: {count: two}\n"
    )
    _, faults = check(["-"], stdin=io.BytesIO(text.encode()), env={})
    assert [(fault.position.line if fault.position else 0, fault.path.rpartition(".")[2]) for fault in faults] == [
        (6, "logs"),
        (7, "essential"),
        (8, "portMappings"),
        (9, "count"),
    ]


@pytest.mark.parametrize("box", ["image: x\n", "containerDefinitions:\n- name: c\n  image: x\n  "])
def test_every_mount_that_cannot_be_read_is_told_and_the_others_are_made(box: str) -> None:
    data, faults = task(box + 'volumes: ["data", "ok:/ok", "./x:/y", "a:/b:rx", ~, {name: m}]')
    assert [fault.partition("volumes")[2].partition(" (")[0] for fault in faults] == [
        "[0]: the string 'data' is not a valid mount",
        "[2]: ./x is not an absolute path",
        "[3]: 'rx' is not a valid mount mode",
        "[4]: null is not a valid mount",
        "[5]: a mapping is not a valid mount",
    ]
    assert data["volumes"] == [{"name": "ok"}]
    assert {"sourceVolume": "ok", "containerPath": "/ok"} in data["containerDefinitions"][0]["mountPoints"]


@given(st.sampled_from(sorted(SHORTHANDS)), st.text(max_size=20), st.booleans())
def test_no_text_breaks_a_shorthand(name: str, text: str, listed: bool) -> None:
    shape, _, member = name.partition(".")
    value: Any = [text, {text: text}] if listed else text
    expander = Expander(definitions())
    result = expander.expand(made({member: value} if member else value, AT), shape, key="web")
    json.dumps(plain(result))


def test_the_table_has_a_row_for_each_shorthand() -> None:
    rows = markdown().splitlines()[2:]
    assert len(rows) == len({id(shorthand) for shorthand in SHORTHANDS.values()})
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)


@pytest.mark.parametrize("text", ["environment: {value: x}", "environment: {name: a, LOG: b}", "environment: {name: }"])
def test_a_mapping_with_another_key_is_no_single_item(text: str) -> None:
    assert not container(text)[1]


def test_a_volume_may_be_called_like_a_member_of_a_volume() -> None:
    assert task("{image: x, volumes: {host: /srv}}")[0]["volumes"] == [{"name": "host", "host": {"sourcePath": "/srv"}}]
    _, faults = task("{image: x, volumes: {name: data, host: {sourcePath: /srv}}}")
    assert "volumes: expected a list, got a single item of it" in faults[0]


def service(text: str) -> tuple[Any, list[str]]:
    """The service ``web`` of this YAML, expanded, and the faults."""
    root, _ = read("f.yaml", text.encode())
    assert root is not None
    expander = Expander(definitions())
    return plain(expander.expand(root, "Service", key="web")), [str(fault) for fault in expander.faults]


CANARY = "{type: canary, percent: 12.5%, interval: 5m, bake: 1h, testListener: 9000, hooks: {PRE_SCALE_UP: arn}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rolling", {"strategy": "ROLLING", "deploymentCircuitBreaker": {"enable": True, "rollback": True}}),
        ("blueGreen", {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}),
        ("{type: blueGreen, bake: 0}", {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}),
        ("linear", {"strategy": "LINEAR", "bakeTimeInMinutes": 5}),
        (
            "{type: linear, percent: 25, interval: 2}",
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": 5,
                "linearConfiguration": {"stepPercent": 25, "stepBakeTimeInMinutes": 2},
            },
        ),
        (
            CANARY,
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": 60,
                "canaryConfiguration": {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 5},
                "lifecycleHooks": [{"hookTargetArn": "arn", "lifecycleStages": ["PRE_SCALE_UP"]}],
            },
        ),
    ],
)
def test_a_strategy_is_what_the_deployment_configuration_says(text: str, expected: dict[str, Any]) -> None:
    data, faults = service(f"loadBalancer: front:80\nstrategy: {text}")
    assert not faults
    assert data.pop("deploymentConfiguration") == expected
    test = {"testListener": 9000} if "9000" in text else {}
    assert data == {"loadBalancer": {"name": "front", "containerPort": 80, **test}}


def test_what_is_said_besides_a_strategy_stays() -> None:
    data, faults = service("{strategy: blueGreen, deploymentConfiguration: {alarms: {enable: false}}}")
    assert not faults
    assert data["deploymentConfiguration"] == {
        "alarms": {"enable": False},
        "strategy": "BLUE_GREEN",
        "bakeTimeInMinutes": 5,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("strategy: cannary", "the string 'cannary' is not a strategy (rolling, blueGreen, linear, canary)"),
        ("strategy: {percent: 3}", "a mapping is not a strategy"),
        ("strategy: [canary]", "a list is not a strategy"),
        ("strategy: {type: blueGreen, percent: 3}", "percent is not for the strategy blueGreen"),
        ("strategy: {type: canary, persent: 3}", "unknown key persent"),
        ("strategy: {type: canary, bake: 90s}", "the string '90s' is not a number of whole minutes (5m, 1h)"),
        ("strategy: {type: canary, testListener: 9000}", "a test listener is of a load balancer"),
        ("strategy: {type: linear, hooks: {A: 3}}", "the number 3 is not the ARN of a function"),
        (
            "{strategy: canary, deploymentConfiguration: {bakeTimeInMinutes: 3}}",
            "strategy and deploymentConfiguration.bakeTimeInMinutes cannot be used together",
        ),
    ],
)
def test_what_is_no_strategy(text: str, told: str) -> None:
    _, faults = service(text)
    assert len(faults) == 1
    assert told in faults[0]
