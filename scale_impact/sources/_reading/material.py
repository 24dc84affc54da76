"""What a card is read from: its files, those of the cards that it is made from, and the hashes of both."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scale_impact.core import keys
from scale_impact.core.manifest import data_hash, text_hash
from scale_impact.core.project import CHANGED_DATA_VARIABLE
from scale_impact.core.source import Source, SourceFile, load_source
from scale_impact.core.words import nearest
from scale_impact.errors import NotPulledError, SourceError
from scale_impact.sources._pulling.download import DOWNLOADS
from scale_impact.sources._pulling.store import STORE, is_converted, stored

TABLES = ("csv", "excel", "package", "url", "ckan")
"""Kinds that read a table of cells from a file."""

KINDS_OF = {
    "files": ("csv", "excel", "package", "parquet", "url", "sql"),
    "address": ("csv", "excel", "parquet", "url", "ckan", "sdmx"),
    "separator": ("csv", "package", "url", "ckan", "sdmx", "sql"),
    "encoding": ("csv", "package", "url", "ckan", "sdmx", "sql"),
    "decimal": TABLES,
    "thousands": TABLES,
    "zeros": TABLES,
    "markers": (*TABLES, "sdmx"),
    "skip": TABLES,
    "footer": TABLES,
    "sheet": ("excel", "package", "url", "ckan"),
    "header": ("excel", "package", "url", "ckan"),
    "format": ("url", "ckan", "package"),
    "stream": ("parquet",),
    "provider": ("sdmx",),
    "dataflow": ("sdmx",),
    "dataset": ("ckan",),
    "resource": ("ckan",),
    "query": ("sql", "sdmx", "url", "ckan", "package"),
    "database": ("sql",),
    "credentials": ("sql",),
    "tables": ("sql",),
    "parts": ("panel",),
    "keep": ("panel",),
}
"""Keys of a card that only some kinds take."""


@dataclass(frozen=True)
class Item:
    """One file of a source, and the card that describes it."""

    source: Source
    piece: SourceFile
    card: str

    @property
    def is_kept(self) -> bool:
        """Whether it is a copy of what lies elsewhere, kept where its hash is the card's."""
        return self.is_pulled or self.source.is_remote

    @property
    def is_pulled(self) -> bool:
        """Whether ``data pull`` fetches it."""
        return self.piece.address is not None or (self.source.is_pulled and not self.source.files)

    @property
    def may_change(self) -> bool:
        """Whether it has no hash and needs none: a list of names or boundaries, kept by hand beside its card.

        Results still know its content (``digest``), and are out of date when it changes.
        """
        return bool(self.source.parts) and self.piece.sha256 is None

    def path(self, root: Path) -> Path:
        """Where it lies; errors as the kind's ``locate``, ``NotPulledError`` where it was not pulled."""
        try:
            if self.is_pulled:
                return stored(self.source, self.piece, root, Path(self.card).stem)
            one = self.source.model_copy(update={"file": self.piece.file})
            path: Path = keys.load("sources", self.source.kind, "locate")(one, root)
            return path
        except SourceError as error:
            raise type(error)(error.problems, where=error.where or self.card) from error

    def hash(self, root: Path, hash_of: Callable[[Path], str]) -> str:
        """Hash of its content; of a kept copy the card's, so that it need not be here."""
        if self.is_kept and self.piece.sha256 is not None:
            return self.piece.sha256
        return hash_of(self.path(root))


def cards(source: Source, root: Path, where: str, chain: tuple[str, ...] = ()) -> dict[str, Source]:
    """A card and all that it is made from, by the path of each from the project's folder.

    Raises
    ------
    SourceError
        A kind is unknown, a card names no file or no card that there is, or cards are made from each other in a circle.
    """
    _refuse_unfit(source, where)
    found = {where: source}
    for name in source.components:
        seen = (*chain, Path(where).stem)  # not the folder of the store, which several cards may share
        path = _component(name, root, where, seen)
        found |= cards(load_source(path), root, f"data/sources/{name}.yaml", seen)
    closed = [Path(card).stem for card, c in found.items() if not c.redistribute]
    if source.redistribute and closed:
        raise SourceError(
            f"redistribute: it is made from {', '.join(closed)}, which must not be handed on. Write: redistribute: false",
            where=where,
        )
    return found


def _component(name: str, root: Path, where: str, chain: tuple[str, ...]) -> Path:
    """The card of another source that one is made from."""
    folder = root / "data" / "sources"
    if name in chain:
        circle = " -> ".join((*chain, name))
        raise SourceError(f"{circle}: these cards are made from each other. Leave one out.", where=where)
    if not (folder / f"{name}.yaml").is_file():
        known = [p.stem for p in folder.glob("*.yaml")]
        raise SourceError(f"There is no source {name!r}. {nearest(name, known)}", where=where)
    return folder / f"{name}.yaml"


def items(source: Source, root: Path, where: str) -> tuple[Item, ...]:
    """Every file that a card is read from; errors as ``cards``."""
    return tuple(Item(s, piece, card) for card, s in cards(source, root, where).items() for piece in s.pieces)


