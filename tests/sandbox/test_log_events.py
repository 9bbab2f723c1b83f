from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from ecsctl.sandbox.logs import events as module
from ecsctl.sandbox.logs.events import ComputedEvents, StreamEvents
from ecsctl.sandbox.moto_patches.logs import filtered, page_of
from ecsctl.sandbox.runtimes.docker.logs import stamped, unchunked, unframed


@pytest.fixture(autouse=True)
def small_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 4000)
    monkeypatch.setattr(module, "EVERY", 7)
    monkeypatch.setattr(StreamEvents, "home", tmp_path)


def stream(folder: Path, count: int, step: int = 10) -> StreamEvents:
    made = StreamEvents(folder, "s")
    for first in range(0, count, 13):
        made.append([(n * step, f"line {n}", n + 1) for n in range(first, min(first + 13, count))], 99)
    return made


def walk(events: Any, limit: int, *, forwards: bool = True, **bounds: Any) -> list[str]:
    """All messages, page by page, by the tokens."""
    found: list[str] = []
    token = None
    while True:
        rows, back, ahead = page_of(events, bounds.get("since"), bounds.get("until"), limit, token, forwards)
        messages = [row["message"] for row in rows]
        found = [*found, *messages] if forwards else [*messages, *found]
        following = ahead if forwards else back
        if following == token:
            return found
        token = following


@pytest.mark.parametrize("limit", [1, 10, 1000])
def test_pages_forwards_and_backwards_have_every_event_once(tmp_path: Path, limit: int) -> None:
    made = stream(tmp_path, 500)
    expected = [f"line {n}" for n in range(500)]
    assert walk(made, limit) == expected
    assert walk(made, limit, forwards=False) == expected
    bounds = {"since": 1005, "until": 2000}
    assert walk(made, limit, **bounds) == expected[101:200]
    assert walk(made, limit, forwards=False, **bounds) == expected[101:200]
    assert len(list(tmp_path.iterdir())) > 3, "it is several files"


def test_a_token_stays_where_it_was_while_events_come(tmp_path: Path) -> None:
    made = stream(tmp_path, 20)
    rows, _, ahead = page_of(made, None, None, 5, None, False)
    assert [row["message"] for row in rows] == [f"line {n}" for n in range(15, 20)]
    assert page_of(made, None, None, 5, ahead, True)[0] == []
    assert page_of(made, None, None, 5, ahead, True)[2] == ahead
    made.append([(300, "new", 0)], 99)
    assert [row["message"] for row in page_of(made, None, None, 5, ahead, True)[0]] == ["new"]


def test_events_that_come_in_disorder_are_told_by_their_time(tmp_path: Path) -> None:
    made = StreamEvents(tmp_path, "s")
    made.append([(30, "c", 0), (40, "d", 0)], 1)
    made.append([(10, "a", 0), (35, "cd", 0)], 1)
    assert walk(made, 2) == ["a", "c", "cd", "d"] == walk(made, 3, forwards=False)


def test_the_oldest_are_dropped_when_there_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENTS", 3)
    made = stream(tmp_path, 2000)
    kept = walk(made, 100)
    assert kept == [f"line {n}" for n in range(2000 - len(kept), 2000)]
    assert 100 < len(kept) < 500
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("torn", [0, 5])
def test_a_saved_state_finds_what_was_written_after_it(tmp_path: Path, torn: int) -> None:
    made = stream(tmp_path, 100)
    saved = pickle.dumps(made)
    made.append([(n * 10, f"line {n}", n + 1) for n in range(100, 300)], 99)
    made.idle()
    if torn:
        last = max(tmp_path.iterdir(), key=lambda path: int(path.suffix[1:]))
        with open(last, "ab") as file:
            file.write(b"\0" * torn)
    back = pickle.loads(saved)
    assert walk(back, 50) == [f"line {n}" for n in range(300)]
    assert back.last_source_ns == 300
    back.append([(5000, "after", 0)], 99)
    assert walk(back, 50)[-1] == "after"


def test_several_streams_are_filtered_together_with_a_token(tmp_path: Path) -> None:
    one, two = StreamEvents(tmp_path, "one"), StreamEvents(tmp_path, "two")
    one.append([(n * 2, f"one {n}", 0) for n in range(50)], 1)
    two.append([(n * 2 + 1, f"two {n}", 0) for n in range(50)], 1)
    token, found = None, []
    while True:
        rows, token = filtered({"one": one, "two": two}, 10, 80, 7, token, None)
        found += rows
        if token is None:
            break
    assert [row["timestamp"] for row in found] == list(range(10, 81))
    assert len({row["eventId"] for row in found}) == len(found)
    rows, _ = filtered({"one": one, "two": two}, None, None, 100, None, '"one 7"')
    assert [row["message"] for row in rows] == ["one 7"]


def test_a_simulated_container_says_so_once_a_second() -> None:
    now = [1000.0]
    made = ComputedEvents([(0.0, "hello"), (2.0, "two"), (2.5, "half")], 1000.0, "after {seconds} s", lambda: now[0])
    assert walk(made, 2) == ["hello"]
    now[0] = 1003.2
    expected = ["hello", "after 1 s", "two", "after 2 s", "half", "after 3 s"]
    assert walk(made, 2) == expected == walk(made, 2, forwards=False)
    assert walk(made, 2, since=1002_100) == ["half", "after 3 s"]
    assert made.times() == (1000_000, 1003_000)
    made.close()
    now[0] = 2000.0
    back = pickle.loads(pickle.dumps(made))
    assert walk(back, 100) == expected


def frame(text: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


def test_dockers_output_is_cut_up_wherever_it_is_torn() -> None:
    stamps = [f"2026-01-31T12:00:0{n}.{n}23456789Z ".encode() for n in range(4)]
    frames = [
        frame(stamps[0] + b"plain\n"),
        frame(stamps[1] + b"a very "),
        frame(stamps[2] + b"long line\r\n", 2),
        frame(stamps[3] + "é no end".encode()),
        frame(stamps[3] + b"\n"),
    ]
    whole = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in frames) + b"0\r\n\r\n"
    for size in (1, 3, 50, 10_000):
        pieces = iter([whole[n : n + size] for n in range(0, len(whole), size)])
        read = lambda: next(pieces, b"")  # noqa: B023, E731
        lines = [line for group in stamped(unframed(unchunked(read))) for line in group]
        assert [text for _, text in lines] == ["plain", "a very long line", "é no end"]
        assert lines[0][0] == 1769860800_023456789
        assert lines[1][0] == 1769860801_123456789, "a long line has the time of its beginning"
