"""Pull: what a card says lies elsewhere is fetched, compared with its hash, and kept with the record of whence and when.

A card's files are stored together or not at all. What differs from the card is never put in the place of what the card
describes: it is kept beside, as an edition of its own, and the card's author is told what to write.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from scale_impact.core import keys
from scale_impact.core.manifest import file_hash
from scale_impact.core.remote import without_secrets
from scale_impact.core.source import Source, SourceFile, load_source
from scale_impact.core.words import nearest
from scale_impact.errors import NotInMirrorError, SourceError, UsageError
from scale_impact.sources._pulling import original
from scale_impact.sources._pulling.download import downloaded, kept
from scale_impact.sources._pulling.editions import Arrival, Card, kept_beside, noted, publish
from scale_impact.sources._pulling.fetch import Fetched
from scale_impact.sources._pulling.first_bytes import HEAD, misfit
from scale_impact.sources._pulling.http import Patience, download
from scale_impact.sources._pulling.service import patiently
from scale_impact.sources._pulling.store import (
    STORE,
    Entry,
    aside,
    is_converted,
    query_of,
    recorded,
    refuse_climbing,
    stored_path,
)
from scale_impact.sources._reading.material import Item, items
from scale_impact.sources._reading.material import cards as cards_of

State = Literal["fetched", "here", "project"]


@dataclass(frozen=True)
class PulledFile:
    """One file of a card after a pull.

    Attributes
    ----------
    card:
        Name of the card.
    file:
        The file, from the project's folder.
    state:
        ``fetched`` now, ``here`` already, or of the ``project`` (or a package): nothing to pull.
    bytes, sha256:
        Of the file; of the project's own files neither is looked at.
    advice:
        What to write into the card, where something is missing there.
    """

    card: str
    file: str
    state: State
    bytes: int | None = None
    sha256: str | None = None
    advice: str | None = None


@dataclass(frozen=True)
class Pulled:
    """What a pull of one name left: its files, those of the cards that it is made from too."""

    name: str
    files: tuple[PulledFile, ...]


@dataclass(frozen=True)
class Ways:
    """How files are come by.

    Attributes
    ----------
    mirror:
        A folder in the layout of the store, read in place of the network.
    again:
        Whether what is here already is fetched once more.
    patience:
        With servers.
    """

    mirror: Path | None = None
    again: bool = False
    patience: Patience = field(default_factory=Patience)


def pull(
    name: str, root: Path, mirror: Path | None = None, *, again: bool = False, patience: Patience | None = None
) -> Pulled:
    """Fetch all that a card, and the cards that it is made from, need and that is not here.

    Parameters
    ----------
    name, root:
        The card ``data/sources/<name>.yaml`` and the project's folder.
    mirror:
        Read from this folder in place of the network: ``<mirror>/<folder>/<vintage>/<file>`` or ``<mirror>/<folder>/<file>``.
    again:
        Fetch what is here, too.

    Raises
    ------
    SourceError
        All problems of all files; nothing of a card is stored where one of its files did not come. A file that is not the
        card's is kept beside, in ``data/raw/<folder>/<date>-<first digits of its hash>``.
    UsageError
        The mirror is no folder.
    """
    ways = Ways(mirror, again, patience or Patience())
    done: list[PulledFile] = []
    errors: list[SourceError] = []
    for card in cards(name, root):
        try:
            done += pull_card(card, root, ways)
        except SourceError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SourceError([f"{error.where}: {problem}" for error in errors for problem in error.problems])
    return Pulled(name, tuple(done))


def cards(name: str, root: Path) -> tuple[str, ...]:
    """A card and those that it is made from, each once; SourceError where one is not there."""
    folder = root / "data" / "sources"
    if not (folder / f"{name}.yaml").is_file():
        known = [path.stem for path in folder.glob("*.yaml")]
        raise SourceError(f"There is no source {name!r}. {nearest(name, known)}")
    found = cards_of(load_source(folder / f"{name}.yaml"), root, _place(name))
    return tuple(Path(card).stem for card in found)


def pull_card(name: str, root: Path, ways: Ways) -> tuple[PulledFile, ...]:
    """Fetch one card's own files; errors as ``pull``."""
    if ways.mirror is not None and not ways.mirror.is_dir():
        raise UsageError(f"--mirror {ways.mirror}: there is no such folder.")
    card = Card(name, load_source(root / "data" / "sources" / f"{name}.yaml"), root)
    own = tuple(i for i in items(card.source, root, _place(name)) if i.card == _place(name))
    pulled = tuple(item.piece for item in own if item.is_pulled)
    try:
        others = tuple(_other(item, name, root, ways) for item in own if not item.is_pulled)
        return others + (_edition(card, pulled, ways) if pulled else ())
    except SourceError as error:
        raise type(error)(error.problems, where=error.where or _place(name)) from error
    except OSError as error:
        file = error.filename or STORE
        raise SourceError(f"{file} cannot be read or written: {error.strerror}.", where=_place(name)) from error


