"""The data dictionary: sources, indicators and measures of a project on one page of HTML, without anything from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scale_impact.core.catalogue.formula import load_formulas
from scale_impact.core.catalogue.indicator import QUALITIES, load_indicators, shown
from scale_impact.core.catalogue.indicator_example import load_examples
from scale_impact.core.catalogue.indicator_page import catalogue_table
from scale_impact.core.catalogue.measure import load_measures
from scale_impact.core.catalogue.measure_page import measure_table
from scale_impact.core.project import Project
from scale_impact.core.source import Column, Correction, Rows, Source, SourceFile
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import ScaleImpactError, SourceError
from scale_impact.sources._pulling.store import Entry, recorded, stored_path
from scale_impact.sources._telling.listing import Listed, extent, listing, load_all
from scale_impact.sources._telling.listing import size as size_of


def write(project: Project, path: Path) -> Path:
    """Write the page aside, then swap it in.

    Raises
    ------
    ScaleImpactError
        A card or the catalogue is not as it should be: all problems at once.
    """
    text = page(content(project))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise ScaleImpactError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def page(content: Mapping[str, Any]) -> str:
    """The page; every text is escaped."""
    from jinja2 import Environment, StrictUndefined

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(counted=counted)
    template = Path(__file__).with_name("dictionary.html.j2").read_text(encoding="utf-8")
    return made.from_string(template).render(content) + "\n"


def content(project: Project) -> dict[str, Any]:
    """All that the page says; errors as ``write``."""
    loaded, errors = load_all(project)
    entries, more = listing(project)
    if problems := {f"{e.where}: {p}" for e in (*errors, *more) for p in e.problems}:
        raise SourceError(sorted(problems))
    return {
        "sources": [_source(entry, loaded[entry.name], project.root) for entry in entries],
        "dimensions": _indicators(project),
        "measures": _measures(project),
        "shown": shown,
        "qualities": "; ".join(f"{name} ({meaning})" for name, meaning in QUALITIES.items()) + ".",
    }


# ---- indicators and measures ------------------------------------------------------------------------------


def _indicators(project: Project) -> dict[str, list[dict[str, str]]]:
    """Rows of the catalogue by dimension, in the catalogue's order."""
    known, folder = load_indicators(project.indicators), project.indicators.parent
    formulas = load_formulas(folder / "formulas.csv", known) if (folder / "formulas.csv").is_file() else {}
    examples = load_examples(folder / "examples.csv", known) if (folder / "examples.csv").is_file() else {}
    found: dict[str, list[dict[str, str]]] = {}
    for row in catalogue_table(known, formulas, examples):
        found.setdefault(row["dimension"], []).append(row)
    return found


def _measures(project: Project) -> list[dict[str, str]]:
    return measure_table(load_measures(project), load_indicators(project.indicators))


# ---- sources ---------------------------------------------------------------------------------------------


def _source(entry: Listed, source: Source, root: Path) -> dict[str, Any]:
    """One source, in texts."""
    return {
        "name": entry.name,
        "title": source.title,
        "facts": [(head, text) for head, text in _facts(entry, source) if text],
        "may_be_published": source.redistribute,
        "files": [_file(source, piece, root) for piece in source.pieces],
        "recipe": _recipe(source),
        "columns": [_column(name, column) for name, column in source.columns.items()],
        "corrections": [_correction(c) for c in source.corrections],
        "exclude": [_left_out(rows) for rows in source.exclude],
        "markers": dict(source.markers),
    }


def _facts(entry: Listed, source: Source) -> Iterator[tuple[str, str]]:
    yield "Origin", source.origin
    yield "Licence", source.licence
    yield "How to cite", source.citation or ""
    yield "Vintage", source.vintage or ""
    yield "Accessed", source.accessed or ""
    yield "Kind", source.kind
    yield "Extent", f"{extent(entry)} (units x periods)" if entry.units is not None and entry.here else extent(entry)
    yield "Unit and period", " and ".join(filter(None, (source.unit, source.period)))
    yield "Made from", ", ".join(source.components)
    yield "Used by", ", ".join(entry.used_by)


def _file(source: Source, piece: SourceFile, root: Path) -> dict[str, Any]:
    """A file: whence, when, hash, and how it was made; of pulled ones what the record says."""
    entry = _recorded(source, piece, root)
    address = piece.address or (piece.file if source.is_remote else None)
    return {
        "file": piece.file,
        "package": source.package,
        "address": address,
        "is_link": bool(address) and str(address).startswith(("https://", "http://")),
        "sha256": piece.sha256 or "none in the card",
        "size": size_of(entry.bytes) if entry is not None else "",
        "accessed": entry.accessed if entry is not None else "",
        "original": piece.original or "",
        "adds": _pairs(piece.adds),
    }


def _recorded(source: Source, piece: SourceFile, root: Path) -> Entry | None:
    if not source.is_pulled or not stored_path(source, piece, root).is_file():
        return None
    return recorded(source, piece, root)


def _recipe(source: Source) -> str:
    """How a source is asked for or computed: a query, or the parts of a panel, as in the card."""
    if isinstance(source.query, str):
        return source.query.strip()
    asked: dict[str, Any] = {k: getattr(source, k) for k in ("provider", "dataflow", "dataset", "resource", "query")}
    said = {k: v for k, v in asked.items() if v is not None}
    if source.parts:
        said["parts"] = [part.model_dump(mode="json", exclude_defaults=True) for part in source.parts]
    return "\n".join(_lines(said))


def _lines(value: Any, depth: int = 0) -> Iterator[str]:
    """Keys and values, indented as in a card."""
    indent = "  " * depth
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value, 1)
    for key, inner in pairs:
        if isinstance(inner, (Mapping, list, tuple)) and inner:
            yield f"{indent}{key}:"
            yield from _lines(inner, depth + 1)
        else:
            yield f"{indent}{key}: {inner}"


def _column(name: str, column: Column) -> dict[str, str]:
    return {
        "name": name,
        "unit": column.unit,
        "meaning": column.meaning,
        "type": column.type or "",
        "rules": "; ".join(_rules(column)),
    }


def _rules(column: Column) -> Iterator[str]:
    if column.in_file is not None:
        yield f"in the file: {column.in_file}"
    if column.quality is not None:
        yield f"quality: {column.quality}"
    if column.minimum is not None:
        yield f"at least {plain(column.minimum)}"
    if column.maximum is not None:
        yield f"at most {plain(column.maximum)}"
    if column.values is not None:
        yield f"one of {some(column.values, 12)}"
    if column.pattern is not None:
        yield f"as {column.pattern}"
    if column.complete:
        yield "never missing"


def _correction(correction: Correction) -> dict[str, str]:
    return {
        "where": _pairs(correction.where),
        "column": correction.column,
        "expects": _value(correction.expects),
        "value": _value(correction.value),
        "reason": correction.reason,
    }


def _left_out(rows: Rows) -> dict[str, str]:
    return {"where": _pairs(rows.where), "reason": rows.reason}


def _pairs(pairs: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in pairs.items())


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return some(value, 8)
    return "nothing" if value is None else plain(value)
