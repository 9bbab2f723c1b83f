"""The table of facts: held, missed, not reachable, not asked, by section."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def facts_of(terminal: Any) -> list[dict[str, Any]]:
    """What became of each fact, from pytest's own reports."""
    outcomes = {"passed": "held", "failed": "missed", "error": "not reachable", "skipped": "not reachable"}
    found: dict[str, dict[str, Any]] = {}
    for kind, outcome in outcomes.items():
        for report in terminal.stats.get(kind, []):
            told = dict(getattr(report, "user_properties", ()))
            if "fact" not in told or (kind == "passed" and report.when != "call"):
                continue
            if kind == "error" and report.when == "teardown":
                continue
            detail = ""
            if kind == "error":
                detail = f"what it needs cannot be had: {report.longreprtext.splitlines()[-1]}"
            elif kind == "skipped":
                detail = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
                detail = detail.removeprefix("Skipped: ")
                outcome = "not asked" if "not asked" in detail else "not reachable"
            elif kind != "passed":
                crash = getattr(report.longrepr, "reprcrash", None)
                detail = (crash.message if crash else str(report.longrepr)).splitlines()[0]
            found[report.nodeid] = {
                "test": report.nodeid.split("tests/conformance/", 1)[-1],
                "section": told["section"],
                "fact": told["fact"],
                "outcome": outcome,
                "detail": detail,
                "seconds": round(report.duration, 3),
            }
    return list(found.values())


def write_table(facts: list[dict[str, Any]], terminal: Any, file: str | None) -> None:
    """Print the numbers of each section and what was missed; write all facts as JSON where a file is named."""
    kinds = ("held", "missed", "not reachable", "not asked")
    sections: dict[str, dict[str, int]] = {}
    for fact in facts:
        row = sections.setdefault(fact["section"], dict.fromkeys(kinds, 0))
        row[fact["outcome"]] += 1
    total = {kind: sum(row[kind] for row in sections.values()) for kind in kinds}
    write = terminal.write_line
    terminal.section("facts of the ECS API")
    width = max(len(name) for name in (*sections, "all"))
    write(f"{'':{width}}  " + "  ".join(f"{kind:>13}" for kind in kinds))
    for name, row in (*sections.items(), ("all", total)):
        write(f"{name:{width}}  " + "  ".join(f"{row[kind] or '-':>13}" for kind in kinds))
    for fact in facts:
        if fact["outcome"] == "missed":
            write(f"MISSED  {fact['test']}: {fact['fact']}")
            write(f"        {fact['detail'][:300]}")
    if file:
        Path(file).write_text(json.dumps({"summary": total, "facts": facts}, indent=2) + "\n")
