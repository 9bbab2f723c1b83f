"""Field by field: what AWS has beside what is wanted, in canonical form. A field left out is left alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ecsctl.deploy.resources import Ref
from ecsctl.ecs_definitions.differences import Named, keyed
from ecsctl.ecs_definitions.field_changes import FieldChange, as_text, to_field_change


def compare_fields(
    actual: Mapping[str, Any], wanted: Mapping[str, Any], secret: Collection[str] = ()
) -> Iterator[FieldChange]:
    """Where ``wanted`` is not covered by ``actual``; what is None in ``wanted`` is left alone.

    Args:
        secret: fields that are told as changed, never with their text.
    """
    for name, value in wanted.items():
        if value is None:
            continue
        for path, before, after in _compare(name, actual.get(name), value):
            if name in secret:
                yield FieldChange(path, "(text)" if before else None, "(changed text)")
            elif as_text(before) is not None or as_text(after) is not None:
                # An empty text, an empty list and nothing are all nothing.
                yield FieldChange(path, as_text(before), as_text(after))


def summarize(fields: Mapping[str, Any], secret: Collection[str] = ()) -> Iterator[FieldChange]:
    """What something that is made will have: each field that says something, down to its leaves."""
    for name, value in fields.items():
        if name in secret:
            yield FieldChange(name, None, "(text)")
        elif isinstance(value, Mapping):
            yield from leaves(name, {inner: keyed(item, inner) for inner, item in value.items()})
        else:
            yield from leaves(name, value)


def leaves(path: str, value: Any) -> Iterator[FieldChange]:
    """The leaves of a value, each as something that is made."""
    if isinstance(value, Named):
        for label, item in value.items():
            inner = {k: v for k, v in item.items() if k != "name"} if isinstance(item, Mapping) else item
            yield from leaves(f"{path}[{label}]", inner)
        return
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from leaves(f"{path}.{name}" if path else str(name), item)
        return
    shown = to_field_change(path, None, value)
    if shown.after is not None:
        yield shown


def _compare(path: str, have: Any, want: Any) -> Iterator[tuple[str, Any, Any]]:
    """Where ``want`` is not covered by ``have``: keys that ``want`` does not name are AWS's own defaults."""
    if isinstance(want, Mapping):
        for name, value in want.items():
            inner = have.get(name) if isinstance(have, Mapping) else None
            yield from _compare(f"{path}.{name}", inner, value)
    elif isinstance(want, (list, tuple)):
        if not _covers_list(have, want):
            yield path, have, want
    elif isinstance(want, frozenset):
        if frozenset(have or ()) != want:
            yield path, have, want
    elif not _same_scalar(have, want):
        yield path, have, want


def _covers_list(have: Any, want: list[Any] | tuple[Any, ...]) -> bool:
    if not isinstance(have, (list, tuple)) or len(have) != len(want):
        return not want and not have
    left = list(have)
    for item in want:
        for index, candidate in enumerate(left):
            if not any(_compare("", candidate, item)):
                del left[index]
                break
        else:
            return False
    return True


def _same_scalar(have: Any, want: Any) -> bool:
    if have is None:
        # What AWS leaves out is empty, off or nothing.
        return want in ("", False, 0) and not isinstance(want, Ref)
    if isinstance(have, bool) or isinstance(want, bool):
        return bool(have) == bool(want)
    return str(have) == str(want)
