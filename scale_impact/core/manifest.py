"""Manifest: what went into a run, with what it was made, and what came out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Manifest:
    """The record of one run.

    Attributes
    ----------
    run_id:
        Hash of ``inputs``: equal inputs, equal run.
    inputs:
        Hashes of the template's code, the resolved study, the data file and the package's
        source, and the versions of the packages that make numbers.
    environment:
        Python, platform, git commit.
    seed:
        Seed of the run.
    started, seconds:
        When (UTC) and for how long.
    outputs:
        Hash of each file written, by relative path.
    """

    run_id: str
    study: str
    variant: str | None
    inputs: dict[str, Any]
    environment: dict[str, Any]
    seed: int
    started: str
    seconds: float
    outputs: dict[str, str]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Manifest | None:
        """Read; None where there is none or it is not whole."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_hash(path: Path) -> str:
    """SHA-256 of a file; of the Parquet files of a folder or pattern that of their hashes, sorted, one a line."""
    if path.is_file():
        return file_hash(path)
    from scale_impact.core.streams_parquet import files_of

    return text_hash("\n".join(sorted(file_hash(p) for p in files_of(path))))


def text_hash(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
