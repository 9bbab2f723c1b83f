from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.cli import context
from ecsctl.cli.settings import Settings
from ecsctl.errors import UsageError
from ecsctl.manifest.loading.files import FILE_NAMES

PLAIN = """\
# a comment
---
name: shop    # the project
cluster: "web"
region: 'eu-west-1'
services:
  cluster: {cluster: nope}
loadBalancers:
- name: other
text: |
  cluster: nope
"""


def write(folder: Path, text: str, name: str = "ecsctl.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_plain_words_are_read_without_a_parser(tmp_path: Path) -> None:
    assert context.peek(write(tmp_path, PLAIN)) == {"name": "shop", "cluster": "web", "region": "eu-west-1"}


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "shop"}',
        "cluster: ${CLUSTER}",
        "cluster: &x web",
        "cluster: >-\n  web",
        "cluster: a b",
        "cluster: null",
        "cluster: 123",
        "cluster:\n  web",
        "cluster: a\ncluster: b",
        '"cluster": web',
        "? cluster\n: web",
        "---\nname: a\n...\n---\nname: b",
    ],
)
def test_what_takes_a_parser_is_left_to_it(tmp_path: Path, text: str) -> None:
    assert context.peek(write(tmp_path, text)) is None


words = st.text("abAB09_- #:'\"{}[]&*|>$\n", max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["name", "cluster", "region", "x"]), words), max_size=4))
def test_what_is_peeked_is_what_the_parser_reads(tmp_path_factory: pytest.TempPathFactory, pairs: list) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in pairs)
    found = context.peek(write(tmp_path_factory.mktemp("peek"), text))
    if found is None:
        return
    try:
        parsed = yaml.safe_load(text) or {}
    except yaml.YAMLError:
        return  # the command that loads the file says what is wrong with it
    assert found == {key: value for key, value in parsed.items() if key in context.KEYS}


def test_the_file_at_hand_names_cluster_and_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECSCTL_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert context.files_at_hand() == []
    write(tmp_path, "name: shop\nregion: eu-west-3\n")
    aws, cluster = context.connect(settings)
    assert (cluster, aws.region) == ("shop", "eu-west-3")
    chosen = Settings()
    chosen.cluster = "other"
    aws, cluster = context.connect(chosen)
    assert (cluster, aws.region) == ("other", "eu-west-3")


def test_a_file_that_takes_a_parser_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECSCTL_FILE", write(tmp_path, '{"name": "shop", "cluster": "web"}', "shop.json"))
    assert context.of_files(context.files_at_hand(), Settings()) == ("web", None)


BAD = """\
name: ${PROJECT:-shop}
cluster: ${CLUSTER:-web}
region: eu-west-1
instances: {count: "${COUNT}", typo: 1}
services:
  api: {taskDefinition: nowhere, desiredCount: "${COUNT}"}
"""


def of(folder: Path, text: str, cluster: str | None = None) -> tuple[str | None, str | None]:
    settings = Settings()
    settings.cluster = cluster
    return context.of_files([write(folder, text)], settings)


def test_nothing_of_the_file_counts_but_cluster_and_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(tmp_path, BAD) == ("web", "eu-west-1")
    monkeypatch.setenv("CLUSTER", "live")
    assert of(tmp_path, BAD) == ("live", "eu-west-1")
    assert of(tmp_path, f"{BAD}x: [no, yaml\n") == ("live", "eu-west-1")
    assert of(tmp_path, "name: 'shop'  # ours\nx: {a: ${B}}\nregion: eu-west-1\n") == ("shop", "eu-west-1")


def test_a_cluster_on_the_command_line_needs_nothing_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert of(tmp_path, "name: ${UNSET_WORD}\nregion: eu-west-3\n", "web")[1] == "eu-west-3"
    assert of(tmp_path, "{[", "web") == (None, None)
    assert capsys.readouterr().err == ""
    assert of(tmp_path, "cluster: web\nregion: ${UNSET_WORD}\n") == ("web", None)
    assert "UNSET_WORD is not set" in capsys.readouterr().err


def test_a_cluster_that_cannot_be_known_is_told_and_not_replaced(tmp_path: Path) -> None:
    for text in ("name: shop\ncluster: ${UNSET_WORD}\n", "name: ${ssm:/name}\n", "cluster: [a]\n", "{["):
        with pytest.raises(UsageError, match="the cluster is not known") as told:
            of(tmp_path, text)
        assert "-c NAME" in str(told.value.hint)


def test_included_files_name_the_cluster_too(tmp_path: Path) -> None:
    write(tmp_path, "name: base\ncluster: shared\nregion: eu-west-2\ninclude: ecsctl.yaml\n", "base.yaml")
    assert of(tmp_path, "include: base.yaml\nname: shop\n") == ("shared", "eu-west-2")
    assert of(tmp_path, "include: [base.yaml, missing.yaml]\nname: shop\ncluster: own\n") == ("own", "eu-west-2")


def test_the_same_files_are_at_hand_as_for_the_loader() -> None:
    assert context.FILE_NAMES == FILE_NAMES


def test_a_key_of_the_file_stands_for_its_name_in_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECSCTL_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    settings.stage = "dev"
    assert context.in_stage(settings, "services", "web") == "web"
    write(
        tmp_path, "name: shop\nservices: {web: {}, own: {serviceName: mine}}\ntaskDefinitions: {t: {}}\nstages: {dev: }"
    )
    assert context.in_stage(settings, "services", ("web", "own", "other")) == ("web-dev", "mine", "other")
    assert context.in_stage(settings, "taskDefinitions", "t:3") == "t-dev:3"
    assert context.connect(settings)[1] == "shop-dev"


def test_a_stage_on_the_command_line_needs_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECSCTL_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    settings.set("stage", "dev", on_command_line=False)
    assert context.of_files([], settings) == (None, None)
    settings.set("stage", "dev", on_command_line=True)
    with pytest.raises(UsageError, match="--stage dev is a stage of a file, and there is none"):
        context.of_files([], settings)
