"""What is shown of a call where others may read it: everything but what is, or may be, a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

HIDDEN = "(hidden)"
# Members of the API whose values are never shown, and keys of maps (the options of a log driver).
SECRET_MEMBER = re.compile(
    r"token|secret|passw(?:or)?d|passphrase|authori[sz]ation|signature|credential|user_?data|private_?key|access_?key"
    r"|api_?key|auth_?data",
    re.IGNORECASE,
)
# They match, and are names of things, or lists of such names.
HARMLESS_MEMBER = frozenset(
    {"nextToken", "NextToken", "clientToken", "ClientToken", "PaginationToken", "credentialsParameter", "secretOptions",
     "secrets", "SecretId", "repositoryCredentials"}
)  # fmt: skip
ENVIRONMENT = frozenset({"environment", "Environment"})
URL_PASSWORD = re.compile(r"(\w+://[^/\s:@]*:)[^/\s@]+(@)")
FLAG = re.compile(r"((?:--?[\w-]*|\b\w*)(?:passw(?:or)?d|token|secret|api[_-]?key)[\w-]*=)\S+", re.IGNORECASE)
BARE_FLAG = re.compile(r"--?[\w-]*(?:passw(?:or)?d|token|secret|api[_-]?key)[\w-]*", re.IGNORECASE)
ASSIGNMENT = re.compile(r"([A-Za-z_][\w.-]*)=.*", re.DOTALL)


def redacted(value: Any, member: str = "") -> Any:
    """A copy of an operation's input (or a part of it, of the name ``member``) without what may be a secret.

    Values of environment variables are hidden whatever their name is, user data as a whole, and passwords in URLs and
    command lines.
    """
    if member and member not in HARMLESS_MEMBER and SECRET_MEMBER.search(member):
        return HIDDEN if value not in (None, "") else value
    if member in ENVIRONMENT:
        return _environment(value)
    if isinstance(value, Mapping):
        return {name: redacted(item, str(name)) for name, item in value.items()}
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return _items(value, member)
    return HIDDEN if isinstance(value, (bytes, bytearray)) else value


def redacted_text(text: str) -> str:
    """A text without passwords of URLs (``mysql://user:password@host``) and of options (``--password=x``)."""
    return FLAG.sub(rf"\1{HIDDEN}", URL_PASSWORD.sub(rf"\1{HIDDEN}\2", text))


def redacted_arguments(arguments: Sequence[str]) -> list[str]:
    """A command line without values of variables (``--set NAME=VALUE``) and without what follows ``--``."""
    own = list(arguments)
    after = own[own.index("--") + 1 :] if "--" in own else []
    own = own[: len(own) - len(after)]
    shown = [ASSIGNMENT.sub(rf"\1={HIDDEN}", item) if ASSIGNMENT.fullmatch(item) else item for item in own]
    return [*_items(shown, ""), *([f"({len(after)} more arguments)"] if after else [])]


def _items(values: Sequence[Any], member: str) -> list[Any]:
    shown = [redacted(item) for item in values]
    for place, item in enumerate(values[:-1]):
        if isinstance(item, str) and BARE_FLAG.fullmatch(item) and isinstance(values[place + 1], str):
            shown[place + 1] = HIDDEN
    return shown


def _environment(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [
            {**item, "value": HIDDEN} if isinstance(item, Mapping) and "value" in item else HIDDEN for item in value
        ]
    return HIDDEN
