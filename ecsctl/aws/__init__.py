"""The door to AWS: sessions, calls, retries, rates, and failures in words."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import cast

CRT = "awscrt"


def leave_out_crt() -> None:
    """Keep botocore from importing the AWS Common Runtime, which only sessions of `aws login` need.

    Where it is installed, botocore imports it before it looks at BOTO_DISABLE_CRT: a third of the time that its own
    import takes.
    """
    if CRT not in sys.modules and "botocore.compat" not in sys.modules and not _names_login_session():
        sys.modules[CRT] = cast(ModuleType, None)


def _names_login_session() -> bool:
    path = os.environ.get("AWS_CONFIG_FILE") or os.path.join("~", ".aws", "config")
    try:
        with open(os.path.expanduser(path), encoding="utf-8", errors="replace") as file:
            return "login_session" in file.read()
    except OSError:
        return False


leave_out_crt()
