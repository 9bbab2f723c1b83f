"""A new project of a few answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.errors import UsageError
from ecsctl.importers.document import Target
from ecsctl.importers.template import Answers, new_project
from tests.unit.importers.support import FARGATE, data_of, faults_of

ANSWERS = st.builds(
    Answers,
    image=st.sampled_from(["nginx", "example.com/a/b:1", "a@sha256:" + "0" * 64]),
    port=st.one_of(st.none(), st.integers(1, 65535)),
    host_port=st.one_of(st.none(), st.integers(0, 65535)),
    count=st.integers(0, 20),
    memory=st.integers(6, 30000),
    load_balancer=st.sampled_from([None, "application", "network"]),
)


@given(ANSWERS, st.sampled_from([Target(name="shop"), FARGATE]))
def test_whatever_is_answered_the_file_is_valid(answers: Answers, target: Target) -> None:
    import tempfile

    if answers.load_balancer and answers.port is None:
        with pytest.raises(UsageError):
            new_project(answers, target)
        return
    with tempfile.TemporaryDirectory() as folder:
        assert faults_of(new_project(answers, target), Path(folder)) == []


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    target = Target(name="helloworld", region="eu-west-1", cluster="OsonesTest")
    imported = new_project(Answers(image="tutum/hello-world", memory=100, load_balancer="classic"), target)
    assert faults_of(imported, tmp_path) == []
    data = data_of(imported)
    assert list(data) == ["name", "region", "cluster", "instances", "taskDefinitions", "loadBalancers", "services"]
    assert data["services"]["helloworld"]["loadBalancer"] == "helloworld-lb:80"
    assert data["instances"] == {"count": 2, "type": "t3.small", "ingress": [80]}


def test_a_classic_balancer_is_not_for_fargate() -> None:
    with pytest.raises(UsageError, match="serves no Fargate"):
        new_project(Answers(load_balancer="classic"), FARGATE)
