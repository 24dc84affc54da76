"""Editions: files that came are held against their card, and put into the store so that no edition is ever lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from scale_impact.core.manifest import file_hash, text_hash
from scale_impact.core.source import Source, SourceFile
from scale_impact.sources._pulling.changes import differences
from scale_impact.sources._pulling.fetch import Fetched
from scale_impact.sources._pulling.store import (
    STORE,
    Entry,
    alone,
    edition_folder,
    query_of,
    recorded,
    stored_path,
    write_record,
)


@dataclass(frozen=True)
class Card:
    """A card of a project: its name, what it says, and the project's folder."""

    name: str
    source: Source
    root: Path


@dataclass(frozen=True)
class Arrival:
    """A file that came, still aside.

    Attributes
    ----------
    piece, path:
        Which file of the card, and where it is.
    entry:
        What will be recorded of it.
    fits:
        Whether it is what the card describes; without a hash in the card, what is here already.
    original:
        What it was made from, where it was.
    """

    piece: SourceFile
    path: Path
    entry: Entry
    fits: bool
    original: Path | None = None


def noted(card: Card, piece: SourceFile, fetched: Fetched, *, mirror: bool = False) -> Arrival:
    """What came, held against its card."""
    seen, query = file_hash(fetched.path), query_of(card.source, piece)
    before = recorded(card.source, piece, card.root)
    standing = before.sha256 if before is not None and before.query == query else None
    entry = Entry(
        sha256=seen, bytes=fetched.path.stat().st_size, address=fetched.address, query=query,
        accessed=datetime.now(UTC).isoformat(timespec="seconds"), vintage=card.source.vintage, etag=fetched.etag,
        last_modified=fetched.last_modified, said_vintage=fetched.said_vintage, from_mirror=mirror,
    )  # fmt: skip
    return Arrival(piece, fetched.path, entry, (piece.sha256 or standing) in (None, seen))


# ---- what is the card's ----------------------------------------------------------------------------------


def publish(card: Card, came: Sequence[Arrival]) -> None:
    """Put files in their places and write the record; what lay there with other content is kept beside."""
    with alone(card.source, card.root):
        for arrival in came:
            place = stored_path(card.source, arrival.piece, card.root)
            _move_aside(card, arrival, place)
            _put(arrival, place)
        write_record(edition_folder(card.source, card.root), {a.piece.file: a.entry for a in came})


def _put(arrival: Arrival, place: Path) -> None:
    """Move a file, and what it was made from, to its place."""
    _move(arrival.path, place)
    if arrival.original is not None:
        _move(arrival.original, place.parent / str(arrival.entry.original))


def _move(path: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    path.chmod(0o644)
    os.replace(path, place)


def _move_aside(card: Card, arrival: Arrival, place: Path) -> None:
    """Keep an older edition under the card's vintage: whoever changed the hash alone does not lose it."""
    if not place.is_file() or (seen := file_hash(place)) == arrival.entry.sha256:
        return
    entry = recorded(card.source, arrival.piece, card.root)
    day = entry.accessed[:10] if entry is not None else f"{datetime.now(UTC):%Y-%m-%d}"
    folder = card.root / STORE / card.source.folder / f"{day}-{seen[:8]}"
    _move(place, folder / arrival.piece.file)
    if entry is not None and entry.sha256 == seen:
        write_record(folder, {arrival.piece.file: replace(entry, vintage=folder.name)})


# ---- what is not -----------------------------------------------------------------------------------------


def kept_beside(card: Card, pieces: Sequence[SourceFile], came: Sequence[Arrival]) -> list[str]:
    """Keep an edition that is not the card's under a name of its own; what changed and what to write, a sentence a file."""
    hashes = sorted(a.entry.sha256 for a in came)
    mark = hashes[0] if len(hashes) == 1 else text_hash("\n".join(hashes))
    vintage = f"{came[0].entry.accessed[:10]}-{mark[:8]}"
    folder = card.root / STORE / card.source.folder / vintage
    told = [_changed(card, arrival, vintage) for arrival in came if not arrival.fits]
    with alone(card.source, card.root):
        for arrival in came:
            _put(arrival, folder / arrival.piece.file)
        _complete(card, pieces, came, folder)
        write_record(folder, {a.piece.file: replace(a.entry, vintage=vintage) for a in came})
    return told


def _complete(card: Card, pieces: Sequence[SourceFile], came: Sequence[Arrival], folder: Path) -> None:
    """An edition holds all files of its card: those that did not change are copied."""
    arrived = {a.piece.file for a in came}
    for piece in pieces:
        place = stored_path(card.source, piece, card.root)
        if piece.file not in arrived and place.is_file():
            (folder / piece.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, folder / piece.file)


def _changed(card: Card, arrival: Arrival, vintage: str) -> str:
    """That a file is another than the card's: which, how it differs, and how to go on with either."""
    piece, entry, source = arrival.piece, arrival.entry, card.source
    whence = "the mirror" if entry.from_mirror else "what comes now"
    said = f"the card says {piece.sha256}" if piece.sha256 else "what is here has another"
    before = stored_path(source, piece, card.root)
    how = differences(source, before if before.is_file() else None, arrival.path)
    return (
        f"{piece.file}: {whence} is not the file that the card describes: sha256 is {entry.sha256} ({entry.bytes:,} bytes), {said}. "
        f"{how}It is kept beside, in {STORE}/{source.folder}/{vintage}; what was here stays. If it is right, write into the card: "
        f"{_to_write(arrival, vintage)}."
    )


def _to_write(arrival: Arrival, vintage: str) -> str:
    entry = arrival.entry
    values = [f"values_sha256: {entry.values_sha256}"] if entry.values_sha256 is not None else []
    return ", ".join([f"vintage: {vintage}", f"sha256: {entry.sha256}", *values])
