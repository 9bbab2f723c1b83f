"""Tags: what others tagged stays, what ecsctl put there is known again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ecsctl.deploy.kinds.log_group import LogGroup
from ecsctl.deploy.resources import OWNER_TAG, Actual
from ecsctl.deploy.tags import FIELDS_TAG, KEYS_TAG, listed, tag_changes, to_write, with_keys, words_of

OWN = {OWNER_TAG: "shop"}


def test_a_tag_is_taken_away_only_where_ecsctl_put_it() -> None:
    has = {**OWN, "team": "web", "cost": "42", "aws:cloudformation:stack": "s", KEYS_TAG: "team"}
    resource = with_keys(LogGroup("g", OWN))
    found = {
        item.path: (item.before, item.after)
        for item in tag_changes(resource, Actual(resource.key, "a", "shop", tags=has))
    }
    assert found == {"tags.team": ("web", None), f"tags.{KEYS_TAG}": ("team", None)}


def test_nothing_differs_in_what_is_anothers() -> None:
    resource = LogGroup("g", {**OWN, "team": "web"})
    theirs = Actual(resource.key, "a", "other", tags={OWNER_TAG: "other"})
    assert list(tag_changes(resource, theirs)) == []
    assert list(tag_changes(resource, Actual(resource.key, "a", "shop", tags=None))) == []


def test_that_a_field_was_taken_back_is_noted_after_it_was() -> None:
    resource = LogGroup("g", {**OWN, "team": "api", FIELDS_TAG: "b"})
    before, later = to_write(resource, Actual(resource.key, "a", "shop", tags={**OWN, "team": "web", FIELDS_TAG: "a"}))
    assert (before.put, before.drop) == ({"team": "api"}, ())
    assert (later.put, later.drop) == ({FIELDS_TAG: "b"}, ())


def test_a_list_goes_on_in_another_tag_where_a_value_would_be_too_long() -> None:
    assert [len(value) for value in listed("t", ["a" * 127, "b" * 128]).values()] == [256]
    assert {key: len(value) for key, value in listed("t", ["a" * 128, "b" * 128]).items()} == {"t": 128, "t.2": 128}


@given(st.sets(st.text(min_size=1, max_size=60), max_size=12))
def test_what_was_listed_is_read_again(words: set[str]) -> None:
    tags = listed("t", words)
    assert words_of("t", tags) == words
    assert all(len(value) <= 256 or " " not in value for value in tags.values())
