"""What sources there are: how many units and periods, how large, under which licence, and who uses them.

Counting means reading, so counts are kept (``.scale-impact/data-counts.json``) as long as cards and files stay as they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from scale_impact.core.manifest import text_hash
from scale_impact.core.project import Project
from scale_impact.core.source import Source, load_source
from scale_impact.core.streams_parquet import ParquetTable, quoted
from scale_impact.core.yaml_file import read_yaml
from scale_impact.errors import NotPulledError, ScaleImpactError, SourceError
from scale_impact.sources import read
from scale_impact.sources._pulling.download import kept
from scale_impact.sources._reading.material import cards, items

COUNTS = ".scale-impact/data-counts.json"
"""Counts of last time, from the project's folder. It can be deleted."""

COUNTING = 1
"""Version of what is counted; another makes counts of earlier versions worthless."""

LARGE = 1_000_000_000
"""Bytes above which a file is not read just to count; Parquet files are counted where they lie."""


@dataclass(frozen=True)
class Counts:
    """Rows, and different units and periods where the card (or a study) says which columns they are."""

    rows: int | None = None
    units: int | None = None
    periods: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Listed:
    """One source as ``data list`` shows it.

    Attributes
    ----------
    name, title, kind, licence, redistribute, vintage:
        Of the card.
    here:
        Whether everything that it is read from is on this machine.
    bytes:
        Of its own files; None where they are not here, or it has none.
    rows, units, periods:
        None where they are not known.
    problem:
        Why the data, though here, could not be counted.
    made_from, used_by:
        Other cards; studies and cards.
    """

    name: str
    title: str
    kind: str
    licence: str
    redistribute: bool
    vintage: str | None
    here: bool
    bytes: int | None
    rows: int | None
    units: int | None
    periods: int | None
    problem: str | None
    made_from: tuple[str, ...]
    used_by: tuple[str, ...]


def listing(project: Project) -> tuple[tuple[Listed, ...], list[SourceError]]:
    """All sources of a project by name, and what is wrong with cards that cannot be read."""
    loaded, errors = load_all(project)
    uses, roles = _uses(project, loaded)
    remembered = _remembered(project.root)
    seen: dict[str, Any] = {}
    found = []
    for name, source in loaded.items():
        sight = _sight(name, source, project.root, roles.get(name), remembered.get(name))
        found.append(_listed(name, source, sight, uses.get(name, ())))
        if sight.mark is not None and sight.counts.problem is None:  # what stood in the way may be gone next time
            seen[name] = {"mark": sight.mark, "counts": asdict(sight.counts)}
    if seen != remembered:
        _remember(project.root, seen)
    return tuple(found), errors


def load_all(project: Project) -> tuple[dict[str, Source], list[SourceError]]:
    """All cards by name, and what is wrong with the others."""
    loaded, errors = {}, []
    for name in project.keys("sources"):
        try:
            loaded[name] = load_source(project.source(name))
        except SourceError as error:
            errors.append(error)
    return loaded, errors


@dataclass(frozen=True)
class _Sight:
    """What is seen of a card's data: whether they are here, their size and counts, and the mark of both."""

    here: bool = False
    bytes: int | None = None
    counts: Counts = field(default_factory=Counts)
    mark: str | None = None


def _sight(
    name: str, source: Source, root: Path, roles: tuple[str | None, str | None] | None, remembered: Any
) -> _Sight:
    where, (unit, period) = f"data/sources/{name}.yaml", roles or (source.unit, source.period)
    try:
        paths, own = _paths(source, root, where)
        if paths is None:
            return _Sight()
        mark = _mark(source, root, where, paths, unit, period)
        counts = _known(remembered, mark) or _count(name, root, paths, unit, period)
    except ScaleImpactError as error:
        return _Sight(here=True, counts=Counts(problem=error.problems[0]))
    except Exception as error:  # what nobody expected of one card must not hide the others
        return _Sight(here=True, counts=Counts(problem=f"cannot be read ({type(error).__name__}: {error})"))
    return _Sight(True, own, counts, mark)


def _listed(name: str, source: Source, sight: _Sight, used_by: tuple[str, ...]) -> Listed:
    counts = sight.counts
    return Listed(
        name, source.title, source.kind, source.licence, source.redistribute, source.vintage, sight.here, sight.bytes,
        counts.rows, counts.units, counts.periods, counts.problem, source.components, used_by,
    )  # fmt: skip


# ---- what is here ----------------------------------------------------------------------------------------


def _paths(source: Source, root: Path, where: str) -> tuple[list[Path] | None, int | None]:
    """All files that a card is read from, None where one is not here; and the bytes of its own."""
    found, own = [], 0
    for item in items(source, root, where):
        path = here(item.source, item.path, root)
        if path is None:
            return None, None
        found.append(path)
        own += _size(path) if item.card == where else 0
    return found, own or None


def here(source: Source, path: Any, root: Path) -> Path | None:
    """Where a file lies, without fetching it; None where it was not pulled or downloaded yet."""
    if source.is_remote:
        return kept(root, source.sha256 or "")
    try:
        found: Path = path(root)
    except NotPulledError:
        return None
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in _parts(path))


def _parts(path: Path) -> list[Path]:
    from scale_impact.core.streams_parquet import files_of

    return files_of(path)