def files(source: Source, root: Path, where: str) -> list[Path]:
    """The cards that a card is made from and the paths of all their files; errors as ``Item.path``."""
    made_of = cards(source, root, where)
    others = [root / card for card in made_of if card != where]
    return others + [item.path(root) for item in items(source, root, where)]


def _refuse_unfit(source: Source, where: str) -> None:
    """Refuse an unknown kind, keys of other kinds and a card that names no data."""
    kinds = keys.names("sources")
    if source.kind not in kinds:
        raise SourceError(f"kind is {source.kind!r}. {nearest(source.kind, kinds)}", where=where)
    problems = [*_keys_of_other_kinds(source)]
    if not source.pieces and not source.components:
        problems.append("file: this key is missing.")
    if problems:
        raise SourceError(problems, where=where)


def _keys_of_other_kinds(source: Source) -> Iterator[str]:
    """Keys that the card's kind would pass over in silence."""
    set_here = source.model_dump(exclude_defaults=True, include=set(KINDS_OF))
    for key in set_here:
        if source.kind not in KINDS_OF[key]:
            others = ", ".join(KINDS_OF[key])
            yield f"{key}: cards of kind {source.kind} have no such key; those of {others} do. Leave it out, or correct `kind`."


def digest(source: Source, root: Path, where: str, hash_of: Callable[[Path], str] = data_hash) -> str:
    """Hash of a card's data: of its file; of several files, its own and of the cards below, one of all their hashes.

    Raises
    ------
    SourceError
        A file is not there or cannot be read.
    """
    hashes = [_hashed(item, root, hash_of) for item in items(source, root, where)]
    return hashes[0] if len(hashes) == 1 else text_hash("\n".join(hashes))


def _hashed(item: Item, root: Path, hash_of: Callable[[Path], str]) -> str:
    try:
        return item.hash(root, hash_of)
    except OSError as error:
        raise SourceError(f"{item.piece.file} cannot be read: {error.strerror}.", where=item.card) from error


def unfit(source: Source, root: Path, where: str, hash_of: Callable[[Path], str] = data_hash) -> list[str]:
    """What `run` will say of a card's hashes: one sentence a file that has none or another."""
    return [p for item in items(source, root, where) for p in _unfit(item, root, hash_of)]


def _unfit(item: Item, root: Path, hash_of: Callable[[Path], str]) -> Iterator[str]:
    said, file = item.piece.sha256, Path(item.piece.file).name
    if item.may_change or (said is not None and item.is_kept):
        return
    seen = _hashed(item, root, hash_of)
    if said is None:
        yield f"{item.card} has no sha256, so `run` refuses the data. Add: sha256: {seen}"
    elif said != seen:
        yield (
            f"{item.card} describes another file than {file}, so `run` refuses it: sha256 is {seen}, the card says {said}. Get "
            "the file of the card, or check the change and write the new hash into the card."
        )


def refuse_changed(item: Item, root: Path) -> None:
    """Refuse a file whose hash is not the card's.

    Raises
    ------
    SourceError
        It is another, cannot be read, or the card has no hash; the hash seen is said.
    """
    path, said = item.path(root), item.piece.sha256
    if item.may_change:
        return
    try:
        seen = data_hash(path)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}.", where=item.card) from error
    if said is None:
        raise SourceError(
            f"The card has no sha256, so a changed file would not be noticed. Add: sha256: {seen}", where=item.card
        )
    if seen != said and not is_converted(item.source, item.piece, root, seen) and not _is_allowed(item, path):
        raise SourceError(_changed(item, path, seen), where=item.card)


def _is_allowed(item: Item, path: Path) -> bool:
    """Whether changed data are read to verify; what is kept by its hash never is."""
    if item.is_kept or os.environ.get(CHANGED_DATA_VARIABLE) != "read":
        return False
    warnings.warn(f"{path.name} is not the file that {item.card} describes, and is read to verify.", stacklevel=3)
    return True


def _changed(item: Item, path: Path, seen: str) -> str:
    said, name = item.piece.sha256, Path(item.card).stem
    if item.source.is_remote:
        return (
            f"{path.name}, downloaded earlier, is not the file of the card's sha256 any more. Delete {DOWNLOADS}/{said} in "
            "the project's folder; it is downloaded again."
        )
    if item.is_pulled:
        return (
            f"{path.name} in {STORE}/{item.source.folder}/{item.source.edition} is not the file that the card describes: sha256 is {seen}, the card "
            f"says {said}. Delete it and get it again: scale-impact data pull {name}"
        )
    return (
        f"{path.name} is not the file that the card describes: sha256 is {seen}, the card says {said}. Get the "
        "file of the card, or check the change and write the new hash into the card."
    )


def is_here(source: Source, root: Path, where: str) -> bool:
    """Whether all files that have to be pulled were; errors as ``items``."""
    try:
        for item in items(source, root, where):
            if item.is_pulled:
                item.path(root)
    except NotPulledError:
        return False
    return True
