"""What looks like a secret: the one idea of it, for the rules, the imports, and whatever prints a definition."""

from __future__ import annotations

import re

NAME = re.compile(
    r"passw(?:or)?d|passphrase|secret|credential|token(?!i[sz])"
    r"|(?:api|private|access|auth|encryption|signing|licen[sc]e|master)[-_.]?key"
    r"|connection[-_.]?string|(?:^|[-_.])(?:pass|pwd|dsn)[-_.]?[0-9]*$",
    re.IGNORECASE,
)
# What is said of a secret, or leads to one, and is none itself.
ABOUT = re.compile(
    r"[-_.](?:file|path|dir|url|uri|endpoint|arn|id|name|ttl|expir(?:y|ation|es?)|lifetime|length|issuer|type|enabled)$",
    re.IGNORECASE,
)
VALUE = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|gh[pousr]_[A-Za-z0-9]{36}|xox[abpr]-[A-Za-z0-9-]{10,}"
    r"|\w+://[^/\s:@]*:[^/\s:@]+@"
)
# Values that are no secrets, whatever their name says.
HARMLESS = re.compile(r"|true|false|required|optional|\d{1,3}|/.*|arn:.*|\$\{.*\}", re.IGNORECASE)


def looks_secret(name: str, value: str | None = None) -> bool:
    """Whether a variable or an option likely holds a secret, by its name, or by its value where that is known.

    A password in a URL, a private key, or an access key is one under any name.
    """
    if value is not None and VALUE.search(value):
        return True
    named = NAME.search(name) is not None and ABOUT.search(name) is None
    return named and (value is None or HARMLESS.fullmatch(value) is None)
