"""Why values of a source are missing, and which of them it marks: from its footnote marks and from what its card leaves out."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from scale_impact.core.building.joining import GAPS
from scale_impact.core.source import Column, Source
from scale_impact.core.words import nearest
from scale_impact.errors import SourceError
from scale_impact.sources._reading.cells import FLAG
from scale_impact.sources._reading.tidy import matching


def flagged(source: Source) -> Source:
    """The card with a column of footnote marks beside each column, where it says that there are such marks."""
    if not source.markers:
        return source
    named = {f"{c}{FLAG}": f"{about.in_file or c}{FLAG}" for c, about in source.columns.items() if not c.endswith(FLAG)}
    marks = {
        n: Column(unit="none", meaning="marks", type="text", in_file=f)
        for n, f in named.items()
        if n not in source.columns
    }
    return source.model_copy(update={"columns": {**source.columns, **marks}})


def labels(source: Source, unit: str | None, period: str | None) -> tuple[str, str]:
    """The columns of unit and period: those given, otherwise the card's.

    Raises
    ------
    SourceError
        Neither says it, or the card has no such column.
    """
    chosen = {"unit": unit or source.unit, "period": period or source.period}
    problems = [
        f"{key}: the card does not name it. Name the column, or add `{key}:` to the card."
        for key, c in chosen.items()
        if c is None
    ]
    problems += [
        f"{key}: there is no column {c!r}. {nearest(c, source.columns)}"
        for key, c in chosen.items()
        if c is not None and c not in source.columns
    ]
    if problems:
        raise SourceError(problems)
    return str(chosen["unit"]), str(chosen["period"])


def gaps_of(raw: pd.DataFrame, source: Source, unit: str, period: str) -> pd.DataFrame:
    """Missing values with the reason that the source or its card gives: unit, period, column, reason.

    Parameters
    ----------
    raw:
        What the files hold, with footnote marks beside each column, before rows are left out.
    """
    if not {unit, period} <= set(raw.columns):
        return pd.DataFrame(columns=GAPS)
    tables = [*_marked(raw, source, unit, period), *_left_out(raw, source, unit, period)]
    known = [t for t in tables if len(t)]
    return pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=GAPS)


def breaks_of(raw: pd.DataFrame, source: Source, unit: str, period: str) -> pd.DataFrame:
    """Values that the source marks as a break in the series: unit, period, column, reason."""
    marks = {m for m, meaning in source.markers.items() if "break" in meaning.lower()}
    tables = []
    for column in _flagged(raw, source):
        flags = raw[column + FLAG].fillna("").astype(str)
        found = flags.map(lambda text: bool(marks & set(text.split()))) & raw[column].notna()
        tables.append(
            _table(raw, found, unit, period, column).assign(
                reason=flags[found].map(lambda t: _meaning(t, source)).to_numpy()
            )
        )
    known = [t for t in tables if len(t)]
    return pd.concat(known, ignore_index=True)[GAPS] if known else pd.DataFrame(columns=GAPS)


def _flagged(raw: pd.DataFrame, source: Source) -> Iterator[str]:
    yield from (c for c in source.columns if c in raw and c + FLAG in raw)


def _marked(raw: pd.DataFrame, source: Source, unit: str, period: str) -> Iterator[pd.DataFrame]:
    """Values that a footnote mark stands in the place of, with what it means."""
    for column in _flagged(raw, source):
        found = raw[column].isna() & raw[column + FLAG].notna()
        reasons = raw.loc[found, column + FLAG].map(lambda text: _meaning(str(text), source)).to_numpy()
        yield _table(raw, found, unit, period, column).assign(reason=reasons)


def _meaning(marks: str, source: Source) -> str:
    """``: b`` in words: not available, break in series."""
    return ", ".join(source.markers.get(m, m) for m in marks.split()) or marks


def _left_out(raw: pd.DataFrame, source: Source, unit: str, period: str) -> Iterator[pd.DataFrame]:
    """Rows that the card leaves out, with its reason."""
    for rule in source.exclude:
        found = matching(raw, rule.where, "exclude", source.folder, [])
        yield from (
            _table(raw, found, unit, period, c).assign(reason=f"left out: {rule.reason}")
            for c in source.columns
            if c not in (unit, period)
        )


def _table(raw: pd.DataFrame, rows: pd.Series[bool], unit: str, period: str, column: str) -> pd.DataFrame:
    chosen = raw.loc[rows, [unit, period]]
    return pd.DataFrame({"unit": chosen[unit].to_numpy(), "period": chosen[period].to_numpy(), "column": column})
