"""Pickles of what moto's backends hold, some of which pickle alone refuses: locks, keys, odd dictionaries.

Functions are kept by their names only. The few lambdas that moto has for the defaults of its dictionaries are kept by
the name of what they do; a service with any other one is not kept, which the status says.
"""

from __future__ import annotations

import io
import pickle
import threading
import types
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

LOCKS: dict[type, Callable[[], Any]] = {
    type(threading.Lock()): threading.Lock,
    type(threading.RLock()): threading.RLock,
}


def nested_dictionaries() -> defaultdict[str, dict[str, str]]:
    """The default of SSM's tags: by resource, by key."""
    return defaultdict(dict)


FACTORIES: dict[tuple[str, str], Callable[[], Any]] = {
    ("moto.ssm.models", "SimpleSystemManagerBackend.__init__.<locals>.<lambda>"): nested_dictionaries,
    ("moto.awslambda.models", "LambdaStorage.__init__.<locals>.<lambda>"): dict,
}
"""(Module, qualified name) of a lambda of moto → what does the same and has a name."""


def _factory(module: str, name: str) -> Callable[[], Any]:
    return FACTORIES[module, name]


def dumps(value: Any) -> bytes:
    """A value as bytes, for :func:`pickle.loads`.

    Raises:
        Exception: it holds what cannot be kept: a thread, an open file, a lambda.
    """
    into = io.BytesIO()
    _Pickler(into, pickle.HIGHEST_PROTOCOL).dump(value)
    return into.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is types.FunctionType and (obj.__module__, obj.__qualname__) in FACTORIES:
            return _factory, (obj.__module__, obj.__qualname__)
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
