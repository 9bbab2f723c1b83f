"""Every refusal of RegisterTaskDefinition is one of ``validate`` and of the sandbox; its good twin is accepted."""

from __future__ import annotations

import json

import pytest

from ecsctl.manifest.rules import all_rules
from ecsctl.refusals import all_refusals
from tests.refusals.definitions import EXAMPLES
from tests.refusals.patches import Example, citing, errors, faults_of
from tests.sandbox.ecs.world import World

OFFLINE = [one for one in EXAMPLES if one.offline]
NAMES = [f"{number}-{one.refusal}" for number, one in enumerate(EXAMPLES)]


@pytest.mark.parametrize("example", OFFLINE, ids=[f"{n}-{one.refusal}" for n, one in enumerate(OFFLINE)])
def test_validate_finds_it_and_accepts_the_good_twin(example: Example) -> None:
    found = errors(faults_of(example.bad))
    assert {fault.rule for fault in found} & citing(example.refusal), [str(fault) for fault in found]
    assert not errors(faults_of(example.good)), [str(fault) for fault in faults_of(example.good)]


@pytest.mark.parametrize("example", EXAMPLES, ids=NAMES)
def test_the_sandbox_refuses_it_with_code_and_words_and_accepts_the_good_twin(example: Example, empty: World) -> None:
    refusal = all_refusals()[example.refusal]
    status, _, body = empty.engine.handle("RegisterTaskDefinition", json.dumps(example.bad).encode())
    answer = json.loads(body)
    assert (status, answer["__type"]) == (400, refusal.code), answer
    assert refusal.words.split("{")[0] in answer["message"]
    status, _, body = empty.engine.handle("RegisterTaskDefinition", json.dumps(example.good).encode())
    assert status == 200, body


def test_every_refusal_of_task_definitions_has_an_example() -> None:
    asked = {one.id for one in all_refusals().values() if one.operation == "RegisterTaskDefinition"}
    assert asked - {one.refusal for one in EXAMPLES} == set()


def test_every_refusal_that_a_file_can_show_is_said_by_one_rule() -> None:
    said = [refusal.id for rule in all_rules().values() for refusal in rule.cites]
    assert len(said) == len(set(said))
    assert {one.refusal for one in OFFLINE} - set(said) == set()


def test_nothing_is_quoted_without_a_source() -> None:
    for refusal in all_refusals().values():
        assert refusal.source or refusal.basis, refusal.id
        assert refusal.code.endswith("Exception"), refusal.id
        assert refusal.when, refusal.id
        assert refusal.example(), refusal.id
