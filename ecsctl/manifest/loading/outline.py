"""The few words of a project file that a command which only reads has to know; nothing else of the file counts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecsctl.errors import UsageError
from ecsctl.manifest.interpolation.templates import Filler, Values
from ecsctl.manifest.loading.files import Reader
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar

WORDS = ("name", "cluster", "region")
# A top-level line of a file that no parser can read.
LINE = re.compile(r"""(?P<word>name|cluster|region):[ \t]+(["']?)(?P<value>[^\s"'#]\S*?)\2[ \t]*(#.*)?""")


class Outline:
    """``words`` has those that are known, ``faults`` why others are not: a sentence a word, or of the file itself.

    Files that are overlaid or included count; variables that other parts of them need do not, nor do their faults.

    Args:
        files: paths; later ones go over earlier ones.
        variables: what ``${VAR}`` is filled with.

    Raises:
        UsageError: a file cannot be read at all.
    """

    def __init__(self, files: Sequence[str], variables: Mapping[str, str]) -> None:
        self.words: dict[str, str] = {}
        self.faults: dict[str, str] = {}
        self.unreadable: str | None = None
        self._variables = variables
        self._reader = Reader()
        for file in files:
            self._take(file, ())

    def _take(self, file: str, within: tuple[str, ...]) -> None:
        here = os.path.realpath(file)
        if here in within:
            return
        document = self._reader.read(file)
        root = document.root
        if not isinstance(root, MapNode):
            self.unreadable = next((str(fault) for fault in document.faults), f"{file} is not a mapping")
            self._plain(file)
            return
        self._include(file, root, (*within, here))
        for word in WORDS:
            node = root.entries.get(word)
            if node is not None:
                self._word(word, node, json=document.json)

    def _plain(self, file: str) -> None:
        """The words of a file with wrong syntax, where each stands in a line of its own."""
        text = Path(file).read_text(encoding="utf-8", errors="replace") if file != "-" else ""
        for number, line in enumerate(text.splitlines(), 1):
            match = LINE.fullmatch(line)
            if match:
                self._word(match["word"], Scalar(file, number, match.start("value") + 1, match["value"]), json=False)

    def _include(self, file: str, root: MapNode, within: tuple[str, ...]) -> None:
        listed = root.entries.get("include")
        for item in listed.items if isinstance(listed, ListNode) else [listed]:
            if isinstance(item, Scalar) and isinstance(item.value, str) and "$" not in item.text:
                try:
                    self._take(str(Path(file).parent / item.text), within)
                except UsageError as error:
                    self.unreadable = error.message

    def _word(self, word: str, node: Node, *, json: bool) -> None:
        filler = Filler(Values(self._variables, leave_unresolved=True))
        filled = node if json else filler.fill(node, (word,))
        self.words.pop(word, None)
        self.faults.pop(word, None)
        if isinstance(filled, Scalar) and isinstance(filled.value, str) and filled.value and not filled.unresolved:
            self.words[word] = filled.value
        else:
            told = [fault.message for fault in filler.faults] or ["only AWS knows it"] * bool(filler.notes)
            self.faults[word] = f"{node.position}: {told[0] if told else f'{word} is {node.kind}'}"
