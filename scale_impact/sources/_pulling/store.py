"""The store: what ``data pull`` fetched, a folder a source and vintage. A mirror has the same layout.

data/raw/<folder>/<vintage>/<file>          beside pulled.json, the record of whence and when
<mirror>/<folder>/<file>                    a mirror may leave the vintage out
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from scale_impact.core.source import Source, SourceFile
from scale_impact.errors import NotPulledError, SourceError

try:
    import fcntl
except ImportError:  # Windows: two pulls of one edition at the same moment are not kept apart there
    fcntl = None  # type: ignore[assignment]

STORE = "data/raw"
"""Where pulled files lie, from the project's folder; git ignores it."""

RECORD = "pulled.json"
"""The record of an edition's files, in its folder."""

PART = ".part-"
"""How folders start that hold what is not whole yet."""

OLD = 86_400.0
"""Seconds without a change after which such a folder is of nobody."""

FORMAT = 1
"""Of the records that are written."""


# ---- where a file lies ----------------------------------------------------------------------------------


def stored_path(source: Source, piece: SourceFile, root: Path) -> Path:
    """Where a pulled file lies, or will; SourceError where its name leads elsewhere."""
    return edition_folder(source, root) / refuse_climbing(piece.file)


def edition_folder(source: Source, root: Path) -> Path:
    """The folder of a card's vintage."""
    return root / STORE / source.folder / source.edition


def refuse_climbing(file: str) -> str:
    """The name of a file in the store, where it stays there on every system."""
    posix, windows = PurePosixPath(file), PureWindowsPath(file)
    refuse_unprintable(file)
    climbs = posix.is_absolute() or bool(windows.anchor) or ".." in (*posix.parts, *windows.parts)
    if climbs or not posix.parts or posix.name == RECORD or any(part.startswith(".") for part in posix.parts):
        raise SourceError(
            f"file is {file!r}; pulled files lie in {STORE}, so it has to be a plain name such as panel.csv, without `..`, a drive or "
            f"a dot in front, and not {RECORD}."
        )
    return file


def refuse_unprintable(file: str) -> str:
    """The name of a file, where it has no line breaks and other characters that steer a terminal, or that no system takes."""
    if found := [c for c in file if unicodedata.category(c) in ("Cc", "Zl", "Zp")]:
        raise SourceError(
            f"file is {file!r}; it has a control character ({found[0]!r}), which no file's name should have. Correct `file`."
        )
    return file


def stored(source: Source, piece: SourceFile, root: Path, name: str | None = None) -> Path:
    """A pulled file; ``name`` is the card's, where it is not that of the folder.

    Raises
    ------
    NotPulledError
        It was not pulled yet, or by another query than the card's.
    """
    path = stored_path(source, piece, root)
    pull = f"scale-impact data pull {name or source.folder}"
    advice = f"Get it: {pull} (or, from a folder that has it: {pull} --mirror DIR)."
    if not path.is_file():
        raise NotPulledError(f"{piece.file} is not here yet. {advice}")
    entry = recorded(source, piece, root)
    if entry is not None and entry.query != query_of(source, piece):
        raise NotPulledError(f"{piece.file} was pulled by another query than the card's. {advice}")
    return path


# ---- the record -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """What is known of one pulled file.

    Attributes
    ----------
    sha256, bytes:
        Of the file as it lies in the store.
    address:
        Where it came from, without credentials.
    query:
        All that the card asked for; another query is another file.
    accessed:
        When (UTC).
    vintage:
        The card's; None where it names none.
    etag, last_modified, said_vintage:
        What the service said of it.
    from_mirror:
        Whether it was read from a mirror in place of its address.
    original, original_sha256, values_sha256:
        Where the file was made from something else: that file's name beside it, its hash, and the digest of the values.
    """

    sha256: str
    bytes: int
    address: str
    query: Mapping[str, Any]
    accessed: str
    vintage: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    said_vintage: str | None = None
    from_mirror: bool = False
    original: str | None = None
    original_sha256: str | None = None
    values_sha256: str | None = None


ASKED = ("provider", "dataflow", "dataset", "resource", "query", "database")
"""Keys of a card that say what is fetched, beside the address of each file."""


def query_of(source: Source, piece: SourceFile) -> dict[str, Any]:
    """All that a card asks for with a file, as JSON knows it: the key of what is kept."""
    asked = {"address": piece.address, "original": piece.original}
    asked |= {} if source.files else {key: getattr(source, key) for key in ASKED}
    said = {key: value for key, value in asked.items() if value is not None}
    plain: dict[str, Any] = json.loads(json.dumps(said, default=str, sort_keys=True))
    return plain


def recorded(source: Source, piece: SourceFile, root: Path) -> Entry | None:
    """What is recorded of a file; None where it was put there by hand."""
    return entries(edition_folder(source, root)).get(piece.file)


def entries(folder: Path) -> dict[str, Entry]:
    """The record of an edition, by file; what cannot be read counts as not recorded."""
    try:
        kept = json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"]
        known = {f.name for f in fields(Entry)}
        return {file: Entry(**{k: v for k, v in said.items() if k in known}) for file, said in kept.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write_record(folder: Path, more: Mapping[str, Entry]) -> None:
    """Add files to the record of an edition; written aside, then swapped in. For the holder of its lock."""
    files = {**entries(folder), **more}
    content = {"format": FORMAT, "files": {file: asdict(files[file]) for file in sorted(files)}}
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{RECORD}-", delete=False, encoding="utf-8") as part:
        json.dump(content, part, indent=2, ensure_ascii=False)
        part.write("\n")
    Path(part.name).chmod(0o644)
    os.replace(part.name, folder / RECORD)


def is_converted(source: Source, piece: SourceFile, root: Path, seen: str) -> bool:
    """Whether a file with another hash than the card's was made anew from the original and has the card's values."""
    entry = recorded(source, piece, root)
    wanted = piece.values_sha256
    return wanted is not None and entry is not None and (entry.sha256, entry.values_sha256) == (seen, wanted)


# ---- one at a time --------------------------------------------------------------------------------------


@contextlib.contextmanager
def alone(source: Source, root: Path) -> Iterator[None]:
    """Be the only one who changes a source's folder; the system ends that with the process, whatever happens."""
    folder = root / STORE / source.folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a", encoding="utf-8") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def aside(root: Path) -> Iterator[Path]:
    """A folder for what is not whole yet, beside the store's own; it is gone afterwards."""
    store = root / STORE
    store.mkdir(parents=True, exist_ok=True)
    ignored = store / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")
    _sweep(store)
    with tempfile.TemporaryDirectory(dir=store, prefix=PART, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _sweep(store: Path) -> None:
    """Remove what pulls left behind that were killed long ago."""
    for folder in store.glob(f"{PART}*"):
        with contextlib.suppress(OSError):  # another pull removes it, too
            if time.time() - max(p.stat().st_mtime for p in (folder, *folder.rglob("*"))) > OLD:
                shutil.rmtree(folder)
