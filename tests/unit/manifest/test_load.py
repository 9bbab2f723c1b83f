"""Files to a Spec: what is read, what is overlaid, where faults stand."""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsctl.errors import UsageError
from ecsctl.manifest import check, inspect, load_service, load_spec, load_task_definition
from ecsctl.manifest.loading.files import Reader
from ecsctl.manifest.model import (
    HealthCheckSpec,
    IngressSpec,
    InstancesSpec,
    ListenerSpec,
    LoadBalancerRef,
    Spec,
)

HELLO = """\
name: helloworld
region: eu-west-1
account: "515432163751"
cluster: OsonesTest
instances:
  count: 2
taskDefinitions:
  helloworld:
    containerDefinitions:
      - name: helloworld
        image: tutum/hello-world
        cpu: 1
        memory: 100
        portMappings: ["80:80"]
loadBalancers:
  helloworld-lb:
    type: classic
    healthCheck: {interval: 5, timeout: 2, healthyThreshold: 2, unhealthyThreshold: 2}
services:
  svc-helloworld:
    taskDefinition: helloworld
    desiredCount: 2
    loadBalancer: helloworld-lb:80
"""


def spec_of(*texts: str) -> Spec:
    """The Spec of these documents, the later ones over the earlier ones."""
    return _loaded(*texts)


def _loaded(*texts: str) -> Spec:
    spec, faults = faults_of(*texts)
    assert spec is not None, faults
    return spec


def faults_of(*texts: str) -> tuple[Spec | None, list[str]]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        names = []
        for index, text in enumerate(texts):
            path = Path(folder, f"{index}.yaml")
            path.write_text(text, encoding="utf-8")
            names.append(str(path))
        spec, faults = check(names)
        return spec, [str(fault).replace(f"{folder}/", "") for fault in faults if fault.severity == "error"]


def test_the_whole_file_becomes_a_spec() -> None:
    spec = spec_of(HELLO)
    assert (spec.name, spec.cluster, spec.region, spec.account) == (
        "helloworld",
        "OsonesTest",
        "eu-west-1",
        "515432163751",
    )
    assert spec.instances == InstancesSpec(2, 2, 2)
    assert spec.task_definitions["helloworld"].definition == {
        "family": "helloworld",
        "containerDefinitions": [
            {
                "name": "helloworld",
                "image": "tutum/hello-world",
                "cpu": 1,
                "memory": 100,
                "portMappings": [{"containerPort": 80, "hostPort": 80}],
            }
        ],
    }
    balancer = spec.load_balancers["helloworld-lb"]
    assert balancer.health_check == HealthCheckSpec(5, 2, 2, 2, target="TCP:80")
    assert balancer.listeners == (ListenerSpec(80, 80),)
    service = spec.services["svc-helloworld"]
    assert service.definition == {
        "serviceName": "svc-helloworld",
        "taskDefinition": "helloworld",
        "desiredCount": 2,
    }
    assert service.load_balancer == LoadBalancerRef("helloworld-lb", "helloworld", 80)


def test_the_cluster_is_named_like_the_project_unless_it_is_named() -> None:
    assert spec_of("name: web\n").cluster == "web"


def test_loadbalancers_written_as_the_api_has_them_mean_the_same() -> None:
    long = HELLO.replace(
        "loadBalancer: helloworld-lb:80",
        "loadBalancers: [{loadBalancerName: helloworld-lb, containerName: helloworld, containerPort: 80}]",
    )
    assert spec_of(long) == spec_of(HELLO)


def test_a_balancer_that_exists_already_stays_as_written() -> None:
    group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"
    raw = f"loadBalancers: [{{targetGroupArn: {group}, containerName: helloworld, containerPort: 80}}]"
    service = spec_of(HELLO.replace("loadBalancer: helloworld-lb:80", raw)).services["svc-helloworld"]
    assert service.load_balancer is None
    assert service.definition["loadBalancers"][0]["targetGroupArn"].endswith("/0123456789abcdef")


def test_a_path_in_the_health_check_is_asked_by_http() -> None:
    spec = spec_of(HELLO.replace("{interval: 5,", "{path: /ok, interval: 5,"))
    assert spec.load_balancers["helloworld-lb"].health_check.target == "HTTP:80/ok"


def test_a_listener_without_a_port_of_the_instances_takes_that_of_the_container() -> None:
    spec = spec_of(HELLO.replace("type: classic", "listeners: [8080]").replace('"80:80"', '"9000:80"'))
    assert spec.load_balancers["helloworld-lb"].listeners == (ListenerSpec(8080, 9000),)


def test_ranges_of_instances_and_ingress() -> None:
    text = "name: x\ninstances:\n  count: {min: 1, max: 4}\n  ingress: [80, {fromPort: 22, cidr: 10.0.0.0/8}]\n"
    spec = spec_of(text)
    assert spec.instances is not None
    assert (spec.instances.minimum, spec.instances.desired, spec.instances.maximum) == (1, 1, 4)
    assert spec.instances.ingress == (IngressSpec(80, 80), IngressSpec(22, 22, "tcp", "10.0.0.0/8"))


