"""``ecsctl`` and ``python -m ecsctl``."""

from __future__ import annotations

import gc
import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code."""
    # A short-lived process frees nothing worth collecting while it imports.
    gc.disable()
    try:
        from ecsctl.cli.main import run

        gc.freeze()
        # A tree of 10,000 nodes is no garbage: looking through it at every 700 new ones took a sixth of `validate`.
        gc.set_threshold(100_000, 20, 20)
        gc.enable()
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        # While it was still importing, or a second time, while the first was being told.
        code = INTERRUPTED
    if code == INTERRUPTED:
        # Threads whose call hangs do not keep an interrupted command alive.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
