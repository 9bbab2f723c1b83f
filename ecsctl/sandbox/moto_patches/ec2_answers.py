"""DescribeInstances' answer, written as XML at once: moto builds a tree of it, and asks each value in a dozen ways.

The answer is moto's to the last character (a test compares them); of 100 instances it takes 30 ms instead of 600. What
a value may be called is asked of moto once for each class of object and member of the model.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

OPERATIONS = ("DescribeInstances",)
_MISSING = object()


@dataclass
class _Member:
    """A member of the model at one place of the answer: its tag, and what it takes to find and to write its value."""

    key: str
    tag: str
    shape: Any
    path: str
    change: Callable[[Any], Any] | None
    members: list[_Member] = field(default_factory=list)
    item: _Member | None = None
    # Of each class of object: what the value may be called there, and whether the class itself has that name.
    names: dict[type, tuple[tuple[str, bool], ...]] = field(default_factory=dict)


class Writer:
    """Writes the answers of one operation."""

    def __init__(self, serializer: Any) -> None:
        self._picker = serializer._value_picker
        self._serializer = serializer
        model = serializer.operation_model
        self._namespace = model.metadata.get("xmlNamespace", "")
        self._tag = f"{model.name}Response"
        shape = model.output_shape
        self._root = self._member("", "", shape, f"{serializer.operation_name}.{shape.name}", None)

    def _member(self, key: str, tag: str, shape: Any, path: str, change: Callable[[Any], Any] | None) -> _Member:
        made = _Member(key, tag, shape, path, change)
        if shape.type_name == "structure":
            for name, inner in shape.members.items():
                inner.parent = shape
                place = f"{path}.{name}"
                made.members.append(self._member(name, self._name(inner, name), inner, place, self._change_at(place)))
        elif shape.type_name == "list":
            inner = shape.member
            made.item = self._member(inner.name, self._name(inner, "member"), inner, f"{path}.{inner.name}", None)
        return made

    @staticmethod
    def _name(shape: Any, default: str) -> str:
        return str(shape.serialization.get("name", default))

    def _change_at(self, path: str) -> Callable[[Any], Any] | None:
        changes = self._picker.response_transformers.items()
        found: Callable[[Any], Any] | None = next((change for end, change in changes if path.endswith(end)), None)
        return found

    def write(self, result: Any, request_id: str) -> str:
        """The whole answer."""
        out = ['<?xml version="1.0" encoding="utf-8"?>\n<', self._tag, " xmlns=", quoteattr(self._namespace), ">"]
        self._structure(out, self._root, result)
        out += ["<requestId>", escape(str(request_id)), "</requestId></", self._tag, ">"]
        return "".join(out)

    def _structure(self, out: list[str], node: _Member, value: Any) -> None:
        kind = type(value)
        keyed = hasattr(kind, "__getitem__")
        # Most names are nowhere, which a dictionary says ten times as fast as getattr.
        own = {} if keyed else getattr(value, "__dict__", None)
        for member in node.members:
            names = member.names.get(kind)
            if names is None:
                names = member.names[kind] = self._names(member, value)
            found: Any = None
            for name, of_class in names:
                if keyed:
                    try:
                        found = value[name]
                    except (KeyError, IndexError, TypeError, AttributeError):
                        continue
                    break
                if own is not None and not of_class and name not in own:
                    continue
                held = getattr(value, name, _MISSING)
                if held is not _MISSING:
                    found = held
                    break
            if member.change is not None:
                found = member.change(found)
            if found is not None:
                self._value(out, member, found)

    def _names(self, member: _Member, value: Any) -> tuple[tuple[str, bool], ...]:
        """What a value of this member may be called in an object of this class."""
        from moto.core.serialize import AttributePickerContext

        context = AttributePickerContext(obj=value, key=member.key, shape=member.shape)
        kind = type(value)
        dynamic = hasattr(kind, "__getattr__")
        names = dict.fromkeys(self._picker.get_possible_keys(context))
        return tuple((name, dynamic or hasattr(kind, name)) for name in names)

    def _value(self, out: list[str], member: _Member, value: Any) -> None:
        kind = member.shape.type_name
        if kind == "structure":
            start = len(out)
            self._structure(out, member, value)
            _wrap(out, start, member.tag)
        elif kind == "list":
            start = len(out)
            assert member.item is not None
            for each in value:
                if each is not None:
                    self._item(out, member.item, each)
            _wrap(out, start, member.tag)
        else:
            text = self._text(kind, member.shape, value)
            out.append(f"<{member.tag}>{text}</{member.tag}>" if text else f"<{member.tag}/>")

    def _item(self, out: list[str], item: _Member, value: Any) -> None:
        start = len(out)
        self._value(out, item, value)
        if item.shape.type_name == "structure" and out[start:] == [f"<{item.tag}/>"]:
            del out[start:]

    def _text(self, kind: str, shape: Any, value: Any) -> str:
        if kind == "string":
            return escape(str(value))
        if kind == "boolean":
            return "true" if value is True or str(value).lower() == "true" else "false"
        if kind in ("integer", "long"):
            return str(int(value))
        if kind in ("float", "double"):
            return str(float(value))
        if kind == "timestamp":
            told: dict[str, Any] = {}
            self._serializer._timestamp_serializer.serialize(told, value, shape, "at")
            return escape(str(told["at"]))
        data = value.encode() if isinstance(value, str) else value
        return base64.b64encode(data).decode()


def _wrap(out: list[str], start: int, tag: str) -> None:
    if len(out) == start:
        out.append(f"<{tag}/>")
    else:
        out.insert(start, f"<{tag}>")
        out.append(f"</{tag}>")


def patch() -> None:
    """Have the answers of :data:`OPERATIONS` written so, and what stands in them found without looking at all else."""
    from moto.core.responses import BaseResponse
    from moto.core.serialize import EC2Serializer
    from moto.ec2.models.core import TaggedEC2Resource
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

    enrich = BaseResponse._enrich_response

    def enriched(headers: Any, body: Any) -> Any:
        """The request's id is put into a long answer only where it has a place for it: finding none takes 10 ms."""
        if isinstance(body, str) and "<RequestId>" not in body:
            return enrich(headers, "")[0], body
        return enrich(headers, body)

    def get_tags(self: Any) -> list[dict[str, str]]:
        """A resource's own tags, by its id: moto compares the ids of all tagged resources by a pattern."""
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "") if self.id else ""
        tags = self.ec2_backend.tags.get(self.id, {}) if self.id else {}
        rows = ({"resource_id": self.id, "key": key, "resource_type": kind, "value": tags[key]} for key in tags)
        return list(rows)

    BaseResponse._enrich_response = staticmethod(enriched)  # type: ignore[method-assign]
    TaggedEC2Resource.get_tags = get_tags  # type: ignore[method-assign]

    writers: dict[str, Writer] = {}
    serialize = EC2Serializer._serialize_result

    def result(self: Any, response: Any, value: Any) -> Any:
        if self.operation_name not in OPERATIONS or self.pretty_print:
            return serialize(self, response, value)
        writer = writers.get(self.operation_name)
        if writer is None:
            writer = writers[self.operation_name] = Writer(self)
        response["body"] = writer.write(value, self.context.request_id)
        response["headers"]["Content-Type"] = self.CONTENT_TYPE
        return response

    EC2Serializer._serialize_result = result  # type: ignore[assignment,method-assign]
