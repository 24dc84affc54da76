"""Whether the data that are here are those of the cards, and hold what the cards say of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scale_impact.core.manifest import file_hash
from scale_impact.core.project import Project
from scale_impact.core.source import Source
from scale_impact.core.words import nearest
from scale_impact.errors import DataError, SourceError
from scale_impact.sources import read
from scale_impact.sources._pulling.original import values_sha256
from scale_impact.sources._reading.material import Item, items, refuse_changed
from scale_impact.sources._telling.listing import here, load_all

State = Literal["holds", "broken", "not pulled"]


@dataclass(frozen=True)
class Verified:
    """What was found of one source; ``problems`` is empty unless it is broken."""

    name: str
    state: State
    problems: tuple[str, ...] = ()


def verify(project: Project, names: tuple[str, ...] = ()) -> tuple[Verified, ...]:
    """Look at all sources (or those named): hashes of files, then columns, corrections and rules.

    A source that is not here is broken where it is named, and just said otherwise.

    Raises
    ------
    SourceError
        A name is not known.
    """
    loaded, errors = load_all(project)
    broken = {Path(str(error.where or "")).stem: error for error in errors}
    known = {*loaded, *broken, *project.keys("sources")}
    if unknown := [n for n in names if n not in known]:
        raise SourceError([f"There is no source {n!r}. {nearest(n, known)}" for n in unknown])
    chosen = names or tuple(sorted(known))
    return tuple(_verified(name, loaded, broken, project.root, name in names) for name in chosen)


def _verified(
    name: str, loaded: dict[str, Source], broken: dict[str, SourceError], root: Path, is_named: bool
) -> Verified:
    where = f"data/sources/{name}.yaml"
    if name not in loaded:
        error = broken.get(name) or SourceError("The card cannot be read.")
        return Verified(name, "broken", _said(error, where))
    try:
        found = items(loaded[name], root, where)
        absent = [item for item in found if here(item.source, item.path, root) is None]
        if absent:
            advice = f"{where}: {absent[0].piece.file} is not here yet. Get it: scale-impact data pull {name}"
            return Verified(name, "broken" if is_named else "not pulled", (advice,) if is_named else ())
        problems = _changed(found, where, root)
        if not problems:
            read(root / where, root)
    except (SourceError, DataError) as error:
        problems = _said(error, where)
    except Exception as error:  # what nobody expected of one card must not hide the others
        problems = (f"{where}: cannot be read ({type(error).__name__}: {error}).",)
    return Verified(name, "broken" if problems else "holds", problems)


def _changed(found: tuple[Item, ...], where: str, root: Path) -> tuple[str, ...]:
    """Every file of a card that is not the card's."""
    problems: list[str] = []
    for item in found:
        try:
            refuse_changed(item, root)
            _refuse_other_values(item, root)
        except SourceError as error:
            problems += _said(error, where)
    return tuple(problems)


def _refuse_other_values(item: Item, root: Path) -> None:
    """What was made anew from its original has the card's values, whatever its record says."""
    wanted = item.piece.values_sha256
    if wanted is None or not item.is_pulled:
        return
    path = item.path(root)
    seen = values_sha256(path, item.source)
    if seen != wanted:
        raise SourceError(_other_values(item, seen, file_hash(path) == item.piece.sha256), where=item.card)


def _other_values(item: Item, seen: str, is_the_cards: bool) -> str:
    said = f"{item.piece.file}: values_sha256 is {seen}, the card says {item.piece.values_sha256}."
    if is_the_cards:
        return f"{said} The file is the card's: did the card's columns change? Write the new one into the card."
    return f"{said} Delete the file and get it again: scale-impact data pull {Path(item.card).stem}"


def _said(error: SourceError, where: str) -> tuple[str, ...]:
    return tuple(f"{error.where or where}: {problem}" for problem in error.problems)
