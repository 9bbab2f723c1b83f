"""The few words of a project file that a command which only reads has to know; nothing else of the file counts."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecsctl.errors import UsageError
from ecsctl.manifest.interpolation.templates import Filler, Values
from ecsctl.manifest.loading.files import Reader
from ecsctl.manifest.loading.names import NAMED, staged
from ecsctl.manifest.loading.stages import Stages
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar

WORDS = ("name", "cluster", "region")
# A top-level line of a file that no parser can read.
LINE = re.compile(r"""(?P<word>name|cluster|region):[ \t]+(["']?)(?P<value>[^\s"'#]\S*?)\2[ \t]*(#.*)?""")


class Outline:
    """``words`` has those that are known, ``faults`` why others are not: a sentence a word, or of the file itself.

    ``names`` has the names in the stage of its services and families, by section and key.

    Files that are overlaid or included count; variables that other parts of them need do not, nor do their faults.

    Args:
        files: paths; later ones go over earlier ones.
        variables: what ``${VAR}`` is filled with.
        stage: the stage whose words they are.

    Raises:
        UsageError: a file cannot be read at all, has no such stage, or has stages of which none is chosen.
    """

    def __init__(self, files: Sequence[str], variables: Mapping[str, str], stage: str | None = None) -> None:
        self.words: dict[str, str] = {}
        self.faults: dict[str, str] = {}
        self.unreadable: str | None = None
        self.names: dict[tuple[str, str], str] = {}
        self._variables = variables
        self._reader = Reader()
        self._stages = Stages(files)
        self._said: dict[tuple[str, str], str | None] = {}
        for file in files:
            self._take(file, ())
        self._choose(stage)

    def _choose(self, stage: str | None) -> None:
        """Take what is said for the stage; the names that it does not say itself carry it."""
        if stage is None and (self.unreadable or not self._stages.sections):
            return
        self._stages.require(stage)
        assert stage is not None
        common, self.words = self.words, {}
        for file, node in self._stages.of(stage):
            if isinstance(node, MapNode):
                self._words_of(file, node, (), json=file.endswith(".json"))
        for file in self._stages.overlays(stage):
            self._take(file, ())
        if "name" not in self.words and "name" not in self.faults:
            common = {
                word: staged(text, stage) if word in ("name", "cluster") else text for word, text in common.items()
            }
            self.names = {at: said or f"{at[1]}-{stage}" for at, said in self._said.items()}
        self.words = {**common, **self.words}

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
        self._stages.take(file, root.entries.get("stages"))
        self._words_of(file, root, (*within, here), json=document.json)

    def _words_of(self, file: str, root: MapNode, within: tuple[str, ...], *, json: bool) -> None:
        self._include(file, root, within)
        self._names(root, json=json)
        for word in WORDS:
            node = root.entries.get(word)
            if node is not None:
                self._word(word, node, json=json)

    def _names(self, root: MapNode, *, json: bool) -> None:
        for section in ("services", "taskDefinitions"):
            node = root.entries.get(section)
            for key, definition in node.entries.items() if isinstance(node, MapNode) else ():
                inner = definition.entries.get(NAMED[section]) if isinstance(definition, MapNode) else None
                name = self._filled(NAMED[section], inner, json=json)[0] if inner is not None else None
                self._said[section, key] = name or self._said.get((section, key))

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
        self.words.pop(word, None)
        self.faults.pop(word, None)
        text, problem = self._filled(word, node, json=json)
        if text is not None:
            self.words[word] = text
        else:
            self.faults[word] = f"{node.position}: {problem}"

    def _filled(self, word: str, node: Node, *, json: bool) -> tuple[str | None, str]:
        """The text of a value, or why it is not known."""
        filler = Filler(Values(self._variables, leave_unresolved=True))
        filled = node if json else filler.fill(node, (word,))
        if isinstance(filled, Scalar) and isinstance(filled.value, str) and filled.value and not filled.unresolved:
            return filled.value, ""
        told = [fault.message for fault in filler.faults] or ["only AWS knows it"] * bool(filler.notes)
        return None, told[0] if told else f"{word} is {node.kind}"
