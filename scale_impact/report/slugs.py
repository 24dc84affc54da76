"""Names of pages: short, the same every time, never the same for two things, and safe in a path and an address."""

from __future__ import annotations

import hashlib
import re
import unicodedata

PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
"""Keys that are a file name as they are."""

RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "index", *(f"{port}{k}" for port in ("com", "lpt") for k in range(1, 10))}
)
"""Names that Windows keeps for devices, and the page that each folder has."""


def slug(key: str) -> str:
    """The name of a key's page: the key itself where it is a plain name, otherwise its letters and a hash of it."""
    return key if PLAIN.fullmatch(key) and key not in RESERVED else hashed(key, key)


def hashed(name: str, *identity: str) -> str:
    """The letters of a name and a hash of what it is known by; `~` keeps it apart from plain keys."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    short = re.sub(r"[^a-z0-9]+", "-", letters)[:40].strip("-")
    digest = hashlib.sha256("\0".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{short}~{digest}" if short else f"x~{digest}"
