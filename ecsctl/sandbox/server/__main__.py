"""``python -m ecsctl.sandbox.server``: the sandbox's process."""

from __future__ import annotations

import contextlib
import os
import sys

from ecsctl.sandbox.server.process import main

if __name__ == "__main__":
    code = main()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    # Everything is saved: freeing moto's quarter of a million objects one by one would only take time.
    os._exit(code)
