"""Pickles of what moto's backends hold, some of which pickle alone refuses: locks, lambdas, keys, odd dictionaries."""

from __future__ import annotations

import io
import pickle
import sys
import threading
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any
from weakref import WeakValueDictionary

LOCKS: dict[type, Callable[[], Any]] = {
    type(threading.Lock()): threading.Lock,
    type(threading.RLock()): threading.RLock,
}


def dumps(value: Any) -> bytes:
    """A value as bytes, for :func:`pickle.loads`.

    Raises:
        Exception: it holds what cannot be kept: a thread, an open file, a function with variables of another.
    """
    into = io.BytesIO()
    _Pickler(into, pickle.HIGHEST_PROTOCOL).dump(value)
    return into.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is types.FunctionType:
            return _reduced_function(obj)
        if kind in LOCKS:
            # A lock that is held belongs to a moment that does not come back.
            return LOCKS[kind], ()
        if isinstance(obj, WeakValueDictionary):
            return _weak, (kind, dict(obj))
        if isinstance(obj, defaultdict) and kind is not defaultdict:
            # pickle would call the class with its default alone, whatever its __init__ takes.
            state = (obj.default_factory, obj.__dict__, dict(dict.items(obj)))
            return kind.__new__, (kind,), state, None, None, _fill
        if kind.__module__.startswith("cryptography."):
            return _reduced_key(obj)
        return NotImplemented


def _fill(made: defaultdict[Any, Any], state: tuple[Any, dict[str, Any], dict[Any, Any]]) -> None:
    made.default_factory = state[0]
    made.__dict__.update(state[1])
    dict.update(made, state[2])


def _weak(kind: type, items: dict[Any, Any]) -> Any:
    return kind(items)


def _reduced_key(obj: Any) -> Any:
    """Keys and certificates, as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
    from cryptography.x509 import Certificate

    if hasattr(obj, "private_bytes"):
        return _private_key, (obj.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),)
    if isinstance(obj, Certificate):
        return _certificate, (obj.public_bytes(Encoding.PEM),)
    if hasattr(obj, "public_bytes"):
        return _public_key, (obj.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),)
    return NotImplemented


def _private_key(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem, None)


def _public_key(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(pem)


def _certificate(pem: bytes) -> Any:
    from cryptography.x509 import load_pem_x509_certificate

    return load_pem_x509_certificate(pem)


def _reduced_function(function: types.FunctionType) -> Any:
    """How to find a function again; a lambda by the place of its code in the function that it is written in."""
    path = function.__qualname__.split(".")
    if "<locals>" not in path and "<lambda>" not in path:
        return NotImplemented
    if function.__closure__ or function.__defaults__ or function.__kwdefaults__:
        raise pickle.PicklingError(f"{function.__module__}.{function.__qualname__} holds variables of its own")
    for number, code in enumerate(_codes(function.__module__, function.__qualname__)):
        if code is function.__code__:
            return _function, (function.__module__, function.__qualname__, number)
    raise pickle.PicklingError(f"{function.__module__}.{function.__qualname__} is not found where it was written")


def _function(module: str, name: str, number: int) -> types.FunctionType:
    code = list(_codes(module, name))[number]
    made = types.FunctionType(code, vars(sys.modules[module]), name.rsplit(".", 1)[-1])
    made.__qualname__ = name
    return made


def _codes(module: str, name: str) -> Iterator[types.CodeType]:
    """The code objects of a module that this qualified name stands for, in their order."""
    outer, *inner = name.split(".<locals>.")
    if not inner:
        # A lambda of the module or of a class itself has no function to look into.
        raise pickle.PicklingError(f"{module}.{name} cannot be found by its name")
    found: Any = import_module(module)
    for part in outer.split("."):
        found = getattr(found, part)
    codes = [found.__code__]
    for part in inner:
        codes = [
            const
            for code in codes
            for const in code.co_consts
            if isinstance(const, types.CodeType) and const.co_name == part.rsplit(".", 1)[-1]
        ]
    return iter(codes)
