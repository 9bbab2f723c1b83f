"""Names, templates, and what instances and Fargate tasks hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ecsctl.importers.capacity import FARGATE, X86, Need, fargate_size, instances
from ecsctl.importers.names import project_name, safe_name
from ecsctl.importers.report import escape, settle


@given(st.text(max_size=300))
def test_names_are_such_as_aws_takes(text: str) -> None:
    import re

    assert re.fullmatch("[A-Za-z0-9_-]{1,255}", safe_name(text))
    assert re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]{0,39}", project_name(text))


@given(st.text(alphabet="ab${}:-\\ ", max_size=20))
def test_an_escaped_text_means_itself(text: str) -> None:
    assert settle(escape(text)) == text


def test_templates_are_settled_by_their_defaults() -> None:
    assert settle("a${B:-c}d$$e") == "acd$e"
    assert settle("${B}") is None
    assert settle("${B:?must}") is None
    assert settle("${B-${C:-d}}") == "d"
    assert settle("${B:+x}y") == "y"
    assert settle("${B:-}") == ""


@given(st.integers(0, 16384), st.integers(0, 122880))
def test_a_fargate_task_is_of_a_size_there_is_and_holds_what_it_can(cpu: int, memory: int) -> None:
    units, size = fargate_size(cpu, memory)
    assert size in dict(FARGATE)[units]
    assert units >= cpu
    assert size >= memory or units == 16384


@given(
    st.lists(
        st.builds(Need, st.integers(0, 4096), st.integers(6, 8000), st.integers(0, 5), st.booleans(), st.just(False)),
        max_size=5,
    )
)
def test_instances_hold_the_tasks(needs: list[Need]) -> None:
    count, kind = instances(needs)
    sizes = {name: (cpu, memory) for name, cpu, memory in X86}
    cpu, memory = sizes[kind]
    assert count >= max([need.count for need in needs if need.apart], default=1)
    assert count * cpu >= sum(need.cpu * need.count for need in needs)
    assert count * memory >= sum(need.memory * need.count for need in needs)
    assert all(need.cpu <= cpu and need.memory <= memory for need in needs)
