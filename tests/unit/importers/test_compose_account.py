"""Nothing of a Compose file is dropped in silence, and no input whatever ends in a traceback."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsctl.errors import EcsctlError
from ecsctl.importers.compose.project import from_compose
from ecsctl.importers.document import Target
from ecsctl.importers.report import Imported
from ecsctl.manifest.yaml.nodes import Path as TreePath
from ecsctl.manifest.yaml.nodes import path_text


def words(text: str) -> list[str]:
    """A text's words."""
    return text.split()


SERVICE_KEYS = words("""
annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name cpu_count
cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on deploy
develop device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint env_file environment expose extends
external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation label_file labels links
log_driver log_opt logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit models net network_mode
networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop privileged profiles provider
pull_policy read_only restart runtime scale secrets security_opt shm_size stdin_open stop_grace_period stop_signal
storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts volume_driver volumes volumes_from working_dir
x-own unheard_of
""")
INNER_KEYS = words("""
condition required restart test interval timeout retries start_period start_interval disable driver options resources
limits reservations cpus memory pids devices replicas mode placement constraints update_config order failure_action
parallelism restart_policy max_attempts source target type read_only bind volume tmpfs size published protocol host_ip
app_protocol name soft hard nofile memlock path format capabilities count device_ids service file context dockerfile
db web max_replicas_per_node labels external driver_opts
""")
TOP_KEYS = [
    "services",
    "volumes",
    "networks",
    "secrets",
    "configs",
    "name",
    "version",
    "include",
    "x-a",
    "models",
    "odd",
]
WORDS = st.sampled_from(
    ["80", "8080:80", "1m30s", "5s", "512m", "0.5", "true", "no", "db", "web", "./x", "/a:/b:ro", "data:/d", "host",
     "service:db", "awslogs", "A=1", "${X}", "${X:-y}", "$$", "$", "${", "CMD", "on-failure:3", "service_healthy", "::",
     "", "-", "1e999", "99999999999", "global", "[::1]:80:80", "4-2", "70000", "a b 'c", "start-first", "NONE"]
)  # fmt: skip
SCALARS = st.one_of(
    WORDS, st.integers(-5, 70000), st.booleans(), st.none(), st.floats(allow_nan=True), st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(INNER_KEYS), st.sampled_from(SERVICE_KEYS)), inner, max_size=4),
    ),
    max_leaves=8,
)
SERVICES = st.dictionaries(st.sampled_from(SERVICE_KEYS), VALUES, max_size=8)
FILES = st.fixed_dictionaries(
    {"services": st.dictionaries(st.sampled_from(["web", "db", "a.b", "x y"]), SERVICES, min_size=1, max_size=3)},
    optional={key: VALUES for key in TOP_KEYS if key != "services"},
)
TARGETS = (Target(name="shop"), Target(name="shop", launch_type="FARGATE", subnets=("subnet-0a",)))
EXAMPLES = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def convert(text: bytes, target: Target, one_task: bool) -> Imported | None:
    """The import of a file, or None where it is refused with a message."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "compose.yaml")
        file.write_bytes(text)
        try:
            return from_compose([str(file)], target, one_task=one_task)
        except EcsctlError:
            return None


@EXAMPLES
@given(FILES, st.sampled_from(TARGETS), st.booleans())
@pytest.mark.slow
def test_wrong_types_anywhere_end_in_a_file_and_notes(data: dict[str, Any], target: Target, one_task: bool) -> None:
    imported = convert(yaml.safe_dump(data, allow_unicode=True).encode(), target, one_task)
    if imported is not None:
        written = yaml.safe_load(imported.text)
        assert {"name", "cluster", "taskDefinitions"} <= set(written)


@EXAMPLES
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
def test_nonsense_ends_in_a_message(data: bytes) -> None:
    convert(data, TARGETS[0], False)


@EXAMPLES
@given(VALUES)
def test_any_document_ends_in_a_message_or_a_file(data: Any) -> None:
    convert(yaml.safe_dump(data, allow_unicode=True).encode(), TARGETS[0], True)


def leaves(data: Any, path: TreePath = ()) -> list[tuple[TreePath, Any]]:
    """The scalars of plain data with their paths."""
    if isinstance(data, dict):
        return [leaf for key, value in data.items() for leaf in leaves(value, (*path, key))]
    if isinstance(data, list):
        return [leaf for index, item in enumerate(data) for leaf in leaves(item, (*path, index))]
    return [(path, data)]


def marked(shape: Any, numbers: itertools.count[int]) -> Any:
    """The same shape with a text of its own at each leaf."""
    if isinstance(shape, dict):
        return {key: marked(value, numbers) for key, value in shape.items()}
    if isinstance(shape, list):
        return [marked(item, numbers) for item in shape]
    return f"mark{next(numbers):05d}"


@EXAMPLES
@given(FILES, st.sampled_from(TARGETS), st.booleans())
def test_each_value_is_in_the_file_or_in_a_note(shape: dict[str, Any], target: Target, one_task: bool) -> None:
    data = marked(shape, itertools.count())
    imported = convert(yaml.safe_dump(data).encode(), target, one_task)
    if imported is None:
        return
    body = yaml.safe_dump(yaml.safe_load(imported.text), width=10**6)
    # A note about a service as a whole excuses none of its keys.
    noted = {note.path for note in imported.notes if note.position is not None}
    skipped = {note.path.removesuffix(".profiles") for note in imported.notes if "not imported" in note.why}
    for path, value in leaves(data):
        least = min(3, len(path)) if path[0] == "services" else 1
        above = {path_text(path[:end]) for end in range(least, len(path) + 1)}
        idle = any(str(part).startswith("x-") for part in path) or path[0] in ("version", "name")
        accounted = value in body.lower() or above & noted or idle or path_text(path[:2]) in skipped
        assert accounted, f"{path_text(path)} is neither carried over nor noted"


@pytest.mark.parametrize("key", [key for key in SERVICE_KEYS if not key.startswith("x-") and key != "profiles"])
@pytest.mark.parametrize("value", ["mark00001", ["mark00001"], {"mark00001": "mark00002"}], ids=["text", "list", "map"])
def test_no_key_of_a_service_disappears(key: str, value: Any) -> None:
    data = {"services": {"web": {"image": "nginx", key: value}}}
    imported = convert(yaml.safe_dump(data).encode(), TARGETS[0], False)
    assert imported is not None
    carried = "mark00001" in yaml.safe_dump(yaml.safe_load(imported.text)).lower()
    noted = any(note.path.startswith(f"services.web.{key}") for note in imported.notes)
    assert carried or noted


def test_values_of_the_file_are_not_told_by_notes_about_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DB_PASSWORD=hunter2\nPORT=8080\n", encoding="utf-8")
    (tmp_path / "web.env").write_text("API_TOKEN=hunter3\nLOG=debug\n", encoding="utf-8")
    file = tmp_path / "compose.yaml"
    file.write_text(
        "services: {web: {image: a, env_file: web.env, environment: {DB_PASSWORD: '${DB_PASSWORD}', P: '${PORT}'}}}\n",
        encoding="utf-8",
    )
    imported = from_compose([str(file)], TARGETS[0])
    assert "hunter" not in imported.text
    assert "hunter" not in " ".join(str(note) for note in imported.notes)
    (box,) = yaml.safe_load(imported.text)["taskDefinitions"]["shop-web"]["containerDefinitions"]
    assert box["environment"] == {
        "API_TOKEN": "${API_TOKEN:-}",
        "LOG": "debug",
        "DB_PASSWORD": "${DB_PASSWORD:-}",
        "P": "${PORT:-8080}",
    }
    told = " ".join(note.why for note in imported.notes)
    assert "API_TOKEN" in told
    assert "DB_PASSWORD stays in .env" in told
