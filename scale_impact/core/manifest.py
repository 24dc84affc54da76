"""Manifest: what went into a run, with what it was made, and what came out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

FORMAT = 2
"""Of the manifests that are written: 2 keeps beside each hash what it is of, 1 kept hashes only."""


@dataclass(frozen=True)
class Manifest:
    """The record of one run.

    Attributes
    ----------
    run_id:
        Hash of ``inputs``: equal inputs, equal run.
    inputs:
        Hash of each part that goes in: ``template`` (code cells), ``study`` (resolved settings),
        ``measure``, ``indicators``, ``source``, ``data``, ``package``; and ``versions`` of the
        packages that make numbers.
    environment:
        Machine, Python, packages, git commit; no user, no host, no absolute path.
    seed:
        Seed of the run.
    started, seconds:
        When (UTC) and for how long.
    outputs:
        Hash of each file written, by relative path.
    details:
        What the hashes are of, part by part, so that a later change can be named: settings as a
        mapping, cells with their first lines, files of the package, what the cards say, and for
        small data short hashes by unit and by period.
    threads, warm, peak_memory:
        Threads that libraries might use; whether the kernel was warm; bytes, None where unknown.
    cell_seconds:
        How long the notebook's own cells took, of ``seconds``.
    notes:
        What the design left out or read in a particular way.
    format:
        Version of this record; 1 had neither details nor what follows them.
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
    details: dict[str, Any] = field(default_factory=dict)
    threads: int | None = None
    warm: bool | None = None
    peak_memory: int | None = None
    cell_seconds: float | None = None
    notes: tuple[str, ...] = ()
    format: int = 1

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Manifest | None:
        """Read, of whatever version; None where there is none or it is not whole."""
        known = {f.name for f in fields(cls)}
        try:
            kept = {k: v for k, v in json.loads(path.read_text(encoding="utf-8")).items() if k in known}
            manifest = cls(**{**kept, "notes": tuple(kept.get("notes", ()))})
        except (OSError, ValueError, TypeError, AttributeError):
            return None
        return manifest if _is_whole(manifest) else None


def _is_whole(manifest: Manifest) -> bool:
    """Whether an edit left the kinds that the rest of the package relies on."""
    mappings = (manifest.inputs, manifest.environment, manifest.outputs, manifest.details)
    return isinstance(manifest.run_id, str) and all(isinstance(m, dict) for m in mappings)


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_hash(path: Path, hash_of: Callable[[Path], str] = file_hash) -> str:
    """SHA-256 of a file; of the Parquet files of a folder or pattern that of their hashes, sorted, one a line."""
    if path.is_file():
        return hash_of(path)
    from scale_impact.core.streams_parquet import files_of

    return text_hash("\n".join(sorted(hash_of(Path(p)) for p in files_of(path))))


def text_hash(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
