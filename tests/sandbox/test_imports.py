"""What makes a cold start short."""

from __future__ import annotations

import gc
from pathlib import Path

from botocore.loaders import JSONFileLoader

from ecsctl.sandbox.moto_patches import imports


def test_a_data_file_is_parsed_once_while_moto_is_imported(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"b": 1}')
    before = JSONFileLoader.load_file
    with imports.once():
        first = JSONFileLoader().load_file(str(tmp_path / "a"))
        assert not gc.isenabled()
        assert JSONFileLoader().load_file(str(tmp_path / "a")) is first == {"b": 1}
    assert gc.isenabled()
    assert gc.get_freeze_count()
    gc.unfreeze()
    assert JSONFileLoader.load_file is before
    assert JSONFileLoader().load_file(str(tmp_path / "a")) is not first
