"""Names of files in a crate: which of them mean the same file, and only that file, on every machine."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

METADATA = "ro-crate-metadata.json"
PREVIEW = "ro-crate-preview.html"
README = "README.md"
"""Files that a crate has at its root."""

LARGEST = 4 * 2**30
"""Bytes that a crate may hold, unpacked."""

MOST = 100_000
"""Files that a crate may hold."""

LONGEST = 1000
"""Characters that a name may have with its folders; file systems take 255 bytes a part."""

SHOWN = 20
"""Problems that are said in full; a hostile crate could have a hundred thousand."""


def name_problem(name: str) -> str | None:
    """Why a name cannot be trusted to lie within the folder that it is unpacked into; None where it can."""
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or "\\" in name or ":" in name:
        return "is absolute, or is so on other systems (it has a backslash or a colon)"
    if ".." in parts:
        return "climbs out of its folder (..)"
    if not all(parts) or "." in parts:
        return "has an empty part"
    if not name.isprintable():
        return "has characters that are not shown"
    if len(name) > LONGEST or max(len(part.encode()) for part in parts) > 255:
        return "is too long for a file system"
    return None


def clashes(names: Iterable[str]) -> list[str]:
    """Names that are one file on some systems, and files that stand where another name has a folder."""
    files: dict[str, str] = {}
    problems = []
    for name in names:
        if (same := _same(name)) in files:
            problems.append(f"{name!r} and {files[same]!r} are one file on some systems.")
        files.setdefault(same, name)
    folders = {_same(str(parent)) for name in files.values() for parent in PurePosixPath(name).parents}
    return problems + [f"{files[f]!r} is a file and a folder." for f in sorted(folders & files.keys())]


def few(problems: Sequence[str]) -> list[str]:
    """The first problems, and how many more there are."""
    more = len(problems) - SHOWN
    return [*problems[:SHOWN], f"... and {more:,} more."] if more > 0 else list(problems)


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
