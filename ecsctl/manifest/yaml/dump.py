"""Plain data as YAML that every reader takes for the same."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

# Strings that some reader takes for something else when they stand without quotes: YAML 1.1 reads `on`, `1:30` and
# `0o17` in its own way, YAML 1.2 reads `012`, `1e3` and `0x1f` as numbers.
AMBIGUOUS = re.compile(
    r"[-+.]?\d[\d_.,:xobXOBeE+a-fA-F-]*|[-+]?\.\w+|~|=|<<|null|true|false|yes|no|on|off|y|n|\.{3}|-{3}.*", re.IGNORECASE
)
# PyYAML folds these as line breaks where they are not escaped.
LINE_BREAKS = frozenset("\x85\u2028\u2029")


def dump(data: Any, *, sort_keys: bool = False, width: int = 80) -> str:
    """The text of mappings, lists and scalars in block style."""
    import yaml

    text: str = yaml.dump(
        data, Dumper=_dumper(), sort_keys=sort_keys, allow_unicode=True, default_flow_style=False, width=width
    )
    return text


@lru_cache(maxsize=1)
def _dumper() -> Any:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes what only some readers take for a string."""

    def string(dumper: Dumper, value: str) -> Any:
        tag = "tag:yaml.org,2002:str"
        plain = dumper.resolve(yaml.ScalarNode, value, (True, False)) == tag  # type: ignore[no-untyped-call]
        style = "'" if plain and AMBIGUOUS.fullmatch(value) else None
        if not LINE_BREAKS.isdisjoint(value):
            style = '"'
        return dumper.represent_scalar(tag, value, style=style)

    Dumper.add_representer(str, string)
    return Dumper
