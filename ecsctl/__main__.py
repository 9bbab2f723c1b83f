"""``ecsctl`` and ``python -m ecsctl``."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

from ecsctl.errors import SIGNALS, Interrupted


def main() -> None:
    """Run the command line and exit with its code."""
    # A short-lived process frees nothing worth collecting while it imports.
    gc.disable()
    try:
        for number in SIGNALS:
            # What was ignored when the command was started (nohup) stays so.
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _interrupt)
        from ecsctl.cli import streams

        streams.install()
        from ecsctl.cli.main import run

        gc.freeze()
        # A tree of 10,000 nodes is no garbage: looking through it at every 700 new ones took a sixth of `validate`.
        gc.set_threshold(100_000, 20, 20)
        gc.enable()
        code = run(sys.argv[1:])
    except KeyboardInterrupt as error:
        # While it was still importing, or a second time, while the first was being told.
        code = Interrupted.code_of(error)
    if code in {128 + number for number in (signal.SIGINT, *SIGNALS)}:
        # Threads whose call hangs do not keep an interrupted command alive.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)


if __name__ == "__main__":
    main()
