"""Effects by context as they were published: rows of subgroups and of units, and the target that they are carried to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import nearest, number, some
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

SUM = 1e-6
"""Shares that are off 1 by less are rounded."""


@dataclass(frozen=True, eq=False)
class Rows:
    """n effects by context.

    Attributes
    ----------
    labels:
        Who each is about.
    effects, std_errors:
        [n]; NaN where there is none.
    contexts:
        [n] rows of numbers; None where none were given.
    sizes:
        [n], how many units each is about; NaN where not known.
    """

    labels: tuple[str, ...]
    effects: Floats
    std_errors: Floats
    contexts: pd.DataFrame | None
    sizes: Floats


def rows_of(table: pd.DataFrame, by: str | None) -> Rows:
    """Rows of subgroups or units from a table with ``estimate`` and ``std_error``; those of one context where ``by`` names it.

    Raises
    ------
    UsageError
        No such column or context, several outcomes, estimators or kinds in one table, names that stand twice.
    """
    lacking = [c for c in ("estimate", "std_error") if c not in table]
    if lacking:
        raise UsageError(
            [f"rows: the table has no column {c!r}. {nearest(c, map(str, table.columns))}" for c in lacking]
        )
    labels = [str(v) for v in table.get("label", table.index)]
    kept = np.ones(len(table), dtype=bool)
    if by is not None:
        kept = np.array([v.startswith(f"{by}:") for v in labels])
        if not kept.any():
            raise UsageError(f"by: no row is about groups of {by!r}. {nearest(by, {v.split(':')[0] for v in labels})}")
    chosen = table.loc[kept]
    labels = [v.removeprefix(f"{by}:").strip() if by is not None else v for v, k in zip(labels, kept, strict=True) if k]
    if problems := [*_mixed(chosen), *_twice(labels)]:
        raise UsageError(problems)
    return Rows(
        tuple(labels), _numbers(chosen["estimate"]), _numbers(chosen["std_error"]), _contexts(chosen),
        _numbers(chosen["n_units"]) if "n_units" in chosen else np.full(len(chosen), np.nan),
    )  # fmt: skip


def _mixed(table: pd.DataFrame) -> list[str]:
    """Rows that are about different things."""
    about = [c for c in ("study", "outcome", "outcome_unit", "estimator", "kind", "estimand") if c in table]
    found = {c: sorted(map(str, table[c].dropna().unique())) for c in about}
    return [
        f"rows: they hold several of {c}: {some(v)}. Choose the rows of one." for c, v in found.items() if len(v) > 1
    ]


def _twice(labels: Sequence[str]) -> list[str]:
    twice = sorted({v for v in labels if labels.count(v) > 1}) if len(set(labels)) < len(labels) else []
    return (
        [f"rows: {some(twice)} {'stands' if len(twice) == 1 else 'stand'} twice. Keep one row each."] if twice else []
    )


def _numbers(column: pd.Series) -> Floats:
    import pandas as pd

    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)


def _contexts(table: pd.DataFrame) -> pd.DataFrame | None:
    """Contexts of rows as numbers: the column ``context`` (mappings, or JSON), else the columns that are no field of a row."""
    import json

    import pandas as pd

    if "context" not in table:
        return None
    found = [json.loads(v) if isinstance(v, str) else v for v in table["context"]]
    if not all(isinstance(v, Mapping) for v in found):
        return None
    return pd.DataFrame(found, index=range(len(found))).select_dtypes("number").astype(float)


def shares_of(target: pd.DataFrame, labels: Sequence[str], by: str | None) -> Floats:
    """Share of each group [n] in a target with the columns ``label`` and ``share`` (or ``count``).

    Raises
    ------
    UsageError
        Groups that no row is about, names that stand twice, shares below 0 or that do not sum to 1.
    """
    named = [str(v).removeprefix(f"{by}:").strip() if by is not None else str(v) for v in target["label"]]
    column = "share" if "share" in target else "count"
    values = _numbers(target[column])
    problems = [
        f"{column}: {named[i]} has {target[column].iloc[i]!r}. Write a number from 0 on."
        for i in np.flatnonzero(~(values >= 0))
    ]
    problems += [
        f"label: no effect is known of {v!r}. {nearest(v, labels)}" for v in dict.fromkeys(named) if v not in labels
    ]
    problems += [p.replace("rows:", "label:") for p in _twice(named)]
    if not problems and column == "share" and abs(values.sum() - 1) > SUM:
        problems.append(
            f"share: they sum to {number(float(values.sum()))}, not to 1. Give the share of every group, or counts (count)."
        )
    if not problems and not values.sum() > 0:
        problems.append(f"{column}: all are 0. Give how many of the target are in each group.")
    if problems:
        raise UsageError(problems)
    of = dict(zip(named, values / values.sum(), strict=True))
    return np.array([of.get(v, 0.0) for v in labels])


def columns_of(contexts: Any, target: pd.DataFrame, asked: Sequence[str] | None) -> list[str]:
    """Columns that study and target both have.

    Raises
    ------
    UsageError
        A column that is missing or no number; none in common.
    """
    from pandas.api.types import is_numeric_dtype

    known = list(map(str, contexts.columns))
    there = list(map(str, target.columns))
    wanted = [c for c in known if c in there] if asked is None else list(dict.fromkeys(asked))
    problems = [f"columns: the study tells no effects by {c!r}. {nearest(c, known)}" for c in wanted if c not in known]
    problems += [f"columns: the target has no column {c!r}. {nearest(c, there)}" for c in wanted if c not in there]
    problems += [
        f"{c}: the target holds what is no number. Give numbers (0 and 1 for yes and no)."
        for c in wanted
        if c in there and not is_numeric_dtype(target[c])
    ]
    if not wanted and not problems:
        problems.append(
            f"population: it has none of the contexts by which effects are told ({some(known)}). Give these columns."
        )
    if problems:
        raise UsageError(problems)
    return wanted