@pytest.mark.parametrize("rule", ["22", "20-30", "22/tcp@0.0.0.0/0", "22@::/0", "{fromPort: 1, toPort: 100}"])
def test_ssh_open_to_the_world_is_refused_in_every_form(rule: str) -> None:
    quoted = rule if rule.startswith("{") else f'"{rule}"'
    spec, faults = faults_of(f"name: x\ninstances:\n  count: 1\n  ingress:\n    - {quoted}\n")
    assert spec is None
    assert len(faults) == 1
    assert faults[0].startswith("0.yaml:5:")
    assert "open to the world" in faults[0]


def test_all_faults_are_told_at_once_each_at_its_place() -> None:
    text = (
        HELLO.replace("region: eu-west-1", "region: nowhere")
        .replace("memory: 100", "memroy: 100")
        .replace("interval: 5", "interval: 2")
        .replace("taskDefinition: helloworld", "taskDefinition: hello world")
        .replace("desiredCount: 2", 'desiredCount: "2"')
    )
    spec, faults = faults_of(text)
    assert spec is None
    places = [fault.split(": ")[0] for fault in faults]
    assert places == ["0.yaml:2:9", "0.yaml:13:9", "0.yaml:18:29", "0.yaml:21:21", "0.yaml:22:19"]
    assert "did you mean memory?" in faults[1]
    assert "did you mean helloworld?" in faults[3]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[1]\n", "0.yaml:1:1: expected a mapping with the keys of a project, not a list"),
        ("name: x\ncluster: a/b\n", "0.yaml:2:10: cluster: the string 'a/b' is not valid"),
        ("name: x\naccount: 12345\n", "0.yaml:2:10: account: the string '12345' is not valid (12 digits"),
        ("name: NO\n", "0.yaml:1:7: name: expected a string, got NO, which YAML reads as a boolean"),
        ("cluster: x\n", "0.yaml:1:1: name is missing"),
        ("name: x\ntags: {a: [1]}\n", "0.yaml:2:11: tags.a: expected a string, got a list"),
        ("name: x\ntaskDefinitions: {a: nowhere.json}\n", "0.yaml:2:22: expected a mapping or a path to a file"),
    ],
)
def test_faults_of_whole_files(text: str, fault: str) -> None:
    spec, faults = faults_of(text)
    assert spec is None
    assert faults[0].startswith(fault), faults


def test_a_leading_zero_of_an_account_is_no_octal_number() -> None:
    assert spec_of("name: x\naccount: 012345670123\n").account == "012345670123"


def test_overlays_merge_by_name_and_a_null_takes_out() -> None:
    over = """\
services:
  svc-helloworld: {desiredCount: 1}
taskDefinitions:
  helloworld:
    containerDefinitions:
      - {name: helloworld, memory: 200, cpu: null, environment: {A: b}}
      - {name: side, image: side, memory: 10}
"""
    spec = spec_of(HELLO, over)
    boxes = spec.task_definitions["helloworld"].definition["containerDefinitions"]
    assert [box["name"] for box in boxes] == ["helloworld", "side"]
    assert boxes[0] == {
        "name": "helloworld",
        "image": "tutum/hello-world",
        "memory": 200,
        "portMappings": [{"containerPort": 80, "hostPort": 80}],
        "environment": [{"name": "A", "value": "b"}],
    }
    assert spec.services["svc-helloworld"].definition["desiredCount"] == 1


def test_a_range_of_instances_is_overlaid_member_by_member() -> None:
    base = "name: x\ninstances: {count: {min: 1, desired: 2, max: 3}}\n"
    spec = spec_of(base, "instances: {count: {max: 5}}\n")
    assert spec.instances == InstancesSpec(1, 2, 5)
    assert spec_of(base, "instances: {count: 4}\n").instances == InstancesSpec(4, 4, 4)


def test_variables_overlay_by_their_names() -> None:
    base = HELLO.replace("cpu: 1", "environment: {A: a, B: b}")
    over = "taskDefinitions: {helloworld: {containerDefinitions: [{name: helloworld, environment: {B: c, D: d}}]}}"
    boxes = spec_of(base, over).task_definitions["helloworld"].definition["containerDefinitions"]
    assert {item["name"]: item["value"] for item in boxes[0]["environment"]} == {"A": "a", "B": "c", "D": "d"}


ONE = (
    "name: p\ntaskDefinitions:\n  web: {image: 'n:1', memory: 64, executionRoleArn: r, "
    "environment: {A: a, B: b}, secrets: {T: /t}}\n"
)
LISTED = (
    "name: p\ntaskDefinitions:\n  web:\n    executionRoleArn: r\n    memory: 64\n    containerDefinitions:\n"
    "      - {name: app, image: 'n:1', environment: {A: a, B: b}, secrets: {T: /t}}\n"
)


