"""Dask data frames: each partition becomes moments where it lies, and only these travel.

Partitions whose ranges of units do not overlap are reduced as they are; units that lie at the
end of a range, where the next partition may go on with them, are put together first. Where
ranges overlap, rows are shuffled by unit once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.panel import LARGEST, Panel, absent_columns, label_missing, outcome_problems
from scale_impact.core.panel import Cases as RowCases
from scale_impact.core.streams import Facts, Question, layout_of, question_of, streamed_design, streamed_panel
from scale_impact.core.streams_parts import Layout, Part, Rows, reduced, with_origin
from scale_impact.core.words import plain
from scale_impact.errors import DataError


def stream_dask(frame: Any, **question: Any) -> tuple[Panel, Design]:
    """Panel and design of a Dask data frame, partition by partition, on the scheduler that is set.

    Parameters
    ----------
    frame:
        A ``dask.dataframe``; each partition fits into a worker's memory.
    question:
        unit, period, outcome, missing as in ``Panel.from_frame``; the rest as in
        ``Design.from_panel``.

    Raises
    ------
    DataError, DesignError
        As ``Panel.from_frame`` and ``Design.from_panel``.
    """
    panel = _panel(frame, question_of(**question))
    return panel, streamed_design(panel)


def _panel(frame: Any, question: Question) -> Panel:
    from dask.base import compute
    from dask.delayed import delayed

    if problems := absent_columns(frame.columns, question.columns):
        raise DataError(problems)
    frame = frame[question.columns]
    parts = frame.to_delayed()
    looks = compute(*(delayed(_look)(p, question) for p in parts))
    facts = _facts(question, looks)
    layout = layout_of(question, facts)
    read = partial(_reduced, question=question, facts=facts)
    first = next(p for p, look in zip(parts, looks, strict=True) if look.rows > look.empty.n)
    layout = delayed(_origin)(first, layout, question, facts).compute()
    whole = compute(*(delayed(read)(p, layout=layout) for p in _whole_units(frame, parts, looks, question)))
    return streamed_panel(question, facts, layout, whole)


# ---- what all rows say --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """What the rows of a partition say.

    Attributes
    ----------
    rows, nameless, undated:
        Rows; those without unit, without period.
    far, infinite, empty:
        Rows with an outcome that is too large, infinite, missing, and the first of them.
    periods, labels, clusters:
        Values, with their number of rows; missing ones under None.
    ends:
        Lowest and highest unit; None where there is no row.
    """

    rows: int
    nameless: int
    undated: int
    far: RowCases
    infinite: RowCases
    empty: RowCases
    periods: Mapping[Any, int]
    labels: Mapping[Any, int]
    clusters: Mapping[Any, int]
    ends: tuple[Any, Any] | None


def _look(frame: pd.DataFrame, question: Question) -> _Look:
    y = _outcome(frame, question)
    size = np.abs(y)
    absent = np.isnan(y)
    cases = {"far": (size > LARGEST) & np.isfinite(y), "infinite": np.isinf(y), "empty": absent}
    kept = frame if question.missing == "refuse" or question.keeps_missing else frame[~absent]
    units = [] if question.unit is None else list(pd.unique(frame[question.unit].dropna()))
    return _Look(
        rows=len(frame),
        nameless=0 if question.unit is None else int(frame[question.unit].isna().sum()),
        undated=int(frame[question.period].isna().sum()),
        periods=_counts(frame.loc[~absent, question.period]),
        labels=_labels(kept, question),
        clusters=_counts(kept[question.cluster]) if question.clustered else {},
        ends=(min(units), max(units)) if units else None,
        **{name: _row_cases(frame, question, bad) for name, bad in cases.items()},
    )


def _outcome(frame: pd.DataFrame, question: Question) -> NDArray[np.float64]:
    column = frame[question.outcome]
    if not pd.api.types.is_numeric_dtype(column):
        raise DataError(
            f"Outcome {question.outcome!r} is of type {column.dtype}, not a number. Convert it with dask.dataframe.to_numeric."
        )
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def _labels(frame: pd.DataFrame, question: Question) -> dict[Any, int]:
    column = frame[question.treatment]
    if question.way != "cohorts":
        return _counts(column)
    wanted = {plain(u) for u in question.ways["cohorts"]}
    named = [u for u in pd.unique(column.dropna()) if plain(u) in wanted]
    inside = column.isin(named)
    return {**_counts(column[inside]), None: int((~inside).sum())}


def _counts(column: pd.Series[Any]) -> dict[Any, int]:
    found = column.value_counts()
    seen = {value: n for value, n in zip(found.index, found.tolist(), strict=True) if n}
    return {**seen, None: int(column.isna().sum())}


def _row_cases(frame: pd.DataFrame, question: Question, bad: NDArray[np.bool_]) -> RowCases:
    named = [c for c in (question.unit, question.period) if c is not None]
    shown = frame.loc[bad, named].head(3).itertuples(index=False) if bad.any() else []
    return RowCases(int(bad.sum()), tuple("/".join(plain(v) for v in row) for row in shown))


def _facts(question: Question, looks: Sequence[_Look]) -> Facts:
    rows = sum(look.rows for look in looks)
    if problems := _problems(question, looks, rows):
        raise DataError(problems)
    counts = {name: _total([getattr(look, name) for look in looks]) for name in ("periods", "labels", "clusters")}
    return Facts(
        rows=rows,
        missing=sum(look.empty.n for look in looks),
        periods=_sorted(counts["periods"]),
        labels=_sorted(counts["labels"]),
        unlabelled=counts["labels"][None],
        clusters=_sorted(counts["clusters"]) if question.clustered else None,
        unclustered=counts["clusters"][None],
    )


def _total(counts: Sequence[Mapping[Any, int]]) -> Counter[Any]:
    total: Counter[Any] = Counter()
    for part in counts:
        total.update(part)
    return total


def _sorted(counts: Mapping[Any, int]) -> NDArray[Any]:
    """The values, sorted, in an array of the type that a column of them has."""
    return np.asarray(pd.Series([v for v in counts if v is not None]).sort_values())


def _problems(question: Question, looks: Sequence[_Look], rows: int) -> list[str]:
    if not rows:
        return ["The data have no rows."]
    nameless, undated = sum(look.nameless for look in looks), sum(look.undated for look in looks)
    without = {question.unit: nameless, question.period: undated}
    where = "an unknown place of the partitions"
    problems = [label_missing(c, n, where) for c, n in without.items() if c is not None and n]
    far, infinite, absent = (_all_cases([getattr(k, name) for k in looks]) for name in ("far", "infinite", "empty"))
    return problems + outcome_problems(
        question.outcome, rows, question.missing, far=far, infinite=infinite, absent=absent
    )


def _all_cases(cases: Sequence[RowCases]) -> RowCases:
    return RowCases(sum(c.n for c in cases), tuple(cell for c in cases for cell in c.cells)[:3])


# ---- partitions in which each unit is whole -----------------------------------------------------------


def _whole_units(frame: Any, parts: Sequence[Any], looks: Sequence[_Look], question: Question) -> list[Any]:
    """Partitions, delayed, in which each unit is whole."""
    from dask.delayed import delayed

    if not question.followed:
        return list(parts)
    ranges = [(look.ends, part) for look, part in zip(looks, parts, strict=True) if look.ends is not None]
    ranges.sort(key=lambda r: r[0])
    side_by_side = all(a[0][1] <= b[0][0] for a, b in pairwise(ranges))
    if not side_by_side:
        return list(frame.shuffle(on=question.unit).to_delayed())
    shared = {a[0][1] for a, b in pairwise(ranges) if a[0][1] == b[0][0]}
    inside = [delayed(_split)(part, question.unit, shared, False) for _, part in ranges]
    at_ends = [delayed(_split)(part, question.unit, shared, True) for _, part in ranges]
    return [*inside, delayed(pd.concat)(at_ends)] if shared else inside


def _split(frame: pd.DataFrame, unit: str, shared: set[Any], at_ends: bool) -> pd.DataFrame:
    """The rows of units that two partitions share, or the others."""
    return frame[frame[unit].isin(shared) == at_ends]


def _reduced(frame: pd.DataFrame, question: Question, facts: Facts, layout: Layout) -> Part:
    return reduced(_rows(frame, question, facts), layout)


def _origin(frame: pd.DataFrame, layout: Layout, question: Question, facts: Facts) -> Layout:
    return with_origin(layout, _rows(frame, question, facts))


def _rows(frame: pd.DataFrame, question: Question, facts: Facts) -> Rows:
    """Rows with positions in place of labels."""
    y = _outcome(frame, question)
    if question.missing == "drop" and not question.keeps_missing:
        frame, y = frame[~np.isnan(y)], y[~np.isnan(y)]
    label = _positions(facts.labels, frame[question.treatment])
    return Rows(
        unit=None if question.unit is None else np.asarray(frame[question.unit]),
        period=_positions(facts.periods, frame[question.period]),
        y=y,
        label=np.where(label < 0, len(facts.labels), label),
        cluster=None if facts.clusters is None else _positions(facts.clusters, frame[str(question.cluster)]),
    )


def _positions(labels: NDArray[Any], column: pd.Series[Any]) -> NDArray[np.int64]:
    """Position of each value among the labels; negative where it is missing or another."""
    found = pd.Index(labels).get_indexer(pd.Index(column))
    return np.where(column.isna(), -1, found).astype(np.int64)
