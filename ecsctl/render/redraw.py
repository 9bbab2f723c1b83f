"""A screen that is drawn anew, in place: on the terminal's alternate screen, so that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from ecsctl.render import terminal
from ecsctl.render.fit import cut

ENTER = "\x1b[?1049h\x1b[?25l"
LEAVE = "\x1b[?25h\x1b[?1049l"
HOME, END_OF_LINE, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


class Redraw:
    """Draws lines over the ones before. Leaving it brings the old screen back, with the last lines below."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: Sequence[str] = ()

    def __enter__(self) -> Redraw:
        self._stream.write(ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.write(LEAVE)
        self._stream.writelines(f"{line}\n" for line in self._last)
        self._stream.flush()

    def draw(self, lines: Sequence[str], status: str) -> None:
        """Draw these lines, as far as there is room, and ``status`` below them."""
        self._last = lines
        width, room = terminal.width(self._stream) or terminal.WIDTH, max(1, terminal.height(self._stream) - 1)
        shown = list(lines)
        if len(shown) > room:
            hidden = len(shown) - room + 1
            shown = [*shown[: room - 1], f"… and {hidden} more lines"]
        text = "".join(f"{cut(line, width)}{END_OF_LINE}\r\n" for line in shown)
        # No line break behind the last line: it would scroll.
        self._stream.write(f"{HOME}{text}{cut(status, width)}{END_OF_LINE}{BELOW}")
        self._stream.flush()