@pytest.mark.parametrize(("below", "name"), [(ONE, "web"), (LISTED, "app")])
def test_the_short_form_of_one_container_is_laid_over_the_one_that_there_is(
    tmp_path: Path, below: str, name: str
) -> None:
    (tmp_path / "base.yaml").write_text(below)
    (tmp_path / "over.yaml").write_text(
        "taskDefinitions:\n  web:\n    memory: 128\n    environment: {B: bb, C: c, A: ~, Z: ~}\n    secrets: {T: }\n"
    )
    spec = load_spec([str(tmp_path / "base.yaml"), str(tmp_path / "over.yaml")], env={})
    definition = spec.task_definitions["web"].definition
    assert definition["memory"] == "128"
    [box] = definition["containerDefinitions"]
    assert (box["name"], box["image"]) == (name, "n:1")
    assert box["environment"] == [{"name": "B", "value": "bb"}, {"name": "C", "value": "c"}]
    assert box["secrets"] == []


def test_a_null_with_nothing_below_it_is_refused_in_a_file_alone() -> None:
    _, told = faults_of("name: p\ntaskDefinitions:\n  t: {image: 'n:1', memory: 64, environment: {A: }}\n")
    assert [line for line in told if "expected a string, got null" in line], told


def test_the_short_form_without_an_image_says_so() -> None:
    _, told = faults_of("name: p\ntaskDefinitions:\n  t: {memory: 64, environment: {A: b}}\n")
    assert any("the container t has no image" in line and "[ECS013]" in line for line in told), told


def test_a_fault_of_an_overlay_stands_in_the_overlay() -> None:
    _, faults = faults_of(HELLO, "services:\n  svc-helloworld:\n    desiredCount: many\n")
    assert len(faults) == 1
    assert faults[0].startswith("1.yaml:3:19: services.svc-helloworld.desiredCount: expected an integer")


def test_keys_that_begin_with_x_are_the_users_own() -> None:
    text = HELLO + "x-more: {anything: [1]}\n"
    assert spec_of(text) == spec_of(HELLO)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=80), st.text(alphabet="abc:-[]{}\n \"'&*", max_size=60).map(str.encode)))
def test_no_bytes_give_anything_but_a_definition_or_an_error_for_the_user(data: bytes) -> None:
    for load in (
        lambda: load_spec(["-"], stdin=io.BytesIO(data)),
        lambda: load_task_definition("-", "f", stdin=io.BytesIO(data)),
        lambda: load_service("-", stdin=io.BytesIO(data)),
    ):
        with contextlib.suppress(UsageError):
            load()


WHERE = st.sampled_from(range(len(HELLO.splitlines())))
PUT = st.sampled_from(
    ["null", "[]", "{}", "[1]", "{a: b}", "-1", "x", "''", "[null]", "[[]]", "{containerDefinitions: 1}"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(WHERE, PUT), min_size=1, max_size=3))
def test_no_value_at_any_place_breaks_a_rule(changes: list[tuple[int, str]]) -> None:
    lines = HELLO.splitlines()
    for line, value in changes:
        key, colon, _ = lines[line].partition(":")
        lines[line] = f"{key}{colon} {value}"
    _, faults = check(["-"], stdin=io.BytesIO("\n".join(lines).encode()))
    assert all(fault.position for fault in faults)


def test_two_hundred_services_are_validated_within_a_second() -> None:
    services, families = [], []
    for n in range(200):
        families.append(f"  web{n}:\n    containerDefinitions:")
        for box in ("web", "side"):
            families.append(
                f"      - {{name: {box}, image: 'nginx:1.{n}', cpu: 10, memory: 128MB, portMappings: ['80'],\n"
                f"         environment: {{A: x, B: y, C: z}}, healthCheck: {{command: exit 0, interval: 30s}}}}"
            )
        services.append(f"  svc{n}: {{taskDefinition: web{n}, desiredCount: 2, launchType: EC2}}")
    text = "\n".join(["name: x", "taskDefinitions:", *families, "services:", *services]) + "\n"
    load_spec(["-"], stdin=io.BytesIO(b"name: warm\n"))
    start = time.process_time()
    spec = load_spec(["-"], stdin=io.BytesIO(text.encode()))
    assert len(spec.services) == 200
    assert time.process_time() - start < 1


def test_a_file_is_read_once(tmp_path: Path) -> None:
    class Counting(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            return super().read(size)

    stream = Counting(b"name: p\n")
    spec, checked = inspect(["-"], stdin=stream, standalone=True)
    assert (spec is not None, checked.faults, stream.reads) == (True, [], 1)
    reader = Reader()
    path = tmp_path / "a.yaml"
    path.write_text("name: p\n")
    assert reader.read(str(path)) is reader.read(str(path))
