"""Items: the files that go into a crate, each with its place there and what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from scale_impact.core.manifest import file_hash

Kind = Literal["study", "results", "template", "data", "card", "package", "setup", "text"]

FORMATS = {
    ".ipynb": "application/x-ipynb+json", ".jsonl": "application/jsonl", ".json": "application/json",
    ".yaml": "application/yaml", ".yml": "application/yaml", ".cff": "application/yaml", ".toml": "application/toml",
    ".lock": "application/toml", ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".md": "text/markdown",
    ".txt": "text/plain", ".py": "text/x-python", ".html": "text/html", ".svg": "image/svg+xml", ".png": "image/png",
    ".parquet": "application/vnd.apache.parquet", ".bz2": "application/x-bzip2", ".gz": "application/gzip",
    ".zip": "application/zip", ".xz": "application/x-xz", ".zst": "application/zstd", ".j2": "text/plain",
}  # fmt: skip
"""Media types, written down here: the machine's own table differs from machine to machine."""

PACKED = (".png", ".bz2", ".gz", ".xz", ".zst", ".zip")
"""Ends of files that are compressed already: to compress them again takes time and saves nothing."""


@dataclass(frozen=True)
class Item:
    """A file of a crate.

    Attributes
    ----------
    place:
        Its path in the crate, with ``/``.
    content:
        The file that it is a copy of, or its bytes.
    kind:
        What it belongs to.
    about:
        What it is, in a few words.
    """

    place: str
    content: Path | bytes
    kind: Kind
    about: str

    @cached_property
    def size(self) -> int:
        """Bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of its content."""
        return hashlib.sha256(self.content).hexdigest() if isinstance(self.content, bytes) else file_hash(self.content)

    @property
    def format(self) -> str:
        """Its media type."""
        if PurePosixPath(self.place).name in ("LICENSE", "Makefile"):
            return "text/plain"
        return FORMATS.get(PurePosixPath(self.place).suffix.lower(), "application/octet-stream")

    @property
    def packed(self) -> bool:
        """Whether it is compressed already."""
        return self.place.lower().endswith(PACKED)


def files_below(folder: Path) -> Iterator[Path]:
    """Files and links below a folder, in order; nothing hidden, no compiled Python."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(p.startswith(".") or p == "__pycache__" for p in parts) or path.suffix == ".pyc":
            continue
        if path.is_symlink() or path.is_file():
            yield path


def copy_chunks(source: IO[bytes], target: IO[bytes], chunk: int = 2**20) -> str:
    """Copy, and say the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    while block := source.read(chunk):
        digest.update(block)
        target.write(block)
    return digest.hexdigest()