def _place(name: str) -> str:
    return f"data/sources/{name}.yaml"


def _other(item: Item, name: str, root: Path, ways: Ways) -> PulledFile:
    """A file that the store does not hold: of the project, of a package, or kept by its hash."""
    if not item.source.is_remote:
        return PulledFile(name, item.piece.file, "project", sha256=item.piece.sha256)
    if ways.mirror is not None and kept(root, item.piece.sha256 or "") is None:
        raise SourceError(
            f"file is the address {without_secrets(item.piece.file)}, which is downloaded when it is first read; mirrors do not serve it. Write it as "
            "`address`."
        )
    path = downloaded(item.source, root)
    return PulledFile(name, path.relative_to(root).as_posix(), "here", path.stat().st_size, item.piece.sha256)


# ---- an edition: all files of a card --------------------------------------------------------------------


def _edition(card: Card, pieces: Sequence[SourceFile], ways: Ways) -> tuple[PulledFile, ...]:
    _refuse_names(pieces)
    standing = {piece.file: _standing(card, piece) for piece in pieces}
    wanted = [piece for piece in pieces if ways.again or standing[piece.file] is None]
    arrived: dict[str, Entry] = {}
    if wanted:
        with aside(card.root) as folder:
            came = _all_of(card, wanted, ways, folder)
            if any(not arrival.fits for arrival in came):
                raise SourceError(kept_beside(card, pieces, came))
            publish(card, came)
            arrived = {arrival.piece.file: arrival.entry for arrival in came}
    return tuple(_told(card, piece, arrived.get(piece.file), standing[piece.file]) for piece in pieces)


def _refuse_names(pieces: Sequence[SourceFile]) -> None:
    """Refuse names that lead out of the store, and one name for two files."""
    problems: list[str] = []
    for k, piece in enumerate(pieces):
        try:
            refuse_climbing(piece.file)
        except SourceError as error:
            problems += error.problems
        if piece.file in [p.file for p in pieces[:k]]:
            problems.append(f"file {piece.file!r} is named twice. Give each file a name of its own.")
    if problems:
        raise SourceError(problems)


def _standing(card: Card, piece: SourceFile) -> str | None:
    """Hash of a file that is here and is what the card asks for; None where it has to be fetched."""
    path, entry = stored_path(card.source, piece, card.root), recorded(card.source, piece, card.root)
    if not path.is_file() or (entry is not None and entry.query != query_of(card.source, piece)):
        return None
    wanted = piece.sha256 or (entry.sha256 if entry is not None else None)
    seen = file_hash(path)
    return seen if seen == wanted or is_converted(card.source, piece, card.root, seen) else None


def _told(card: Card, piece: SourceFile, arrived: Entry | None, standing: str | None) -> PulledFile:
    path = stored_path(card.source, piece, card.root)
    seen = arrived.sha256 if arrived is not None else str(standing)
    state: State = "here" if arrived is None else "fetched"
    file, advice = path.relative_to(card.root).as_posix(), _advice(card.source, piece, path, seen)
    return PulledFile(card.name, file, state, path.stat().st_size, seen, advice)


def _advice(source: Source, piece: SourceFile, path: Path, seen: str) -> str | None:
    """What the card's author may write into it."""
    if piece.sha256 is None:
        return f"add to the card: sha256: {seen}"
    if piece.original is None or seen != piece.sha256:
        return None
    digest = original.values_sha256(path, source)
    if digest == piece.values_sha256:
        return None
    return f"write into the card, so that a file made anew from the original is known: values_sha256: {digest}"


# ---- how files come --------------------------------------------------------------------------------------


