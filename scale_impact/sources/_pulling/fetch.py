"""Fetched: one file as a service gave it, and what the service said of it; for ``data pull`` to check and to store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fetched:
    """One file of raw bytes, in the folder that ``fetch(source, folder)`` was given."""

    path: Path
    """The file; ``data pull`` moves it into the store under the name that the card gives it."""
    address: str
    """Where it came from, without credentials: an address, or the query as the service was asked."""
    etag: str | None = None
    """The service's own mark of this content."""
    last_modified: str | None = None
    """When the service says that it changed, as the service writes it."""
    said_vintage: str | None = None
    """What the service says of the edition, such as the date of a data set's last update."""
