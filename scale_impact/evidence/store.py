"""Reading and writing rows; the files are the truth."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scale_impact.core.evidence import to_line


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as lines of JSON."""
    path.write_text("".join(to_line(row) + "\n" for row in rows), encoding="utf-8")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a file of lines of JSON."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def result_files(studies: Path, name: str) -> list[Path]:
    """Every published file of a name, of studies and of their variants."""
    found = [*studies.glob(f"*/results/{name}"), *studies.glob(f"*/results/*/{name}")]
    return sorted(found)