def _all_of(card: Card, pieces: Sequence[SourceFile], ways: Ways, folder: Path) -> tuple[Arrival, ...]:
    """All files of a card, aside; the problems of all at once."""
    came, problems, absent = [], [], 0
    for k, piece in enumerate(pieces):
        own = folder / str(k)
        own.mkdir()
        try:
            came.append(_arrival(card, piece, ways, own))
        except SourceError as error:
            problems += [p if len(pieces) == 1 else f"{piece.file}: {p}" for p in error.problems]
            absent += isinstance(error, NotInMirrorError)
    if problems:
        raise (NotInMirrorError if absent == len(pieces) else SourceError)(problems)
    return tuple(came)


def _arrival(card: Card, piece: SourceFile, ways: Ways, folder: Path) -> Arrival:
    if ways.mirror is not None:
        return _from_mirror(card, piece, ways.mirror, folder)
    if piece.original is not None:
        return _made_again(card, piece, ways, folder)
    return noted(card, piece, _asked(card.source, piece, ways, folder))


def _asked(source: Source, piece: SourceFile, ways: Ways, folder: Path) -> Fetched:
    """What the service or the address gives."""
    if not source.files and (source.address is None or source.dataset or source.resource or source.provider):
        with patiently(ways.patience):
            return _from_service(source, folder)
    name, expects = Path(piece.file).name, expected(source)
    return download(piece.address or "", folder, name=name, expects=expects, patience=ways.patience)


def _from_service(source: Source, folder: Path) -> Fetched:
    fetched: Fetched = keys.load("sources", source.kind, "fetch")(source, folder)
    return fetched


def expected(source: Source) -> str | None:
    """The format that a card's file has to have by its first bytes; None where that is not known."""
    return source.kind if source.kind in ("csv", "excel", "parquet") else source.format


def _from_mirror(card: Card, piece: SourceFile, mirror: Path, folder: Path) -> Arrival:
    """A copy of a mirror's file: that of the card's vintage first, and the card's where there are several."""
    source = card.source
    places = [mirror / source.folder / source.edition / piece.file, mirror / source.folder / piece.file]
    found = [place for place in places if place.is_file()]
    if not found:
        raise NotInMirrorError(
            f"{piece.file} is neither {places[0]} nor {places[1]}. Put it there, or pull without --mirror."
        )
    for place in found:
        _refuse_leading_out(place, mirror)
    chosen = next((p for p in found if len(found) > 1 and file_hash(p) == piece.sha256), found[0])
    copy = folder / Path(piece.file).name
    shutil.copyfile(chosen, copy)
    _refuse_misfit(copy, chosen, source)
    return _by_values(card, noted(card, piece, Fetched(copy, piece.address or ""), mirror=True))


def _refuse_leading_out(place: Path, mirror: Path) -> None:
    if not place.resolve().is_relative_to(mirror.resolve()):
        raise SourceError(f"{place} is a link that leads out of the mirror. Put the file itself there.")


def _refuse_misfit(copy: Path, chosen: Path, source: Source) -> None:
    with copy.open("rb") as file:
        wrong = misfit(file.read(HEAD), expected(source))
    if wrong:
        raise SourceError(f"{chosen} {wrong.replace('gives', 'is', 1).replace('the address', 'the file')}")


def _by_values(card: Card, arrival: Arrival) -> Arrival:
    """What another project made again from the original is known by its values, too."""
    if arrival.fits or arrival.piece.values_sha256 is None:
        return arrival
    digest = original.values_sha256(arrival.path, card.source)
    entry = replace(arrival.entry, values_sha256=digest)
    return replace(arrival, entry=entry, fits=digest == arrival.piece.values_sha256)


def _made_again(card: Card, piece: SourceFile, ways: Ways, folder: Path) -> Arrival:
    """A file made anew from what lies at its address."""
    original.refuse_handmade(card.source, piece, card.name)
    address = piece.address or ""
    name = f"original-{Path(unquote(urlsplit(address).path)).name}"
    fetched = download(address, folder, name=name, expects="rds", patience=ways.patience)
    path, digest = original.made(fetched.path, card.source, piece, folder)
    arrival = noted(card, piece, replace(fetched, path=path))
    entry = replace(
        arrival.entry, original=fetched.path.name, original_sha256=file_hash(fetched.path), values_sha256=digest
    )
    return Arrival(piece, path, entry, arrival.fits or digest == piece.values_sha256, fetched.path)