def _mark(source: Source, root: Path, where: str, paths: list[Path], unit: str | None, period: str | None) -> str:
    """Changes when a card, a file or what is counted does; by size and time, so that nothing has to be read."""
    said = [(root / card).read_text(encoding="utf-8") for card in cards(source, root, where)]
    files = [p for path in paths for p in ([path] if path.is_file() else _parts(path))]
    stamps = [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return text_hash(json.dumps([COUNTING, said, stamps, unit, period]))


# ---- counting --------------------------------------------------------------------------------------------


def _count(name: str, root: Path, paths: list[Path], unit: str | None, period: str | None) -> Counts:
    if any(_size(p) > LARGE and p.is_file() and p.suffix != ".parquet" for p in paths):
        return Counts()
    data = read(root / "data" / "sources" / f"{name}.yaml", root)
    return _of_table(data, unit, period) if isinstance(data, ParquetTable) else _of_frame(data, unit, period)


def _of_frame(frame: pd.DataFrame, unit: str | None, period: str | None) -> Counts:
    units, periods = (int(frame[c].nunique()) if c in frame else None for c in (unit, period))
    return Counts(len(frame), units, periods)


def _of_table(table: ParquetTable, unit: str | None, period: str | None) -> Counts:
    named = [c for c in (unit, period) if c in table.stored]
    if not named:
        return Counts(table.rows)
    chosen = ", ".join(f"count(DISTINCT {quoted(str(c))})" for c in named)
    with table.connected() as con:
        (row,) = con.execute(f"SELECT {chosen} FROM {table.source}").fetchall()
    found: dict[str | None, int] = dict(zip(named, row, strict=True))
    return Counts(table.rows, found.get(unit), found.get(period))


def _known(remembered: Any, mark: str) -> Counts | None:
    """Counts of last time, where they are of the same data."""
    try:
        return Counts(**remembered["counts"]) if remembered["mark"] == mark else None
    except (TypeError, KeyError):
        return None


def _remembered(root: Path) -> dict[str, Any]:
    try:
        known = json.loads((root / COUNTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(root: Path, seen: Mapping[str, Any]) -> None:
    """Keep counts for next time; a project that cannot be written is listed all the same."""
    path = root / COUNTS
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(json.dumps(seen), encoding="utf-8")
        os.replace(aside, path)


# ---- who uses what ---------------------------------------------------------------------------------------


def _uses(
    project: Project, loaded: Mapping[str, Source]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str | None, str | None]]]:
    """Studies and cards that name a source; and unit and period of cards that leave them to their study."""
    uses: dict[str, list[str]] = {}
    roles: dict[str, tuple[str | None, str | None]] = {}
    for slug in project.keys("studies"):
        raw, _ = read_yaml(project.studies / slug / "study.yaml")
        for name in dict.fromkeys(_named(raw)):
            uses.setdefault(name, []).append(slug)
            if name in loaded and loaded[name].unit is None and name == raw.get("source"):
                roles.setdefault(name, (_text(raw.get("unit")), _text(raw.get("period"))))
    for name, source in loaded.items():
        for other in source.components:
            uses.setdefault(other, []).append(name)
    return {name: tuple(by) for name, by in uses.items()}, roles


def _named(raw: Mapping[str, Any]) -> Iterator[str]:
    """Sources of a study, of its variants and of grids, as far as they can be read."""
    variants = raw.get("variants")
    changes = variants.values() if isinstance(variants, Mapping) else ()
    for keys in (raw, *changes):
        if isinstance(keys, Mapping):
            yield from ([str(keys["source"])] if "source" in keys else [])
            grid = keys.get("grid")
            tried = grid.get("source") if isinstance(grid, Mapping) else None
            yield from map(str, tried if isinstance(tried, list) else ())


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


# ---- words -----------------------------------------------------------------------------------------------

LICENCES = re.compile(
    r"CC BY(?:-[A-Z]{2})*(?: \d\.\d)?|CC0(?: \d\.\d)?|MIT|ODbL|PDDL|Apache(?:-| )2\.0|A?GPL-?(?: ?\d(?:\.\d)?)?|BSD|OGL(?: ?v?\d\.\d)?|"
    r"dl-de/(?:by|zero)-2-0|[Pp]ublic domain"
)
WRITTEN_OUT = {
    "Creative Commons Attribution-ShareAlike": "CC BY-SA",
    "Creative Commons Attribution": "CC BY",
    "Open Government Licence": "OGL",
}


def short_licence(entry: Listed, most: int = 24) -> str:
    """A licence's usual short name where the text starts with one, otherwise its first words; or what it forbids."""
    if not entry.redistribute:
        return "not to be handed on"
    text = " ".join(entry.licence.split())
    for long, short in WRITTEN_OUT.items():
        text = text.replace(long, short)
    if found := LICENCES.match(text):
        return found[0]
    first = re.split(r"[.;(]", text)[0].strip()
    return first if len(first) <= most else first[: most - 1].rstrip() + "…"


def size(n: int | None) -> str:
    """Bytes for reading: 12 kB, 3.4 MB."""
    if n is None:
        return ""
    value, units = float(n), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if value >= 9.95 or units[0] == "B" else f"{value:.1f} {units[0]}"


def extent(entry: Listed) -> str:
    """``22 x 9``: units and periods; rows where they are not known."""
    if not entry.here:
        return "not pulled"
    if entry.problem is not None:
        return "unreadable"
    if entry.units is not None and entry.periods is not None:
        return f"{entry.units:,} x {entry.periods:,}"
    return "" if entry.rows is None else f"{entry.rows:,} rows"
