"""``ecsctl`` and ``python -m ecsctl``."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # A short-lived process frees nothing worth collecting while it imports.
    gc.disable()
    from ecsctl.cli.main import run

    gc.freeze()
    gc.enable()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
